"""The optimizers of gradient descent, and clipping of gradients."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from autograd import Value

from .arguments import (
    Described,
    require_flag,
    require_fraction,
    require_kind,
    require_number,
    require_positive,
    require_state,
)

__all__ = [
    "SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop", "clip_grad_norm_", "clip_grad_value_",
    "gradient_norm",
]  # fmt: skip

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]


class Optimizer(Described, ABC):
    """The base class of the optimizers: parameters and a learning rate.

    A subclass implements `update` on arrays, and keeps its state between steps with `memory`.

    Parameters
    ----------
    parameters : the leaf `Value`s to update, such as ``model.parameters()``; frozen ones (see
        `Value.requires_grad_`) are skipped.
    lr : the learning rate η, at least 0; it may be set between steps.

    Raises
    ------
    TypeError, ValueError : if an argument, of a subclass too, is not as described; if there are no
        parameters, or one occurs twice.
    """

    def __init__(self, parameters: Iterable[Value], lr: float) -> None:
        name = type(self).__name__
        expected = f"{name} takes a list of Values to update, such as model.parameters()"
        require_kind(parameters, Iterable, expected)
        self.parameters = list(parameters)
        self.lr = lr
        self._memory: dict[str, Array] = {}
        if not self.parameters:
            raise ValueError(f"{name} needs at least one parameter, got none")
        for parameter in self.parameters:
            require_kind(parameter, Value, f"{name} updates Values")
            if parameter.op:
                raise ValueError(f"{name} updates leaves, and {parameter!r} was computed by {parameter.op}")
        if len(set(self.parameters)) < len(self.parameters):
            raise ValueError(f"{name} was given the same parameter twice")

    @property
    def lr(self) -> float:
        return self._lr

    @lr.setter
    def lr(self, lr: float) -> None:
        self._lr = require_number("lr", lr, least=0.0)

    @abstractmethod  # each optimizer has its rule
    def update(self, data: Array, gradient: Array, at: Indices) -> Array:
        """The new numbers of the n parameters with the indices `at`, given the old and the gradients (n,)."""

    def memory(self, name: str, start: float = 0.0) -> Array:
        """A state of each parameter, (P,), kept between steps and `start` at first."""
        return self._memory.setdefault(name, np.full(len(self.parameters), start))

    def count(self, at: Indices) -> Array:
        """The number of steps of the parameters `at`, this one included: (n,)."""
        steps = self.memory("steps")
        steps[at] += 1.0
        return steps[at]

    def state_dict(self) -> dict[str, Any]:
        """The kind, the learning rate and the memory: what `load_state_dict` restores."""
        memory = {name: array.copy() for name, array in self._memory.items()}
        return {"kind": type(self).__name__, "lr": self.lr, "memory": memory}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the `state_dict` of an optimizer of this kind; on an error nothing changes.

        Raises
        ------
        TypeError, ValueError : if `state` is no such state, or has another number of parameters.

        Examples
        --------
        >>> from autograd import Value
        >>> from nn import Adam
        >>> optimizer, other = Adam([Value(1.0)], lr=0.5), Adam([Value(1.0)])
        >>> other.load_state_dict(optimizer.state_dict())
        >>> other.lr
        0.5
        """
        require_state(self, state, lr=object, memory=Mapping)
        lr = require_number("lr", state["lr"], least=0.0)
        memory = {name: np.array(array, dtype=np.float64) for name, array in state["memory"].items()}
        for name, array in memory.items():
            if array.shape != (len(self.parameters),):
                raise ValueError(
                    f"this state does not fit: {name} is of {array.size} parameters, "
                    f"and {type(self).__name__} has {len(self.parameters)}"
                )
        self.lr, self._memory = lr, memory

    def step(self) -> None:
        """Update every parameter that has a gradient and is not frozen."""
        at = [i for i, parameter in enumerate(self.parameters) if _follows(parameter)]
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

    It is stochastic if the gradient is that of one example or a batch (see `fit`). The velocity v starts as
    the first gradient; weight decay λ adds λ w to g; with `nesterov` the step is along g + μ v.

    Parameters
    ----------
    parameters, lr : as for `Optimizer`.
    momentum : μ, at least 0; useful below 1.
    dampening : τ.
    nesterov : whether to use Nesterov's momentum; needs momentum above 0 and no dampening.
    weight_decay : λ, at least 0.

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


class Adagrad(Optimizer):
    """A learning rate per parameter that falls as gradients accumulate: w ← w − ηₜ g / (√s + ε).

    s ← s + g² sums the squares of all gradients so far, and ηₜ = η / (1 + (t − 1) κ) at step t.

    Parameters
    ----------
    parameters, lr : as for `Optimizer`.
    lr_decay : κ, at least 0.
    weight_decay : λ, at least 0; λ w is added to g.
    initial_accumulator_value : s at first, at least 0.
    eps : ε, at least 0, against division by 0.

    Source: Duchi, Hazan and Singer 2011, "Adaptive subgradient methods for online learning and stochastic
    optimization"; `torch.optim.Adagrad`.

    Examples
    --------
    >>> from autograd import Value
    >>> from nn import Adagrad
    >>> w = Value(1.0)
    >>> optimizer = Adagrad([w], lr=0.5)
    >>> w.grad = 1000.0
    >>> optimizer.step()
    >>> round(w.data, 12)
    0.5
    """

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float = 0.01,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
    ) -> None:
        super().__init__(parameters, lr)
        self.lr_decay = require_number("lr_decay", lr_decay, least=0.0)
        self.weight_decay = require_number("weight_decay", weight_decay, least=0.0)
        self.initial_accumulator_value = require_number(
            "initial_accumulator_value", initial_accumulator_value, least=0.0
        )
        self.eps = require_number("eps", eps, least=0.0)

    def update(self, data: Array, gradient: Array, at: Indices) -> Array:
        gradient = gradient + self.weight_decay * data
        squares = self.memory("squares", self.initial_accumulator_value)
        squares[at] += gradient * gradient
        rate = self.lr / (1.0 + (self.count(at) - 1.0) * self.lr_decay)
        return data - rate * gradient / (np.sqrt(squares[at]) + self.eps)


class RMSprop(Optimizer):
    """The gradient over the root of a running mean of its square: w ← w − η g / (√s + ε).

    s ← α s + (1 − α) g². If `centered`, s is the variance: the square of a running mean of g is subtracted.
    With momentum the step is η v, where v ← μ v + g / (√s + ε).

    Parameters
    ----------
    parameters, lr : as for `Optimizer`.
    alpha : α, from 0 to 1.
    eps : ε, at least 0, against division by 0.
    weight_decay : λ, at least 0; λ w is added to g.
    momentum : μ, at least 0.
    centered : whether to divide by the standard deviation.

    Source: Tieleman and Hinton 2012, "Neural networks for machine learning", lecture 6.5; Graves 2013,
    "Generating sequences with recurrent neural networks", eq. 38 to 45, for `centered`;
    `torch.optim.RMSprop`.

    Examples
    --------
    >>> from autograd import Value
    >>> from nn import RMSprop
    >>> w = Value(1.0)
    >>> optimizer = RMSprop([w], lr=0.01)
    >>> w.grad = 5.0
    >>> optimizer.step()
    >>> round(w.data, 6)
    0.9
    """

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float = 0.01,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
    ) -> None:
        super().__init__(parameters, lr)
        self.alpha = require_fraction("alpha", alpha)
        self.eps = require_number("eps", eps, least=0.0)
        self.weight_decay = require_number("weight_decay", weight_decay, least=0.0)
        self.momentum = require_number("momentum", momentum, least=0.0)
        self.centered = require_flag("centered", centered)

    def update(self, data: Array, gradient: Array, at: Indices) -> Array:
        gradient = gradient + self.weight_decay * data
        squares = self.memory("squares")
        squares[at] = self.alpha * squares[at] + (1.0 - self.alpha) * gradient * gradient
        variance = squares[at]
        if self.centered:
            means = self.memory("means")
            means[at] = _lerp(means[at], gradient, 1.0 - self.alpha)
            # Where gradients are nearly constant, rounding alone may put the difference below 0.
            variance = np.maximum(variance - means[at] * means[at], 0.0)
        step = gradient / (np.sqrt(variance) + self.eps)
        if self.momentum:
            velocity = self.memory("velocity")
            velocity[at] = self.momentum * velocity[at] + step
            step = velocity[at]
        return data - self.lr * step


class Adam(Optimizer):
    """Running means of the gradient and of its square: w ← w − η m̂ / (√ŝ + ε).

    m ← β₁ m + (1 − β₁) g and s ← β₂ s + (1 − β₂) g² start at 0; m̂ = m / (1 − β₁ᵗ) and ŝ = s / (1 − β₂ᵗ)
    correct that bias at step t.

    Parameters
    ----------
    parameters, lr : as for `Optimizer`.
    betas : (β₁, β₂), each at least 0 and below 1.
    eps : ε, at least 0, against division by 0.
    weight_decay : λ, at least 0; λ w is added to g.
    amsgrad : whether ŝ is the largest so far.

    Source: Kingma and Ba 2015, "Adam: a method for stochastic optimization", algorithm 1; Reddi, Kale and
    Kumar 2018, "On the convergence of Adam and beyond", for `amsgrad`; `torch.optim.Adam`.

    Examples
    --------
    >>> from autograd import Value
    >>> from nn import Adam
    >>> w = Value(1.0)
    >>> optimizer = Adam([w], lr=0.25)
    >>> w.grad = -7.0
    >>> optimizer.step()
    >>> round(w.data, 6)
    1.25
    """

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
    ) -> None:
        super().__init__(parameters, lr)
        if not isinstance(betas, (tuple, list)) or len(betas) != 2:
            raise TypeError(f"betas must be a pair of numbers, got {type(betas).__name__}: {betas!r:.60}")
        first, second = betas
        self.betas = (
            require_fraction("betas[0]", first, below=True),
            require_fraction("betas[1]", second, below=True),
        )
        self.eps = require_number("eps", eps, least=0.0)
        self.weight_decay = require_number("weight_decay", weight_decay, least=0.0)
        self.amsgrad = require_flag("amsgrad", amsgrad)

    def update(self, data: Array, gradient: Array, at: Indices) -> Array:
        return self.adapted(data, gradient + self.weight_decay * data, at)

    def adapted(self, data: Array, gradient: Array, at: Indices) -> Array:
        """`update` without weight decay."""
        beta1, beta2 = self.betas
        steps = self.count(at)
        means, squares = self.memory("means"), self.memory("squares")
        means[at] = _lerp(means[at], gradient, 1.0 - beta1)
        squares[at] = beta2 * squares[at] + (1.0 - beta2) * gradient * gradient
        largest = squares[at]
        if self.amsgrad:
            remembered = self.memory("largest")
            remembered[at] = largest = np.maximum(remembered[at], largest)
        scale = np.sqrt(largest / (1.0 - beta2**steps)) + self.eps
        return data - self.lr / (1.0 - beta1**steps) * means[at] / scale


class AdamW(Adam):
    """`Adam` with decoupled weight decay: w ← (1 − η λ) w first, and then Adam's step from g alone.

    In Adam itself, λ w goes through the running means, so that large gradients weaken the decay.

    Parameters
    ----------
    parameters, lr, betas, eps, amsgrad : as for `Adam`.
    weight_decay : λ, at least 0.

    Source: Loshchilov and Hutter 2019, "Decoupled weight decay regularization", algorithm 2;
    `torch.optim.AdamW`.

    Examples
    --------
    >>> from autograd import Value
    >>> from nn import AdamW
    >>> w = Value(1.0)
    >>> optimizer = AdamW([w], lr=0.5, weight_decay=0.5)
    >>> w.grad = 0.0
    >>> optimizer.step()
    >>> w.data
    0.75
    """

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        amsgrad: bool = False,
    ) -> None:
        super().__init__(parameters, lr, betas, eps, weight_decay, amsgrad)

    def update(self, data: Array, gradient: Array, at: Indices) -> Array:
        return self.adapted((1.0 - self.lr * self.weight_decay) * data, gradient, at)


def _follows(parameter: Value) -> bool:
    """Whether a parameter has a gradient and is not frozen."""
    return bool(parameter.requires_grad and parameter.reached)


def _lerp(start: Array, end: Array, weight: float) -> Array:
    """start + weight (end − start), from the nearer end, as torch's: exact for the weights 0 and 1."""
    if weight < 0.5:
        return start + weight * (end - start)
    return end - (end - start) * (1.0 - weight)


# --- clipping ---------------------------------------------------------------------------------------


def gradient_norm(parameters: Iterable[Value]) -> float:
    """The norm ‖g‖₂ of the gradient over all parameters that are not frozen.

    Examples
    --------
    >>> from autograd import Value
    >>> a, b = Value(3.0), Value(4.0)
    >>> (0.5 * a * a + 0.5 * b * b).backward()
    >>> gradient_norm([a, b])
    5.0
    """
    gradient = [parameter.grad for parameter in parameters if _follows(parameter)]
    return math.nan if any(map(math.isnan, gradient)) else math.hypot(*gradient)  # hypot(nan, inf) is inf


def clip_grad_norm_(parameters: Iterable[Value], max_norm: float) -> float:
    """Scale the gradient over all parameters down to the norm `max_norm`, if it is longer.

    g ← g · min(1, max_norm / (‖g‖₂ + 10⁻⁶)). If one gradient is nan, all become nan.

    Parameters
    ----------
    parameters : `Value`s; frozen ones, and those without a gradient, are skipped.
    max_norm : above 0.

    Returns
    -------
    ‖g‖₂ before clipping.

    Raises
    ------
    TypeError, ValueError : if `max_norm` is not a finite number above 0.

    Source: Pascanu, Mikolov and Bengio 2013, "On the difficulty of training recurrent neural networks",
    algorithm 1; `torch.nn.utils.clip_grad_norm_`, whose 10⁻⁶ it has.

    Examples
    --------
    >>> from autograd import Value
    >>> a, b = Value(3.0), Value(4.0)
    >>> (0.5 * a * a + 0.5 * b * b).backward()
    >>> clip_grad_norm_([a, b], 1.0)
    5.0
    >>> round(a.grad, 6), round(b.grad, 6)
    (0.6, 0.8)
    """
    max_norm = require_positive("max_norm", max_norm)
    reached = [parameter for parameter in parameters if _follows(parameter)]
    norm = gradient_norm(reached)
    factor = max_norm / (norm + 1e-6)
    if not factor >= 1.0:  # of nan too
        for parameter in reached:
            parameter.grad *= factor
    return norm


def clip_grad_value_(parameters: Iterable[Value], clip_value: float) -> None:
    """Clamp each ∂L/∂w to [−clip_value, clip_value].

    Parameters
    ----------
    parameters : `Value`s; frozen ones, and those without a gradient, are skipped.
    clip_value : above 0.

    Raises
    ------
    TypeError, ValueError : if `clip_value` is not a finite number above 0.

    Source: `torch.nn.utils.clip_grad_value_`.

    Examples
    --------
    >>> from autograd import Value
    >>> w = Value(3.0)
    >>> (-w * w).backward()
    >>> clip_grad_value_([w], 0.5)
    >>> w.grad
    -0.5
    """
    clip_value = require_positive("clip_value", clip_value)
    for parameter in parameters:
        if _follows(parameter):
            parameter.grad = float(np.clip(parameter.grad, -clip_value, clip_value))
