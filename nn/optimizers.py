"""Gradient descent: how parameters follow their gradients."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from autograd import Value

from .arguments import require_flag, require_number

__all__ = ["SGD", "Optimizer"]

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]


class Optimizer(ABC):
    """The base class of the optimizers: which parameters, and how fast.

    A subclass says in `update` how numbers and gradients become new numbers, on arrays; what it remembers
    of each parameter between steps it keeps with `memory`.

    Parameters
    ----------
    parameters : the `Value`s to update, leaves all of them, such as ``model.parameters()``.
    lr : the learning rate η, at least 0; it may be set between steps.

    Raises
    ------
    TypeError : if `parameters` is not a list of `Value`s, or lr not a number.
    ValueError : if there are no parameters, one occurs twice or was computed, or lr is negative or not
        finite.
    """

    def __init__(self, parameters: Iterable[Value], lr: float) -> None:
        if not isinstance(parameters, Iterable):
            raise TypeError(
                f"{type(self).__name__} takes a list of Values to update, such as model.parameters(), "
                f"got {type(parameters).__name__}: {parameters!r:.60}"
            )
        self.parameters = list(parameters)
        self.lr = lr
        self._memory: dict[str, Array] = {}
        if not self.parameters:
            raise ValueError(f"{type(self).__name__} needs at least one parameter, got none")
        for parameter in self.parameters:
            if not isinstance(parameter, Value):
                raise TypeError(
                    f"{type(self).__name__} updates Values, got {type(parameter).__name__}: {parameter!r:.60}"
                )
            if parameter.op:
                raise ValueError(
                    f"{type(self).__name__} updates leaves, and {parameter!r} was computed by {parameter.op}"
                )
        if len(set(self.parameters)) < len(self.parameters):
            raise ValueError(f"{type(self).__name__} was given the same parameter twice")

    @property
    def lr(self) -> float:
        return self._lr

    @lr.setter
    def lr(self, lr: float) -> None:
        self._lr = require_number("lr", lr, least=0.0)

    @abstractmethod
    def update(self, data: Array, gradient: Array, at: Indices) -> Array:
        """The new numbers of the n parameters with the indices `at`, given the old and the gradients (n,)."""

    def memory(self, name: str, start: float = 0.0) -> Array:
        """An array (P,) that is kept from step to step: one number for each parameter, `start` at first."""
        return self._memory.setdefault(name, np.full(len(self.parameters), start))

    def step(self) -> None:
        """Update every parameter that has a gradient, all from the same gradients."""
        at = [i for i, parameter in enumerate(self.parameters) if parameter.grad is not None]
        reached = [self.parameters[i] for i in at]
        data = np.array([parameter.data for parameter in reached])
        gradient = np.array([parameter.grad for parameter in reached], dtype=np.float64)
        with np.errstate(all="ignore"):
            new = self.update(data, gradient, np.array(at, dtype=np.intp))
        for parameter, number in zip(reached, new.tolist(), strict=True):
            parameter.data = number

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0."""
        for parameter in self.parameters:
            parameter.grad = 0.0


class SGD(Optimizer):
    """Gradient descent w ← w − η g; with momentum w ← w − η v, where v ← μ v + (1 − τ) g.

    Whether it is stochastic is a matter of what the gradient was taken of: of one example, of a batch or
    of all (see `fit`). The velocity v starts as the first gradient; weight decay λ adds λ w to g; with
    `nesterov` the step is along g + μ v.

    Parameters
    ----------
    parameters, lr : as for `Optimizer`.
    momentum : μ, at least 0; useful below 1.
    dampening : τ, which takes away from the gradient's share in v.
    nesterov : whether to look ahead along the velocity; needs momentum and no dampening.
    weight_decay : λ, at least 0.

    Raises
    ------
    TypeError, ValueError : if an argument is not as described.

    Source: `torch.optim.SGD`; Polyak 1964 for momentum; Sutskever et al. 2013, "On the importance of
    initialization and momentum in deep learning", for the form of Nesterov's method.

    Examples
    --------
    >>> from autograd import Value
    >>> from nn import SGD
    >>> w = Value(3.0)
    >>> optimizer = SGD([w], lr=0.25)
    >>> for _ in range(3):
    ...     optimizer.zero_grad()
    ...     (w * w).backward()
    ...     optimizer.step()
    >>> w.data
    0.375
    """

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float,
        momentum: float = 0.0,
        dampening: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr)
        self.momentum = require_number("momentum", momentum, least=0.0)
        self.dampening = require_number("dampening", dampening)
        self.weight_decay = require_number("weight_decay", weight_decay, least=0.0)
        self.nesterov = require_flag("nesterov", nesterov)
        if self.nesterov and (self.momentum == 0.0 or self.dampening != 0.0):
            raise ValueError(
                "nesterov needs momentum above 0 and dampening 0, "
                f"got momentum={momentum!r} and dampening={dampening!r}"
            )

    def update(self, data: Array, gradient: Array, at: Indices) -> Array:
        if self.weight_decay:
            gradient = gradient + self.weight_decay * data
        if self.momentum:
            velocity, moving = self.memory("velocity"), self.memory("moving")
            velocity[at] = np.where(
                moving[at], self.momentum * velocity[at] + (1.0 - self.dampening) * gradient, gradient
            )
            moving[at] = 1.0
            gradient = gradient + self.momentum * velocity[at] if self.nesterov else velocity[at]
        return data - self.lr * gradient
