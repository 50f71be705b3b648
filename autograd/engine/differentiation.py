"""Derivatives of functions: gradients, Jacobians, Hessians and directional derivatives, of any order.

Each takes a function, records it once and sweeps the graph; no `.grad` is read or written anywhere. They
return floats, or with ``create_graph=True`` recorded graphs, as `grad` does.

A function is differentiated by its arguments, whatever else it uses. Here the inner derivative is by y,
at y = x, with x itself held constant; it is 1, not 2, and the outer one is 1:

>>> from autograd import Value, jacobian
>>> def outer(x):
...     (inner,) = jacobian(lambda y: x + y, [x], create_graph=True)
...     return x * inner
>>> jacobian(outer, [1.0])
[1.0]
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..errors import GraphError
from .arguments import Number, is_number, number
from .gradient import grad
from .linearization import Linearization
from .modes import told_of_result
from .value import Value

__all__ = ["hessian", "hvp", "jacobian", "jvp", "value_and_grad"]

Inputs = Value | Number | Iterable[Value | Number]


def value_and_grad(f: Callable[..., Any], create_graph: bool = False) -> Callable[..., tuple[Any, list[Any]]]:
    """The function that gives the value of `f` and its gradient, from one forward and one reverse sweep.

    Parameters
    ----------
    f : a function of numbers, each an argument of its own, that returns one `Value`.
    create_graph : whether value and gradient are `Value`s, recorded from the inputs on.

    Returns
    -------
    A function of the same arguments, numbers or `Value`s, that returns ``(value, gradient)``: a float and
    a list of one float for each argument, or with `create_graph` `Value`s. It has the name of `f`.

    Raises
    ------
    TypeError : if `f` cannot be called; when called, if an argument is not a number or a `Value`, or `f`
        returns anything but one `Value` or number.

    Examples
    --------
    >>> from autograd import value_and_grad
    >>> value_and_grad(lambda x, y: x * y + x)(2.0, 3.0)
    (8.0, [4.0, 2.0])
    """
    what = "value_and_grad"
    require_function(what, f)

    @functools.wraps(f)
    def with_gradient(*inputs: Any) -> tuple[Any, list[Any]]:
        variables = variables_of(what, inputs, create_graph)
        value = _one_output(what, f(*variables))
        gradient = Linearization(variables, [value], create_graph).pull(value)
        return (value if create_graph else value.data), gradient

    return with_gradient


def jacobian(f: Callable[..., Any], inputs: Inputs, create_graph: bool = False) -> list[Any]:
    """The Jacobian matrix of `f`: J[i][j] = ∂fᵢ/∂xⱼ.

    The graph is recorded once and swept once for each output, in reverse, or once for each input,
    forward, whichever is fewer.

    Parameters
    ----------
    f : a function of n numbers, each an argument of its own, that returns a `Value` or a sequence of m.
    inputs : the n numbers or `Value`s to differentiate by, and at; one alone counts as a list of one.
    create_graph : whether the derivatives are recorded, connected to the inputs that are `Value`s.

    Returns
    -------
    A list of m rows, each a list of n floats, or with `create_graph` of n `Value`s. If `f` returns a
    single `Value` and not a sequence, its row alone: the gradient.

    Raises
    ------
    TypeError : if an input is not a number or a `Value`, or `f` returns anything else, such as ``None``
        or a nested list.

    Source: Griewank and Walther 2008, Evaluating Derivatives, chapter 3.

    Examples
    --------
    >>> from autograd import jacobian
    >>> jacobian(lambda x, y: [x * y, x + y, y * y], [2.0, 3.0])
    [[3.0, 2.0], [1.0, 1.0], [0.0, 6.0]]
    >>> jacobian(lambda x, y: x * y, [2.0, 3.0])
    [3.0, 2.0]
    """
    return _jacobian("jacobian", f, inputs, create_graph)


def hessian(f: Callable[..., Any], inputs: Inputs, create_graph: bool = False) -> list[list[Any]]:
    """The matrix of second derivatives of `f`: H[i][j] = ∂²f/∂xᵢ∂xⱼ, the Jacobian of the gradient.

    Parameters
    ----------
    f : a function of n numbers, each an argument of its own, that returns one `Value`.
    inputs : the n numbers or `Value`s to differentiate by, and at; one alone counts as a list of one.
    create_graph : whether the derivatives are recorded, connected to the inputs that are `Value`s.

    Returns
    -------
    A list of n rows of n floats, or with `create_graph` `Value`s.

    Raises
    ------
    TypeError : if an input is not a number or a `Value`, or `f` returns anything but one `Value` or number.

    Examples
    --------
    >>> from autograd import hessian
    >>> hessian(lambda x, y: x * x * y, [2.0, 3.0])
    [[6.0, 4.0], [4.0, 0.0]]
    """
    return _jacobian("hessian", _gradient_of("hessian", f), inputs, create_graph)


def jvp(
    f: Callable[..., Any],
    inputs: Inputs,
    tangents: Inputs,
    create_graph: bool = False,
) -> tuple[Any, Any]:
    """The value of `f` and its derivative along a direction, J·ẋ, by forward mode.

    One pass in the order of recording carries ẏ = Σ ∂y/∂aᵢ · ȧᵢ from each node's operands to the node. It
    costs as much as a gradient, however many outputs there are.

    Parameters
    ----------
    f : a function of n numbers, each an argument of its own, that returns a `Value` or a sequence of them.
    inputs : n numbers or `Value`s; one alone counts as a list of one.
    tangents : the direction ẋ, one number or `Value` for each input. An input whose tangent is the number
        0 is held constant, so that an infinite derivative by it does no harm.
    create_graph : whether the results are recorded, connected to inputs and tangents that are `Value`s.

    Returns
    -------
    ``(output, tangent)``: two floats, or two lists if `f` returns a sequence; with `create_graph` `Value`s.

    Raises
    ------
    ValueError : if there are not as many tangents as inputs.
    TypeError : if one of them is not a number or a `Value`, or `f` returns anything else.

    Source: Griewank and Walther 2008, Evaluating Derivatives, section 3.1.

    Examples
    --------
    >>> from autograd import jvp
    >>> jvp(lambda x, y: x * y, [2.0, 3.0], [1.0, 10.0])
    (6.0, 23.0)
    """
    return _jvp("jvp", f, inputs, tangents, create_graph)


def hvp(f: Callable[..., Any], inputs: Inputs, vector: Inputs, create_graph: bool = False) -> list[Any]:
    """The Hessian of `f` times a vector, H·v, without the matrix: forward mode over reverse mode.

    The product is the derivative of the gradient along v. It costs a small multiple of one gradient.

    Parameters
    ----------
    f : a function of n numbers, each an argument of its own, that returns one `Value`.
    inputs : n numbers or `Value`s; one alone counts as a list of one.
    vector : v, one number or `Value` for each input.
    create_graph : whether the products are recorded, connected to inputs and vector.

    Returns
    -------
    A list of n floats, or with `create_graph` `Value`s.

    Raises
    ------
    ValueError : if `vector` is not as long as `inputs`.
    TypeError : if one of them is not a number or a `Value`, or `f` returns anything but one `Value` or
        number.

    Source: Pearlmutter 1994, Fast exact multiplication by the Hessian, Neural Computation 6, 147-160.

    Examples
    --------
    >>> from autograd import hvp
    >>> hvp(lambda x, y: x * x * y, [2.0, 3.0], [1.0, 1.0])
    [10.0, 4.0]
    """
    _, product = _jvp("hvp", _gradient_of("hvp", f), inputs, vector, create_graph)
    return list(product)


def _jacobian(what: str, f: Callable[..., Any], inputs: Any, create_graph: bool) -> list[Any]:
    variables, outputs, several = _record(what, f, inputs, create_graph)
    n, m = len(variables), len(outputs)
    derivative = Linearization(variables, outputs, create_graph, keep=min(n, m) > 1)
    if m <= n:
        rows = [derivative.pull(output) for output in outputs]
    else:
        columns = [derivative.push([float(i == j) for i in range(n)]) for j in range(n)]
        rows = [[column[i] for column in columns] for i in range(m)]
    return rows if several else rows[0]


def _jvp(what: str, f: Callable[..., Any], inputs: Any, tangents: Any, create_graph: bool) -> tuple[Any, Any]:
    directions = numbers_of(what, "tangents", tangents)
    variables, outputs, several = _record(what, f, inputs, create_graph)
    if len(directions) != len(variables):
        raise ValueError(
            f"{what} needs one tangent for each input, got {len(directions)} for {len(variables)} inputs"
        )
    if not create_graph:
        directions = list(map(float, directions))
    slopes = Linearization(variables, outputs, create_graph).push(directions)
    values = outputs if create_graph else [output.data for output in outputs]
    return (values, slopes) if several else (values[0], slopes[0])


def _gradient_of(what: str, f: Callable[..., Any]) -> Callable[..., list[Any]]:
    require_function(what, f)

    def gradient(*variables: Value) -> list[Any]:
        return grad(_one_output(what, f(*variables)), variables, create_graph=True)

    return gradient


# --- functions of numbers as graphs ----------------------------------------------------------------


def _record(
    what: str, f: Callable[..., Any], inputs: Any, create_graph: bool
) -> tuple[list[Value], list[Value], bool]:
    """Call `f`; returns its arguments, its outputs, and whether it returned a sequence."""
    require_function(what, f)
    variables = variables_of(what, numbers_of(what, "inputs", inputs), create_graph)
    return variables, *outputs_of(what, f(*variables))


def variables_of(what: str, inputs: Iterable[Any], create_graph: bool) -> list[Value]:
    """A new node for each input, so that `f` is differentiated by its arguments and nothing else.

    `f` may use the given `Value` elsewhere too, and the same one may be given twice.
    """
    if (Value(0.0) + 0.0).primitive is None:
        raise GraphError(f"{what} differentiates what it records, and within no_grad() nothing is recorded")
    variables = []
    for given in inputs:
        if not isinstance(given, Value):
            variable = Value(number(given, f"{what}: each input"))
        elif create_graph:
            variable = given - 0.0  # exact for every number, −0 too
            variable.label = given.label
        else:
            told_of_result(given, f"{what}()")
            variable = given.detach()
        variables.append(variable)
    return variables


def numbers_of(what: str, which: str, given: Any) -> list[Any]:
    """The numbers and `Value`s of a sequence; one alone is a sequence of one."""
    if isinstance(given, Value) or is_number(given):
        return [given]
    if not isinstance(given, Iterable) or isinstance(given, str) or getattr(given, "ndim", 1) != 1:
        raise TypeError(
            f"{what}: {which} must be a sequence of numbers or Values, "
            f"got {type(given).__name__}: {given!r:.60}"
        )
    return [each if isinstance(each, Value) else number(each, f"{what}: each of {which}") for each in given]


def outputs_of(what: str, result: Any) -> tuple[list[Value], bool]:
    """The outputs of a function as `Value`s, and whether it returned a sequence."""
    if not is_sequence(result):
        return [as_output(what, result, "")], False
    return [as_output(what, each, f" as output {i}") for i, each in enumerate(result)], True


def is_sequence(result: Any) -> bool:
    return isinstance(result, (list, tuple)) or (isinstance(result, np.ndarray) and result.ndim > 0)


def as_output(what: str, output: Any, where: str) -> Value:
    if isinstance(output, Value):
        return output
    if is_number(output):
        return Value(output)
    raise TypeError(
        f"{what}: f must return a Value or a flat sequence of Values, got {type(output).__name__}{where}: "
        f"{output!r:.60}"
    )


def _one_output(what: str, output: Any) -> Value:
    if is_sequence(output):
        raise TypeError(
            f"{what}: f must return one Value, got a {type(output).__name__} of {len(output)}: "
            "use jacobian for several outputs"
        )
    return as_output(what, output, "")


def require_function(what: str, f: Any) -> None:
    if not callable(f):
        raise TypeError(
            f"{what}: f must be a function of numbers that returns a Value, got {type(f).__name__}: {f!r:.60}"
        )
