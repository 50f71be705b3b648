"""`check_values` and `check_gradients`: a student's own passes against a recorded graph."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import math
import traceback
import types
from collections.abc import Callable, Iterator, Mapping, Sequence, ValuesView
from dataclasses import replace
from typing import Any

import numpy as np

from ..engine.arguments import is_number, number
from ..terminal import brief
from .comparison import Shown, shown
from .naming import Names, Quantity
from .recording import Recording, folded, named_inputs, of_problem, opened, record
from .report import HandwrittenReport, Mistake
from .search import Entry, Judge
from .tape import Change, Tape

__all__ = ["check_gradients", "check_values"]

_DEEPEST = 3  # mappings and lists within each other that a function may return
_MOST_CHOICES = 5_000  # of inputs for the gradients that are returned


def check_values(
    given: Mapping[str, Any],
    problem: Any,
    *,
    rate: float | None = None,
    previous: Mapping[str, Any] | None = None,
) -> HandwrittenReport:
    """Compare numbers of a hand-written forward and backward pass with a recorded graph.

    Each array is compared with the right numbers and with those that follow from the student's own numbers
    before it, so one slip counts once. The graph with one thing changed that gives a wrong array explains it.

    Parameters
    ----------
    given : numbers and arrays by name. ``"h1"`` is a value; ``"dh1"``, ``"grad_h1"``, ``"h1.grad"`` and
        ``"dL/dh1"`` are the derivative of the loss by it; ``"W1_new"`` is ``W1 − rate · dW1``.
    problem : the recorded graph: a mapping of names to `Value`s and arrays of them, one of them the loss
        (called ``"loss"``, ``"L"`` or ``"E"``, or the last); a loss whose nodes have labels; or a `Problem`.
    rate : the learning rate η, to check updates.
    previous : the inputs of the graph a step before, by name, to recognise stale numbers.

    Returns
    -------
    A `HandwrittenReport`: true if all numbers are right, with the mistakes as data.

    Raises
    ------
    TypeError, ValueError : if the problem, the rate or the previous numbers cannot be used. Whatever the
        student gives makes a report.

    Notes
    -----
    A column or row may stand for a vector. Numbers in float32, or rounded to 3 to 8 decimals, are compared
    at that precision.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd import Value, check_values
    >>> w, x = Value(0.5), Value(2.0)
    >>> h = w * x
    >>> graph = {"w": w, "x": x, "h": h, "a": h.tanh()}
    >>> a = np.tanh(1.0)
    >>> bool(check_values({"h": 1.0, "a": a, "dh": 1 - a**2, "dw": 2 * (1 - a**2)}, graph))
    True
    >>> print(check_values({"a": a, "dh": 1 - a**2, "dw": 0.5 * (1 - a**2)}, graph))
    check_values: 1 of 3 is wrong
      dw: w stands where x belongs, from h to w
          dw is 0.2099871708, right is 0.8399486832
      right: a, dh
    """
    if not isinstance(given, Mapping):
        raise TypeError(
            "check_values: the numbers must be a mapping of names to numbers and arrays, such as "
            f'{{"h1": h1, "dW1": dW1}}, got {type(given).__name__}: {given!r:.60}'
        )
    return _checked("check_values", given, of_problem(problem), [], _rate("check_values", rate), previous, [])


def check_gradients(
    student_function: Callable[..., Any],
    reference: Callable[..., Any],
    inputs: Mapping[str, Any] | Sequence[Any],
    *,
    rate: float | None = None,
) -> HandwrittenReport:
    """Compare the gradients that a student's function returns with those of a reference.

    Parameters
    ----------
    student_function : takes the inputs and returns gradients: a mapping by name (``{"W1": dW1}`` or
        ``{"dW1": dW1, "h1": h1}``), a sequence in the order of the float inputs, one number or array; or a
        pair of the loss and these.
    reference : takes the same inputs as `Value`s and arrays of them, and computes the loss with numpy,
        operators and the functions of `autograd`. It returns the loss; or ``locals()``, which gives each of
        its arrays a name in the report and lets students hand it in too.
    inputs : by name, or in the order of the arguments. Floats are differentiated, whole numbers (labels,
        sizes) only if a gradient for them is returned. Arrays should be small: every number is recorded.
    rate : the learning rate, to check updated parameters (``W1_new``).

    Returns
    -------
    A `HandwrittenReport`: ``assert check_gradients(...)`` fails with a message a student can use.

    Raises
    ------
    TypeError, ValueError : if the reference or the inputs cannot be used. Whatever the student's function
        does, also an exception, makes a report.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd import check_gradients
    >>> def reference(X, w, t):
    ...     a = 1 / (1 + np.exp(-(X @ w)))
    ...     loss = ((a - t) ** 2).mean()
    ...     return locals()
    >>> def by_hand(X, w, t):
    ...     a = 1 / (1 + np.exp(-(X @ w)))
    ...     return {"w": X.T @ (2 * (a - t) * a * (1 - a))}
    >>> X, t = np.array([[1.0, 2.0], [0.5, -1.0], [2.0, 0.0]]), np.array([0.0, 1.0, 1.0])
    >>> print(check_gradients(by_hand, reference, {"X": X, "w": np.array([0.1, 0.2]), "t": t}))
    check_gradients of by_hand: 1 of 1 is wrong
      dw: the division by 3 is left out, from loss to sum(pow(a − t, 2))
          dw[1] is 0.8523300655, right is 0.2841100218   (2 of 2 numbers are wrong)
    """
    for what, function in (("the student's function", student_function), ("the reference", reference)):
        if not callable(function):
            raise TypeError(
                f"check_gradients: {what} must be callable, got {type(function).__name__}: {function!r:.60}"
            )
    rate = _rate("check_gradients", rate)
    arguments, by_name = named_inputs(reference, inputs)
    name = getattr(student_function, "__name__", "")
    title = f"check_gradients of {name}" if name.isidentifier() else "check_gradients"
    results, notes = [], []
    for _ in range(2):  # a second call shows state kept between calls
        handed = copy.deepcopy(arguments)
        try:
            result = student_function(**handed) if by_name else student_function(*handed.values())
            results.append(copy.deepcopy(_opened(result)))
        except (Exception, SystemExit) as error:
            return HandwrittenReport(title, mistakes=[_raised(error)])
        changed = [name for name, before in arguments.items() if not _same(before, handed[name])]
    if changed:
        notes.append(
            f"{', '.join(changed)} changed in place: the caller's own arrays are other ones afterwards"
        )
    floats = [name for name, each in arguments.items() if _is_float(each)]
    given = _by_name(results[0], floats, arguments)
    if isinstance(given, str):
        return HandwrittenReport(title, mistakes=[Mistake(("the result",), "shape", given)], notes=notes)
    names = Names(list(arguments), "loss")
    meant = {quantity.array for name in given if (quantity := names.quantity(name)) is not None}
    asked = {name: _as_floats(each) if name in meant else each for name, each in arguments.items()}
    recording = record(reference, asked, by_name)
    report = _checked(title, given, recording, list(arguments), rate, None, notes)
    if not _same(*results):
        words = "a second call with the same arguments gives other numbers: something is kept between calls"
        report = replace(report, mistakes=[*report.mistakes, Mistake(("the function",), "state", words)])
    return report


# --- numbers by name -------------------------------------------------------------------------------


def _checked(
    title: str,
    given: Mapping[str, Any],
    recording: Recording,
    inputs: Sequence[str],
    rate: float | None,
    previous: Mapping[str, Any] | None,
    notes: list[str],
) -> HandwrittenReport:
    """The report on numbers by name; the bare name of one of the `inputs` means its gradient."""
    names = Names(list(recording.arrays), recording.title)
    entries, mistakes, unknown = [], [], []
    for name, numbers in given.items():
        quantity = names.quantity(str(name))
        if quantity is None:
            unknown.append(str(name))
            continue
        if quantity.role == "value" and quantity.array in inputs:
            quantity = Quantity(quantity.array, "gradient")
        if quantity.role == "update" and rate is None:
            notes.append(f"{name} is not checked: give the learning rate, rate=...")
            continue
        read, shape = shown(numbers), recording.arrays[quantity.array].shape
        label = str(quantity) if inputs else str(name)
        if isinstance(read, str):
            mistakes.append(Mistake((label,), "not a number", f"it is {read}, and numbers belong there"))
            continue
        own = read.numbers
        if own.ndim == 2 and own.shape != shape and own.T.shape == shape and 1 not in shape:
            remark = f"its shape is {own.shape}, and {shape} belongs there"
            mistakes.append(Mistake((label,), "transposed", f"{label} is transposed", remark=remark))
            own = own.T
        fits = np.squeeze(own).shape == tuple(length for length in shape if length != 1)
        own = own.reshape(shape) if fits else own
        entries.append(Entry(label, quantity, replace(read, numbers=own), fits))
    if unknown:
        known = ", ".join(recording.arrays)
        notes.append(
            f"{', '.join(unknown)}: not checked, for no array of the reference has that name ({known})"
        )
    verdict: HandwrittenReport | None = None
    for view in _views(recording):
        tape = Tape(view)
        judged = Judge(tape, entries, rate, _other_times(tape, entries, rate, previous)).verdict()
        verdict = judged if verdict is None or judged.unknown < verdict.unknown else verdict
        if not verdict.unknown:
            break
    assert verdict is not None
    told = {name for each in mistakes for name in each.names}
    return replace(
        verdict,
        title=title,
        right=[name for name in verdict.right if name not in told],
        mistakes=[*mistakes, *verdict.mistakes],
        notes=[*notes, *verdict.notes],
    )


def _views(recording: Recording) -> Iterator[Recording]:
    """The graph with functions folded, and if a slip may lie within one or a softmax, without."""
    yield (first := folded(recording))
    if first is not recording:
        yield recording
    if (last := opened(recording)) is not None:
        yield last


def _other_times(
    tape: Tape, entries: Sequence[Entry], rate: float | None, previous: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The data of all nodes at the step before and after the update, by words for when."""
    found = {}
    arrays = tape.recording.arrays
    if previous is not None:
        if not isinstance(previous, Mapping):
            what = f"{type(previous).__name__}: {previous!r:.60}"
            raise TypeError(f"check_values: previous must be a mapping of names to numbers, got {what}")
        moved = []
        for name, numbers in previous.items():
            ids = tape.ids(arrays[name]) if name in arrays else None
            if ids is None or tape.levels[ids].any():
                raise ValueError(
                    f"check_values: previous takes what is given to the graph by name, and {name!r} is not"
                )
            read = shown(numbers)
            if isinstance(read, str) or read.numbers.shape != ids.shape:
                raise ValueError(f"check_values: previous[{name!r}] must be numbers of the shape {ids.shape}")
            moved.append((ids, read.numbers))
        found["from the step before"] = tape.run(Change(data=tuple(moved))).used
    if rate is not None:
        trained = {entry.quantity.array for entry in entries if entry.quantity.role != "value"}
        inputs = [ids for name in trained if not tape.levels[ids := tape.ids(arrays[name])].any()]
        steps = tuple((ids, tape.right.data[ids] - rate * tape.right.adjoints[ids]) for ids in inputs)
        found["after its update"] = tape.run(Change(data=steps)).used
    return found


def _opened(result: Any, deep: int = 0) -> Any:
    """A function's result as mappings and lists, also from named tuples, data classes and iterators."""
    if deep < _DEEPEST:
        if callable(getattr(result, "_asdict", None)):
            result = result._asdict()
        elif dataclasses.is_dataclass(result) or isinstance(result, types.SimpleNamespace):
            result = dict(vars(result))
        if isinstance(result, Mapping):
            return {name: _opened(each, deep + 1) for name, each in result.items()}
        if isinstance(result, (tuple, list, Iterator, ValuesView)):
            return [_opened(each, deep + 1) for each in result]
    return result


def _by_name(result: Any, floats: Sequence[str], arguments: Mapping[str, Any]) -> dict[str, Any] | str:
    """The gradients that a function returned, by name; or the fault of its result."""
    if isinstance(result, list) and [isinstance(each, Mapping) for each in result] == [False, True]:
        result = result[1] if result[0] is None else {"loss": result[0], **result[1]}
    if isinstance(result, Mapping):
        found: dict[str, Any] = {}
        for name, each in result.items():  # {"loss": ..., "grads": {...}}
            inner = each if isinstance(each, Mapping) and found.keys().isdisjoint(each) else {name: each}
            found.update((str(own), numbers) for own, numbers in inner.items())
        return found
    if result is None:
        return "it returns None: a return is missing"
    if isinstance(result, list):
        pair = len(result) == 2 and _shape(result[0]) == () and isinstance(result[1], list)
        if pair and [_shape(each) for each in result] != [_shape(arguments[name]) for name in floats]:
            result = result[1]  # the loss, and the gradients
        for names in (floats, list(arguments)):
            if len(result) == len(names):
                return dict(zip(names, result))
        parts = [result, result[1:] if result and _shape(result[0]) == () else []]  # the loss goes first
        parts += [[one for each in part for one in _of_a_layer(each)] for part in parts]
        fitting = [(*_fitting(part, floats, arguments), part) for part in parts]
        share, chosen, part = max(fitting, key=lambda each: each[0])
        if share > 0.5:
            return dict(zip(chosen, part))
    for names in (floats, list(arguments)):
        if len(names) == 1:
            return {names[0]: result}
    count = len(result) if isinstance(result, list) else 1
    things = f"{count} thing{'s' if count != 1 else ''}"
    return (
        f"it returns {things}, and there are {len(floats)} inputs to differentiate by ({', '.join(floats)}): "
        "return them in this order, or a mapping of names to gradients"
    )


def _of_a_layer(each: Any) -> Any:
    return each.values() if isinstance(each, Mapping) else each if isinstance(each, list) else [each]


def _fitting(
    part: Sequence[Any], floats: Sequence[str], arguments: Mapping[str, Any]
) -> tuple[float, Sequence[str]]:
    """The inputs whose shapes the gradients fit best, and the share that fits; 0 if several choices do.

    Code that trains W and b returns their gradients, and none for the features and the rate.
    """
    if not part or len(part) > len(floats) or math.comb(len(floats), len(part)) > _MOST_CHOICES:
        return 0.0, ()
    shapes = [_shape(each) for each in part]
    known = {name: _shape(arguments[name]) for name in floats}
    chosen = list(itertools.combinations(floats, len(part)))
    alike = [sum(known[name] == shape for name, shape in zip(names, shapes)) for names in chosen]
    most = max(alike)
    return (most / len(part) if alike.count(most) == 1 else 0.0), chosen[alike.index(most)]


def _shape(given: Any) -> tuple[int, ...] | None:
    """The shape without axes of length 1; None for no array."""
    read = shown(given)
    return None if isinstance(read, str) else np.squeeze(read.numbers).shape


def _is_float(given: Any) -> bool:
    """Whether an input is differentiated unasked."""
    if is_number(given):
        return not isinstance(given, (bool, int, np.integer))
    return isinstance(given, (list, tuple, np.ndarray)) and np.asarray(given).dtype.kind == "f"


def _as_floats(given: Any) -> Any:
    """The same input as floats, which are differentiated."""
    if is_number(given):
        return given if isinstance(given, bool) else float(given)
    array = np.asarray(given) if isinstance(given, (list, tuple, np.ndarray)) else None
    return array.astype(float) if array is not None and array.dtype.kind in "iu" else given


def _same(one: Any, other: Any) -> bool:
    """Whether two results, or two states of an argument, have the same numbers."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return list(one) == list(other) and all(_same(one[name], other[name]) for name in one)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(_same, one, other))
    read = [shown(each) for each in (one, other)]
    numbers = [each.numbers for each in read if isinstance(each, Shown)]
    return len(numbers) < 2 or np.array_equal(numbers[0], numbers[1], equal_nan=True)


def _raised(error: BaseException) -> Mistake:
    """An exception of the student's function, and the line that raised it."""
    frames = traceback.extract_tb(error.__traceback__)[1:]
    where = f", in line {frames[-1].lineno} of {frames[-1].name}: {frames[-1].line}" if frames else ""
    return Mistake(
        ("the function",), "error", f"it raises {type(error).__name__}: {brief(error, 200)}{where}"
    )


def _rate(name: str, rate: Any) -> float | None:
    if rate is None:
        return None
    found = number(rate, f"{name}: rate")
    if not math.isfinite(found):
        raise ValueError(f"{name}: the rate must be a finite number, got {found}")
    return found
