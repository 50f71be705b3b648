"""Learning rate schedules, by epoch or by update."""

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
    require_kind,
    require_number,
    require_option,
    require_positive,
    require_state,
)
from .optimizers import Optimizer

if TYPE_CHECKING:
    from .history import History

__all__ = [
    "CosineAnnealingLR", "ExponentialLR", "LambdaLR", "LinearLR", "LinearWarmup", "MultiStepLR",
    "ReduceLROnPlateau", "Schedule", "StepLR",
]  # fmt: skip


class Schedule(Described, ABC):
    """The base class of the schedules: sets the learning rate η of an optimizer by a formula in the epoch t.

    A subclass implements the formula as `rate`. The constructor sets the rate of epoch 0, and each `step` the
    next one; `fit` makes a step after every epoch, so a further `fit` continues the schedule.

    Parameters
    ----------
    optimizer : an `Optimizer`; η₀ is its learning rate.

    Attributes
    ----------
    base_lr : η₀.
    last_epoch : t, the steps so far.

    Raises
    ------
    TypeError, ValueError : if an argument, of a subclass too, is not as described.

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
        expected = f"{type(self).__name__} sets the learning rate of an Optimizer"
        require_kind(optimizer, Optimizer, expected)
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
        """The step that `fit` makes after an epoch of the history, counted from 1."""
        self.step()

    def state_dict(self) -> dict[str, Any]:
        """The kind, η₀ and t: what `load_state_dict` restores."""
        return {"kind": type(self).__name__, "base_lr": self.base_lr, "last_epoch": self.last_epoch}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the `state_dict` of a schedule of this kind; on an error nothing changes.

        Raises
        ------
        TypeError, ValueError : if `state` is no such state.
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
    """η = η₀ γ^⌊t / step_size⌋: a factor γ every `step_size` epochs.

    Parameters
    ----------
    optimizer : as for `Schedule`.
    step_size : in epochs, at least 1.
    gamma : γ, above 0.

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
    """η = η₀ γᵏ, where k is the number of milestones mᵢ ≤ t.

    Parameters
    ----------
    optimizer : as for `Schedule`.
    milestones : epochs, each at least 0, in any order; a repeated one counts twice.
    gamma : γ, above 0.

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
        require_kind(milestones, Iterable, "milestones must be a list of epochs")
        self.milestones = sorted(require_count("a milestone", each, least=0) for each in milestones)
        self.gamma = require_positive("gamma", gamma)
        super().__init__(optimizer)

    def rate(self, epoch: int) -> float:
        return float(self.base_lr * self.gamma ** bisect.bisect(self.milestones, epoch))


class LambdaLR(Schedule):
    """η = η₀ f(t), with a function of your own.

    Parameters
    ----------
    optimizer : as for `Schedule`.
    lr_lambda : f, a function of the epoch from 0 on; not kept in checkpoints.

    Raises
    ------
    TypeError, ValueError : if f is no function, or gives anything but finite numbers from 0 on.

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
        require_kind(lr_lambda, Callable, "lr_lambda must be a function of the epoch")
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
    T_max : in epochs, at least 1; afterwards the rate rises again, symmetrically.
    eta_min : η_min, at least 0.

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
    """η = η₀ (f + (g − f) t / T) for t < T, then η₀ g: linear from η₀ f to η₀ g.

    Parameters
    ----------
    optimizer : as for `Schedule`.
    start_factor, end_factor : f and g, from 0 to 1.
    total_iters : T, in epochs, at least 1.

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
    """η = η₀ (f + (1 − f) t / T) for t < T: from η₀ f up to η₀; then η₀, or another schedule.

    Parameters
    ----------
    optimizer : as for `Schedule`.
    total_iters : T, in epochs, at least 1.
    start_factor : f, from 0 to 1.
    then : a schedule of the same optimizer, which starts after the warm-up.

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
            require_kind(then, Schedule, "then must be a Schedule")
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
    """η ← max(f η, η_min) when a metric has not improved for more than `patience` epochs.

    In the mode ``"min"`` an improvement is below best · (1 − threshold), or with the `threshold_mode`
    ``"abs"`` below best − threshold; in ``"max"`` it is above best · (1 + threshold) or best + threshold. nan
    is none.

    Parameters
    ----------
    optimizer : as for `Schedule`.
    mode : ``"min"``, or ``"max"`` if larger is better.
    factor : f, from 0 to below 1.
    patience : in epochs, at least 0.
    threshold : at least 0.
    threshold_mode : ``"rel"`` or ``"abs"``.
    cooldown : epochs after a reduction that do not count as bad, at least 0.
    min_lr : η_min, at least 0.
    eps : the least reduction that is made, at least 0.
    monitor : the column of `History.columns` that `fit` passes to `step`; by default ``"validation_loss"``,
        or ``"loss"`` without validation data.

    Attributes
    ----------
    best : the best metric so far; infinite at first.
    num_bad_epochs : the epochs since then without an improvement.

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
        self.mode = require_option("mode", mode, "min", "max")
        self.threshold_mode = require_option("threshold_mode", threshold_mode, "rel", "abs")
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
        """The current rate: later ones depend on metrics to come."""
        return self.optimizer.lr

    def step(self, metrics: float | None = None) -> None:
        """Set the learning rate of the next epoch by the metric of this one."""
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
        if math.isfinite(bound):  # infinite before the first metric
            change = sign * self.threshold
            bound = bound * (1.0 - change) if self.threshold_mode == "rel" else bound - change
        return sign * number < sign * bound

    def follow(self, history: History, epoch: int) -> None:
        self.step(history.watched(self.monitor, type(self).__name__)[epoch - 1])

    def state_dict(self) -> dict[str, Any]:
        noted = {name: getattr(self, name) for name in ("best", "num_bad_epochs", "cooldown_counter")}
        return super().state_dict() | {"lr": self.optimizer.lr} | noted

    def _load(self, state: Mapping[str, Any]) -> None:
        super()._load(state)
        best = state["best"]
        self.best = best if best in (math.inf, -math.inf) else require_number("best", best)
        self.num_bad_epochs = require_count("num_bad_epochs", state["num_bad_epochs"], least=0)
        self.cooldown_counter = require_count("cooldown_counter", state["cooldown_counter"], least=0)
        self.optimizer.lr = state["lr"]
