"""`explain`: the formulas are right when somebody else evaluates them, and read as courses write them."""

import math
import re

import pytest
from hypothesis import given

from autograd import (
    GraphError,
    Value,
    dot,
    explain,
    grad,
    log_softmax,
    maximum,
    no_grad,
    primitive,
    sigmoid,
    softmax,
    where,
)  # fmt: skip
from autograd.engine.primitives import TABLE
from autograd.symbolic import LATEX, PYTHON, TEXT, Number, Symbol, latex_name
from tests.support import reader
from tests.support.katex import fault
from tests.support.labels import LABELS
from tests.support.profiles import tries

FUNCTIONS = reader.reference_functions(TABLE)
A, C = "a_o1 (1 − a_o1)", "a_o2 (1 − a_o2)"
CLOSED_FORMS = {
    "w1": f"((a_o1 − t1) · {A} · w5 + (a_o2 − t2) · {C} · w7) · a_h1 (1 − a_h1) · i1",
    "w2": f"((a_o1 − t1) · {A} · w5 + (a_o2 − t2) · {C} · w7) · a_h1 (1 − a_h1) · i2",
    "w3": f"((a_o1 − t1) · {A} · w6 + (a_o2 − t2) · {C} · w8) · a_h2 (1 − a_h2) · i1",
    "w4": f"((a_o1 − t1) · {A} · w6 + (a_o2 − t2) · {C} · w8) · a_h2 (1 − a_h2) · i2",
    "w5": f"(a_o1 − t1) · {A} · a_h1",
    "w6": f"(a_o1 − t1) · {A} · a_h2",
    "w7": f"(a_o2 − t2) · {C} · a_h1",
    "w8": f"(a_o2 − t2) · {C} · a_h2",
}


def labelled(value, label):
    value.label = label
    return value


def assignment():
    names = {"i1": 0.05, "i2": 0.1, "t1": 0.5, "t2": 0.5}
    names |= {f"w{k}": w for k, w in enumerate([0.15, 0.2, 0.25, 0.3, 0.4, 0.45, 0.5, 0.55], 1)}
    v = {name: Value(number, name) for name, number in names.items()}
    for layer, inputs, weights in (("h", ("i1", "i2"), (1, 3)), ("o", ("a_h1", "a_h2"), (5, 7))):
        for unit, k in enumerate(weights, 1):
            name = f"{layer}{unit}"
            v[name] = labelled(dot([v[f"w{k}"], v[f"w{k + 1}"]], [v[x] for x in inputs]), name)
            v[f"a_{name}"] = labelled(sigmoid(v[name]), f"a_{name}")
    for unit in (1, 2):
        v[f"E{unit}"] = labelled(0.5 * (v[f"t{unit}"] - v[f"a_o{unit}"]) ** 2, f"E{unit}")
    v["E_total"] = labelled(v["E1"] + v["E2"], "E_total")
    return v


@pytest.mark.parametrize("weight", CLOSED_FORMS)
def test_the_closed_forms_of_the_assignment_read_as_courses_write_them(weight):
    v = assignment()
    derivation = explain(v["E_total"], v[weight])
    assert derivation.formula == CLOSED_FORMS[weight]
    again = float(reader.evaluate(derivation.formula, derivation.values, FUNCTIONS))
    assert again == pytest.approx(grad(v["E_total"], v[weight])[0], rel=1e-14)


def test_the_chain_goes_factor_by_factor_and_meets_at_shared_nodes():
    v = assignment()
    derivation = explain(v["E_total"], v["w1"])
    lines = [line.strip() for line in derivation.text.splitlines()]
    chain = "∂E_total/∂E{0} · ∂E{0}/∂a_o{0} · ∂a_o{0}/∂o{0} · ∂o{0}/∂a_h1 · ∂a_h1/∂h1 · ∂h1/∂w1"
    at = lines.index("∂E_total/∂w1 = " + chain.format(1))
    assert lines[at + 1] == "+ " + chain.format(2)
    assert "∂E1/∂a_o1 = a_o1 − t1 = 0.106478" in lines
    shared = "∂E_total/∂a_h1 = ∂E_total/∂o1 · ∂o1/∂a_h1 + ∂E_total/∂o2 · ∂o2/∂a_h1 = 0.0253643"
    assert lines.index(shared) < lines.index("∂E_total/∂w1 = ∂E_total/∂h1 · ∂h1/∂w1 = 0.000316993")
    assert derivation.paths == 2
    assert derivation.value == grad(v["E_total"], v["w1"])[0]


def test_a_derivative_by_a_node_between():
    v = assignment()
    derivation = explain(v["E_total"], v["a_h1"])
    assert derivation.formula == f"(a_o1 − t1) · {A} · w5 + (a_o2 − t2) · {C} · w7"
    assert derivation.value == pytest.approx(0.0253642665, rel=1e-9)


def test_textbook_forms_give_way_where_they_lose_digits():
    x = Value(20.0, "x")
    assert explain(x.sigmoid(), x).formula == "σ′(x)"
    assert explain(x.tanh(), x).formula == "sech²(x)"
    y = Value(0.5, "x")
    assert explain(y.sigmoid(), y).formula == "v1 (1 − v1)"
    assert explain(y.tanh(), y).formula == "1 − v1^2"


def test_nodes_without_a_label_get_names_that_are_free_and_stable():
    x, y = Value(2.0, "v1"), Value(3.0, "x")
    z = Value(4.0, "x")
    out = (x * y).sin() * z.exp() + x
    first, second = explain(out, x), explain(out, x)
    assert first.text == second.text
    assert first.values.keys() >= {"v1", "v2", "x", "x_2"}
    assert first.values["v1"] == 2.0


def test_a_repeated_operand_is_one_term():
    x = Value(3.0, "x")
    assert explain(x * x, x).formula == "x + x"
    assert explain(x**3, x).formula == "3 · x^2"
    assert explain(dot([x, x], [x, 2.0]), x).value == 8.0


def test_where_only_speaks_of_the_branch_taken():
    x, y = Value(-1.0, "x"), Value(2.0, "y")
    out = where(x > 0, x.sqrt(), y * 3)
    assert explain(out, y).formula == "3"
    nothing = explain(out, x)
    assert (nothing.value, nothing.paths, nothing.formula) == (0.0, 0, "0")
    assert nothing.text.endswith("does not depend on x.")


def test_the_derivative_by_itself_and_by_a_stranger():
    x, leaf = Value(3.0, "x"), Value(1.0, "y")
    y = labelled(x * 2, "z")
    assert explain(y, y).text.splitlines()[0] == "∂z/∂z = 1"
    for stranger in (leaf, labelled(leaf * 3, "y"), labelled((leaf + x) * y, "y")):
        assert explain(y, stranger).value == 0.0
        assert "z does not depend on y" in explain(y, stranger).markdown


def test_exponentially_many_paths_are_counted_and_not_written():
    x = y = Value(1.0, "x")
    for k in range(60):
        y = labelled(y * 0.5 + y * 0.25, f"y{k}")
    derivation = explain(y, x)
    assert derivation.paths == 1  # the arithmetic between labels is one factor
    z = x
    for k in range(60):
        z = labelled(labelled(z * 0.5, f"a{k}") + labelled(z * 0.25, f"b{k}"), f"z{k}")
    derivation = explain(z, x)
    assert derivation.paths == 2**60
    assert f"{2**60} paths lead from x to z59, more than 12" in derivation.text
    assert derivation.value == pytest.approx(0.75**60)
    assert len(derivation.text) < 40_000


def test_two_routes_of_which_one_is_direct():
    x = Value(2.0, "x")
    a = labelled(x.exp(), "a")
    out = labelled(a * x, "E")
    text = explain(out, x).text
    assert "∂E/∂x = ∂E/∂x|direct + ∂E/∂a · ∂a/∂x" in text
    assert "∂E/∂x|direct = a = 7.38906" in text


def test_a_rule_that_is_not_plain_arithmetic_is_told_by_its_number():
    @primitive(partials=lambda y, x: math.cosh(x), name="test_opaque")
    def opaque(x):
        return math.sinh(x)

    try:
        x = Value(1.0, "x")
        derivation = explain(opaque(x), x)
        assert derivation.formula == repr(math.cosh(1.0))
        assert "test_opaque(x)" in derivation.text
    finally:
        del TABLE["test_opaque"]


def test_labels_are_only_names():
    x = Value(1.0, "<script>{x}\\ & $#%^~_\n")
    derivation = explain(labelled(x.exp() * 2.0, "a b"), x)
    assert "<script>" in derivation.text
    assert not re.search(r"(?<!\\)[$#%](?!\$)", derivation.latex)
    assert [latex_name(name) for name in ("w12", "alpha_1", "Etotal", "E_total", "größe", "x.y")] == [
        "w_{12}", r"\alpha_{1}", r"\mathit{Etotal}", r"E_{\mathrm{total}}", r"\text{größe}", r"\mathrm{x.y}",
    ]  # fmt: skip


@tries(50)
@given(LABELS, LABELS)
def test_no_label_is_markup(label, other):
    """Whether or not a reader of Markdown knows formulas; tags and links begin as CommonMark says."""

    def written(label, other):
        x, y = Value(1.0, label), Value(2.0, other)
        product = labelled(x * y, f"{label}y")
        return explain(labelled(product.exp() + product, other), x), explain(product * 2.0, Value(1.0, label))

    for derivation, plain in zip(written(label, other), written("a", "b"), strict=True):
        text, usual = derivation.markdown, plain.markdown
        assert not re.search(r"<[A-Za-z/!?]|\]\(", text)
        assert text.splitlines() == text.split("\n")[:-1]
        marked = [[line[:2] for line in lines.split("\n") if line[:1] in "#$"] for lines in (text, usual)]
        assert marked[0] == marked[1]
        assert len(re.findall(r"(?<!\\)\$", text)) == len(re.findall(r"(?<!\\)\$", usual))
        for formula in re.findall(r"\$\$\n(.*?)\n\$\$", text, re.DOTALL):
            assert fault(formula) == ""


@pytest.mark.parametrize("read", [lambda d: d.text, lambda d: d.markdown, lambda d: d.latex])
def test_a_label_that_is_no_text_or_too_long_says_so(read):
    x = Value(1.0, "a\ud800")
    with pytest.raises(ValueError, match="half of a surrogate pair"):
        explain(x * x, x)
    x = Value(1.0, "n" * 100_000)
    text = read(explain(x.exp() * x, x)).replace("\\ ", " ")
    assert "nnn… (99,800 more characters)" in text
    assert len(text) < 20_000


def test_latex_and_markdown_have_balanced_braces_and_environments():
    v = assignment()
    derivation = explain(v["E_total"], v["w1"])
    assert derivation.latex.startswith("\\begin{align*}\n")
    assert derivation.latex.endswith("\\end{align*}")
    for text in (derivation.latex, derivation.markdown):
        assert text.count("{") == text.count("}")
        assert text.count(r"\left") == text.count(r"\right")
        assert text.count(r"\begin") == text.count(r"\end")
    assert r"\frac{\partial E_{\mathrm{total}}}{\partial w_{1}} &= \left(" in derivation.latex
    assert "### Closed form" in derivation.markdown
    assert derivation._repr_markdown_() == derivation.markdown
    assert repr(derivation) == f"<Derivation ∂E_total/∂w1 = {derivation.value!r}>"


def test_digits():
    x = Value(1 / 3, "x")
    assert "0.3333333333333333" in explain(x * 2, x, digits=17).text
    assert "0.333\n" in explain(x * 2, x, digits=3).text + "\n"
    for bad in ({"digits": 0}, {"digits": 18}, {"max_paths": 0}, {"digits": 2.5}):
        with pytest.raises(ValueError, match=f"{next(iter(bad))} must be a whole number from 1 to"):
            explain(x * 2, x, **bad)


def test_what_cannot_be_explained():
    x = Value(1.0, "x")
    y = x * 2
    with pytest.raises(TypeError, match="must be a Value, got float"):
        explain(2.0, x)
    x.data = 3.0
    with pytest.raises(GraphError, match="was set after"):
        explain(y, x)
    with no_grad():
        z = x * 2
    assert explain(z, x).value == 0.0


def test_layers_and_fused_rows():
    x = [Value(0.5, "a"), Value(1.5, "b"), Value(-0.3, "c")]
    out = labelled(-log_softmax(x)[0] + softmax(x)[1] + maximum(x[0], x[1]), "L")
    for k, name in enumerate("abc"):
        derivation = explain(out, x[k])
        again = float(reader.evaluate(derivation.formula, derivation.values, FUNCTIONS))
        assert again == pytest.approx(grad(out, x[k])[0], rel=1e-13), name


def test_numbers_in_formulas():
    x = Symbol("x")
    assert TEXT.write(-2 * (x - 3)) == "2 · (3 − x)"
    assert TEXT.write(x - (-2 * x)) == "x + 2 · x"
    assert TEXT.write((x + 1) / (x * x) - (x / (2 / x))) == "(x + 1) / (x · x) − x / (2 / x)"
    assert TEXT.write((-x) ** 2 * x**-1) == "(−x)^2 · x^(−1)"
    assert PYTHON.write((-x) ** 2.0) == "(-x)**2.0"
    assert LATEX.write((x + 1) ** 2 / Number(3e-7)) == r"\frac{\left(x + 1\right)^{2}}{3 \cdot 10^{-7}}"
    assert (0.5 * (2 * x) - x * 0).size == 1


def test_numbers_that_stand_for_names_are_powers_of_ten_in_parentheses():
    x = Value(2e-7, "x")
    derivation = explain(labelled(x**3, "y"), x)
    assert r"3 \cdot \left(2 \cdot 10^{-7}\right)^{2}" in derivation.latex
    assert "3 · 2e-07^2" in derivation.text
    x = Value(-2.0, "x")
    assert "3 · (−2)^2" in explain(x**3, x).text


@pytest.mark.parametrize(
    "alias", [lambda h: 0 + h, lambda h: 1 * h, lambda h: h / 1, lambda h: dot([1.0], [h])]
)
def test_a_node_that_is_another_one_unchanged(alias):
    w = Value(2.0, "w")
    h = labelled(w * 3.0, "h")
    y = alias(h)
    assert explain(y, w).formula == "3"
    assert explain(y, h).formula == "1"
    assert "= h = 6" in explain(y, w).text.replace("v1", "")
    above = labelled(y * y, "E")
    assert explain(above, w).formula == "3 · (h + h)"
    assert explain(above, y).formula == "v1 + v1"
    y.label = "y"
    text = explain(above, w).text
    assert "y = h = 6" in text
    assert "∂E/∂w = ∂E/∂y · ∂y/∂h · ∂h/∂w" in text


def long_sum(terms=60):
    """A derivative whose closed form has more names than are written out."""
    x = Value(0.5, "x")
    y = x
    for k in range(terms):
        y = (y * Value(1.0 + 0.001 * k, f"c{k}")).sin()
    return x, y


def test_a_formula_that_is_too_long_is_counted():
    x, y = long_sum()
    derivation = explain(y, x)
    assert "(a formula of " in derivation.text
    assert r"\text{(a formula of " in derivation.latex
    assert derivation.value == grad(y, x)[0]


def test_a_notebook_shows_markdown_and_latex():
    v = assignment()
    derivation = explain(v["E_total"], v["w5"])
    assert derivation._repr_markdown_() == derivation.markdown
    assert derivation._repr_latex_() == derivation.latex


def test_sections_are_the_equations_under_their_headings():
    v = assignment()
    derivation = explain(v["E_total"], v["w5"])
    for latex in (False, True):
        sections = derivation.sections(latex)
        assert next(iter(sections)) == "Forward pass"
        assert all(equations for equations in sections.values())
        written = derivation.latex if latex else derivation.text
        left, sides = sections["Forward pass"][0]
        assert left in written
        assert all(side in written for _, side in sides)


def test_signs_move_to_where_they_are_read_best():
    a, b, c = (Symbol(name) for name in "abc")
    assert TEXT.write(Number(-1.0) * ((a - b) * c)) == "(b − a) · c"
    assert TEXT.write(Number(-1.0) * (c * (a - b))) == "c (b − a)"
    assert TEXT.write(Number(0.0) - a) == "−a"
    assert TEXT.write(a - Number(0.0)) == "a"


def test_absolute_values_and_numbers_that_are_not_finite():
    x = Symbol("x")
    assert TEXT.write(TABLE["abs"](x)) == "|x|"
    assert [LATEX.write(Number(number)) for number in (math.inf, -math.inf, math.nan)] == [
        r"\infty", r"-\infty", r"\text{nan}",
    ]  # fmt: skip


def test_second_derivatives_of_powers_are_written_as_powers():
    x, y = Value(2.0, "x"), Value(3.0, "y")
    (slope,) = grad(x**3 * y, [x], create_graph=True)
    assert explain(slope, x).formula == "6 · y · x"
    assert explain(slope, x).value == 36.0
    (slope,) = grad(x**-1, [x], create_graph=True)
    assert explain(slope, x).formula == "2 · x^(−3)"
    (slope,) = grad(x**y, [x], create_graph=True)
    assert explain(slope, x).formula == "y (y − 1) · x^(y − 2)"
    assert "monomial(" not in explain(slope, y).text
