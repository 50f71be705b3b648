"""Recording one example's loss for a program; code whose reading would be frozen in it is refused."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd import Readings, Value, no_grad, readings

from .examples import Example, copies
from .kept import Kept
from .layers import Dropout
from .losses import Loss
from .module import Module, mode
from .optimizers import Optimizer

__all__ = ["Graph", "NotCompiledError", "factors_noted", "keeping_nothing", "record", "settings_of"]


class NotCompiledError(ValueError):
    """The model, the loss or the update is not the same computation every time; the message says why."""


@dataclass(frozen=True)
class Graph:
    """The recorded loss of one example.

    Attributes
    ----------
    x : the features (D,).
    inputs : the features, the target, and the factors of each call of a `Dropout`, (I,).
    masks : the dropout and the number of factors of each call, in the order of the inputs.
    """

    loss: Value
    prediction: Any
    x: list[Value]
    inputs: list[Value]
    masks: list[tuple[Dropout, int]]


def record(
    model: Module, loss: Loss, example: Example, parameters: Sequence[Value], changing: Sequence[Any]
) -> Graph:
    """The graph of an example's loss, in the present mode of the model.

    Parameters
    ----------
    parameters : those of the model and the optimizer.
    changing : objects that the training changes, such as the optimizer; the code must not read them.

    Raises
    ------
    NotCompiledError : if the code reads a number of the example, a parameter or one of these, or raises.
    """
    x = [Value(number, f"feature {i}") for i, number in enumerate(example[0])]
    numbers = example[1] if isinstance(example[1], list) else [example[1]]
    target = [Value(number, "the target") for number in numbers]
    inputs, masks = [*x, *target], list[tuple[Dropout, list[Value]]]()
    reads = Readings([*inputs, *parameters], error=True)
    fault: Exception | None = None
    try:
        with factors_noted(model, masks), readings(reads), _watched(changing) as seen:
            prediction = model(x[:])
            output = loss(prediction, target[:] if isinstance(example[1], list) else target[0])
    except Exception as error:  # it is the user's code
        fault = error
    place = f" ({reads.line_of(fault)})" if fault is not None else ""
    if reads.found:  # which the user's code may have caught
        raise NotCompiledError(
            f"the model or the loss reads a number from the example: {reads.found[0]}. So it may "
            "compute something else for other examples: use where, maximum or minimum instead of if, or "
            "backend='eager'"
        ) from None
    if seen:
        raise NotCompiledError(
            f"the model or the loss reads {seen[0]}{place}, which changes during the training and "
            "would be frozen: use backend='eager'"
        ) from None
    if fault is not None:
        raise NotCompiledError(
            "the model or the loss does not take Values in place of the example's numbers: "
            f"{type(fault).__name__}: {fault}{place}"
        ) from fault
    inputs += [factor for _, factors in masks for factor in factors]
    return Graph(output, prediction, x, inputs, [(dropout, len(factors)) for dropout, factors in masks])


@contextmanager
def keeping_nothing(model: Module, loss: Loss, example: Example) -> Iterator[None]:
    """A context in which calls of the model and the loss must not change what they keep, see `Kept`.

    Raises
    ------
    NotCompiledError : if they do; it names what, which is put back.
    """
    before = Kept(model=model, loss=loss)
    try:
        _require_unchanged(before)  # refuses iterators
        ((x, target),) = copies([example])
        with mode(model, training=True), no_grad():  # caches are filled by the first call
            loss(model(x), target)
        kept = Kept(model=model, loss=loss)
        yield
        _require_unchanged(kept)
    finally:
        before.put_back()


def _require_unchanged(kept: Kept) -> None:
    changed = kept.changed()
    if changed:
        raise NotCompiledError(
            f"the model or the loss changes what it keeps between calls, {changed}: each call is "
            "a different computation; use Dropout for random numbers, or backend='eager'"
        )


def settings_of(optimizer: Optimizer) -> dict[str, Any]:
    """The attributes of an optimizer that are not arguments of its rule."""
    attributes = object.__getattribute__(optimizer, "__dict__")
    given = ("parameters", "_memory", "_lr")
    return {name: value for name, value in attributes.items() if name not in given}


_SETTLED = ("model", "optimizer", "parameters", "zero_grad")  # constant, or watched themselves


@contextmanager
def _watched(changing: Sequence[Any]) -> Iterator[list[str]]:
    """A context in which reading an attribute of these objects is an error, which is noted: it may be caught.

    Settings of an optimizer may be read: a callback that changes them has the model recorded again.
    """
    seen: list[str] = []

    def watching(kind: Any) -> Any:
        def look(self: Any, name: str) -> Any:
            stays = name in _SETTLED or (name.startswith("__") and name != "__dict__")
            if not stays and not (isinstance(self, Optimizer) and name in settings_of(self)):
                seen.append(f"{kind.__name__}.{name}")
                raise RuntimeError(f"{seen[-1]} is read")
            return super(watcher, self).__getattribute__(name)

        watcher = type(kind)(kind.__name__, (kind,), {"__getattribute__": look, "__slots__": ()})
        return watcher

    kinds = [(each, type(each)) for each in changing]
    try:
        for each, kind in kinds:
            each.__class__ = watching(kind)
        yield seen
    finally:
        for each, kind in kinds:
            object.__setattr__(each, "__class__", kind)


@contextmanager
def factors_noted(model: Module, masks: list[tuple[Dropout, list[Value]]]) -> Iterator[None]:
    """A context in which the factors of each call of a dropout are new `Value`s, noted in `masks`."""
    dropouts = [each for each in model.modules() if isinstance(each, Dropout)]

    def factors(dropout: Dropout, n: int) -> Any:
        masks.append((dropout, [Value(1.0) for _ in range(n)]))
        return np.array(masks[-1][1], dtype=object)

    try:
        for dropout in dropouts:
            vars(dropout)["factors"] = functools.partial(factors, dropout)
        yield
    finally:
        for dropout in dropouts:
            vars(dropout).pop("factors", None)
