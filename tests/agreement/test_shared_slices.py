"""Compiled programs of structured graphs that read the same nodes through many slices.

`test_random_graphs` seldom shares more than a node. Here whole sequences are shared: the rows of a matrix
overlap or are its columns, steps read a sequence forwards, backwards, with strides, repeated and mixed with
another, and each step may read the parameters, the inputs, constants and what all steps before it made.
"""

from collections import namedtuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Training
from autograd.compiler import tuning
from tests.support.compiled import backends, eager, needs_llvmlite, program_of
from tests.support.compiled_cases import ACCURACY
from tests.support.oracle import flatten
from tests.support.profiles import tries
from tests.support.random_graphs import record, run

CONSTANTS = [1.0, 0.5, -2.0]
UNITS = ["tanh", "sigmoid", "sin", "relu", "softplus", "atan", "silu"]
RATE, EXAMPLES = 0.01, 3  # of so many different examples all batches are made

Graph = namedtuple("Graph", "parameters inputs code roots")


class Writer:
    """Writes steps, each of which makes one sequence from slices of the sequences before it.

    A graph is a program as in `test_random_graphs`: its leaves are parameters, inputs and constants.
    """

    def __init__(self, draw, parameters, inputs):
        self.draw, self.code = draw, []
        ends = np.cumsum([parameters, inputs, len(CONSTANTS)])
        self.size = int(ends[-1])
        self.sequences = [part.tolist() for part in np.split(np.arange(self.size), ends[:-1]) if part.size]
        self.constant = set(self.sequences[-1])

    def choose(self, *options):
        return self.draw(st.sampled_from(options))

    def whole(self, low, high):
        return self.draw(st.integers(low, high))

    def node(self, name, *args):
        self.code.append((name, args))
        if self.constant.issuperset(each for each in flatten(args) if not isinstance(each, float)):
            self.constant.add(self.size)
        self.size += 1
        return self.size - 1

    def sequence(self):
        return self.choose(*self.sequences)

    def rows(self, count, length):
        """The rows of a matrix in a sequence, which goes on with its beginning where it ends."""
        sequence, start = self.sequence(), self.whole(0, 20)
        down, along = self.choose(
            (length, 1), (1, count), (1, 1), (2, 1), (1, 2), (0, 1), (1, 0), (-1, 1), (length + 1, -1), (3, 5)
        )
        rows = np.add.outer(np.arange(count) * down, np.arange(length) * along) + start
        return np.array(sequence)[rows % len(sequence)].tolist()

    def slice(self, length):
        """A row; or the beginning of one and the end of another."""
        (first, second), own = self.rows(1, length) + self.rows(1, length), self.whole(0, 2 * length)
        return first[:own] + second[own:]

    # --- steps

    def products(self):
        """Dot products of rows with rows: a layer, a convolution, an outer product, pairs, a triangle."""
        rows, columns, length = self.whole(1, 5), self.whole(1, 4), self.whole(1, 7)
        left, right, bias = self.rows(rows, length), self.rows(columns, length), self.slice(rows)
        triangle = self.choose(False, False, True)
        pairs = [(i, j) for i in range(rows) for j in range(columns) if i >= j or not triangle]
        biased = self.choose(True, False)
        sums = [self.node("dot", left[i], right[j], *([bias[i]] if biased else [0.0])) for i, j in pairs]
        return [self.node("sin", each) for each in sums]

    def units(self):
        name = self.choose(*UNITS)
        return [self.node(name, each) for each in self.slice(self.whole(1, 8))]

    def pairs(self):
        name, length = self.choose("add", "sub", "mul", "maximum"), self.whole(1, 8)
        scaled = [self.node("mul", each, 0.9) for each in self.slice(length)]  # or a maximum had ties
        return [self.node(name, a, b) for a, b in zip(scaled, self.slice(length))]

    def choices(self):
        length = self.whole(1, 6)
        conditions, *branches = (self.slice(length) for _ in range(3))
        positive = [self.node("greater", each, 0.013) for each in conditions]
        return [self.node("where", *each) for each in zip(positive, *branches)]

    def probabilities(self):
        """Of sets that overlap, all or only some."""
        rows, name = self.rows(self.whole(1, 4), self.whole(1, 6)), self.choose("softmax", "log_softmax")
        members = self.choose(slice(None), slice(1), slice(None, None, 2))
        return [
            self.node(name, row[k], row[:k] + row[k + 1 :]) for row in rows for k in range(len(row))[members]
        ]

    def totals(self):
        name = self.choose("sum", "mean", "logsumexp", "triangle")
        if name == "triangle":
            row = self.slice(self.whole(1, 6))
            return [self.node("mean", row[: k + 1]) for k in range(len(row))]
        return [self.node(name, row) for row in self.rows(self.whole(1, 5), self.whole(1, 6))]

    def recurrence(self):
        """A state that is read by the step after it, with the same weights at all times."""
        size, state = self.whole(1, 3), []
        weights, inputs, now = self.rows(size, size), self.rows(3, size), self.slice(size)
        for row in inputs:
            now = [self.node("tanh", self.node("dot", w, now, b)) for w, b in zip(weights, row)]
            state += now
        return state

    def output(self):
        """The mean of all sequences, each with some other as its weights, and of a penalty."""
        parameters, turn = self.sequences[0], self.whole(0, 3)
        pairs = [(each, self.slice(len(each))) for each in self.sequences]
        pairs.append((parameters, parameters[turn:] + parameters[:turn]))
        return self.node("mean", [self.node("dot", left, right, 0.0) for left, right in pairs])


STEPS = [Writer.products, Writer.units, Writer.pairs, Writer.choices, Writer.probabilities, Writer.totals,
         Writer.recurrence]  # fmt: skip


@st.composite
def graphs(draw):
    parameters, inputs = draw(st.integers(1, 24)), draw(st.integers(0, 17))
    writer = Writer(draw, parameters, inputs)
    for step in draw(st.lists(st.sampled_from([*STEPS, Writer.products]), min_size=1, max_size=4)):
        writer.sequences.append(step(writer))
    roots = [writer.output(), writer.choose(*writer.sequence()), writer.size - 1]
    roots = [root for root in roots if root not in writer.constant]
    return Graph(parameters, inputs, writer.code, roots)


@st.composite
def wide_graphs(draw):
    """Two layers with the same weights; their products are too wide to be added up block by block."""
    inputs, rows = draw(st.integers(64, 70)), draw(st.integers(64, 70))
    writer = Writer(draw, inputs * rows, inputs)
    weights, x = np.arange(inputs * rows).reshape(rows, inputs), writer.sequences[1]
    for _ in range(2):
        part = weights[: draw(st.integers(64, rows)), : len(x)].tolist()
        x = [writer.node("tanh", writer.node("dot", row, x[: len(row)], row[0])) for row in part]
        writer.sequences.append(x)
    writer.sequences.append(draw(st.sampled_from(STEPS))(writer))
    return Graph(inputs * rows, inputs, writer.code, [writer.output(), x[0]])


OPTIONS = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["float64", "float64", "float32"]),
        "reduce": st.sampled_from(["mean", "sum"]),
    }
)
BATCHES = st.sampled_from([1, 2, 7, 8, 9, 31, 33, 64, 513, 1100])


def check(graph, options, count, backend):
    """A call, `evaluate`, `descend` and `train` against the eager engine."""
    rng = np.random.default_rng(count)
    parameters = rng.uniform(-1.0, 1.0, graph.parameters).astype(options["dtype"])
    examples = rng.uniform(-1.0, 1.0, (EXAMPLES, graph.inputs)).astype(options["dtype"])
    chosen = rng.integers(0, EXAMPLES, count)

    def along(root):
        return lambda w, x: run([*w, *x, *CONSTANTS], graph.code, record)[root]

    def all_roots(w, x):
        nodes = run([*w, *x, *CONSTANTS], graph.code, record)
        return [nodes[root] for root in graph.roots]

    def close(got, right, size):
        accuracy = ACCURACY[options["dtype"]]
        np.testing.assert_allclose(got, right, rtol=accuracy, atol=accuracy * (1.0 + np.abs(size).max()))

    def descended(batches):
        """The value before each update, and the parameters after all."""
        w, known = parameters.astype(np.float64), []
        for batch in batches:
            values, gradients = eager(along(graph.roots[0]), w, examples)
            whole = len(batch) if options["reduce"] == "mean" else 1
            known.append(values[batch].sum() / whole)
            w = w - RATE / count * gradients[batch].sum(axis=0) / whole
        return known, w

    program = program_of(all_roots, graph.parameters, graph.inputs, backend=backend, **options)
    values, gradients = eager(along(graph.roots[0]), parameters, examples)
    whole = count if options["reduce"] == "mean" else 1
    for _ in range(2):  # the second finds what the first has left in its arrays
        value, gradient = program(parameters, examples[chosen])
        close(value, values[chosen].sum() / whole, values * count / whole)
        close(gradient, gradients[chosen].sum(axis=0) / whole, gradients * count / whole)
    outputs = np.array([eager(along(root), parameters, examples)[0] for root in graph.roots]).T
    close(program.evaluate(parameters, examples[chosen]), outputs[chosen], outputs)

    changed = parameters.copy()
    known, right = descended([chosen] * 3)
    close(program.descend(changed, examples[chosen], RATE / count, 3), known, known)
    close(changed, right, right)

    batches = [chosen[: count // 2 + 1], chosen[::-1], chosen[:1]]
    training = Training.of(parameters, examples, batches, RATE / count, outputs=len(graph.roots) - 1)
    assert program.train(training) == 3
    known, right = descended(batches)
    close(training.values, known, known)
    close(training.row(0), right, right)
    close(training.noted[: len(batches[0])], outputs[batches[0], 1:], outputs)


@tries(45)
@given(graphs(), OPTIONS, BATCHES, st.sampled_from([5, tuning.NUMPY_CHUNK]))
def test_slices_as_arrays(graph, options, count, stretch):
    """Also where the batch is too large to be computed at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tuning, "NUMPY_CHUNK", stretch)
        check(graph, options, count, "numpy")


@needs_llvmlite
@pytest.mark.parametrize("code", ["straight", "loops"])
@tries(8)
@given(graphs(), OPTIONS, BATCHES)
def test_slices_as_native_code(code, graph, options, count):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tuning, "STRAIGHT", 0 if code == "loops" else tuning.STRAIGHT)
        check(graph, options, count, "llvm")


@pytest.mark.slow
@needs_llvmlite
@tries(2)
@given(wide_graphs(), OPTIONS, st.sampled_from([1, 9, 33, 100]))
def test_wide_products_as_native_code(graph, options, count):
    check(graph, options, count, "llvm")


@backends
def test_an_update_reads_no_parameter_that_it_has_changed(backend):
    """Σ sin(wᵢ x) and the product of w with itself backwards: ∂/∂wᵢ reads the parameter at the other end."""
    products = [("mul", (i, 3)) for i in range(3)]
    units = [("sin", (i,)) for i in (7, 8, 9)]
    code = [*products, *units, ("dot", ([0, 1, 2], [2, 1, 0], 0.0)), ("sum", ([10, 11, 12, 13],))]
    check(Graph(3, 1, code, [14]), {"dtype": "float64", "reduce": "mean"}, 9, backend)
