"""A stateful machine: whatever is done to random graphs, in whatever order, every number stays right.

Beside the engine runs a reference that knows nothing of it: a `Record` for each node, with its operands,
its data, and its derivative by every node below it, carried forward as the graph grows. Where a graph is
made of rows that are exact in float64 (sums, products, whole powers, maxima) and of small dyadic numbers,
the reference counts in `Fraction`s and the engine must agree to the last bit; elsewhere it counts in
mpmath by the formulas of `oracle`, and rounding is allowed for.

Rows and their operands come from the table, so a new row takes part by itself.
"""

import copy
import itertools
import math
import operator
import pickle
from collections import Counter
from contextlib import nullcontext
from fractions import Fraction
from typing import ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from autograd import GraphError, Value, grad, no_grad, sequence
from autograd.engine.primitives import TABLE
from tests.support import oracle
from tests.support.oracle import exactly, flatten, like, mpf
from tests.support.profiles import tries

ROUNDING = 1e-12  # of a derivative, relative to the sum of the sizes of its terms
UNDERFLOW = 1e-250  # what may be lost where a number on the way is subnormal
LARGEST = 1e30  # of that sum: beyond, a graph does not grow
EXACT_BITS = 40  # of a number in an exact graph; the other 13 are for degrees and repeated sweeps


# --- exact arithmetic ------------------------------------------------------------------------------


class Dual:
    """a + b ε with ε² = 0: a number and its derivative. Nested, duals carry second derivatives."""

    def __init__(self, value, slope=0):
        self.value, self.slope = value, slope

    def __add__(self, other):
        other = other if isinstance(other, Dual) else Dual(other)
        return Dual(self.value + other.value, self.slope + other.slope)

    def __mul__(self, other):
        other = other if isinstance(other, Dual) else Dual(other)
        return Dual(self.value * other.value, self.value * other.slope + self.slope * other.value)

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + -other

    def __gt__(self, other):
        return plain(self) > plain(other)

    __radd__, __rmul__ = __add__, __mul__


def plain(number):
    """The number itself, without any ε."""
    return plain(number.value) if isinstance(number, Dual) else number


def larger(a, b):
    return a if a > b else b if b > a else (a + b) * Fraction(1, 2)


# Rows that are exact on small dyadic numbers, and their degree as polynomials (of pow, its exponent).
EXACT = {
    "add": (lambda a, b: a + b, 1),
    "sub": (lambda a, b: a - b, 1),
    "neg": (lambda a: -a, 1),
    "mul": (lambda a, b: a * b, 2),
    "pow": (lambda a, n: math.prod([a] * int(plain(n)), start=Dual(Fraction(1))), None),
    "sum": (lambda v: sum(v), 1),
    "mean": (lambda v: sum(v) * Fraction(1, len(v)), 1),
    "dot": (lambda w, x, *b: sum([wi * xi for wi, xi in zip(w, x, strict=True)], *b), 2),
    "abs": (lambda a: a if a > 0 else -a if -a > 0 else a * 0, 1),
    "relu": (lambda a: a if a > 0 else a * 0, 1),
    "maximum": (larger, 1),
    "minimum": (lambda a, b: -larger(-a, -b), 1),
    "where": (lambda condition, a, b: a if plain(condition) else b, 1),
    "step": (lambda a: Dual(Fraction(a > 0)), 1),
    "greater": (lambda a, b: Dual(Fraction(a > b)), 1),
}


def bits(number):
    """How many binary digits a dyadic number has before and after its point; many if it is not small."""
    top, bottom = float(number).as_integer_ratio()
    return max(2, top.bit_length() + bottom.bit_length() - 1)


# --- the reference ---------------------------------------------------------------------------------

UNSAID = object()  # in place of a gradient about which nothing is claimed


def real(number):
    """As an mpmath number."""
    if isinstance(number, Fraction):
        return mpf(number.numerator) / number.denominator
    return number if isinstance(number, mpf) else mpf(number)


class Record:
    """What the reference knows of a node, whose `Value` is unknown while it is packed.

    `below` holds for each node that it depends on, itself included, the derivative by it and the sum of
    the sizes of the terms of that derivative: forward mode. `bits` is None unless all of that is exact.
    """

    def __init__(self, data, time, name="", operands=()):
        self.data, self.time, self.name, self.operands = data, time, name, operands
        self.value, self.grad, self.slack = None, None, 0
        self.constant = False
        self.bits = self.exact_bits() if name else bits(data)
        self.read = self.flat
        if name == "where":  # the branch taken
            self.read = [operands[1] if operands[0].data else operands[2]]
        self.below = {self: (Fraction(1), 1.0)}
        if name:
            self.differentiate()

    def seen(self):
        """The nodes below whose Values are known, constants apart."""
        return [node for node in self.below if node.value is not None and not node.constant]

    def leaves(self):
        return [node for node in self.seen() if not node.name]

    @property
    def flat(self):
        return flatten(self.operands)

    @property
    def numbers(self):
        return like([each.data for each in self.flat], self.operands)

    def exact_bits(self):
        """None if the row, an operand or the result is not exact."""
        rule, degree = EXACT.get(self.name, (None, None))
        each = [operand.bits for operand in self.flat]
        if degree is None and rule:
            degree = self.operands[1].data if self.operands[1].data in (0, 1, 2, 3, 4) else None
        if degree is None or None in each or (self.name == "mean" and len(each) == 3):
            return None
        found = max(1, int(degree)) * max(each) + len(each).bit_length() + 1
        return found if found <= EXACT_BITS else None

    def value_is_right(self, got):
        """Whether the row gives this number for the data of its operands."""
        if self.bits is not None:
            duals = like([Dual(Fraction(each.data)) for each in self.flat], self.operands)
            return Fraction(got) == plain(EXACT[self.name][0](*duals))
        terms = flatten(self.numbers)
        if self.name == "dot":
            weights, inputs, *bias = self.numbers
            terms = [w * x for w, x in zip(weights, inputs, strict=True)] + bias
        cancelling = max(map(abs, terms)) if self.name in ("sum", "mean", "dot", "logsumexp") else 0
        value = oracle.reference(self.name).value(*exactly(self.numbers))
        return abs(mpf(got) - value) <= mpf(10) ** -13 * (abs(value) + cancelling) + UNDERFLOW

    def partials(self):
        """The derivatives by the operands as a flat list: by duals where it is exact, or from the oracle."""
        data = [each.data for each in self.flat]
        held = oracle.reference(self.name).undifferentiated
        if self.bits is None:
            slopes = flatten(oracle.reference(self.name).partials(*exactly(self.numbers)))
        else:
            seeds = [[Dual(Fraction(x), int(i == j)) for j, x in enumerate(data)] for i in range(len(data))]
            slopes = [EXACT[self.name][0](*like(seed, self.operands)).slope for seed in seeds]
        places = flatten([[i] * len(flatten([arg])) for i, arg in enumerate(self.operands)])
        return [0 if i in held else slope for i, slope in zip(places, slopes)]  # dot may have no bias

    def differentiate(self):
        number = real if self.bits is None else Fraction
        for operand, slope in zip(self.flat, map(number, self.partials()), strict=True):
            for node, (path, size) in operand.below.items():
                term = slope * number(path), abs(float(slope)) * size
                before = self.below.get(node)
                self.below[node] = term if before is None else (before[0] + term[0], before[1] + term[1])

    def reached(self):
        """The nodes that the gradient reaches, itself included."""
        found, pending = set(), [self]
        while pending:
            node = pending.pop()
            if node not in found:
                found.add(node)
                pending += node.read
        return found

    def staleness(self, inputs=None):
        """Whether differentiating, by the inputs only, must be refused; and whether it may be.

        It may, but need not, where what changed is the condition or the other branch of a `where`, or is
        not on the way to the inputs.
        """
        on_the_way = [
            node for node in self.reached() if inputs is None or (node.reached() - {node}) & {*inputs}
        ]
        must = any(operand.time > node.time for node in on_the_way for operand in node.read)
        may = any(operand.time > node.time for node in self.below for operand in node.flat)
        return must, may

    def twin(self):
        """Another record of the same, itself in place of this one."""
        other = copy.copy(self)
        other.below = {other if node is self else node: entry for node, entry in self.below.items()}
        return other


def clones(records):
    """Records of a deep copy of the graph below some records, by record."""
    made = {}
    pending = list(records)
    while pending:
        node = pending[-1]
        missing = [operand for operand in node.flat if operand not in made]
        if node not in made and not missing:
            made[node] = other = copy.copy(node)
            other.value = None
            other.operands = like([made[operand] for operand in node.flat], node.operands)
            other.read = [made[operand] for operand in node.read]
            other.below = {made[each]: entry for each, entry in node.below.items()}
        if missing:
            pending += missing
        else:
            pending.pop()
    return made


def second_derivative(root, by, then):
    """∂²root/∂by ∂then for leaves of an exact graph, by evaluating all of it with nested duals."""
    duals = {}

    def seed(leaf):
        x = Fraction(leaf.data)
        return Dual(Dual(x, int(leaf is then)), Dual(int(leaf is by)))

    def evaluate(node):
        if node not in duals:
            operands = like([evaluate(operand) for operand in node.flat], node.operands)
            duals[node] = EXACT[node.name][0](*operands) if node.name else seed(node)
        return duals[node]

    slope = evaluate(root).slope
    return slope.slope if isinstance(slope, Dual) else 0


def same(a, b):
    """The same bits."""
    return repr(a) == repr(b)


# --- the machine -----------------------------------------------------------------------------------

ROWS, EXACT_ROWS = sorted(TABLE), sorted(EXACT)
SMALL = [Fraction(k, 2) for k in range(-6, 7)]
EVERYWHERE = 0.25  # the data of a leaf that fits where nothing else does: nearly all domains have it
# Of the rows of one number those that take any, for the layers of networks; "" is none.
ACTIVATIONS = ["", *[name for name in ROWS if TABLE[name].plain and TABLE[name].domain == ((-50.0, 50.0),)]]


class Many(list):
    """What is known of a sequence: the records of its elements, or of the rows of a matrix."""

    def __init__(self, elements, vector):
        super().__init__(elements)
        self.vector = vector


def depth(thing):
    return 1 + depth(thing[0]) if isinstance(thing, Many) else 0


def constant(number):
    """The record of a number that is written into an expression."""
    record = Record(number, -1)
    record.constant = True
    return record


def given(operand):
    """What the engine is given as an operand."""
    if isinstance(operand, Many):
        return operand.vector
    if isinstance(operand, list):
        return [given(each) for each in operand]
    return operand.data if operand.constant else operand.value


def one_operand(arg):
    """What is given to many nodes, as the same operand for all of them."""
    if isinstance(arg, list):
        return sequence(arg)
    return sequence([arg])[0] if isinstance(arg, float) else arg


def number(interval, step):
    """A constant of the interval: small and dyadic if it has such a one at this step."""
    low, high = interval
    small = SMALL[step % 13]
    return constant(float(small) if low <= small <= high else low + (high - low) * (step % 13) / 12)


def inside(interval, thing):
    low, high = interval
    return all(low <= each.data <= high for each in flatten(flatten([thing])))


def choose(pool, interval, depths):
    """The first in the pool that is in the interval, if there is one; it goes to the end of the pool."""
    for each in pool:
        if depth(each) in depths and inside(interval, each):
            pool.append(each)
            pool.remove(each)
            return each
    return None


EVENTS = []  # the names of the methods of which a step takes one


def event(method):
    EVENTS.append(method.__name__)
    return method


class Machine(RuleBasedStateMachine):
    """Each step records some rows on the graph and then does one thing more to it.

    It is one rule because hypothesis switches half of the rules off in each example, to see the others
    the more; but graphs that are never swept, or never change, would prove little. All sequences of an
    example are equally long and all matrices square, so everything fits to everything.

    `happened` counts what was done, so that it can be seen that nothing is left out.
    """

    numbers = st.integers(0, 12)
    things = Bundle("things")  # a `Record` whose Value has been seen, or a `Many`
    happened: ClassVar = Counter()

    def __init__(self):
        super().__init__()
        self.time = 0
        self.known = []  # records whose Values have been seen
        self.computed = []  # of them the nodes with operands
        self.networks = []

    # --- bookkeeping

    def know(self, record, value):
        """Learn the Value of a record, and those below it except in a sequence, to be looked at later."""
        record.value = value
        self.known.append(record)
        if record.name:
            self.computed.append(record)
        assert value.op == record.name
        if not any(isinstance(each, Many) for each in record.operands):
            self.look_below(record)
        return record

    def look_below(self, record):
        """Learn the parents of a node, or check that they are those already known."""
        for operand, parent in zip(record.flat, record.value.parents, strict=True):
            if operand.value is None:
                self.know(operand, parent)
            assert operand.value is parent

    def leaf(self, data, **named):
        return self.know(Record(data, self.time), Value(data, **named))

    def recent(self, place):
        """A node with operands: the last for 0, the one before it for 1, and so on."""
        return self.computed[-1 - place % len(self.computed)]

    def set(self, leaf, data):
        self.time += 1
        leaf.value.data = leaf.data = data
        leaf.time, leaf.bits = self.time, bits(data)

    # --- recording

    def grow(self, names, picks, a, b):
        """Some rows, one after the other, to what is picked and what was just made."""
        made = []
        for k, name in enumerate(names):
            pool = made[::-1] + picks + [self.everywhere]
            pool = [each for each in pool if depth(each) <= b % 3]  # else few results would be numbers
            operands = self.operands(name, pool, a + k)
            node = self.apply(name, operands, spelled=a % 2, recording=a + b != 12)
            made += [node] if node else []
        return made

    def operands(self, name, pool, step):
        """Operands for a row: of the pool those that fit, and sometimes a number."""
        row = TABLE[name]

        def one(interval, i, depths):
            written = (step + i) % 5 == 4 or (name, i) == ("pow", 1)  # whose exponent is a number
            return (not written and choose(pool, interval, depths)) or number(interval, step + 5 * i)

        return [
            one(interval, i, {0, 1}) if i not in row.vectors
            else choose(pool, interval, {1, 2}) or [one(interval, i + k, {0}) for k in range(1 + step % 3)]
            for i, interval in enumerate(row.domain)
        ]  # fmt: skip

    def record(self, name, operands):
        """What the row gives for these operands; None where they are off its domain or it is too steep."""
        row = TABLE[name]
        if not all(map(inside, row.domain, operands)):
            return None
        if name == "atan2" and operands[0].data == 0.0 >= operands[1].data:  # its cut, by the sign of a zero
            return None
        try:
            record = Record(0.0, self.time, name, operands)
        except ZeroDivisionError:  # there it has no derivative
            return None
        if max(size for _, size in record.below.values()) > LARGEST:
            return None
        record.data = row.evaluate(*record.numbers)
        assert record.value_is_right(record.data), (name, record.numbers, record.data)
        return record

    def apply(self, name, operands, spelled=False, recording=True):
        """A row to operands, or along those of them that are sequences where it takes numbers, or matrices
        where it takes sequences; perhaps as an operator or method. None if it cannot be."""
        row = TABLE[name]
        along = [depth(each) > (i in row.vectors) for i, each in enumerate(operands)]
        columns = [
            each if runs else itertools.repeat(each, self.size if any(along) else 1)
            for each, runs in zip(operands, along)
        ]
        records = [self.record(name, list(each)) for each in zip(*columns)]
        if None in records or all(each.constant for record in records for each in record.flat):
            return None
        args = given(operands)
        call = row
        if spelled and row.method and type(args[0]) is Value and not any(along):
            call = getattr(operator, f"__{row.method}__", None) or getattr(Value, row.method)
        with nullcontext() if recording else no_grad():
            if any(along):
                each = [arg if runs else (one_operand(arg),) * self.size for arg, runs in zip(args, along)]
                result = sequence([row(*one) for one in zip(*each, strict=True)])
            else:
                result = call(*args)
        self.happened[name] += 1
        if not recording:  # the results are leaves
            self.happened["no_grad"] += 1
            records = [Record(record.data, self.time) for record in records]
        if not any(along):
            assert type(result) is Value
            return self.know(records[0], result)
        self.happened["along"] += 1
        if not recording:
            for record, value in zip(records, result):
                self.know(record, value)
        return Many(records, result)

    def vector(self, picks, step=0):
        """A sequence of the nodes picked, and perhaps of a number."""
        nodes = [each for each in picks if depth(each) == 0] or [self.everywhere]
        elements = [nodes[k % len(nodes)] for k in range(self.size)]
        if step % 3 == 2:
            elements[-1] = constant(float(SMALL[step]))
        return Many(elements, sequence([given(each) for each in elements]))

    def matrix(self, picks, step=0):
        """A matrix of the sequences picked, and of others."""
        nodes = picks + self.computed[-step:] + [each for each in self.known if not each.constant]
        rows = [each for each in picks if depth(each) == 1]
        rows += [self.vector(nodes[k * self.size :] + nodes, (step + k) % 13) for k in range(self.size)]
        return Many(rows[: self.size], tuple([row.vector for row in rows[: self.size]]))

    # --- events: each is given things and two numbers, and gives new things, or None if it did nothing

    @event
    def start(self, picks, a, b):
        """New leaves, and a sequence and a matrix of what there is."""
        leaves = [self.leaf(float(SMALL[a])), self.leaf(round((a - 6) * 1.7**b / 50, 6))]
        return [*leaves, self.vector(leaves + picks, a), self.matrix(picks, b)]

    @event
    def network(self, picks, a, b):
        """Examples through a network of one or two layers: a new one, or another, perhaps trained since."""
        if b % 2 == 0 or not self.networks:
            matrices = [each for each in picks if depth(each) == 2] + [self.matrix(picks, a)]
            biases = [each for each in picks if depth(each) == 1] + [None]
            layers = [
                (matrix, biases[k % len(biases)], ACTIVATIONS[(a + k) % len(ACTIVATIONS)])
                for k, matrix in enumerate(matrices[:2])
            ]
            self.networks.append(layers)
        layers = self.networks[a % len(self.networks)]
        weights = [each for each in flatten(layers[0][0]) if not each.name and not each.constant]
        if b % 4 == 1 and weights:
            self.set(weights[a % len(weights)], float(SMALL[b]))
        examples = [each for each in picks if depth(each) == 1] + [self.vector(picks, b)]
        outputs = [made for each in examples if (made := self.through(layers, each))]
        losses = [loss for each in outputs if (loss := self.apply("mean", [each]))]
        total = self.apply("sum", [losses]) if losses else None
        if total and a % 2:
            self.backward(total)
        return outputs + losses + [total] if total else outputs or None

    def through(self, layers, example):
        outputs, signal = example, example.vector
        for matrix, bias, name in layers:
            sums = [
                self.record("dot", [weights, outputs, *([bias[k]] if bias else [])])
                for k, weights in enumerate(matrix)
            ]
            outputs = sums if None in sums or not name else [self.record(name, [each]) for each in sums]
            if None in outputs:
                return None
            biases = [[each] for each in bias.vector] if bias else [[]] * len(matrix)
            signal = sequence([TABLE["dot"](row, signal, *b) for row, b in zip(matrix.vector, biases)])
            signal = sequence(list(map(TABLE[name], signal))) if name else signal
        assert [each.data for each in signal] == [each.data for each in outputs]
        return Many(outputs, signal)

    @event
    def look(self, picks, a, b):
        """The parents of nodes are right, and so are the numbers and the elements of sequences."""
        vectors = [each for each in picks if depth(each) == 1]
        for many in vectors:
            assert [each.data for each in many.vector] == [each.data for each in many]
            element, value = many[a % self.size], many.vector[a % self.size]
            if element.value is None:
                self.know(element, value)
            assert element.value is value
        for node in picks:
            if depth(node) == 0:
                self.look_below(node)
        return [many[a % self.size] for many in vectors]

    @event
    def detach(self, picks, a, b):
        node = next((each for each in picks if depth(each) == 0), None)
        return node and [self.know(Record(node.data, self.time), node.value.detach())]

    @event
    def copy_one_by_one(self, picks, a, b):
        """Shallow copies share the parents."""
        return [self.know(each.twin(), copy.copy(each.value)) for each in picks if depth(each) == 0] or None

    @event
    def copy_deeply(self, picks, a, b):
        """Copies of nodes and sequences and of all below them, with what they share."""
        return self.clone(picks, copy.deepcopy)

    @event
    def pickle_and_load(self, picks, a, b):
        return self.clone(picks, lambda values: pickle.loads(pickle.dumps(values)))

    def clone(self, picks, way):
        made = clones(flatten(flatten(picks)))

        def copied(thing, value):
            if isinstance(thing, Many):
                return Many([copied(each, one) for each, one in zip(thing, value, strict=True)], value)
            if made[thing].value is None:
                self.know(made[thing], value)
            assert made[thing].value is value
            return made[thing]

        return [copied(each, value) for each, value in zip(picks, way(given(picks)), strict=True)]

    @event
    def sweep(self, picks, a, b):
        """backward() from a node, perhaps more than once."""
        if not self.computed:
            return None
        for _ in range(1 + b % 3):
            self.backward(self.recent(a))
        self.happened["repeated sweep"] += b % 3 > 0
        return []

    @event
    def sweep_several(self, picks, a, b):
        """backward() from the nodes that were picked, which share what is below them."""
        roots = [each for each in picks if depth(each) == 0]
        for root in roots:
            self.backward(root)
        return [] if len(roots) > 1 else None

    @event
    def zero(self, picks, a, b):
        """The gradients of the leaves below a node are cleared, some perhaps to a number."""
        leaves = self.recent(a).leaves() if self.computed else []
        for leaf in leaves[b % 3 :]:
            leaf.value.grad = 0.0 if b == 7 else None
            leaf.grad, leaf.slack = Fraction(0) if b == 7 else None, 0
        return [] if leaves else None

    @event
    def change(self, picks, a, b):
        """New data for a leaf make every graph stale that was recorded before, until it is recorded again."""
        root = self.recent(a) if self.computed else None
        leaves = root.leaves() if root else []
        if not leaves:
            return None
        with pytest.raises(GraphError):
            root.value.data = 1.0
        self.set(leaves[b % len(leaves)], float(SMALL[(a + b) % 13]))
        self.backward(root)
        again = self.record_again(root)
        if again:
            self.happened["recorded again"] += 1
            self.backward(again)
        return [again] if again else []

    def record_again(self, root):
        """The computation of a node again, with the data that the leaves have now."""
        again = {}
        for old in sorted(root.below, key=lambda each: len(each.below)):  # operands before what uses them
            again[old] = old
            if old.name:
                flat = [constant(each.data) if each.constant else again[each] for each in old.flat]
                again[old] = self.apply(old.name, like(flat, old.operands))
                if again[old] is None:
                    return None
        return again[root]

    @event
    def differentiate(self, picks, a, b):
        """grad() gives the derivatives by nodes below, and 0 by others, and touches nothing."""
        if not self.computed:
            return None
        root = self.recent(a)
        inputs = root.seen()[b % 4 :: 2] + [each for each in picks if depth(each) == 0]
        create_graph = b % 2 == 1
        before = self.gradients()
        slopes = self.attempt(
            root, lambda: grad(root.value, [each.value for each in inputs], create_graph=create_graph), inputs
        )
        assert all(same(record.value.grad, grad) for record, grad in before)
        for record, slope in zip(inputs, slopes or []):
            right, size = root.below.get(record, (0, 0))
            assert type(slope) is (Value if create_graph else float)
            number = slope.data if create_graph else slope
            assert abs(real(Fraction(number)) - real(right)) <= self.slack(root, size)
        return [] if slopes else None

    @event
    def differentiate_twice(self, picks, a, b):
        """A recorded gradient differentiated by grad() and by backward(), where the graph is exact."""
        root = next((node for node in self.computed[-1 - a :: -1] if node.bits is not None), None)
        leaves = root.leaves() if root and not any(root.staleness()) else []
        if not leaves:
            return None
        by, then = leaves[a % len(leaves)], leaves[b % len(leaves)]
        (slope,) = grad(root.value, [by.value], create_graph=True)
        assert Fraction(slope.data) == root.below[by][0]
        assert Fraction(grad(slope, [then.value])[0]) == second_derivative(root, by, then)
        slope.backward()
        for leaf in leaves:
            curvature = second_derivative(root, by, leaf)
            if curvature or leaf.value.reached:  # it may be reached, with 0, or not
                self.accumulate(leaf, curvature, 0)
        self.say_nothing_of_nodes_below(root)
        return []

    # --- judging

    def gradients(self):
        return [(record, record.value.grad) for record in self.known]

    def attempt(self, root, differentiate, inputs=None):
        """What differentiating gives; None where it was refused, rightly, and changed no leaf's gradient."""
        must, may = root.staleness(inputs)
        before = self.gradients()
        try:
            result = differentiate()
        except GraphError:
            assert may
            assert all(same(record.value.grad, grad) for record, grad in before if not record.name)
            self.happened["refused"] += 1
            return None
        assert not must
        return result

    def slack(self, root, size):
        return 0 if root.bits is not None else ROUNDING * size + UNDERFLOW

    def accumulate(self, record, slope, slack):
        record.grad = slope if record.grad is None else record.grad + slope
        record.slack += slack
        if record.slack:  # the sum is rounded too
            record.slack += abs(float(record.grad)) * 2.0**-50

    def backward(self, root):
        if self.attempt(root, lambda: root.value.backward() or True) is None:
            self.say_nothing_of_nodes_below(root)
            return
        self.happened["exact sweep" if root.bits is not None and root.name else "rounded sweep"] += 1
        for record, (slope, size) in root.below.items():
            if record.constant:
                continue
            if not record.name:
                self.accumulate(record, slope, self.slack(root, size))
            else:
                record.grad, record.slack = slope, self.slack(root, size)

    def say_nothing_of_nodes_below(self, root):
        for record in root.below:
            if record.name:
                record.grad = UNSAID

    @invariant()
    def data_and_gradients_are_right(self):
        for record in self.known:
            value = record.value
            assert value.data == record.data
            if record.grad is UNSAID:
                continue
            if record.grad is None or not value.reached:
                assert (value.reached, value.grad, record.grad) == (False, 0.0, None), record.name
            elif record.slack == 0:
                assert Fraction(value.grad) == record.grad, record.name
            else:
                assert abs(mpf(value.grad) - real(record.grad)) <= record.slack, record.name

    # --- a step

    @initialize(target=things, size=st.integers(1, 3), a=numbers, b=numbers)
    def begin(self, size, a, b):
        self.size = size
        self.everywhere = self.leaf(EVERYWHERE, label="everywhere")
        return multiple(self.everywhere, *self.start([self.everywhere], a, b))

    @rule(
        target=things,
        event=st.sampled_from(EVENTS),
        names=st.lists(st.sampled_from(ROWS) | st.sampled_from(EXACT_ROWS), max_size=4),
        picks=st.lists(things, min_size=1, max_size=4),
        a=numbers,
        b=numbers,
    )
    def step(self, event, names, picks, a, b):
        made = self.grow(names, picks, a, b)
        more = getattr(self, event)(made[::-1] + picks, a, b)
        self.happened[event] += more is not None
        return multiple(*[each for each in made + (more or []) if depth(each) or not each.constant])


@pytest.mark.hypothesis
def test_machine():
    """Nothing goes wrong; and of the usual examples nothing is left out, every row and event is reached."""
    run_state_machine_as_test(Machine, settings=settings(tries(150), stateful_step_count=20))
    sweeps = {"exact sweep", "rounded sweep", "repeated sweep", "refused", "recorded again"}
    if settings().derandomize and settings().max_examples >= 100:  # a few examples need not reach every row
        assert {*ROWS, *EVENTS, *sweeps, "along", "no_grad"} <= set(+Machine.happened)
