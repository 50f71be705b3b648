"""Schedules: how the learning rate changes from epoch to epoch."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from .arguments import require_count, require_fraction, require_number, require_positive
from .optimizers import Optimizer

__all__ = ["CosineAnnealingLR", "ExponentialLR", "LinearWarmup", "Schedule", "StepLR"]


class Schedule(ABC):
    """The base class of the schedules: it sets the learning rate of an optimizer, by a formula in t.

    A subclass gives that formula in `rate`. The rate of epoch 0 is set at once, and that of the next one by
    each `step`, which `fit` calls after every epoch.

    Parameters
    ----------
    optimizer : an `Optimizer`; its learning rate is η₀ in the formulas.

    Attributes
    ----------
    base_lr : η₀.
    last_epoch : t, the number of steps so far.

    Raises
    ------
    TypeError : if `optimizer` is not one.

    Examples
    --------
    >>> from autograd import Value
    >>> from nn import SGD
    >>> class Halving(Schedule):
    ...     def rate(self, epoch):
    ...         return self.base_lr / 2**epoch
    >>> optimizer = SGD([Value(1.0)], lr=0.5)
    >>> schedule = Halving(optimizer)
    >>> schedule.step()
    >>> optimizer.lr
    0.25
    """

    def __init__(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(
                f"{type(self).__name__} sets the learning rate of an Optimizer, "
                f"got {type(optimizer).__name__}: {optimizer!r:.60}"
            )
        self.optimizer = optimizer
        self.base_lr = optimizer.lr
        self.last_epoch = 0
        optimizer.lr = self.rate(0)

    @abstractmethod
    def rate(self, epoch: int) -> float:
        """The learning rate of an epoch, counted from 0."""

    def step(self) -> None:
        """Set the learning rate of the next epoch."""
        self.last_epoch += 1
        self.optimizer.lr = self.rate(self.last_epoch)

    def state_dict(self) -> dict[str, float]:
        """What `load_state_dict` puts back."""
        return {"base_lr": self.base_lr, "last_epoch": self.last_epoch}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from the `state_dict` of another schedule of this kind.

        Raises
        ------
        TypeError : if `state` is not one.
        """
        if not isinstance(state, Mapping) or not {"base_lr", "last_epoch"} <= set(state):
            raise TypeError(
                f"load_state_dict takes what state_dict gave, got {type(state).__name__}: {state!r:.60}"
            )
        self.base_lr, self.last_epoch = float(state["base_lr"]), int(state["last_epoch"])
        self.optimizer.lr = self.rate(self.last_epoch)


class StepLR(Schedule):
    """η = η₀ γ^⌊t / step_size⌋: less by the factor γ every `step_size` epochs.

    Parameters
    ----------
    optimizer : as for `Schedule`.
    step_size : in epochs, at least 1.
    gamma : γ, above 0.

    Raises
    ------
    TypeError, ValueError : if an argument is not as described.

    Source: `torch.optim.lr_scheduler.StepLR`.

    Examples
    --------
    >>> from autograd import Value
    >>> from nn import SGD, StepLR
    >>> schedule = StepLR(SGD([Value(1.0)], lr=0.5), step_size=2, gamma=0.5)
    >>> [schedule.rate(t) for t in range(5)]
    [0.5, 0.5, 0.25, 0.25, 0.125]
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        self.step_size = require_count("step_size", step_size)
        self.gamma = require_positive("gamma", gamma)
        super().__init__(optimizer)

    def rate(self, epoch: int) -> float:
        return float(self.base_lr * self.gamma ** (epoch // self.step_size))


class ExponentialLR(Schedule):
    """η = η₀ γᵗ.

    Parameters
    ----------
    optimizer : as for `Schedule`.
    gamma : γ, above 0.

    Raises
    ------
    TypeError, ValueError : if an argument is not as described.

    Source: `torch.optim.lr_scheduler.ExponentialLR`.

    Examples
    --------
    >>> from autograd import Value
    >>> from nn import SGD, ExponentialLR
    >>> ExponentialLR(SGD([Value(1.0)], lr=8.0), gamma=0.5).rate(3)
    1.0
    """

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        self.gamma = require_positive("gamma", gamma)
        super().__init__(optimizer)

    def rate(self, epoch: int) -> float:
        return float(self.base_lr * self.gamma**epoch)


class CosineAnnealingLR(Schedule):
    """η = η_min + ½ (η₀ − η_min) (1 + cos(π t / T_max)): from η₀ down to η_min in T_max epochs.

    Parameters
    ----------
    optimizer : as for `Schedule`.
    T_max : in epochs, at least 1; from there on the rate rises again, as it fell.
    eta_min : η_min, at least 0.

    Raises
    ------
    TypeError, ValueError : if an argument is not as described.

    Source: Loshchilov and Hutter 2017, "SGDR: stochastic gradient descent with warm restarts", eq. 5,
    without the restarts; `torch.optim.lr_scheduler.CosineAnnealingLR`.

    Examples
    --------
    >>> from autograd import Value
    >>> from nn import SGD, CosineAnnealingLR
    >>> schedule = CosineAnnealingLR(SGD([Value(1.0)], lr=1.0), T_max=4)
    >>> [round(schedule.rate(t), 3) for t in range(5)]
    [1.0, 0.854, 0.5, 0.146, 0.0]
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        self.T_max = require_count("T_max", T_max)
        self.eta_min = require_number("eta_min", eta_min, least=0.0)
        super().__init__(optimizer)

    def rate(self, epoch: int) -> float:
        share = 0.5 * (1.0 + math.cos(math.pi * epoch / self.T_max))
        return self.eta_min + (self.base_lr - self.eta_min) * share


class LinearWarmup(Schedule):
    """η = η₀ (f + (1 − f) t / T) for t < T: from the share f up to η₀ in T epochs.

    From then on it is η₀, or what another schedule says.

    Parameters
    ----------
    optimizer : as for `Schedule`.
    total_iters : T, in epochs, at least 1.
    start_factor : f, from 0 to 1.
    then : a schedule of the same optimizer, which begins when the warm-up is over.

    Raises
    ------
    TypeError, ValueError : if an argument is not as described.

    Source: Goyal et al. 2017, "Accurate, large minibatch SGD", section 2.2;
    `torch.optim.lr_scheduler.LinearLR`.

    Examples
    --------
    >>> from autograd import Value
    >>> from nn import SGD, ExponentialLR, LinearWarmup
    >>> optimizer = SGD([Value(1.0)], lr=1.0)
    >>> schedule = LinearWarmup(optimizer, 2, start_factor=0.5, then=ExponentialLR(optimizer, 0.5))
    >>> [schedule.rate(t) for t in range(5)]
    [0.5, 0.75, 1.0, 0.5, 0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        total_iters: int = 5,
        start_factor: float = 1.0 / 3.0,
        then: Schedule | None = None,
    ) -> None:
        self.total_iters = require_count("total_iters", total_iters)
        self.start_factor = require_fraction("start_factor", start_factor)
        if then is not None:
            if not isinstance(then, Schedule):
                raise TypeError(f"then must be a Schedule, got {type(then).__name__}: {then!r:.60}")
            if then.optimizer is not optimizer:
                raise ValueError("then must be a schedule of the same optimizer")
            optimizer.lr = then.base_lr
        self.then = then
        super().__init__(optimizer)

    def rate(self, epoch: int) -> float:
        if epoch < self.total_iters:
            share = self.start_factor + (1.0 - self.start_factor) * epoch / self.total_iters
            return self.base_lr * share
        return self.base_lr if self.then is None else self.then.rate(epoch - self.total_iters)
