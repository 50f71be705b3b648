"""`explain` on random graphs: its formulas, read and evaluated by somebody else, give the gradient."""

import importlib.util
from pathlib import Path

import reader
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value, explain, grad
from autograd.primitives import TABLE
from autograd.symbols import TEXT

_spec = importlib.util.spec_from_file_location(
    "random_graphs", Path(__file__).with_name("test_random_graphs.py")
)
random_graphs = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(random_graphs)
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
    assert derivation.value == expected
    if derivation.paths:
        again = float(reader.evaluate(derivation.formula, derivation.values, FUNCTIONS))
        assert abs(again - expected) <= 1e-12 * abs(expected) + 1e-13 * size
    for step in derivation.steps:
        for _, formula, number in step.terms:
            again = float(reader.evaluate(TEXT.write(formula), derivation.values, FUNCTIONS))
            assert abs(again - number) <= 1e-12 * abs(number)
    for text in (derivation.text, derivation.markdown):
        assert (f"does not depend on x{which}" in text) == (derivation.paths == 0)
    assert derivation.latex.count("{") == derivation.latex.count("}")
