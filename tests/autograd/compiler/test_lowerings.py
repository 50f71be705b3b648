"""What each target does with each row of the table: the matrix is printed, and a row without a way fails."""

import numpy as np
import pytest

from autograd.compiler.ir import passes
from autograd.compiler.ir.nodes import Apply, Graph, ancestry
from autograd.compiler.llvm import legalize
from autograd.compiler.llvm.builder import DIRECT
from autograd.compiler.llvm.libm import ELEMENTARY
from autograd.compiler.lowerings import lowerings
from autograd.engine.primitives import TABLE


def told(lowering):
    """A lowering in a word or two."""
    if isinstance(lowering, tuple):
        return lowering[0]
    return "" if lowering is None else lowering if isinstance(lowering, str) else lowering_name(lowering)


def lowering_name(lowering):
    return getattr(lowering, "__name__", type(lowering).__name__)


def test_every_row_has_a_lowering_for_every_target():
    for row in TABLE.values():
        ways = {target: lowerings[target][row] for target in lowerings}
        print(f"{row.name:20}", *[f"{told(way)[:30]:32}" for way in ways.values()])
        assert all(way is not None for target, way in ways.items() if target != "fused")


@pytest.mark.parametrize("name", TABLE)
def test_every_row_becomes_rows_with_native_code(name):
    """Native code of its own, or a formula: for a row that is added, too."""
    row, graph = TABLE[name], Graph(12, 0)
    rows_of = lambda i: graph.gather(graph.parameters, np.arange(3 * i, 3 * i + 3))
    args = [[rows_of(i), rows_of(3)] if i in row.vectors else rows_of(i) for i in range(len(row.domain))]
    outputs = passes.run(legalize.PASSES, [graph.rule(row, args)])
    rows = {node.row.name for node in ancestry(outputs) if isinstance(node, Apply)}
    assert rows <= {*DIRECT, *ELEMENTARY}


def test_a_row_can_be_asked_for_its_own_code():
    relu = TABLE["relu"]
    assert lowerings["numpy"][relu][0].startswith("np.maximum(")
    assert lowerings["numpy"][TABLE["exp"]] == "np.exp"
    assert lowerings["numpy, one example"][relu] is relu.forward
    assert lowerings["llvm"][relu] is DIRECT["relu"]
    assert lowerings["llvm"][TABLE["exp"]] is ELEMENTARY["exp"]
    assert lowerings["fused"][relu] is None
