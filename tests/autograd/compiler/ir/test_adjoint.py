"""The adjoint program; what it computes is compared with the eager engine in tests/agreement."""

from autograd import (
    Value,
)
from autograd.compiler.frontend.capture import capture
from autograd.compiler.frontend.vectorize import vectorize
from autograd.compiler.ir.adjoint import gradient


def test_the_gradient_by_parameters_that_do_not_count_is_0():
    x = Value(1.0)
    (output,) = vectorize(capture([x], [Value(2.0)], [x]))
    assert gradient(output).data.tolist() == [0.0]
