"""`check_engine`: each operation of a student's own `Value`, its derivative, and the backward sweep."""

from __future__ import annotations

import functools
import inspect
import math
import operator
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..engine.arguments import is_number
from ..engine.gradient import grad
from ..engine.primitive import Primitive
from ..engine.primitives import TABLE, sigmoid
from ..engine.value import Value
from ..spreadsheet.expected import evaluate
from ..spreadsheet.mutations import reshaped, written
from ..symbolic import Apply, Expression, Number, Symbol
from ..terminal import brief
from ..verify.finite_differences import finite_differences
from .formulas import exchanges
from .report import HandwrittenReport, Mistake

__all__ = ["check_engine"]

_NEAR, _SINGLE = 1e-6, 1e-5  # relative, of double and single precision: forward rules differ in last digits
_POINTS = (-2.3, -1.1, -0.4, 0.3, 0.9, 1.7)
_POSITIVE = (0.2, 0.5, 0.9, 1.4, 2.6, 3.3)
_PARTS = (0.03, 0.21, 0.39, 0.58, 0.77, 0.96)  # of an interval
_CHAIN = (1_000, 20_000)
_EXPONENTS = (2, 3, -1, 0.5)
_PLAIN_NAMES = {name.replace("_", ""): name for name, row in TABLE.items() if not row.vectors}
_ALIASES = {"swish": "silu", "logistic": "sigmoid", "ln": "log"}
_VARIANTS = {"gelu": ("gelu", "gelu_tanh")}
_IDENTITIES = {"identity()", "linear()", "sum()", "mean()"}  # another identity may be meant as a copy
_FAILS = (Exception, SystemExit)  # what a program of a student may do
_NOT_OPERATIONS = {
    "backward",
    "zero_grad",
    "item",
    "detach",
    "copy",
    "clone",
    "build_topo",
    "topo",
    "data",
    "grad",
}
_BASIC = ("a * b", "a + b", "a ** -1")  # what others are often made of
_OPERATORS: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "+": ("add", lambda a, b: a + b),
    "-": ("sub", lambda a, b: a - b),
    "*": ("mul", lambda a, b: a * b),
    "/": ("div", lambda a, b: a / b),
}
_WITH_NUMBERS = {f"{a} {sign} {b}" for sign in _OPERATORS for a, b in (("a", "2"), ("2", "a"))}
_DERIVED = {"a - b", "a / b", "-a", *_WITH_NUMBERS}

Make = Callable[[float], Any]


@dataclass(frozen=True)
class _Form:
    """A definition of a function: of our `Value`s, and its derivatives as people write them."""

    apply: Callable[..., Any]
    rules: tuple[Callable[..., Any], ...] = ()

    @classmethod
    def of(cls, row: Primitive, apply: Callable[..., Any] | None = None) -> _Form:
        return cls(apply or row, tuple(rule for rule in (row.textbook, row.partials) if rule is not None))


def _gated(x: Any) -> Any:
    """The other approximation of Hendrycks and Gimpel (2016) to gelu."""
    return x * sigmoid(1.702 * x)


def _gated_slope(y: Any, x: Any) -> tuple[Any]:
    gate = sigmoid(1.702 * x)
    return (gate + 1.702 * x * gate * (1.0 - gate),)


_OTHERS = {"gelu": (_Form(_gated, (_gated_slope,)),)}


@dataclass(frozen=True)
class _Operation:
    """An operation of an engine, as a function of leaves; `ours` are its usual definitions."""

    name: str
    apply: Callable[..., Any]
    ours: tuple[_Form, ...]
    points: Sequence[tuple[float, ...]]


def check_engine(value_class: Make) -> HandwrittenReport:
    """Try a student's own scalar engine, such as micrograd's or microgpt's `Value`.

    Each operation of the class is compared on points of its domain: its value with ours, its derivative by a
    backward pass with ours, or with difference quotients of its own values where we have no such function.
    Then what all operations share: a node used twice, the order of the sweep, a second pass, long chains.

    Parameters
    ----------
    value_class : makes a leaf from a number. Leaves and results have ``.data``, ``.grad`` and
        ``.backward()``, the operators, and methods such as ``tanh()``. Data and gradients are numbers, arrays
        of one number, or `Value`s themselves.

    Returns
    -------
    A `HandwrittenReport`: true if every operation is right. Missing operations and matters of taste
    (recursion, a second backward pass) are notes.

    Raises
    ------
    TypeError : if `value_class` cannot be called with a number, or its leaves lack data, grad or backward.

    Examples
    --------
    >>> from autograd import Value, check_engine
    >>> bool(check_engine(Value))
    True
    """
    make = _maker(value_class)
    title = f"check_engine of {getattr(value_class, '__name__', 'the class')}"
    right: list[str] = []
    mistakes: list[Mistake] = []
    notes: list[str] = []
    lacking: list[str] = []
    apart = _tells_apart(make)
    for operation in _operations(make):
        # Sums and products are tried by each other, all others by those that are right.
        own = {"a + b": {"a + b", "a * b"}, "a * b": {"a * b"}}.get(operation.name, set())
        found = _tried(make, operation, own.union(right) if apart else ())
        if isinstance(found, str):
            notes.append(f"{operation.name}: {found}")
        elif found is None:
            right.append(operation.name)
        elif found.kind == "error" and operation.name in _WITH_NUMBERS:
            lacking.append(operation.name)  # its operators take no plain numbers
        else:
            mistakes.append(found)
    wrong = {name for each in mistakes for name in each.names}
    binary = (f"a {sign} b" for sign in _OPERATORS)
    missing = [*(name for name in binary if name not in wrong.union(right)), *lacking]
    if missing:
        notes.append(f"not there: {', '.join(missing)}")
    if not apart:
        mistakes.append(Mistake(("equal numbers",), "shared", _TAKEN_FOR_ONE))
    elif "a + b" in right and "a * b" in right:
        for name, trial in _SHARED.items():
            outcome = _without_error(name, trial, make)
            if isinstance(outcome, Mistake):
                mistakes.append(outcome)
            elif outcome:
                notes.append(outcome)
            else:
                right.append(name)
    causes = [name for name in _BASIC if any(name in each.names for each in mistakes)]
    derived = [each for each in mistakes if causes and each.names[0] in _DERIVED]
    follows = {
        each.names[0]: f"perhaps only because of {causes[0]}, if it is made of that" for each in derived
    }
    mistakes = _merged([each for each in mistakes if each not in derived])
    return HandwrittenReport(title, right, mistakes, follows, notes)


_TAKEN_FOR_ONE = (
    "two nodes with the same number are taken for one, and a gradient is lost: __eq__ and __hash__ compare "
    "data, so a set holds one of them"
)


def _tells_apart(make: Make) -> bool:
    """Whether two nodes may have the same number."""
    try:
        return len({make(2.0), make(2.0)}) == 2
    except TypeError:  # not to be put into a set
        return True


def _merged(mistakes: Sequence[Mistake]) -> list[Mistake]:
    """The same slip in several operations once."""
    found: dict[tuple[str, str], Mistake] = {}
    for each in mistakes:
        key = (each.kind or each.names[0], each.words)
        first = found.setdefault(key, each)
        if first is not each:
            found[key] = replace(first, names=(*first.names, *each.names))
    return list(found.values())


def _maker(value_class: Any) -> Make:
    if not callable(value_class):
        raise TypeError(
            f"check_engine takes the class itself, got {type(value_class).__name__}: {value_class!r:.60}"
        )
    try:
        leaf = value_class(2.0)
    except _FAILS as error:
        raise TypeError(f"check_engine: {value_class!r:.60} cannot be called with 2.0: {error}") from error
    for name in ("data", "grad", "backward"):
        if not hasattr(leaf, name):
            raise TypeError(
                f"check_engine: what {value_class!r:.60} makes needs .data, .grad and .backward(), and has "
                f"no .{name}"
            )
    if getattr(leaf, "requires_grad", None) is False:  # as torch's tensors
        return functools.partial(value_class, requires_grad=True)
    made: Make = value_class
    return made


def _number(given: Any) -> float | None:
    """The number in a number, an array of one, or a `Value`; None for anything else."""
    if not isinstance(given, np.ndarray) and not is_number(given):
        given = getattr(given, "data", None)
    if isinstance(given, np.ndarray) and given.size == 1:
        given = given.item()
    return float(given) if is_number(given) else None


# --- what there is to try ------------------------------------------------------------------------------


def _operations(make: Make) -> Iterator[_Operation]:
    kind = type(make(0.5))
    one = [(a,) for a in _POINTS]
    pairs = list(zip(_POINTS, (*_POSITIVE[3:], -0.7, -1.6, 0.8)))
    there = {
        sign: hasattr(kind, f"__{'truediv' if row == 'div' else row}__")
        for sign, (row, _) in _OPERATORS.items()
    }
    for sign, (row, function) in _OPERATORS.items():
        if there[sign]:
            yield _Operation(f"a {sign} b", function, (_Form.of(TABLE[row], function),), pairs)
    if hasattr(kind, "__neg__"):
        yield _Operation("-a", operator.neg, (_Form.of(TABLE["neg"], operator.neg),), one)
    plain: list[tuple[str, Any, Any]] = []
    for n in _EXPONENTS if hasattr(kind, "__pow__") else ():
        plain.append((f"a ** {n}", lambda a, n=n: a**n, one if n == int(n) else [(a,) for a in _POSITIVE]))
    for sign, (_, function) in _OPERATORS.items():
        if there[sign]:
            plain.append((f"a {sign} 2", lambda a, f=function: f(a, 2), one))
            plain.append((f"2 {sign} a", lambda a, f=function: f(2, a), one))
    for name, of_one, points in plain:
        yield _Operation(name, of_one, (_Form(of_one),), points)
    for name in dir(kind):
        if not name.startswith("_") and name not in _NOT_OPERATIONS and _is_operation(make, kind, name):
            ours = _row_name(name)
            rows = [TABLE[each] for each in _VARIANTS.get(ours, (ours,)) if each in TABLE]
            tried = _points(rows[0]) if rows else _points_of(make, name)
            forms = (*map(_Form.of, rows), *_OTHERS.get(ours, ()))
            yield _Operation(f"{name}()", operator.methodcaller(name), forms, [(a,) for a in tried])


def _row_name(method: str) -> str:
    """The name of our row for a student's method, such as reLU or arctan; ``""`` for none of one operand."""
    plain = method.casefold().replace("_", "")
    name = _ALIASES.get(plain) or _PLAIN_NAMES.get(plain) or _PLAIN_NAMES.get(plain.replace("arc", "a"), "")
    return name if name and len(TABLE[name].domain) == 1 else ""


def _is_operation(make: Make, kind: type, name: str) -> bool:
    """Whether a method without arguments gives another such object, and always the same number."""
    method = inspect.getattr_static(kind, name, None)
    if not callable(method) or isinstance(method, (type, classmethod, staticmethod)):
        return False
    leaf = make(0.5)
    try:
        result, again = getattr(leaf, name)(), getattr(make(0.5), name)()
    except TypeError:  # it takes arguments
        return False
    except _FAILS:
        return bool(_row_name(name))  # it is tried, and its error told
    same = type(result) is kind and result is not leaf
    return same and repr(_number(result.data)) == repr(_number(again.data))


def _points_of(make: Make, name: str) -> list[float]:
    """Numbers on either side of 0 at which a method without a row is a number."""
    found = []
    for x in sorted({*_POINTS, *_POSITIVE}):
        with suppress(*_FAILS), np.errstate(all="ignore"):
            value = _number(getattr(make(x), name)().data)
            if value is not None and math.isfinite(value):
                found.append(x)
    return found or list(_POSITIVE)


def _points(row: Primitive) -> list[float]:
    """Numbers of the row's domain, on no kink."""
    low, high = max(row.domain[0][0], -2.3), min(row.domain[0][1], 3.3)
    return [low + part * (high - low) for part in _PARTS]


# --- one operation -------------------------------------------------------------------------------------


def _tried(make: Make, operation: _Operation, sound: Collection[str]) -> Mistake | str | None:
    """The mistake in an operation, None for none, or a note if it cannot be told.

    `sound` are the operations that may show whether gradients are added up.
    """
    name = (operation.name,)
    values, slopes, single = [], [], False
    for point in operation.points:
        try:
            data, gradients = _data_and_gradients(make, operation.apply, point)
        except _FAILS as error:
            return _raised(operation.name, error, _at(point))
        numbers = [_number(data), *(0.0 if each is None else _number(each) for each in gradients)]
        known = [number for number in numbers if number is not None]
        if len(known) < len(numbers):
            return Mistake(name, "not a number", f"its data and gradients are no numbers: {data!r:.40}")
        values.append(known[0])
        slopes.append(known[1:])
        single |= str(getattr(data, "dtype", "")) in ("float32", "float16")
    near = _SINGLE if single else _NEAR
    expected: list[list[float]] | None = None
    form: _Form | None = None
    ours = [(each, *_ours(each.apply, operation.points)) for each in operation.ours]
    if ours:
        form, found, slopes_of_it = min(
            ours, key=lambda each: float(np.abs(np.subtract(values, each[1])).max())
        )
        if not np.allclose(values, found, rtol=1e-3, atol=1e-3):  # an approximation counts
            place = int(np.abs(np.subtract(values, found)).argmax())
            words = f"its value at {_at(operation.points[place])[3:]} is wrong"
            return Mistake(name, "value", words, (), values[place], found[place])
        if np.allclose(values, found, rtol=near, atol=near if single else 1e-12):
            expected = slopes_of_it
    if expected is None:
        near, expected = (
            (1e-2 if single else 1e-4),
            _by_differences(make, operation, 1e-6 if single else 1e-15),
        )
    if expected is None:
        return "its derivative could not be told from its values"
    given, right = np.array(slopes), np.array(expected)
    wrong = np.abs(given - right) > near * np.maximum(1.0, np.abs(right))
    if not wrong.any():
        return _accumulates(make, operation, sound)
    copied = np.allclose(np.array(values)[:, None], operation.points) and not given.any()
    if copied and not ours and operation.name not in _IDENTITIES:
        return "it gives the same number, and nothing comes back from it: right if a copy is meant"
    place, which = (int(i) for i in np.unravel_index(int(wrong.argmax()), wrong.shape))
    near = _SINGLE if single else _NEAR
    kind, words = _slip(operation, form, which, given[:, which], right[:, which], np.array(values), near)
    by = f" by {'ab'[which]}" if right.shape[1] > 1 else ""
    told = f"its derivative{by} is wrong{': ' if words else ''}{words}"
    numbers_there = given[place, which], right[place, which]
    at = _at(operation.points[place])
    return Mistake(name, kind, told, (), *numbers_there, int(wrong.sum()), 1, at)


def _at(point: Sequence[float]) -> str:
    return f"at {', '.join(f'{each:g}' for each in point)}"


def _raised(name: str, error: BaseException, remark: str = "") -> Mistake:
    words = f"it raises {type(error).__name__}: {brief(error, 120)}"
    return Mistake((name,), "error", words, remark=remark)


def _data_and_gradients(
    make: Make, apply: Callable[..., Any], point: Sequence[float]
) -> tuple[Any, list[Any]]:
    leaves = [make(each) for each in point]
    result = apply(*leaves)
    result.backward()
    return result.data, [leaf.grad for leaf in leaves]


def _ours(
    function: Callable[..., Any], points: Sequence[tuple[float, ...]]
) -> tuple[list[float], list[list[float]]]:
    values, slopes = [], []
    for point in points:
        leaves = [Value(each) for each in point]
        result = function(*leaves)
        values.append(result.data)
        slopes.append([float(each) for each in grad(result, leaves)])
    return values, slopes


def _by_differences(make: Make, operation: _Operation, noise: float) -> list[list[float]] | None:
    """The derivatives by difference quotients of the engine's own values, each `noise` off; None for none."""
    found = []
    for point in operation.points:
        row = []
        for i, x in enumerate(point):

            def moved(x: float, i: int = i, point: tuple[float, ...] = point) -> list[float]:
                with suppress(*_FAILS):
                    leaves = [make(each) for each in (*point[:i], x, *point[i + 1 :])]
                    value = _number(operation.apply(*leaves).data)
                    return [math.nan if value is None else value]
                return [math.nan]  # the step left its domain

            estimate = finite_differences(moved, x, [noise])[0].derivative
            if estimate is None:
                return None
            row.append(estimate.value)
        found.append(row)
    return found


_NOT_HANDED_ON = "the gradient that comes in (out.grad) is left out"
_OVERWRITTEN = "the gradient is overwritten (=) where it is to be added (+=)"


def _accumulates(make: Make, operation: _Operation, sound: Collection[str]) -> Mistake | None:
    """Whether 3 times a result has 3 times its gradient, and the sum of two results twice.

    Only a sum and a product that are right themselves tell.
    """
    point = operation.points[-1]
    once = _leaves_after(make, point, lambda a: operation.apply(*a), True)
    for times, kind, words, basic, function in (
        (3, "factor", _NOT_HANDED_ON, "a * b", lambda a: operation.apply(*a) * make(3.0)),
        (2, "overwritten", _OVERWRITTEN, "a + b", lambda a: operation.apply(*a) + operation.apply(*a)),
    ):
        for one, several in zip(once, _leaves_after(make, point, function, basic in sound)):
            if one and abs(several - one) < 1e-9 * abs(one):
                return Mistake((operation.name,), kind, words, (), several, times * one)
    return None


def _leaves_after(
    make: Make, point: Sequence[float], function: Callable[[list[Any]], Any], sound: bool
) -> list[float]:
    """The gradients of the leaves of a graph; none if it is made of unsound operations, or fails."""
    with suppress(*_FAILS):
        if sound:
            _, gradients = _data_and_gradients(make, lambda *leaves: function(list(leaves)), point)
            return [_number(each) or 0.0 for each in gradients]
    return []


# --- which slip ----------------------------------------------------------------------------------------


def _slip(
    operation: _Operation, form: _Form | None, which: int, given: Any, right: Any, values: Any, near: float
) -> tuple[str, str]:
    """The slip in a derivative, by the derivative with one thing changed: its kind and words."""
    columns = np.array(operation.points).T
    arrays: dict[str, Any] = dict(zip("ab" if len(columns) > 1 else "x", columns)) | {"y": values}
    exponent = operation.name.partition(" ** ")[2]
    if exponent:
        arrays["n"] = np.full(len(values), float(exponent))
    with np.errstate(all="ignore"):
        fitting = [
            (cost, kind, words)
            for words, found, cost, kind in _otherwise(form, which, right, arrays)
            if np.allclose(given, found, rtol=near, atol=1e-3 * near)
        ]
    return min(fitting, key=lambda each: each[0])[1:] if fitting else ("", "")


def _otherwise(
    form: _Form | None, which: int, right: Any, arrays: dict[str, Any]
) -> Iterator[tuple[str, Any, float, str]]:
    odd = 0.3 if "n" in arrays else 0.0  # of a power, where a factor may be its exponent
    yield "it is 0: nothing comes back", 0.0 * right, 1.0, "path"
    yield "it is the constant 1", 0.0 * right + 1.0, 1.0, "derivative"
    yield "it has the wrong sign", -right, 1.0 + odd, "sign"
    yield "it counts twice", 2.0 * right, 1.05 + odd, "factor"
    yield "it counts half", 0.5 * right, 1.05 + odd, "factor"
    for name, numbers in arrays.items():
        what = {"y": "the value itself", "n": "the exponent itself"}.get(name, f"{name} itself")
        yield f"it is {what}", 0.0 * right + numbers, 1.05 + odd, "derivative"
    if len(arrays) == 2:
        x = arrays["x"]
        for name in ("relu", "sigmoid", "tanh", "exp", "softplus", "gelu", "silu"):
            row = TABLE[name]
            if form is None or form.apply is not row:
                with np.errstate(all="ignore"):
                    slope = row.partials(row.array(x), x)[0]
                yield f"it is the derivative of {name}", 0.0 * right + slope, 1.1, "derivative"
    for formula in _formulas(form, which, arrays):
        if not np.allclose(_on(formula, arrays), right, rtol=_SINGLE, atol=_SINGLE):
            continue  # of another definition
        whole = written(formula)
        for mutation in reshaped(formula):
            yield f"in {whole}, {mutation.words}", _on(mutation.formula, arrays), mutation.cost, "derivative"
        for changed, name, other in exchanges(formula, arrays):
            words = f"in {whole}, {other} stands where {name} belongs"
            yield words, _on(changed, arrays), 1.2 + odd, "derivative"


def _formulas(form: _Form | None, which: int, arrays: dict[str, Any]) -> Iterator[Expression]:
    """The right derivative in symbols, in the forms that people write."""
    if "n" in arrays:
        x, n = Symbol("x"), Symbol("n")
        power = Apply(TABLE["pow"], (x, Apply(TABLE["sub"], (n, Number(1.0)))))
        yield Apply(TABLE["mul"], (n, power))
    elif form is not None:
        operands = [Symbol(name) for name in arrays if name != "y"]
        for rule in form.rules:
            slope = rule(Symbol("y"), *operands)[which]
            if isinstance(slope, Expression):
                yield slope


def _on(formula: Expression, arrays: dict[str, Any]) -> Any:
    with np.errstate(all="ignore"):
        return np.broadcast_to(evaluate(formula, arrays), np.shape(arrays["y"]))


# --- what all operations share -------------------------------------------------------------------------


def _diamond(x: Any) -> Any:
    a = x * x
    b = a + x
    return a * b + b


def _ladder(x: Any) -> Any:
    """Short and long ways to the same nodes, in either order of operands."""
    a = x * x
    b = a * x
    c = b * a
    d = c * b + a
    return a * d + d * x + c


def _of_graph(
    name: str, kind: str, words: str, function: Callable[[Any], Any]
) -> Callable[[Make], Mistake | None]:
    """The gradient of a graph of sums and products, compared with ours."""

    def trial(make: Make) -> Mistake | None:
        leaf, own = make(1.3), Value(1.3)
        function(leaf).backward()
        given, right = _number(leaf.grad) or 0.0, float(grad(function(own), [own])[0])
        return None if _close(given, right) else Mistake((name,), kind, words, (), given, right)

    return trial


def _close(given: float | None, right: float) -> bool:
    return given is not None and math.isclose(given, right, rel_tol=_SINGLE)


def _zeroed(make: Make) -> Mistake | None:
    """Gradients cleared between two graphs of the same leaf, as a training does."""
    leaf = make(1.5)
    for _ in range(2):
        leaf.grad = make(1.5).grad
        (leaf * leaf).backward()
    given = _number(leaf.grad)
    if _close(given, 3.0):
        return None
    words = "after x.grad = 0 the next backward pass gives another gradient than the first"
    return Mistake(("zeroed gradients",), "state", words, (), given or 0.0, 3.0)


def _again(make: Make) -> str | None:
    """Two passes over graphs that share a node, without clearing: the leaves add up, or begin anew."""
    leaf = make(3.0)
    y = leaf * leaf
    (y * make(2.0)).backward()
    (y * make(3.0)).backward()
    given = _number(leaf.grad)
    if _close(given, 30.0):
        return None
    if _close(given, 18.0):
        return "a backward pass clears the gradients first, so those of two losses do not add up"
    return (
        f"a second backward pass through the same node adds its old gradient again ({given:g} where 30 "
        "belongs, as in micrograd): record the graph anew for each pass"
    )


def _deep(make: Make) -> Mistake | str | None:
    for length in _CHAIN:
        leaf = make(1.0)
        y = leaf
        try:
            for _ in range(length):
                y = y + leaf
            y.backward()
        except RecursionError:
            return f"a chain of {length:,} operations is too deep for it: the order is found by recursion"
        given = _number(leaf.grad)
        if not _close(given, length + 1.0):
            words = f"after {length:,} additions"
            return Mistake(("long chains",), "order", words, (), given or 0.0, length + 1.0)
    return None


def _without_error(
    name: str, trial: Callable[[Make], Mistake | str | None], make: Make
) -> Mistake | str | None:
    try:
        return trial(make)
    except _FAILS as error:
        return _raised(name, error)


_TWICE = "a node that stands twice counts once"
_WAYS = "what comes back by several ways is not added up"
_ORDER = "a node hands its gradient on before all of it has come in: the order is not topological"
_SHARED: dict[str, Callable[[Make], Mistake | str | None]] = {
    "x + x": _of_graph("x + x", "shared", _TWICE, lambda x: x + x),
    "x * x": _of_graph("x * x", "shared", _TWICE, lambda x: x * x),
    "shared nodes": _of_graph("shared nodes", "shared", _WAYS, _diamond),
    "order": _of_graph("order", "order", _ORDER, _ladder),
    "zeroed gradients": _zeroed,
    "second backward": _again,
    "long chains": _deep,
}
