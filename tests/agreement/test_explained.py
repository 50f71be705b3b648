"""`explain` on random graphs: its formulas, read and evaluated by somebody else, give the gradient."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value, explain, grad
from autograd.engine.primitives import TABLE
from autograd.symbolic import TEXT
from tests.support import katex, random_graphs, reader

FUNCTIONS = reader.reference_functions(TABLE)


@given(random_graphs.programs(), st.integers(0, 3), st.integers(0, 3))
def test_the_formulas_give_the_gradient(program, which, every):
    """The closed form, and each factor; with labels on no node, on every node, on every second or third."""
    numbers, code, roots, duals = program
    leaves = [Value(x, f"x{i}") for i, x in enumerate(numbers)]
    nodes = list(map(random_graphs.as_value, random_graphs.run(leaves, code, random_graphs.record)))
    for i, node in enumerate(nodes):
        if every and i % every == 0 and not node.label:
            node.label = f"n{i}"
    which %= len(leaves)
    root, leaf = nodes[roots[0]], leaves[which]
    derivation = explain(root, leaf)
    (expected,) = grad(root, leaf)
    size = duals[roots[0]].sizes[which]
    largest = max(sum(dual.sizes) for dual in duals)  # a factor may be a sum of terms that cancel
    assert derivation.value == expected
    if derivation.paths:
        again = float(reader.evaluate(derivation.formula, derivation.values, FUNCTIONS))
        assert abs(again - expected) <= 1e-12 * abs(expected) + 1e-13 * size
    for step in derivation.steps:
        for _, formula, number in step.terms:
            again = float(reader.evaluate(TEXT.write(formula), derivation.values, FUNCTIONS))
            assert abs(again - number) <= 1e-12 * abs(number) + 1e-13 * largest
    for text in (derivation.text, derivation.markdown):
        assert (f"does not depend on x{which}" in text) == (derivation.paths == 0)
    assert katex.fault(derivation.latex) == ""


def test_katex_finds_fault_with_what_is_not_latex():
    for wrong in (r"\frac{1}{", r"\left(x", "a_b_c", r"\nosuchcommand", "x & y"):
        assert katex.fault(wrong).startswith("ParseError"), wrong


@pytest.mark.parametrize(
    "label", ["<script>", "a_b_c", "$x$ & 100 %", "\\frac{", "∂E/∂w", "größe #1", "x^2", "{"]
)
def test_katex_renders_whatever_a_node_is_called(label):
    x = Value(0.5, label)
    y = (x * x).tanh() + x
    for node in (y, y.parents[0], x):
        node.label = label
    assert katex.fault(explain(y, x).latex) == ""


@pytest.mark.parametrize("name", TABLE)
def test_katex_renders_every_row(name):
    """With its operands, its result and its slopes; those of `where` and its kin may have none."""
    row = TABLE[name]
    leaves = [
        [Value(0.4, f"v{i}{j}") for j in range(3)] if i in row.vectors else Value(0.4, f"x_{i}")
        for i in range(len(row.domain))
    ]
    if row.index is not None:
        leaves[row.index] = Value(1.0, "i")
    y = row(*leaves)
    for leaf in leaves:
        assert katex.fault(explain(y, leaf[0] if isinstance(leaf, list) else leaf).latex) == ""


def test_katex_renders_the_formulas_of_markdown():
    w, x = Value(0.5, "w_1"), Value(2.0, "x")
    y = (w * x).sigmoid()
    y.label = "a_h1"
    formulas = re.findall(r"\$\$?([^$]+)\$\$?", explain(y, w).markdown)
    assert formulas
    assert [katex.fault(formula) for formula in formulas] == [""] * len(formulas)
