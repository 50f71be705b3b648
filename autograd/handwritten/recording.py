"""The reference, recorded on arrays of `Value`s, and the names of its arrays.

A reference is ordinary numpy. Its arrays of `Value`s note every array computed from them, so arrays without
a name are known too.
"""

from __future__ import annotations

import inspect
import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..engine.arguments import is_number
from ..engine.graph import ancestors
from ..engine.modes import recording as recording_on
from ..engine.primitive import Primitive
from ..engine.primitives import TABLE
from ..engine.replay import recomputed
from ..engine.value import Value
from ..spreadsheet.problem import Problem

__all__ = ["Recording", "folded", "named_inputs", "of_problem", "opened", "record"]

Values = npt.NDArray[np.object_]

_FUSED = {TABLE["softmax"], TABLE["log_softmax"]}
_FOLDED = ("sigmoid", "tanh", "relu", "softplus", "silu")
_ELSEWHERE = (-2.3, -0.4, 0.7, 1.9)
_FEW = 12  # operations that a function may be written in
_LOSSES = ("loss", "L", "E", "E_total", "cost", "J", "error", "C", "total")
# What numpy computes on objects by comparing them, which would choose a number and record nothing.
_ROWS = {TABLE[name].ufunc: TABLE[name] for name in ("maximum", "minimum", "hypot", "atan2", "logaddexp")}


@dataclass(frozen=True, eq=False)
class Recording:
    """A recorded graph, and its arrays.

    Attributes
    ----------
    loss : the output.
    arrays : the arrays by name, of any shape; () for a scalar.
    unnamed : the other computed arrays, in order.
    title : the name of the loss.
    labels : whole numbers among the inputs, which may be classes, (N,).
    """

    loss: Value
    arrays: Mapping[str, Values]
    unnamed: tuple[Values, ...] = ()
    title: str = "loss"
    labels: Mapping[str, npt.NDArray[np.int64]] = field(default_factory=dict)


class Recorded(np.ndarray):
    """An array of `Value`s that notes each array computed from it, by numpy or by our functions."""

    notes: list[Values] | None

    def __array_finalize__(self, other: Any) -> None:
        self.notes = getattr(other, "notes", None)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **named: Any) -> Any:
        if "out" in named:
            named["out"] = tuple(map(_plain, named["out"]))
        plain = [_plain(each) for each in inputs]
        row = _ROWS.get(ufunc) if method == "__call__" and not named else None
        result = row(*plain) if row is not None else getattr(ufunc, method)(*plain, **named)
        sources = [*inputs, *named.get("out", ())]
        return _noted(result, next((each.notes for each in sources if isinstance(each, Recorded)), None))

    def __array_function__(self, function: Any, types: Any, args: Any, named: Any) -> Any:
        if function is np.dot and not named and all(np.ndim(each) in (1, 2) for each in args):
            return np.matmul(*args)  # np.dot on objects notes nothing
        return _noted(super().__array_function__(function, types, args, named), self.notes)

    def dot(self, other: Any, out: Any = None) -> Any:
        return np.dot(self, other) if out is None else super().dot(other, out)


def _plain(each: Any) -> Any:
    return each.view(np.ndarray) if isinstance(each, Recorded) else each


def _noted(result: Any, notes: list[Values] | None) -> Any:
    if isinstance(result, np.ndarray) and result.dtype == object:
        result = result.view(Recorded)
        result.notes = notes
        if notes is not None:
            notes.append(np.array(result.view(np.ndarray)))  # a copy: `h += b` changes the array itself
    elif isinstance(result, Value) and notes is not None:
        notes.append(_scalar(result))
    return result


def _scalar(node: Any) -> Values:
    array: Values = np.empty((), dtype=object)
    array[()] = node
    return array


def as_values(given: Any) -> Values | None:
    """The array of a `Value`, or of nested sequences of `Value`s and numbers; None for anything else."""
    if isinstance(given, Value):
        return _scalar(given)
    if not isinstance(given, (np.ndarray, list, tuple)):
        return None
    try:
        array = np.array(_plain(given), dtype=object)
    except ValueError:  # ragged
        return None
    values = [isinstance(each, Value) for each in array.flat]
    known = all(value or is_number(each) for value, each in zip(values, array.flat))
    return array if known and any(values) else None


# --- from a function -------------------------------------------------------------------------------


def record(reference: Callable[..., Any], inputs: Mapping[str, Any], by_name: bool) -> Recording:
    """Call the reference with `Value`s in place of floats.

    Raises
    ------
    TypeError : if it does not return the loss, or a mapping with it.
    """
    notes: list[Values] = []
    arguments = {name: _variable(given, name, notes) for name, given in inputs.items()}
    leaves = _arrays_in(arguments)
    result = reference(**arguments) if by_name else reference(*arguments.values())
    outcome = _outcome(result)
    arrays = {**leaves, **{name: each for name, each in outcome.arrays.items() if name not in leaves}}
    arrays.setdefault(outcome.title, _scalar(outcome.loss))
    labels = {name: np.asarray(each) for name, each in inputs.items() if name not in leaves}
    labels = {name: each for name, each in labels.items() if each.dtype.kind in "iu" and each.ndim == 1}
    return replace(outcome, arrays=arrays, unnamed=tuple(notes), labels=labels)


def _variable(given: Any, name: str, notes: list[Values]) -> Any:
    """An input as the reference gets it: floats as `Value`s, all else as it is."""
    if isinstance(given, (bool, int, np.integer)):
        return given
    if is_number(given):
        return Value(float(given), name)
    array = np.asarray(given) if isinstance(given, (list, tuple, np.ndarray)) else None
    if array is None or array.dtype.kind != "f":
        return given
    variable = np.empty(array.shape, dtype=object).view(Recorded)
    for place in np.ndindex(array.shape):
        variable[place] = Value(float(array[place]), name + "".join(f"_{i}" for i in place))
    variable.notes = notes
    return variable


def _outcome(result: Any) -> Recording:
    """The loss, and the arrays returned by name."""
    loss: Any = None
    if isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], Mapping):
        loss, result = result
    if isinstance(result, Mapping):
        return of_mapping(_arrays_in(result), loss)
    found = as_values(result)
    if found is None or found.size != 1:
        shape = "" if found is None else f" of shape {found.shape}"
        raise TypeError(
            f"the reference must return the loss, one Value, or a mapping such as locals() that has it, got "
            f"{type(result).__name__}{shape}; of a layer alone return sum(upstream * output)"
        )
    return Recording(found.item(), {})


def _arrays_in(given: Mapping[str, Any]) -> dict[str, Values]:
    return {str(name): found for name, each in given.items() if (found := as_values(each)) is not None}


def named_inputs(reference: Callable[..., Any], inputs: Any) -> tuple[dict[str, Any], bool]:
    """The inputs by name, and whether they came by name; otherwise the reference's parameters name them."""
    if isinstance(inputs, Mapping):
        return dict(inputs), True
    if not isinstance(inputs, (list, tuple)):
        raise TypeError(
            "check_gradients: inputs must be a mapping of names to numbers and arrays, or a list of them in "
            f"the order of the arguments, got {type(inputs).__name__}: {inputs!r:.60}"
        )
    try:
        parameters = list(inspect.signature(reference).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names = [
        each.name for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)
    ]
    if len(names) < len(inputs):
        names = [f"x{place}" for place in range(len(inputs))]
    return dict(zip(names, inputs)), False


def opened(recording: Recording) -> Recording | None:
    """The same graph with each softmax as exponentials and their sum; None without one, or on overflow."""
    fused = [node for node in ancestors([recording.loss]) if node.primitive in _FUSED]
    if not fused:
        return None
    found = _recorded_again(
        recording, {id(node): (node.primitive.expansion, node.operands) for node in fused}
    )
    return found if all(math.isfinite(node.data) for node in ancestors([found.loss])) else None


def folded(recording: Recording) -> Recording:
    """The same graph with a row of the table where one is written out, such as 1 / (1 + exp(−h))."""
    rows = [TABLE[name] for name in _FOLDED]
    functions: dict[int, tuple[Any, Any]] = {}  # by node, its row and operands
    arrays = _computed_arrays(recording)
    numbers = [_numbers(array) for array in arrays]
    for i, (array, y) in enumerate(zip(arrays, numbers)):
        for other, x in zip(arrays[:i], numbers[:i]):
            if other.shape != array.shape or id(array.flat[0]) in functions:
                continue
            for row in rows:
                if row.name == "relu" and not (x.min(initial=0.0) < 0.0 < x.max(initial=0.0)):
                    continue  # there it is like many others
                with np.errstate(all="ignore"):
                    same = np.allclose(row.array(x), y, rtol=1e-12, atol=0.0)
                pairs = list(zip(array.flat, other.flat))
                if same and all(_is_of(*pair) for pair in pairs) and _is_row(*pairs[0], row):
                    functions |= {id(node): (row, (of,)) for node, of in pairs}
                    break
    return _recorded_again(recording, functions) if functions else recording


def _computed_arrays(recording: Recording) -> list[Values]:
    """The arrays of nothing but `Value`s, each after those it depends on."""
    arrays = [*recording.arrays.values(), *recording.unnamed]
    full = [array for array in arrays if all(isinstance(each, Value) for each in array.flat)]
    turns = {id(node): turn for turn, node in enumerate(ancestors([each for a in full for each in a.flat]))}
    return sorted(full, key=lambda array: max((turns[id(each)] for each in array.flat), default=-1))


def _numbers(array: Values) -> npt.NDArray[np.float64]:
    return np.array([each.data for each in array.flat], dtype=float).reshape(array.shape)


def _is_of(node: Any, other: Any) -> bool:
    """Whether a node is computed from another one and from constants, in a few steps."""
    pending, steps, met = [node], 0, False
    while pending:
        each = pending.pop()
        if each is other:
            met = True
        elif not each.constant:
            steps += 1
            if each.primitive is None or steps > _FEW:
                return False
            pending += each.parents
    return met and steps > 0


def _is_row(node: Any, other: Any, row: Primitive) -> bool:
    """Whether a node is this function of the other one at other numbers too: at 0 tanh(x) is also x."""
    order = ancestors([node])
    with np.errstate(all="ignore"):
        return all(
            math.isclose(recomputed(order, {other: x})[node], row.evaluate(x), rel_tol=1e-12)
            for x in _ELSEWHERE
        )


def _recorded_again(recording: Recording, others: Mapping[int, tuple[Any, Any]]) -> Recording:
    """The graph with another function, and its operands, for some nodes, without the arrays left over."""

    def operands(node: Any) -> Any:
        return others[id(node)][1] if id(node) in others else node.operands

    named = recording.arrays
    wanted = [each for array in named.values() for each in array.flat if isinstance(each, Value)]
    fresh: dict[int, Any] = {}

    def new(operand: Any) -> Any:
        return tuple(map(new, operand)) if type(operand) is tuple else fresh[id(operand)]

    def renewed(array: Values) -> Values:
        return np.array([fresh.get(id(each), each) for each in array.flat], object).reshape(array.shape)

    with recording_on():
        for node in ancestors([recording.loss, *wanted], through=operands):
            apply: Any = others[id(node)][0] if id(node) in others else node.primitive
            fresh[id(node)] = apply(*map(new, operands(node))) if apply is not None else node
    kept = (
        array
        for array in recording.unnamed
        if all(id(each) in fresh for each in array.flat if isinstance(each, Value))
    )
    arrays = {name: renewed(array) for name, array in named.items()}
    return replace(
        recording, loss=fresh[id(recording.loss)], arrays=arrays, unnamed=tuple(map(renewed, kept))
    )


# --- from a recorded graph -------------------------------------------------------------------------


def of_mapping(given: Mapping[str, Any], loss: Any = None) -> Recording:
    """A recorded graph, by the names of its arrays.

    The loss is the array called so, or the one single number that no other array depends on.

    Raises
    ------
    TypeError, ValueError : if an array holds no `Value`s, or the loss is unclear.
    """
    arrays: dict[str, Values] = {}
    for name, each in given.items():
        found = as_values(each)
        if found is None:
            raise TypeError(
                f"each array of the problem must hold Values, and {name!r} is {type(each).__name__}: "
                f"{each!r:.60}"
            )
        arrays[str(name)] = found
    single = {name: each.item() for name, each in arrays.items() if each.size == 1}
    single = {name: each for name, each in single.items() if isinstance(each, Value) and each.primitive}
    if loss is None:
        used = {id(parent) for node in ancestors(list(single.values())) for parent in node.parents}
        ends = [name for name, node in single.items() if id(node) not in used]
        titles = [name for name in _LOSSES if name in single] or ends
        if not titles or (titles is ends and len(ends) > 1):
            raise ValueError(
                f"which of {', '.join(single) or 'the arrays'} is the loss? Call one of them loss, a "
                "single Value that the others lead to"
            )
        loss = single[titles[0]]
    found = as_values(loss)
    if found is None or found.size != 1:
        raise TypeError(f"the loss must be one Value, got {type(loss).__name__}: {loss!r:.60}")
    title = next((name for name in (*_LOSSES, *single) if single.get(name) is found.item()), "loss")
    return Recording(found.item(), arrays, (), title)


def of_problem(problem: Any) -> Recording:
    """The recording of a `Problem`, of a mapping of names, or of a loss with labelled nodes.

    Raises
    ------
    TypeError, ValueError : if it is none of them.
    """
    if isinstance(problem, Recording):
        return problem
    if isinstance(problem, Problem):
        network = problem.standard
        numbers = {**problem.inputs, **problem.weights, **problem.targets[0]}
        nodes = network.at({name: x for name, x in numbers.items() if name in network.nodes})
        return of_mapping(nodes, nodes[network.output])
    if isinstance(problem, Value):
        labelled = [node for node in ancestors([problem]) if node.label]
        twice = [label for label, count in Counter(node.label for node in labelled).items() if count > 1]
        if twice:
            raise ValueError(f"two nodes of the problem have the label {twice[0]!r}: give each its own")
        return of_mapping({node.label: node for node in labelled}, problem)
    if isinstance(problem, Mapping):
        return of_mapping(problem)
    raise TypeError(
        "check_values: the problem must be a recorded graph: a mapping of names to arrays of Values, a loss "
        f"whose nodes have labels, or a Problem, got {type(problem).__name__}: {problem!r:.60}"
    )
