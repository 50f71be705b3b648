"""`primitive`, which adds a row to the table; the rules of a user's row are checked."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from ..errors import GraphError
from .numerics import constant, element_by_element
from .primitive import ANY, TABLE, Interval, Point, Primitive, is_own

__all__ = ["primitive"]


def primitive(
    partials: Callable[..., Any] | tuple[float, ...],
    *,
    name: str | None = None,
    array: Callable[..., Any] | None = None,
    symbol: str | None = None,
    vectors: tuple[int, ...] = (),
    select: Callable[..., int] | None = None,
    index: int | None = None,
    domain: tuple[Interval, ...] = (ANY,),
    kinks: Mapping[Point, Point] | None = None,
    exact: bool = False,
    method: str = "",
    expansion: Callable[..., Any] | None = None,
    textbook: Callable[..., Sequence[Any]] | None = None,
    latex: str = "",
    sheet: str | Callable[..., Any] | None = None,
    native: Callable[..., Any] | None = None,
    ufunc: Callable[..., Any] | None = None,
) -> Callable[[Callable[..., float]], Primitive]:
    """Add a row to the table: decorate the forward rule, give the partials beside it.

    Parameters
    ----------
    partials : ``partials(y, *args)`` returns the derivative of the output `y` by each argument: a tuple
        with one entry for each, or the entry itself for a single argument. Write it in arithmetic and
        other primitives, without ``if``, ``math.`` or ``np.``; then derivatives of every order follow.
        Partials that are constants, as those of a sum, may be given as a tuple.
    name : the row's name; by default the function's.
    array : the rule on arrays; by default the forward rule, applied element by element.
    symbol, vectors, select, index, domain, kinks, exact, method, expansion, textbook, latex, sheet, native,
    ufunc : see `Primitive`.

    Returns
    -------
    A decorator that turns the forward rule into a `Primitive`, callable on floats and on `Value`s.

    Raises
    ------
    ValueError : if the name is already in the table.
    TypeError : if `partials` is not callable.

    Examples
    --------
    >>> from autograd import Value, primitive
    >>> @primitive(partials=lambda y, x: 3 * x * x)
    ... def cube(x):
    ...     return x * x * x
    >>> x = Value(2.0)
    >>> cube(x).backward()
    >>> x.grad
    12.0
    """
    facts: dict[str, Any] = dict(locals())  # the arguments, by the row's attributes
    if not callable(partials) and not isinstance(partials, tuple):
        raise TypeError(
            f"partials must be a function partials(y, *args), got {type(partials).__name__}: "
            "write @primitive(partials=lambda y, x: ...) above the forward rule"
        )
    for what, kind in (("name", str), ("symbol", str), ("vectors", tuple)):
        given = facts[what]
        if not isinstance(given, kind | None):
            raise TypeError(f"{what} must be a {kind.__name__}, got {type(given).__name__}: {given!r:.60}")
    for what in ("array", "select", "expansion", "native"):
        if facts[what] is not None and not callable(facts[what]):
            raise TypeError(
                f"{what} must be a function, got {type(facts[what]).__name__}: {facts[what]!r:.60}"
            )

    def add_row(forward: Callable[..., float]) -> Primitive:
        if not callable(forward):
            raise TypeError(
                "primitive decorates a function, the forward rule, "
                f"got {type(forward).__name__}: {forward!r:.60}"
            )
        title = name or forward.__name__
        if title in TABLE:
            raise ValueError(f"a primitive named {title!r} is in the table already; choose another name")
        TABLE[title] = row = Primitive(
            **facts
            | {
                "name": title,
                "forward": forward,
                "partials": _as_rule(partials, forward, title),
                "array": array or element_by_element(forward, vectors),
                "symbol": symbol or title,
                "kinks": kinks or {},
                "ufunc": ufunc or (array if isinstance(array, np.ufunc) else None),
            }
        )
        # For help(), doctest and inspect.signature().
        vars(row).update(
            __doc__=forward.__doc__, __wrapped__=forward, __module__=forward.__module__, __name__=title
        )
        return row

    return add_row


def _as_rule(partials: Any, forward: Callable[..., Any], title: str) -> Callable[..., Sequence[Any]]:
    """The partials as a function that returns a tuple; those of a user's rule are checked at each call."""
    if isinstance(partials, tuple):
        if len(partials) != len(inspect.signature(forward).parameters):
            raise ValueError(f"partials of {title} must be one for each argument, got {partials!r:.60}")
        return constant(partials)
    rule: Callable[..., Any] = partials
    if is_own(rule):
        return rule

    @functools.wraps(rule)
    def checked(y: Any, *args: Any) -> Sequence[Any]:
        found = rule(y, *args)
        found = found if isinstance(found, tuple) else (found,)
        if len(found) < len(args):
            raise TypeError(f"partials of {title} gave {len(found)} for {len(args)} arguments")
        for partial in found:
            if isinstance(partial, str) or partial is None:
                raise TypeError(
                    f"partials of {title} must be numbers, got {type(partial).__name__}: {partial!r:.60}"
                )
        if hasattr(y, "_number"):
            with suppress(ArithmeticError, ValueError):  # arrays decide then, which do not raise
                right = rule(*map(_numbers, (y, *args)))
                _require_same(title, found, right if isinstance(right, tuple) else (right,))
        return found

    return checked


def _require_same(title: str, on_nodes: Sequence[Any], on_numbers: Sequence[Any]) -> None:
    """A rule that compares by ``==`` takes another branch on nodes, without a word."""
    for found, right in zip(map(_numbers, on_nodes), on_numbers):
        if not np.allclose(found, right, 1e-6, 0.0, equal_nan=True):
            raise GraphError(
                f"a partial of {title} is {right} on numbers, but {found} on nodes, for which == asks if "
                "they are the same node: write the branch as where(...), or with < and >"
            )


def _numbers(operand: Any) -> Any:
    """The number of a node, a list of them for a sequence."""
    if isinstance(operand, (list, tuple)):
        return [_numbers(each) for each in operand]
    return getattr(operand, "_number", operand)
