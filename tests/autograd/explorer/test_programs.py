"""A graph as a program with torch: its numbers and gradients are the engine's."""

import pytest
from hypothesis import HealthCheck, given, settings

from autograd import Value, grad, primitive, sigmoid
from autograd.engine.primitives import TABLE
from autograd.engine.replay import Passes
from autograd.explorer.programs import python_lines, torch_lines
from tests.support.random_graphs import programs, run

HEAD = "import torch\ndef number(x):\n    return torch.tensor(x, dtype=torch.float64)\n"


def written(passes):
    return torch_lines(passes, {node: node.label or "v" for node in passes.nodes})


def graph(program):
    numbers, code, roots, _ = program
    leaves = [Value(number, f"x{place}") for place, number in enumerate(numbers)]
    output = run(leaves, code, lambda name, args: TABLE[name](*args))[roots[-1]]
    return output, leaves


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(programs())
def test_every_graph_over_the_table_is_written_for_torch(program):
    output, _ = graph(program)
    if not isinstance(output, Value):  # of constants alone
        return
    passes = Passes(output)
    lines = written(passes)
    compile("\n".join(lines), "torch.py", "exec")
    assert all(lines[place] for place, node in enumerate(passes.nodes) if not node.constant)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(programs())
def test_with_torch_it_gives_the_same_numbers_and_gradients(program):
    pytest.importorskip("torch", reason="torch runs the programs; it is in the extra bench")
    output, leaves = graph(program)
    if not isinstance(output, Value):  # of constants alone
        return
    passes = Passes(output)
    lines = written(passes)
    space = {}
    exec(HEAD, space)
    for node, line in zip(passes.nodes, lines):
        if node.op:
            exec(line, space)
        elif line:
            space[line] = space["number"](node.data).requires_grad_()
    result = space[lines[-1].split(" = ")[0]]
    assert result.item() == pytest.approx(output.data, rel=1e-11, abs=1e-13)
    if not result.requires_grad:  # of steps alone
        return
    result.backward()
    scale = max(1.0, *map(abs, grad(output, leaves)))
    for node, line in zip(passes.nodes, lines):
        if line and not node.op:
            found = 0.0 if space[line].grad is None else space[line].grad.item()
            assert found == pytest.approx(grad(output, [node])[0], rel=1e-9, abs=1e-10 * scale), lines


def test_names_become_identifiers_that_differ():
    a, b, c = Value(1.0, "1 x"), Value(2.0, "1_x"), Value(3.0, "lambda")
    output = sigmoid(a * b + c)
    output.label = "sigmoid"
    passes = Passes(output)
    lines = python_lines(passes, {node: node.label or "v" for node in passes.nodes})
    assert lines == [
        "_1_x",
        "_1_x_",
        "v = _1_x * _1_x_",
        "lambda_",
        "v_ = v + lambda_",
        "sigmoid_ = sigmoid(v_)",
    ]


def test_a_row_of_ones_own_that_decides_has_no_program_with_torch():
    name = f"decides_for_torch_{len(TABLE)}"
    row = primitive(lambda y, x: (1.0,), name=name)(lambda x: x if x > 0 else 0.0)
    passes = Passes(row(Value(1.0, "x")))
    names = dict.fromkeys(passes.nodes, "x")
    assert torch_lines(passes, names) == ["", ""]
    assert python_lines(passes, names)[1] == f"x_ = TABLE['{name}'](x)"
