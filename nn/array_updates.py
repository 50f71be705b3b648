"""The update of an optimizer as a rule on whole arrays, which a compiled training repeats."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from autograd import Value

from .optimizers import SGD, Optimizer
from .recording import NotCompiledError, settings_of

__all__ = ["ArrayUpdate", "close"]

Array = npt.NDArray[np.float64]


class ArrayUpdate:
    """The update of an optimizer with its present settings, tried on random gradients.

    Attributes
    ----------
    places : the U parameters that are not frozen, by their index in the optimizer.
    rule : an option of `autograd.Training`; empty for w ← w − η g, the default there.

    Raises
    ------
    NotCompiledError : if the update fails on whole arrays, or gives other numbers than the optimizer.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer, self.places = optimizer, _trained(optimizer)
        self._settings = repr(settings_of(optimizer))
        refused = f"{type(optimizer).__name__} cannot be compiled, use backend='eager': its update "
        try:
            same = self._try()
        except Exception as error:  # it is the user's code
            raise NotCompiledError(
                f"{refused}does not run on whole arrays ({type(error).__name__}: {error})"
            ) from error
        if not same:
            raise NotCompiledError(
                f"{refused}gives different numbers when repeated: keep all that it remembers in "
                "Optimizer.memory, and read and set it with [at]"
            )
        descends = type(optimizer) is SGD and not (optimizer.momentum or optimizer.weight_decay)
        # A new rule for new settings, which are constants in its native code.
        self.rule = {} if descends else {"rule": _rule(optimizer)}

    def _try(self) -> bool:
        """Whether three updates by the rule give the optimizer's numbers; note its initial memory."""
        own, rule = _clone(self.optimizer), _rule(_clone(self.optimizer))
        own._memory = remembered = _InitialMemory(own._memory)
        self._initial = remembered.first
        at = np.arange(len(own.parameters))
        expected = data = np.array([parameter.data for parameter in own.parameters])
        memory: dict[str, Array] = {}
        generator = np.random.default_rng(0)
        with np.errstate(all="ignore"):
            for _ in range(3):
                gradient = generator.standard_normal(len(data))
                expected = own.update(expected.copy(), gradient.copy(), at)
                memory = memory or {name: array.copy() for name, array in remembered.first.items()}
                changed = dict(memory)
                data = np.array(rule(data.copy(), gradient.copy(), np.float64(own.lr), changed))
                for name, array in memory.items():
                    array[...] = changed[name]
                if not close(data, expected):
                    return False
        return all(close(memory[name], remembered[name]) for name in remembered.first)

    @property
    def is_of_the_same_parameters(self) -> bool:
        """Whether the optimizer still updates the same parameters."""
        return _trained(self.optimizer) == self.places

    @property
    def has_new_settings(self) -> bool:
        return repr(settings_of(self.optimizer)) != self._settings

    @property
    def memory(self) -> dict[str, Array]:
        """By name, what the optimizer remembers of the updated parameters, or will at first, (U,)."""
        return {name: array[list(self.places)] for name, array in self._whole_memory().items()}

    def state(self, memory: Mapping[str, Array]) -> dict[str, Any]:
        """The optimizer's state with this `memory`."""
        remembered = {name: array.copy() for name, array in self._whole_memory().items()}
        for name, array in memory.items():
            remembered[name][list(self.places)] = array
        return {"lr": self.optimizer.lr, "memory": remembered}

    def _whole_memory(self) -> dict[str, Array]:
        return {**self._initial, **self.optimizer.state_dict()["memory"]}


def close(numbers: Any, expected: Any, atol: Any = 0.0) -> bool:
    """Whether they agree where the expected number is finite: the training reports the others."""
    return bool(np.all(np.isclose(numbers, expected, rtol=1e-9, atol=atol) | ~np.isfinite(expected)))


def _trained(optimizer: Optimizer) -> dict[int, Value]:
    """The parameters that are not frozen, by their index in the optimizer."""
    return {i: each for i, each in enumerate(optimizer.parameters) if each.requires_grad}


def _clone(optimizer: Optimizer) -> Any:
    """A copy that shares nothing but the parameters."""
    return copy.deepcopy(optimizer, {id(optimizer.parameters): optimizer.parameters})


def _rule(optimizer: Optimizer) -> Any:
    """The optimizer's `update` as a rule on anything with arithmetic: arrays, or terms of native code."""

    def rule(data: Any, gradient: Any, rate: Any, memory: dict[str, Any]) -> Any:
        traced: Any = copy.copy(optimizer)
        slots = {name: _Slot(array) for name, array in memory.items()}
        traced._memory, traced._lr = slots, rate
        new = traced.update(data, gradient, slice(None))
        memory.update({name: slot.content for name, slot in slots.items()})
        return new

    return rule


class _Slot:
    """An array in an optimizer's memory that is read and set as a whole, whatever the index."""

    def __init__(self, content: Any) -> None:
        self.content = content

    def __getitem__(self, at: Any) -> Any:
        return self.content

    def __setitem__(self, at: Any, content: Any) -> None:
        self.content = content


class _InitialMemory(dict[str, Array]):
    """An optimizer's memory that keeps the initial copy of each array in `first`."""

    def __init__(self, known: Mapping[str, Array]) -> None:
        super().__init__({name: array.copy() for name, array in known.items()})
        self.first = {name: array.copy() for name, array in known.items()}

    def setdefault(self, name: str, array: Any = None) -> Any:
        if name not in self:
            self.first[name] = array.copy()
        return super().setdefault(name, array)
