"""Every operation has a rule for every purpose: the matrix is printed, and a hole fails."""

import pytest

from autograd.compiler.ir.adjoint import VJPS
from autograd.compiler.ir.nodes import OPERATIONS, Graph, Node
from autograd.compiler.ir.registry import Rules
from autograd.compiler.ir.tangent import JVPS
from autograd.compiler.llvm.lowering import Kernel
from autograd.compiler.numpy.codegen import Codegen
from autograd.compiler.numpy.scalar_codegen import Writer

PURPOSES = [VJPS, JVPS, Codegen.lowerings, Writer.lowerings, Kernel.lowerings]


def test_every_operation_has_a_shape_rule_a_vjp_and_a_lowering_for_each_target():
    print(f"{'operation':16} {'shape':8}", *[f"{rules.purpose:20}" for rules in PURPOSES])
    for operation in OPERATIONS:
        rules = [rules.rules.get(operation) for rules in PURPOSES]
        print(f"{operation.__name__:16} {'infer':8}", *[f"{'rule' if rule else '':20}" for rule in rules])
        assert operation.infer is not Node.infer
        assert None not in rules
    assert all(set(rules.rules) == set(OPERATIONS) for rules in PURPOSES)


def test_a_hole_is_found_when_the_table_is_made():
    rules = Rules("speed")
    for operation in OPERATIONS[1:]:
        rules.of(operation)(print)
    with pytest.raises(NotImplementedError, match=f"speed: no rule for {OPERATIONS[0].__name__}$"):
        rules.require_all()


@pytest.mark.parametrize("rules", [VJPS, JVPS], ids=["vjp", "jvp"])
def test_what_only_a_finished_program_has_is_not_differentiated(rules):
    """Sums over the batch and the maximum of an expanded fused rule say so, and give no wrong number."""
    graph = Graph(2, 2)
    for node in [graph.batch_sum(graph.inputs), graph.reduce_max(graph.inputs)]:
        tangents = {graph.inputs: graph.inputs}
        arguments = (node, tangents) if rules is JVPS else (None, node, graph.constant(1.0))
        with pytest.raises(NotImplementedError, match=type(node).__name__):
            rules[type(node)](*arguments)
