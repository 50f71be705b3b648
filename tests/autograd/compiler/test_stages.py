"""`Program.stages`: each stage of the compiler as text."""

import pytest

from autograd import Value, compile, relu, softmax
from autograd.compiler.backends import FOLDERS, find_backend
from tests.support.compiled import backends

PASSES = {name: find_backend(name).load().PASSES for name in FOLDERS if find_backend(name).installed}


@backends
def test_every_stage_from_the_graph_to_the_source_can_be_read(backend):
    w, x = [Value(0.5), Value(-1.0)], [Value(1.0), Value(2.0)]
    program = compile(softmax([w[0] * x[0], relu(w[1] * x[1])])[0], w, x, backend=backend)
    stages = program.stages
    names = ["capture", "vectorize", "adjoint", *map(str, PASSES[backend]), "schedule", "source"]
    assert list(stages) == names
    assert "mul(0, 2)" in stages["capture"]
    assert "Fused(" in stages["vectorize"]
    assert "cotangent" not in stages["vectorize"]
    assert "cotangent" in stages["adjoint"]
    assert ("Fused(" in stages[names[3]]) is (backend == "jax")  # which has a function for it
    assert "Apply" in stages["schedule"]
    assert stages["source"] == program.source
    assert all(text.endswith("\n") for text in stages.values())


@pytest.mark.parametrize("target", PASSES)
def test_the_passes_of_a_target_are_one_list_that_can_be_printed(target):
    print(*PASSES[target], sep="\n")
    assert len({str(each) for each in PASSES[target]}) == len(PASSES[target])
