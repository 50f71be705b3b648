"""Workbooks of random graphs, recalculated by LibreOffice: every cell is what the engine has.

The graphs are drawn over the whole table, with rows that users defined among it, so that a row added later
is drawn as well. Nodes that are another one unchanged, the constants 0, 1 and −1, and values at which an
exponential overflows stand at every place.

How far a cell may be off. A spreadsheet rounds as the engine does, but not always in the same order; and it
takes a difference of less than 2⁻⁴⁸ of its operands for 0. Both are as if the operands had been off by that
much, so it is 1e-12 of the number, or FLOOR times the sum over all nodes of |node| · |derivative by it|,
if that is more. And numbers below 1e-300 may be subnormal on the way, where there are no digits to lose.
"""

import math
import operator

import openpyxl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from autograd import (
    Value,
    dot,
    exp,
    grad,
    mean,
    primitive,
    relu,
    save_workbook,
    sigmoid,
    sqrt,
    topological_order,
    where,
)
from autograd import sum as node_sum
from autograd.engine.primitives import TABLE
from autograd.symbolic import SHEET, Symbol, in_cells
from tests.support.office import computed, without_numbers

FIRST = 9  # the row of the first epoch
FLOOR = 2.0**-46
TINY = 1e-300
BATCH = 150  # graphs that LibreOffice computes in one run; it stops at some 240 files

# --- random graphs ---------------------------------------------------------------------------------

IDENTITIES = {
    "0 + h": lambda h: 0 + h,
    "h + 0": lambda h: h + 0,
    "h - 0": lambda h: h - 0,
    "1 * h": lambda h: 1 * h,
    "h * 1": lambda h: h * 1,
    "h / 1": lambda h: h / 1,
    "h / -1 / -1": lambda h: h / -1 / -1,
    "h ** 1": lambda h: h**1,
    "--h": lambda h: (-h).__neg__(),
    "-1 * -h": lambda h: -1 * -h,
    "0 - (0 - h)": lambda h: 0 - (0 - h),
    "+h": lambda h: +h,
    "sum([h])": lambda h: node_sum([h]),
    "mean([h])": lambda h: mean([h]),
    "dot([1], [h])": lambda h: dot([1.0], [h]),
    "dot([h], [1], 0)": lambda h: dot([h], [1.0], 0.0),
    "sum of Python": lambda h: sum([h]),
    "0 + 1 * (h - 0) / 1": lambda h: 0 + 1 * (h - 0) / 1,
}
SHAPES = {
    "exp(-h**2)": lambda h: exp(-(h**2)),
    "exp(-|h|**0.5)": lambda h: exp(-(abs(h) ** 0.5)),
    "2 / sigmoid(h)": lambda h: 2.0 / sigmoid(h),
    "a root that is not read": lambda h: where(h * h + 1.0, h, sqrt(-1.0 - h * h)),
    "neither is this": lambda h: where(relu(-1.0 - h * h), (h - h).log() * 2.0, h * 3.0),
}
OPERATORS = {"add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv}
ORDINARY = st.integers(-300, 300).map(lambda k: k / 100 + 0.003)
CONSTANTS = st.sampled_from([0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.25, 3.0, -1e-5, 2e5, 1e200, -1e-200])
SATURATED = st.sampled_from([-800.0, 800.0, -40.0, 40.0, -720.0, 1e-9, -1e-9, 0.0, 1e6, -355.0])


def users_rows():
    """Rows with formulas of their own for cells, which bind as loosely as formulas can."""

    def double(x):
        return 2.0 * x

    primitive((2.0,), name="test_double", sheet="{0}*2")(double)
    primitive((-1.0,), name="test_opposite", sheet="-{0}")(lambda x: -x)
    primitive((-1.0,), name="test_rest", sheet="2-{0}")(lambda x: 2.0 - x)
    primitive(lambda y, x: (2.0 * x,), name="test_square", sheet="{0}^2")(lambda x: x * x)
    primitive((1.0, -2.0), name="test_apart", sheet="{0}-{1}-{1}", domain=((-50.0, 50.0),) * 2)(
        lambda a, b: a - b - b
    )
    primitive(lambda y, x: (0.0,), name="test_positive", sheet="({0}>0)*1")(lambda x: float(x > 0.0))
    primitive((1.0,), name="test_total", sheet="SUM({0})", vectors=(0,))(lambda values: math.fsum(values))


def in_words(row):
    """Its formula in a cell."""
    count = max(len(row.domain), *(position + 1 for position in row.vectors), 1)
    cells = [Symbol("", cell="A1")] * 2
    return SHEET.write(in_cells(row(*[cells if k in row.vectors else cells[0] for k in range(count)])))


@st.composite
def programs(draw):
    """Leaves, instructions with labels, how many leaves are trained, and perhaps other numbers for them."""
    number = st.one_of(ORDINARY, ORDINARY, SATURATED, CONSTANTS)
    leaves = [*draw(st.lists(number, min_size=1, max_size=4)), draw(SATURATED)]
    everyday = [*TABLE.values(), *(TABLE[name] for name in OPERATORS)]
    steep = [row for row in TABLE.values() if "EXP(" in in_words(row)]
    code = []
    nodes = [Value(number) for number in leaves]

    def pick():
        return draw(st.one_of(st.integers(0, len(nodes) - 1), st.just(len(nodes) - 1)))

    def argument(row, position, length):
        if position == row.index:
            return float(draw(st.integers(0, length - 1)))
        if row.name == "pow" and position == 1:
            return draw(st.sampled_from([0.0, 1.0, -1.0, 2.0, 3.0, -2.0, 0.5, -1.5]))
        if row.name == "monomial" and position == 3:
            return 1.0
        if draw(st.integers(0, 3)) == 0:
            return draw(st.one_of(CONSTANTS, SATURATED, ORDINARY))
        return pick()

    for _ in range(draw(st.integers(3, 14))):
        if draw(st.integers(0, 3)) == 0:
            instruction = (draw(st.sampled_from([*sorted(IDENTITIES), *sorted(SHAPES) * 2])), [pick()])
        else:
            saturates = draw(st.integers(0, 3)) == 0
            row = draw(st.sampled_from(steep if saturates else everyday))
            name = row.name
            length = draw(st.integers(1, 3))
            args = [
                [argument(row, position, length) for _ in range(length)]
                if position in row.vectors
                else argument(row, position, length)
                for position in range(max(len(row.domain), *(p + 1 for p in row.vectors), 1))
            ]
            if saturates:
                args[0] = (
                    [draw(st.integers(0, len(leaves) - 1))] * length if 0 in row.vectors else len(leaves) - 1
                )
            flat = [each for arg in args for each in (arg if isinstance(arg, list) else [arg])]
            if not any(isinstance(each, int) for each in flat):
                continue
            instruction = (name, args)
        node = apply(nodes, instruction)
        if math.isfinite(node.data) and abs(node.data) < 1e250:
            nodes.append(node)
            code.append((instruction, draw(st.integers(0, 2)) == 0))
    if not code:
        code.append((("sin", [0]), True))
    count = draw(st.integers(1, len(leaves)))
    return leaves, code, count, draw(st.one_of(st.none(), st.tuples(*[number] * len(leaves))))


def apply(nodes, instruction):
    name, args = instruction

    def operand(arg):
        if isinstance(arg, list):
            return [operand(each) for each in arg]
        return nodes[arg] if isinstance(arg, int) else arg

    operands = [operand(arg) for arg in args]
    if name in IDENTITIES or name in SHAPES:
        return {**IDENTITIES, **SHAPES}[name](*operands)
    if name in OPERATORS and any(isinstance(each, Value) for each in operands):
        return OPERATORS[name](*operands)
    return TABLE[name](*operands)


def run(program, moved=False):
    """The leaves that are trained and the output, with labels; on request of other numbers."""
    numbers, code, count, others = program
    numbers = others if moved and others else numbers
    leaves = [Value(number, f"{'w' if i < count else 'x'}{i}") for i, number in enumerate(numbers)]
    nodes = list(leaves)
    for i, (instruction, named) in enumerate(code):
        node = apply(nodes, instruction)
        if named and not node.label:
            node.label = f"n{i}"
        nodes.append(node)
    output = nodes[-1]
    if not output.label:
        output.label = "E"
    return leaves[:count], output


def all_numbers(program):
    """The numbers of all leaves by label, after a person changed them."""
    numbers, _, count, others = program
    return {f"{'w' if i < count else 'x'}{i}": number for i, number in enumerate(others or numbers)}


# --- how far a cell may be off ---------------------------------------------------------------------


def elements(operands):
    return [list(arg) if type(arg) is tuple else arg for arg in operands]


def flat(args):
    return [each for arg in args for each in (arg if isinstance(arg, (list, tuple)) else [arg])]


def spreads(outputs):
    """Of each node the sum over all below it of |node| · |derivative by it|; inf where a jump is near."""
    found = {}
    for output in outputs:
        for node in topological_order(output):
            if node not in found:
                found[node] = spread(node, found)
    return found


def read(output):
    """The nodes that the output is computed from, without those in branches that are not taken."""
    found = {output}
    for node in reversed(topological_order(output)):
        if node in found and node.primitive is not None:
            args = elements(node.operands)
            if node.primitive.select is not None:
                data = [[each.data for each in arg] if isinstance(arg, list) else arg.data for arg in args]
                chosen = list(flat(args))[node.primitive.select(*data)]
                args = [args[node.primitive.index or 0], chosen]
            found.update(flat(args))
    return [node for node in topological_order(output) if node in found]


def spread(node, found):
    row = node.primitive
    if row is None:
        return 0.0
    args = elements(node.operands)
    data = [[each.data for each in arg] if isinstance(arg, list) else arg.data for arg in args]
    slopes = all_slopes(row, node.data, data)
    below = [found[each] for each in flat(args)]
    chosen = row.select(*data) if row.select is not None else None
    if row.index is not None:
        return below[chosen]
    if chosen is not None:
        unsure = below[0] == math.inf or (below[0] and abs(data[0]) < FLOOR * below[0])  # no cell holds inf
        return below[chosen] + (math.inf if unsure else 0.0)
    total = sum(abs(slope) * size for slope, size in zip(slopes, below, strict=True) if size)
    if any(size for size in below) and jumps(row, data, slopes, [FLOOR * size for size in below]):
        return math.inf
    unchanged = any(abs(node.data) == abs(number) for number in flat(data)) and row.name in (
        *OPERATORS, "neg", "pow", "sum", "mean", "dot", "maximum", "minimum"
    )  # fmt: skip
    if row.name == "logsumexp" and len(below) > 2:
        total += 1.0  # a cell has no room for what would keep the digits of terms that are small beside 1
    return total if unchanged else total + abs(node.data)


def all_slopes(row, y, data):
    slopes = []
    for slope, arg in zip(row.partials_at(y, *data), data, strict=False):
        if isinstance(arg, list):
            slopes += list(slope) if isinstance(slope, (list, tuple)) else [slope] * len(arg)
        else:
            slopes.append(slope)
    return slopes + [0.0] * (len(flat(data)) - len(slopes))


def jumps(row, data, slopes, moves):
    """Whether the row, or its slope, jumps when an operand is off by its floor."""
    y = row.evaluate(*data)
    for place, move in enumerate(moves):
        for side in (-move, move):
            if not math.isfinite(side) or not side:
                if side:
                    return True
                continue
            turn = iter(range(len(moves)))
            moved = [
                [each + side * (next(turn) == place) for each in arg]
                if isinstance(arg, list)
                else arg + side * (next(turn) == place)
                for arg in data
            ]
            there = row.evaluate(*moved)
            if not abs(there - y) <= 4.0 * abs(slopes[place]) * move + 1e-9 * abs(y) + TINY:
                return True
            steep = all_slopes(row, there, moved)
            if not all(abs(a - b) <= 1e-6 * (abs(a) + abs(b)) + TINY for a, b in zip(steep, slopes)):
                return True
    return False


def expected(program):
    """Of each header the engine's number and how far a cell may be off; of each gradient too."""
    wrt, output = run(program, moved=True)
    loss = output.label.split("_")[0]
    order = read(output)
    slopes = grad(output, wrt, create_graph=True)
    sizes = spreads([output, *slopes])
    forward = all(math.isfinite(node.data) for node in order)
    cells = {node.label: (node.data, sizes[node]) for node in order if node.label}
    finite = all(math.isfinite(node.data) for slope in slopes for node in read(slope))
    for leaf, slope in zip(wrt, slopes, strict=True):
        if forward and finite:
            textbook = steepness(order, leaf) if program[-1] else 0.0
            cells[f"∂{loss}/∂{leaf.label}"] = slope.data, sizes[slope] + textbook
    return cells


def steepness(order, leaf):
    """The sum over all paths from the leaf of the products of its slopes, of those below 1 as of 1.

    A gradient is written as textbooks do where that has all digits, and 1 − y² keeps those of 1 only: where a
    person's numbers saturate what was recorded unsaturated.
    """
    found = dict.fromkeys(order, 0.0)
    found[leaf] = 1.0
    for node in order:
        if node.primitive is not None:
            args = elements(node.operands)
            data = [[each.data for each in arg] if isinstance(arg, list) else arg.data for arg in args]
            slopes = all_slopes(node.primitive, node.data, data)
            pairs = zip(slopes, flat(args), strict=True)
            found[node] = sum(max(abs(slope), 1.0) * found[each] for slope, each in pairs if found.get(each))
    return found[order[-1]]


def wrong_cells(path, program):
    """What is not as the engine has it: header, cell, engine's number; and how many were compared."""
    page = openpyxl.load_workbook(path, data_only=True)["training"]
    headers = [cell.value for cell in page[FIRST - 1]]
    row = {header: cell.value for header, cell in zip(headers, page[FIRST])}
    wrong, compared = [], 0
    if len(set(headers)) < len(headers):
        wrong.append(("two columns of one name", headers, None))
    for header, (number, size) in expected(program).items():
        if not (math.isfinite(number) and math.isfinite(size)):
            continue
        compared += 1
        found = row.get(header)
        bound = max(1e-12 * abs(number), FLOOR * size, TINY)
        if not isinstance(found, (int, float)) or not abs(found - number) <= bound:
            wrong.append((header, found, number))
    return wrong, compared


def drawn():
    """As many programs as the profile draws examples: LibreOffice takes seconds to start, so none alone."""
    found = []

    @settings(phases=[Phase.generate])
    @given(programs())
    def collect(program):
        found.append(program)

    collect()
    return found


@pytest.mark.slow
@pytest.mark.office
def test_every_cell_of_random_graphs(tmp_path):
    users_rows()
    batch = drawn()
    faults, total = [], 0
    for start in range(0, len(batch), BATCH):
        part, paths = batch[start : start + BATCH], []
        folder = tmp_path / str(start)
        folder.mkdir()
        for k, program in enumerate(part):
            wrt, output = run(program)
            path = save_workbook(output, wrt, folder / f"{k}.xlsx", epochs=1, lr=0.01)
            paths.append(without_numbers(path, folder, keep="training", **all_numbers(program)))
        for path, program in zip(computed(folder, *paths), part, strict=True):
            wrong, compared = wrong_cells(path, program)
            total += compared
            if wrong:
                faults.append((len(program[1]), wrong, program, path))
    assert not faults, (len(faults), min(faults, key=lambda fault: fault[0]))
    assert total > 2 * len(batch)
