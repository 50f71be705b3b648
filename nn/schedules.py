"""Schedules: how the learning rate changes from epoch to epoch, or from update to update."""

from __future__ import annotations

import bisect
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .arguments import (
    Described,
    require_column,
    require_count,
    require_fraction,
    require_number,
    require_positive,
    require_state,
)
from .optimizers import Optimizer

if TYPE_CHECKING:
    from .history import History

__all__ = [
    "CosineAnnealingLR",
    "ExponentialLR",
    "LambdaLR",
    "LinearLR",
    "LinearWarmup",
    "MultiStepLR",
    "ReduceLROnPlateau",
    "Schedule",
    "StepLR",
]


class Schedule(Described, ABC):
    """The base class of the schedules: it sets the learning rate of an optimizer, by a formula in t.

    A subclass gives that formula in `rate`. The rate of epoch 0 is set at once, and that of the next one by
    each `step`, which `fit` makes after every epoch: several trainings in a row go on where the one before
    ended.

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

    @abstractmethod  # each schedule has its formula
    def rate(self, epoch: int) -> float:
        """The learning rate of an epoch, counted from 0."""

    def step(self) -> None:
        """Set the learning rate of the next epoch."""
        self.last_epoch += 1
        self.optimizer.lr = self.rate(self.last_epoch)

    def follow(self, history: History, epoch: int) -> None:
        """The step that `fit` makes after an epoch, its number in the history counted from 1."""
        self.step()

    def state_dict(self) -> dict[str, Any]:
        """Its kind, and what `load_state_dict` puts back."""
        return {"kind": type(self).__name__, "base_lr": self.base_lr, "last_epoch": self.last_epoch}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from the `state_dict` of another schedule of this kind, or on any error change nothing.

        Raises
        ------
        TypeError, ValueError : if `state` is not one, or is of another kind.
        """
        require_state(self, state, **dict.fromkeys({*self.state_dict()} - {"kind", "then"}, object))
        before, lr = dict(vars(self)), self.optimizer.lr
        try:
            self._load(state)
        except BaseException as error:
            vars(self).update(before)
            self.optimizer.lr = lr
            if isinstance(error, ArithmeticError):
                raise ValueError(f"this state gives no learning rate: {state!r:.60} ({error})") from error
            raise

    def _load(self, state: Mapping[str, Any]) -> None:
        self.base_lr = require_number("base_lr", state["base_lr"], least=0.0)
        self.last_epoch = require_count("last_epoch", state["last_epoch"], least=0)
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


class MultiStepLR(Schedule):
    """η = η₀ γᵏ, where k is how many of the milestones are reached: mᵢ ≤ t.

    Parameters
    ----------
    optimizer : as for `Schedule`.
    milestones : in epochs, each at least 0, in any order; one that is given twice counts twice.
    gamma : γ, above 0.

    Raises
    ------
    TypeError, ValueError : if an argument is not as described.

    Source: `torch.optim.lr_scheduler.MultiStepLR`.

    Examples
    --------
    >>> from autograd import Value
    >>> from nn import SGD, MultiStepLR
    >>> schedule = MultiStepLR(SGD([Value(1.0)], lr=0.5), milestones=[1, 3], gamma=0.5)
    >>> [schedule.rate(t) for t in range(5)]
    [0.5, 0.25, 0.25, 0.125, 0.125]
    """

    def __init__(self, optimizer: Optimizer, milestones: Iterable[int], gamma: float = 0.1) -> None:
        if not isinstance(milestones, Iterable):
            raise TypeError(
                f"milestones must be a list of epochs, got {type(milestones).__name__}: {milestones!r:.60}"
            )
        self.milestones = sorted(require_count("a milestone", each, least=0) for each in milestones)
        self.gamma = require_positive("gamma", gamma)
        super().__init__(optimizer)

    def rate(self, epoch: int) -> float:
        return float(self.base_lr * self.gamma ** bisect.bisect(self.milestones, epoch))


class LambdaLR(Schedule):
    """η = η₀ f(t), with a function of one's own.

    Parameters
    ----------
    optimizer : as for `Schedule`.
    lr_lambda : f, a function of the epoch, counted from 0. A checkpoint does not hold it.

    Raises
    ------
    TypeError : if it is not a function.
    TypeError, ValueError : when a rate is set, if it is not a finite number from 0 on.

    Source: `torch.optim.lr_scheduler.LambdaLR`.

    Examples
    --------
    >>> from autograd import Value
    >>> from nn import SGD, LambdaLR
    >>> schedule = LambdaLR(SGD([Value(1.0)], lr=0.5), lambda epoch: 1.0 / (1.0 + epoch))
    >>> schedule.rate(1), schedule.rate(4)
    (0.25, 0.1)
    """

    def __init__(self, optimizer: Optimizer, lr_lambda: Callable[[int], float]) -> None:
        if not callable(lr_lambda):
            raise TypeError(
                f"lr_lambda must be a function of the epoch, got {type(lr_lambda).__name__}: "
                f"{lr_lambda!r:.60}"
            )
        self.lr_lambda = lr_lambda
        super().__init__(optimizer)

    def rate(self, epoch: int) -> float:
        return self.base_lr * self.lr_lambda(epoch)


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


class LinearLR(Schedule):
    """η = η₀ (f + (g − f) t / T) up to t = T, and η₀ g from there on: in a line from η₀ f to η₀ g.

    Parameters
    ----------
    optimizer : as for `Schedule`.
    start_factor, end_factor : f and g, from 0 to 1.
    total_iters : T, in epochs, at least 1.

    Raises
    ------
    TypeError, ValueError : if an argument is not as described.

    Source: `torch.optim.lr_scheduler.LinearLR`.

    Examples
    --------
    >>> from autograd import Value
    >>> from nn import SGD, LinearLR
    >>> schedule = LinearLR(SGD([Value(1.0)], lr=1.0), 1.0, 0.0, total_iters=4)
    >>> [schedule.rate(t) for t in range(6)]
    [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3.0,
        end_factor: float = 1.0,
        total_iters: int = 5,
    ) -> None:
        self.start_factor = require_fraction("start_factor", start_factor)
        self.end_factor = require_fraction("end_factor", end_factor)
        self.total_iters = require_count("total_iters", total_iters)
        super().__init__(optimizer)

    def rate(self, epoch: int) -> float:
        share = min(epoch, self.total_iters) / self.total_iters
        return self.base_lr * (self.start_factor + (self.end_factor - self.start_factor) * share)


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
            if isinstance(then, ReduceLROnPlateau):
                raise TypeError("then must be a formula in the epoch, but ReduceLROnPlateau follows a metric")
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

    def state_dict(self) -> dict[str, Any]:
        then = {} if self.then is None else {"then": self.then.state_dict()}
        return super().state_dict() | then

    def _load(self, state: Mapping[str, Any]) -> None:
        then = None if self.then is None else self.then.state_dict()
        try:
            if self.then is not None and "then" in state:
                self.then.load_state_dict(state["then"])
            super()._load(state)
        except BaseException:
            if self.then is not None and then is not None:
                self.then.load_state_dict(then)
            raise


class ReduceLROnPlateau(Schedule):
    """η ← max(f η, η_min) when a number has not become better for more than `patience` epochs.

    Better than the best so far is, of the mode ``"min"``, less than best · (1 − threshold), or of the
    `threshold_mode` ``"abs"`` less than best − threshold; of ``"max"`` more than best · (1 + threshold), or
    best + threshold. A number that is nan is never better.

    Parameters
    ----------
    optimizer : as for `Schedule`.
    mode : ``"min"``, or ``"max"`` where more is better.
    factor : f, from 0 to below 1.
    patience : in epochs, at least 0.
    threshold : at least 0.
    threshold_mode : ``"rel"`` or ``"abs"``.
    cooldown : for how many epochs after a reduction none are counted as bad, at least 0.
    min_lr : η_min, at least 0.
    eps : a reduction by no more than this is not made, at least 0.
    monitor : the column of `History.columns` that `fit` gives to `step`; by default ``"validation_loss"``, or
        without validation data ``"loss"``.

    Attributes
    ----------
    best : the best number so far; infinite before the first.
    num_bad_epochs : how many were not better since.

    Raises
    ------
    TypeError, ValueError : if an argument is not as described; in `fit`, if there is no such column.

    Source: `torch.optim.lr_scheduler.ReduceLROnPlateau`.

    Examples
    --------
    >>> from autograd import Value
    >>> from nn import SGD, ReduceLROnPlateau
    >>> optimizer = SGD([Value(1.0)], lr=1.0)
    >>> schedule = ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    >>> for loss in [3.0, 2.0, 2.0, 2.0]:
    ...     schedule.step(loss)
    >>> optimizer.lr
    0.5
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float = 0.0,
        eps: float = 1e-8,
        monitor: str | None = None,
    ) -> None:
        if mode not in ("min", "max"):
            raise ValueError(f"mode must be 'min' or 'max', got {mode!r:.60}")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f"threshold_mode must be 'rel' or 'abs', got {threshold_mode!r:.60}")
        self.mode, self.threshold_mode = mode, threshold_mode
        self.factor = require_fraction("factor", factor, below=True)
        self.patience = require_count("patience", patience, least=0)
        self.threshold = require_number("threshold", threshold, least=0.0)
        self.cooldown = require_count("cooldown", cooldown, least=0)
        self.min_lr = require_number("min_lr", min_lr, least=0.0)
        self.eps = require_number("eps", eps, least=0.0)
        self.monitor = require_column(monitor)
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = 0
        super().__init__(optimizer)

    def rate(self, epoch: int) -> float:
        """The rate as it is: that of another epoch depends on numbers to come."""
        return self.optimizer.lr

    def step(self, metrics: float | None = None) -> None:
        """Set the learning rate of the next epoch, given the number that is watched."""
        if metrics is None:
            raise TypeError("ReduceLROnPlateau needs a number after each epoch: step(metrics)")
        number = float(metrics)
        better, bad, cooling = self._better(number), self.num_bad_epochs + 1, self.cooldown_counter
        if better:
            self.best, bad = number, 0
        if cooling > 0:
            cooling, bad = cooling - 1, 0
        if bad > self.patience:
            bad, cooling = 0, self.cooldown
            lr = max(self.optimizer.lr * self.factor, self.min_lr)
            if self.optimizer.lr - lr > self.eps:
                self.optimizer.lr = lr
        self.num_bad_epochs, self.cooldown_counter = bad, cooling
        self.last_epoch += 1

    def _better(self, number: float) -> bool:
        sign = 1.0 if self.mode == "min" else -1.0
        bound = self.best
        if math.isfinite(bound):  # it is not before the first number
            change = sign * self.threshold
            bound = bound * (1.0 - change) if self.threshold_mode == "rel" else bound - change
        return sign * number < sign * bound

    def follow(self, history: History, epoch: int) -> None:
        self.step(history.watched(self.monitor, type(self).__name__)[epoch - 1])

    def state_dict(self) -> dict[str, Any]:
        """Its kind, the learning rate, and what `load_state_dict` puts back besides."""
        noted = {name: getattr(self, name) for name in _NOTED}
        return super().state_dict() | {"lr": self.optimizer.lr} | noted

    def _load(self, state: Mapping[str, Any]) -> None:
        super()._load(state)
        best = state["best"]
        self.best = best if best in (math.inf, -math.inf) else require_number("best", best)
        self.num_bad_epochs = require_count("num_bad_epochs", state["num_bad_epochs"], least=0)
        self.cooldown_counter = require_count("cooldown_counter", state["cooldown_counter"], least=0)
        self.optimizer.lr = state["lr"]


_NOTED = ("best", "num_bad_epochs", "cooldown_counter")
