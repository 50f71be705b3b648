"""`check_engine`: every operation of somebody's own `Value`, its value and its derivative, and the sweep."""

from __future__ import annotations

import math
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

_NEAR = 1e-6  # relative: forward rules differ in their last digits, and some approximate
_POINTS = (-2.3, -1.1, -0.4, 0.3, 0.9, 1.7)
_POSITIVE = (0.2, 0.5, 0.9, 1.4, 2.6, 3.3)
_ALIASES = {"swish": "silu", "logistic": "sigmoid", "ln": "log", "ReLU": "relu", "Tanh": "tanh"}
_VARIANTS = {"gelu": ("gelu", "gelu_tanh")}
_IDENTITIES = {"identity()", "linear()"}  # another that gives the number itself may be meant as a copy
_FAILS = (Exception, SystemExit)  # what a program of a student may do
_PARTS = (0.03, 0.21, 0.39, 0.58, 0.77, 0.96)  # of an interval
_CHAIN = (1_000, 20_000)
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
_CONSTANTS = (2.0, 3.0, -1.0, 0.5)  # exponents
_BASIC = ("a * b", "a + b", "a ** -1")  # what others are often made of
_WITH_NUMBERS = {f"{a} {sign} {b}" for sign in "+-*/" for a, b in (("a", "2"), ("2", "a"))}
_DERIVED = {"a - b", "a / b", "-a", *_WITH_NUMBERS}
_OPERATORS: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "a + b": ("add", lambda a, b: a + b),
    "a - b": ("sub", lambda a, b: a - b),
    "a * b": ("mul", lambda a, b: a * b),
    "a / b": ("div", lambda a, b: a / b),
}


@dataclass(frozen=True)
class _Form:
    """A definition of a function: of our `Value`s, and its derivatives as people write them."""

    apply: Callable[..., Any]
    rules: tuple[Callable[..., Any], ...] = ()

    @classmethod
    def of(cls, row: Primitive) -> _Form:
        return cls(row, tuple(rule for rule in (row.textbook, row.partials) if rule is not None))


def _gated(x: Any) -> Any:
    """The other approximation of Hendrycks and Gimpel (2016) to gelu."""
    return x * sigmoid(1.702 * x)


def _gated_slope(y: Any, x: Any) -> tuple[Any]:
    gate = sigmoid(1.702 * x)
    return (gate + 1.702 * x * gate * (1.0 - gate),)


_OTHERS = {"gelu": (_Form(_gated, (_gated_slope,)),)}


@dataclass(frozen=True)
class _Operation:
    """Something that an engine can do, as a function of leaves.

    Attributes
    ----------
    ours : the same function in its usual definitions; none for what we do not have.
    """

    name: str
    apply: Callable[..., Any]
    ours: tuple[_Form, ...]
    points: Sequence[tuple[float, ...]]


def check_engine(value_class: Callable[[float], Any]) -> HandwrittenReport:
    """Try a student's own scalar engine, such as micrograd's or microgpt's `Value`.

    Each operation that the class has is compared on points of its domain: its value with ours, its
    derivative by a backward pass with ours, or where we have no such function with difference quotients of
    its own values. Then what all operations share: a node used twice, the order of the sweep, a second
    pass, numbers on either side.

    Parameters
    ----------
    value_class : makes a leaf from a number. Leaves and results have ``.data``, ``.grad`` and
        ``.backward()``, the operators, and methods such as ``tanh()``.

    Returns
    -------
    A `HandwrittenReport`: true if every operation is right. What the engine has not, and what is a matter
    of taste (recursion, a second backward pass), are notes.

    Raises
    ------
    TypeError : if `value_class` cannot be called with a number, or what it makes has no data and no backward.

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
        # A sum and a product are tried by each other, all else by those of them that are right.
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
    missing = [*(name for name in _OPERATORS if name not in wrong.union(right)), *lacking]
    if missing:
        notes.append(f"not there: {', '.join(missing)}")
    if not apart:
        mistakes.append(Mistake(("equal numbers",), "shared", _TAKEN_FOR_ONE))
    elif "a + b" in right and "a * b" in right:
        for name, outcome in _shared(make):
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


def _tells_apart(make: Callable[[float], Any]) -> bool:
    """Whether two nodes may have the same number."""
    one, other = make(2.0), make(2.0)
    try:
        return len({one, other}) == 2
    except TypeError:  # not to be put into a set
        return True


def _merged(mistakes: Sequence[Mistake]) -> list[Mistake]:
    """What is wrong with several operations in the same words, once."""
    found: dict[tuple[str, str], Mistake] = {}
    for each in mistakes:
        key = (each.kind, each.words) if each.kind else (each.names[0], each.words)
        first = found.setdefault(key, each)
        if first is not each:
            found[key] = replace(first, names=(*first.names, *each.names))
    return list(found.values())


def _maker(value_class: Callable[[float], Any]) -> Callable[[float], Any]:
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
    return value_class


# --- what there is to try ------------------------------------------------------------------------------


def _operations(make: Callable[[float], Any]) -> Iterator[_Operation]:
    pairs = [(a, b) for a, b in zip(_POINTS, (*_POSITIVE[3:], -0.7, -1.6, 0.8))]
    for name, (row, function) in _OPERATORS.items():
        if _has(make, f"__{row if row != 'div' else 'truediv'}__"):
            rules = _Form.of(TABLE[row]).rules
            yield _Operation(name, function, (_Form(function, rules),), pairs)
    if _has(make, "__neg__"):
        negative = _Form(lambda a: -a, _Form.of(TABLE["neg"]).rules)
        yield _Operation("-a", lambda a: -a, (negative,), [(a,) for a in _POINTS])
    if _has(make, "__pow__"):
        for n in _CONSTANTS:
            power = lambda a, n=n: a ** (int(n) if n == int(n) else n)  # noqa: E731  # one for each exponent
            points = list(_POSITIVE if n != int(n) else _POINTS)
            yield _Operation(f"a ** {n:g}", power, (_Form(power),), [(a,) for a in points])
    for sign, row in (("+", "add"), ("-", "sub"), ("*", "mul"), ("/", "truediv")):
        if _has(make, f"__{row}__"):
            ahead, behind = _AND_TWO[sign]
            for text, one in ((f"a {sign} 2", ahead), (f"2 {sign} a", behind)):
                yield _Operation(text, one, (_Form(one),), [(a,) for a in _POINTS])
    leaf = make(0.5)
    names = [name for name in dir(type(leaf)) if not name.startswith("_") and name not in _NOT_OPERATIONS]
    for name in names:
        method = getattr(type(leaf), name, None)
        if callable(method) and not isinstance(method, type) and _is_operation(make, name):
            ours = _VARIANTS.get(name, (_ALIASES.get(name, name.replace("arc", "a")),))
            rows = [TABLE[each] for each in ours if each in TABLE and len(TABLE[each].domain) == 1]
            points = _points(rows[0]) if rows else _points_of(make, name)
            forms = (*map(_Form.of, rows), *_OTHERS.get(name, ()))
            yield _Operation(
                f"{name}()", lambda a, name=name: getattr(a, name)(), forms, [(a,) for a in points]
            )


_AND_TWO: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "+": (lambda a: a + 2, lambda a: 2 + a),
    "-": (lambda a: a - 2, lambda a: 2 - a),
    "*": (lambda a: a * 2, lambda a: 2 * a),
    "/": (lambda a: a / 2, lambda a: 2 / a),
}


def _has(make: Callable[[float], Any], name: str) -> bool:
    return hasattr(type(make(1.0)), name)


def _is_operation(make: Callable[[float], Any], name: str) -> bool:
    """Whether a method without arguments gives another such object."""
    leaf = make(0.5)
    try:
        result = getattr(leaf, name)()
    except TypeError:  # it takes arguments
        return False
    except _FAILS:
        return name in TABLE or name in _ALIASES  # it is tried, and its error told
    return type(result) is type(leaf) and result is not leaf


def _points_of(make: Callable[[float], Any], name: str) -> list[float]:
    """Numbers on either side of 0 at which a method that we do not have is a number."""
    found = []
    for x in sorted({*_POINTS, *_POSITIVE}):
        with suppress(*_FAILS), np.errstate(all="ignore"):
            value = getattr(make(x), name)().data
            if is_number(value) and math.isfinite(value):
                found.append(x)
    return found or list(_POSITIVE)


def _points(row: Primitive) -> list[float]:
    """Numbers of the row's domain, on no kink."""
    low, high = max(row.domain[0][0], -2.3), min(row.domain[0][1], 3.3)
    return [low + part * (high - low) for part in _PARTS]


# --- one operation -------------------------------------------------------------------------------------


def _tried(
    make: Callable[[float], Any], operation: _Operation, sound: Collection[str]
) -> Mistake | str | None:
    """What is wrong with an operation: None if nothing, a text if that cannot be told.

    `sound` are the operations by which it is tried whether gradients are added up.
    """
    name = operation.name
    values, slopes = [], []
    for point in operation.points:
        try:
            value, slope = _value_and_slopes(make, operation.apply, point)
        except _FAILS as error:
            at = ", ".join(f"{each:g}" for each in point)
            what = f"it raises {type(error).__name__}: {brief(error, 120)}"
            return Mistake((name,), "error", what, remark=f"at {at}")
        if not (is_number(value) and all(map(is_number, slope))):
            return Mistake((name,), "not a number", f"its data and gradients are no numbers: {value!r:.40}")
        values.append(float(value))
        slopes.append([float(each) for each in slope])
    ours = [_ours(form.apply, operation.points) for form in operation.ours]
    expected: list[list[float]] | None = None
    form: _Form | None = None
    if ours:
        apart = [float(np.abs(np.subtract(values, found)).max()) for found, _ in ours]
        form = operation.ours[int(np.argmin(apart))]
        found, slopes_of_it = ours[int(np.argmin(apart))]
        if not np.allclose(values, found, rtol=1e-3, atol=1e-3):  # an approximation counts
            place = int(np.abs(np.subtract(values, found)).argmax())
            at = ", ".join(f"{each:g}" for each in operation.points[place])
            return Mistake((name,), "value", f"its value at {at} is wrong", (), values[place], found[place])
        expected = slopes_of_it if np.allclose(values, found, rtol=_NEAR, atol=1e-12) else None
    exact = expected is not None
    if expected is None:
        expected = _by_differences(make, operation)
    if expected is None:
        return "its derivative could not be told from its values"
    given, right = np.array(slopes), np.array(expected)
    near = 1e-6 if exact else 1e-4
    wrong = np.abs(given - right) > near * np.maximum(1.0, np.abs(right))
    if wrong.any():
        copied = np.allclose(np.array(values)[:, None], operation.points) and not given.any()
        if copied and not ours and name not in _IDENTITIES:
            return "it gives the same number, and nothing comes back from it: right if a copy is meant"
        place, which = (int(i) for i in np.unravel_index(int(wrong.argmax()), wrong.shape))
        kind, words = _slip(operation, form, which, given[:, which], right[:, which], np.array(values))
        at = ", ".join(f"{each:g}" for each in operation.points[place])
        of = f"derivative by {'ab'[which]}" if right.shape[1] > 1 else "derivative"
        told = f"its {of} is wrong{f': {words}' if words else ''}"
        return Mistake(
            (name,), kind, told, (), given[place, which], right[place, which], int(wrong.sum()), 1, f"at {at}"
        )
    return _accumulates(make, operation, sound)


def _value_and_slopes(
    make: Callable[[float], Any], apply: Callable[..., Any], point: Sequence[float]
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


def _by_differences(make: Callable[[float], Any], operation: _Operation) -> list[list[float]] | None:
    """The derivatives that the engine's own values tell; None if they do not."""
    found = []
    for point in operation.points:
        row = []
        for i, x in enumerate(point):

            def moved(x: float, i: int = i, point: tuple[float, ...] = point) -> list[float]:
                with suppress(*_FAILS):
                    leaves = [make(each) for each in (*point[:i], x, *point[i + 1 :])]
                    return [float(operation.apply(*leaves).data)]
                return [math.nan]  # the step left its domain

            estimate = finite_differences(moved, x, [1e-15])[0].derivative
            if estimate is None:
                return None
            row.append(estimate.value)
        found.append(row)
    return found


def _accumulates(
    make: Callable[[float], Any], operation: _Operation, sound: Collection[str]
) -> Mistake | None:
    """Of two results of the same leaves, added, the gradient is the sum; of 3 times one 3 times as much.

    That is told only by a sum and a product that are right themselves.
    """
    point, name = operation.points[-1], (operation.name,)
    _, once = _value_and_slopes(make, operation.apply, point)
    scaled = _leaves_after(make, point, lambda a: operation.apply(*a) * make(3.0), "a * b" in sound)
    for one, three in zip(once, scaled):
        if one and abs(three - one) < 1e-9 * abs(one):
            return Mistake(name, "factor", _NOT_HANDED_ON, (), three, 3 * one)
    twice = _leaves_after(make, point, lambda a: operation.apply(*a) + operation.apply(*a), "a + b" in sound)
    for one, two in zip(once, twice):
        if one and abs(two - one) < 1e-9 * abs(one):
            return Mistake(name, "overwritten", _OVERWRITTEN, (), two, 2 * one)
    return None


_NOT_HANDED_ON = "the gradient that comes in (out.grad) is left out"
_OVERWRITTEN = "the gradient is overwritten (=) where it is to be added (+=)"


def _leaves_after(
    make: Callable[[float], Any], point: Sequence[float], function: Callable[[list[Any]], Any], sound: bool
) -> list[Any]:
    """The gradients of the leaves of a graph; none if it is made of what is not sound, or fails."""
    leaves = [make(each) for each in point]
    if sound:
        with suppress(*_FAILS):
            function(leaves).backward()
            return [leaf.grad for leaf in leaves]
    return []


# --- which slip ----------------------------------------------------------------------------------------


def _slip(
    operation: _Operation, form: _Form | None, which: int, given: Any, right: Any, values: Any
) -> tuple[str, str]:
    """The slip in a derivative, by the derivative with one thing changed: its kind and words."""
    points = np.array(operation.points)
    arrays: dict[str, Any] = {name: points[:, i] for i, name in zip(range(points.shape[1]), "ab")}
    if points.shape[1] == 1:
        arrays = {"x": points[:, 0]}
    arrays["y"] = values
    exponent = operation.name.partition(" ** ")[2]
    if exponent:
        arrays["n"] = np.full(len(points), float(exponent))
    best: tuple[float, str, str] | None = None
    for words, found, cost, kind in _otherwise(form, which, right, arrays):
        with np.errstate(all="ignore"):
            same = np.allclose(given, found, rtol=1e-6, atol=1e-9)
        if same and (best is None or cost < best[0]):
            best = cost, kind, words
    return (best[1], best[2]) if best else ("", "")


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
        if not np.allclose(_on(formula, arrays), right, rtol=1e-6, atol=1e-9):
            continue
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


def _shared(make: Callable[[float], Any]) -> Iterator[tuple[str, Mistake | str | None]]:
    """The sweep: a name for what is right, a mistake, or a note."""
    yield "x + x", _on_graph(make, "x + x", lambda x: x + x, "shared", "a node that stands twice counts once")
    yield "x * x", _on_graph(make, "x * x", lambda x: x * x, "shared", "a node that stands twice counts once")
    yield (
        "shared nodes",
        _on_graph(
            make, "shared nodes", _diamond, "shared", "what comes back by several ways is not added up"
        ),
    )
    yield (
        "order",
        _on_graph(
            make, "order", _ladder, "order",
            "a node hands its gradient on before all of it has come in: the order is not topological",
        ),
    )  # fmt: skip
    for name, trial in (("zeroed gradients", _zeroed), ("second backward", _again), ("long chains", _deep)):
        try:
            yield name, trial(make)
        except Exception as error:
            yield name, Mistake((name,), "error", f"it raises {type(error).__name__}: {brief(error, 120)}")


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


def _on_graph(
    make: Callable[[float], Any], name: str, function: Callable[[Any], Any], kind: str, words: str
) -> Mistake | None:
    leaf, own = make(1.3), Value(1.3)
    try:
        function(leaf).backward()
    except _FAILS as error:
        return Mistake((name,), "error", f"it raises {type(error).__name__}: {brief(error, 120)}")
    right = float(grad(function(own), [own])[0])
    if abs(leaf.grad - right) <= _NEAR * abs(right):
        return None
    return Mistake((name,), kind, words, (), float(leaf.grad), right)


def _zeroed(make: Callable[[float], Any]) -> Mistake | None:
    """Gradients set to 0 between two graphs of the same leaf, as a training does."""
    leaf = make(1.5)
    for _ in range(2):
        leaf.grad = 0.0
        (leaf * leaf).backward()
    if abs(leaf.grad - 3.0) > _NEAR:
        words = "after x.grad = 0 the next backward pass gives another gradient than the first"
        return Mistake(("zeroed gradients",), "state", words, (), float(leaf.grad), 3.0)
    return None


def _again(make: Callable[[float], Any]) -> Mistake | str | None:
    """Two passes over graphs that share a node, without clearing: the leaves add up, or begin anew."""
    leaf = make(3.0)
    y = leaf * leaf
    (y * make(2.0)).backward()
    (y * make(3.0)).backward()
    if math.isclose(leaf.grad, 30.0, rel_tol=_NEAR):
        return None
    if math.isclose(leaf.grad, 18.0, rel_tol=_NEAR):
        return "a backward pass clears the gradients first, so those of two losses do not add up"
    return (
        f"a second backward pass through the same node adds its old gradient again ({leaf.grad:g} where 30 "
        "belongs, as in micrograd): record the graph anew for each pass"
    )


def _deep(make: Callable[[float], Any]) -> Mistake | str | None:
    for length in _CHAIN:
        leaf = make(1.0)
        y = leaf
        try:
            for _ in range(length):
                y = y + leaf
            y.backward()
        except RecursionError:
            return f"a chain of {length:,} operations is too deep for it: the order is found by recursion"
        if abs(leaf.grad - (length + 1.0)) > 1e-6:
            return Mistake(
                ("long chains",), "order", f"after {length:,} additions", (), leaf.grad, length + 1.0
            )
    return None
