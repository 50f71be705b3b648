"""Formulas in every notation, written, and read again by somebody else: they come to the same number.

Random trees over all operators and all rows of the table, with negative, fractional, tiny and huge constants.
Python reads Python, LibreOffice reads spreadsheet formulas, `precedence` reads text and LaTeX.
"""

import ast
import math

import openpyxl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from autograd import primitive
from autograd.engine.primitives import TABLE
from autograd.symbolic import LATEX, OPERATORS, PYTHON, SHEET, TEXT, Apply, Number, Symbol, in_cells
from tests.support.office import computed
from tests.support.precedence import Reader

NAMES = {"a": 0.75, "b": -1.5, "c": 2.0, "w_1": -0.4, "x": 3.0}
CELLS = dict(zip(NAMES, ("A1", "B1", "C1", "D1", "E1")))
OPERATIONS = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.Pow: "power", ast.USub: "neg",
}  # fmt: skip


@pytest.fixture
def _loose_rows():
    """Users' rows that are written with an operator outermost, and around their operand."""
    write = {"sheet": "{0}*2", "latex": r"{0} \cdot 2", "symbol": "· · 2"}
    primitive((2.0,), name="doubled", **{**write, "symbol": "doubled"})(lambda x: x * 2.0)
    primitive(lambda y, x: (2.0 * x,), name="squared", sheet="{0}^2", latex="{0}^2", symbol="·²")(
        lambda x: x * x
    )
    primitive((-1.0,), name="opposed", sheet="-{0}", latex="-{0}", symbol="−·")(lambda x: -x)
    primitive((-1.0,), name="rest", sheet="2-{0}", latex="2 - {0}", symbol="2 − ·")(lambda x: 2.0 - x)
    primitive((1.0, -1.0), name="gap", sheet="{0}-{1}", latex="{0} - {1}", domain=((-9.0, 9.0),) * 2)(
        lambda a, b: a - b
    )


def numbers():
    written = st.sampled_from(
        [
            math.sqrt(2.0 / math.pi),
            2.0 / math.sqrt(math.pi),
            math.log(10.0),
            -2.0,
            -1.0,
            0.5,
            -0.5,
            1.0,
            2.0,
            3.0,
            0.1,
            -1e-5,
            2e5,
            -3e-7,
            0.0,
            1 / 3,
        ]
    )
    return written.map(Number)


def nearly_whole(a, b, values):
    """Whether a/b is so near a whole number that it is one for who divides first: 1 // 0.1 is 9."""
    quotient = a.evaluate(values) / (b.evaluate(values) or 1.0)
    return abs(quotient - round(quotient)) < 1e-9 * abs(quotient)


@st.composite
def formulas(draw, names=None):
    """A tree that is not simplified, and what it comes to; every part of it is moderate."""
    symbols = {name: Symbol(name, cell=CELLS[name]) for name in NAMES}
    values = {symbols[name]: NAMES[name] for name in NAMES}
    pool = list(symbols.values())
    rows = [TABLE[name] for name in names or TABLE]
    operators = [TABLE[name] for name in OPERATORS]
    for _ in range(draw(st.integers(2, 9))):
        row = draw(st.sampled_from(operators)) if draw(st.booleans()) else draw(st.sampled_from(rows))
        places = range(max(len(row.domain), *(position + 1 for position in row.vectors), 1))
        part = st.one_of(st.sampled_from(pool), st.just(pool[-1]), numbers())
        operands = tuple(
            tuple(draw(part) for _ in range(2)) if position in row.vectors else draw(part)
            for position in places
        )
        if row.name == "monomial":  # how often it was differentiated is a whole number
            operands = (*operands[:3], Number(1.0))
        if row.index is not None:
            operands = (operands[0], Number(float(draw(st.booleans()))))
        if row.name in ("mod", "floordiv") and nearly_whole(*operands, values):
            continue
        formula = Apply(row, operands)
        size = abs(formula.evaluate(values, strict=True))
        if formula.size < 40 and (size == 0.0 or 1e-8 < size < 1e8):
            pool.append(formula)
    return pool[-1], pool[-1].evaluate(values)


def same(found, value):
    return found == pytest.approx(value, rel=1e-9, abs=1e-9) or (found != found and value != value)


@pytest.mark.usefixtures("_loose_rows")
@given(data=st.data())
def test_python_computes_it_bit_for_bit(data):
    formula, value = data.draw(formulas())
    text = PYTHON.write(formula)

    def run(node):
        match node:
            case ast.Expression(body):
                return run(body)
            case ast.Constant(number):
                return float(number)
            case ast.Name(name):
                return NAMES[name]
            case ast.List(elements):
                return list(map(run, elements))
            case ast.BinOp(left, operation, right):
                return TABLE[OPERATIONS[type(operation)]].evaluate(run(left), run(right))
            case ast.UnaryOp(operation, operand):
                return TABLE[OPERATIONS[type(operation)]].evaluate(run(operand))
            case ast.Call(ast.Name(name), args):
                return TABLE[name].evaluate(*map(run, args))
        raise AssertionError(ast.dump(node))

    again = run(ast.parse(text, mode="eval"))
    assert again == value or (again != again and value != value), text


def functions_of(written):
    return {written(row): row.evaluate for row in TABLE.values()}


@pytest.mark.usefixtures("_loose_rows")
@given(data=st.data())
def test_text_says_the_same(data):
    formula, value = data.draw(formulas())
    text = TEXT.write(formula)
    functions = {**functions_of(lambda row: row.symbol), **functions_of(lambda row: row.name)}
    assert same(Reader(text, NAMES, functions).whole(), value), text


@pytest.mark.usefixtures("_loose_rows")
@given(data=st.data())
def test_latex_says_the_same(data):
    formula, value = data.draw(formulas())
    text = LATEX.write(formula)
    functions = {
        **functions_of(lambda row: "\\" + row.symbol),
        **functions_of(lambda row: row.latex),
        **functions_of(lambda row: "\\" + row.name.replace("_", "")),
        "sech2": TABLE["sech2"].evaluate,
        r"\log_10": TABLE["log10"].evaluate,
    }
    assert same(Reader(text, NAMES, functions).whole(), value), text


@pytest.mark.office
@pytest.mark.usefixtures("_loose_rows")
def test_a_spreadsheet_computes_the_same(tmp_path):
    found = []

    @settings(phases=[Phase.generate], max_examples=4 * settings.default.max_examples)
    @given(formulas())
    def collect(drawn):
        found.append(drawn)

    collect()
    book = openpyxl.Workbook()
    for name, cell in CELLS.items():
        book.active[cell] = NAMES[name]
    written = [("=" + SHEET.write(in_cells(formula)), value) for formula, value in found]
    lines = [(text, value) for text, value in written if len(text) < 2000]  # a cell holds 8192
    assert len(lines) > 0.75 * len(written)  # few are longer, and of few examples a larger share may be
    for line, (text, _) in enumerate(lines, 1):
        book.active[f"J{line}"] = text
    book.save(tmp_path / "formulas.xlsx")
    (path,) = computed(tmp_path, tmp_path / "formulas.xlsx")
    page = openpyxl.load_workbook(path, data_only=True).active
    for line, (text, value) in enumerate(lines, 1):
        cell = page[f"J{line}"].value
        assert isinstance(cell, (int, float)), (text, cell, value)
        assert same(cell, value), (text, cell, value)


# --- the kinds that were wrong, one by one -----------------------------------------------------------

A, B, C = (Symbol(name, cell=f"{name.upper()}1") for name in "abc")


def made(name, *operands):
    return Apply(TABLE[name], tuple(Number(each) if isinstance(each, float) else each for each in operands))


@pytest.mark.parametrize(
    ("formula", "sheet", "python", "latex"),
    [
        (made("neg", made("pow", A, 2.0)), "-(A1^2)", "-a**2.0", "-a^{2}"),
        (made("pow", made("neg", A), 2.0), "(-A1)^2", "(-a)**2.0", r"\left(-a\right)^{2}"),
        (made("neg", made("mul", made("pow", A, 2.0), B)), "-(A1^2*B1)", "-a**2.0 * b", r"-a^{2} \cdot b"),
        (made("sub", A, made("neg", B)), "A1-(-B1)", "a - (-b)", r"a - \left(-b\right)"),
        (made("pow", A, -2.0), "A1^(-2)", "a**(-2.0)", "a^{-2}"),
        (made("pow", A, made("pow", B, 2.0)), "A1^(B1^2)", "a**(b**2.0)", "a^{b^{2}}"),
        (made("pow", made("pow", A, 2.0), 3.0), "(A1^2)^3", "(a**2.0)**3.0", r"\left(a^{2}\right)^{3}"),
        (made("pow", Number(2e-7), 2.0), "2E-07^2", "2e-07**2.0", r"\left(2 \cdot 10^{-7}\right)^{2}"),
        (made("pow", Number(0.5), 2.0), "0.5^2", "0.5**2.0", r"\left(\tfrac{1}{2}\right)^{2}"),
        (made("mul", A, made("div", B, C)), "A1*(B1/C1)", "a * (b / c)", r"a \cdot \frac{b}{c}"),
        (made("add", A, made("sub", B, C)), "A1+(B1-C1)", "a + (b - c)", "a + b - c"),
        (made("pow", made("exp", A), 2.0), "EXP(A1)^2", "exp(a)**2.0", r"\left(e^{a}\right)^{2}"),
        (made("div", 2.0, made("exp", made("neg", A))), "2/EXP(-A1)", "2.0 / exp(-a)", r"\frac{2}{e^{-a}}"),
    ],
)  # fmt: skip
def test_what_needs_parentheses_and_what_does_not(formula, sheet, python, latex):
    assert SHEET.write(formula) == sheet
    assert PYTHON.write(formula) == python
    assert LATEX.write(formula) == latex


@pytest.mark.usefixtures("_loose_rows")
def test_a_template_is_no_atom_unless_brackets_close_it():
    double, square = made("doubled", A), made("squared", made("add", A, B))
    assert SHEET.write(double) == "A1*2"
    assert SHEET.write(made("div", C, double)) == "C1/(A1*2)"
    assert SHEET.write(square) == "(A1+B1)^2"
    assert SHEET.write(made("pow", square, 2.0)) == "((A1+B1)^2)^2"
    assert SHEET.write(made("sub", A, made("rest", B))) == "A1-(2-B1)"
    assert SHEET.write(made("exp", made("rest", B))) == "EXP(2-B1)"
    assert LATEX.write(made("pow", square, 2.0)) == r"\left(\left(a + b\right)^2\right)^{2}"
    assert TEXT.write(made("pow", square, 2.0)) == "((a + b)²)^2"
    assert TEXT.write(made("abs", made("sub", made("abs", A), made("abs", B)))) == "abs(|a| − |b|)"


def test_numbers_that_are_not_finite():
    assert [PYTHON.write(Number(number)) for number in (math.inf, -math.inf)] == [
        "float('inf')",
        "float('-inf')",
    ]
    assert SHEET.write(Number(math.inf)) == "1/0"  # an error value
