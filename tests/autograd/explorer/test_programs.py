"""A graph as a program in Python and with torch, as the page writes it: its numbers are the engine's."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import autograd
from autograd import Value, grad, primitive, sigmoid
from autograd.engine.primitives import TABLE
from autograd.engine.replay import Passes
from autograd.explorer.labels import slotted
from autograd.explorer.programs import forms, taken
from tests.support.random_graphs import programs, run
from tests.support.v8 import V8, literal

HEAD = "import torch\ndef number(x):\n    return torch.tensor(x, dtype=torch.float64)\n"


@pytest.fixture(scope="module")
def v8():
    return V8("programs.programOf")


def written(v8, output, language):
    """The graph's nodes with a name and a formula each, as the page writes them; None if one has no form."""
    passes = Passes(output)
    rows = {}
    nodes = []
    for node in passes.nodes:
        about = {"name": node.label or "v", "op": node.op, "kind": "constant" if node.constant else "node"}
        if node.op:
            shape = tuple(len(each) if isinstance(each, tuple) else None for each in node.operands)
            about["row"] = rows.setdefault((node.primitive, shape), len(rows))
            about["operands"] = [
                [passes.index[one] for one in each] if isinstance(each, tuple) else passes.index[each]
                for each in node.operands
            ]
        nodes.append(about)
    payload = {"nodes": nodes, "forms": [forms(row, slotted(shape)) for row, shape in rows], "taken": taken()}
    data = literal([node.data for node in passes.nodes])
    found = v8.read(f"programOf({json.dumps(payload)}, {language!r}, (place) => {data}[place])")
    return found and list(zip(passes.nodes, found["names"], found["formulas"], strict=True))


def graph(program):
    numbers, code, roots, _ = program
    leaves = [Value(number, f"x{place}") for place, number in enumerate(numbers)]
    output = run(leaves, code, lambda name, args: TABLE[name](*args))[roots[-1]]
    return output, leaves


def result(lines, space, leaf):
    """The program run, with its names in `space`: the number of its output."""
    for node, name, formula in lines:
        if formula:
            exec(f"{name} = {formula}", space)
        elif name:
            space[name] = leaf(node.data)
    return space[lines[-1][1]]


@settings(max_examples=40, suppress_health_check=list(HealthCheck))  # a program runs for each graph
@given(programs())
def test_every_graph_over_the_table_is_a_program(v8, program):
    """In Python it gives the same number to the last bit; with torch it compiles."""
    output, _ = graph(program)
    if not isinstance(output, Value):  # of constants alone
        return
    public = {name: getattr(autograd, name) for name in autograd.__all__ if name in TABLE}
    found = result(written(v8, output, "python"), {"TABLE": TABLE, **public}, Value).data
    assert found == output.data or found != found
    for node, name, formula in written(v8, output, "torch"):
        compile(formula or name or "0", "torch.py", "eval")
        assert bool(formula) == bool(node.op)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))  # a program runs for each graph
@given(programs())
def test_with_torch_it_gives_the_same_numbers_and_gradients(v8, program):
    pytest.importorskip("torch", reason="torch runs the programs; it is in the extra bench")
    output, leaves = graph(program)
    if not isinstance(output, Value):  # of constants alone
        return
    lines = written(v8, output, "torch")
    space = {}
    exec(HEAD, space)
    found = result(lines, space, lambda data: space["number"](data).requires_grad_())
    assert found.item() == pytest.approx(output.data, rel=1e-11, abs=1e-13)
    if not found.requires_grad:  # of steps alone
        return
    found.backward()
    scale = max(1.0, *map(abs, grad(output, leaves)))
    for node, name, _ in lines:
        if name and not node.op:
            gradient = 0.0 if space[name].grad is None else space[name].grad.item()
            assert gradient == pytest.approx(grad(output, [node])[0], rel=1e-9, abs=1e-10 * scale), lines


def test_every_row_has_its_gradient_with_torch():
    """Rules that keep digits by splitting and differences lose them when torch differentiates them."""
    pytest.importorskip("torch", reason="torch runs the programs; it is in the extra bench")
    space = {}
    exec(HEAD, space)
    random = np.random.default_rng(0)
    judged = 0
    for row in (each for each in TABLE.values() if each.forward.__module__.startswith("autograd.")):
        shape = [3 if place in row.vectors else None for place in range(len(row.domain))]
        pieces = forms(row, slotted(shape))["torch"]
        if not pieces or row.index is not None:
            continue
        ends = [(max(low, -3.0), min(high, 3.0)) for low, high, *_ in row.domain]
        for _ in range(8):
            leaves = [
                [Value(random.uniform(*end)) for _ in range(size or 1)] for end, size in zip(ends, shape)
            ]
            output = row(*(each if size else each[0] for each, size in zip(leaves, shape)))
            flat = [leaf for each in leaves for leaf in each]
            tensors = [space["number"](leaf.data).requires_grad_() for leaf in flat]
            text = "".join(piece if isinstance(piece, str) else f"t[{piece}]" for piece in pieces)
            found = eval(text, {**space, "t": tensors})
            assert found.item() == pytest.approx(output.data, rel=1e-11, abs=1e-13), row.name
            if found.requires_grad:
                found.backward()
            right = grad(output, flat)
            if row.name == "pow":  # whose exponent is a constant
                right, tensors = right[:1], tensors[:1]
            given = [0.0 if tensor.grad is None else tensor.grad.item() for tensor in tensors]
            assert given == pytest.approx(right, rel=1e-9, abs=1e-11), (row.name, flat)
            judged += 1
    assert judged > 8 * 40


def test_names_become_identifiers_that_differ(v8):
    a, b, c = Value(1.0, "1 x"), Value(2.0, "1_x"), Value(3.0, "lambda")
    output = sigmoid(a * b + c)
    output.label = "sigmoid"
    assert [(name, formula) for _, name, formula in written(v8, output, "python")] == [
        ("_1_x", ""),
        ("_1_x_", ""),
        ("v", "_1_x * _1_x_"),
        ("lambda_", ""),
        ("v_", "v + lambda_"),
        ("sigmoid_", "sigmoid(v_)"),
    ]


def test_a_row_of_ones_own_that_decides_has_no_program_with_torch(v8):
    name = f"decides_for_torch_{len(TABLE)}"
    row = primitive(lambda y, x: (1.0,), name=name)(lambda x: x if x > 0 else 0.0)
    output = row(Value(1.0, "x"))
    assert written(v8, output, "torch") is None
    assert written(v8, output, "python")[1][2] == f"TABLE['{name}'](x)"
