"""Every operation has a rule for every purpose: the matrix is printed, and a hole fails."""

import pytest

from autograd.compiler.ir.adjoint import VJPS
from autograd.compiler.ir.nodes import OPERATIONS, Node
from autograd.compiler.ir.registry import Rules
from autograd.compiler.llvm.lowering import Kernel
from autograd.compiler.numpy.codegen import Codegen
from autograd.compiler.numpy.scalar_codegen import Writer

PURPOSES = [VJPS, Codegen.lowerings, Writer.lowerings, Kernel.lowerings]


def test_every_operation_has_a_shape_rule_a_vjp_and_a_lowering_for_each_target():
    print(f"{'operation':16} {'shape':8}", *[f"{rules.purpose:20}" for rules in PURPOSES])
    for operation in OPERATIONS:
        rules = [rules.rules.get(operation) for rules in PURPOSES]
        print(
            f"{operation.__name__:16} {'infer':8}", *[f"{rule.__name__ if rule else '':20}" for rule in rules]
        )
        assert operation.infer is not Node.infer
        assert None not in rules
    assert all(set(rules.rules) == set(OPERATIONS) for rules in PURPOSES)


def test_a_hole_is_found_when_the_table_is_made():
    rules = Rules("speed")
    for operation in OPERATIONS[1:]:
        rules.of(operation)(print)
    with pytest.raises(NotImplementedError, match=f"speed: no rule for {OPERATIONS[0].__name__}$"):
        rules.require_all()
