"""`LoRA`: a frozen linear map with a trained change of low rank."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from autograd import dot

from .arguments import random_generator, require_count, require_kind, require_positive
from .array_forward import Operations, Sub
from .initializers import Initializer, normal
from .layers import Seed
from .linear import Linear, Vector, VectorModule, in_scope, numbers_of
from .module import Module, singular

__all__ = ["LoRA", "add_lora", "lora_places", "merge_lora"]

AnyModule = TypeVar("AnyModule", bound=Module)


class LoRA(VectorModule):
    """Low-rank adaptation of a linear map: y = W x + b + α/r · B (A x).

    W and b are frozen, see `Module.requires_grad_`; A (r, n_in) and B (n_out, r) are trained. B starts at 0,
    so y does not change at first.

    Parameters
    ----------
    linear : the `Linear` map to adapt, which is frozen.
    rank : r, at least 1.
    alpha : α, above 0; None for r, so that α/r is 1.
    initializer : of A, as for `Neuron`; by default normal with a standard deviation of 1/r.
    seed : as for `Neuron`.

    Attributes
    ----------
    linear : as given.
    A, B : `Linear` maps without bias.

    Raises
    ------
    TypeError, ValueError : if an argument is not as described; on a call, as `linear`.

    Source: Hu et al. 2021, "LoRA: low-rank adaptation of large language models", eq. 3.

    Examples
    --------
    >>> from nn import Linear, LoRA
    >>> linear = Linear(4, 3, seed=0)
    >>> adapted = LoRA(linear, rank=1, seed=1)
    >>> [p.requires_grad for p in adapted.parameters()].count(True)
    7
    >>> [y.data for y in adapted([1.0, 2.0, 3.0, 4.0])] == [y.data for y in linear([1.0, 2.0, 3.0, 4.0])]
    True
    """

    def __init__(
        self,
        linear: Linear,
        rank: int = 4,
        alpha: float | None = None,
        initializer: str | Initializer | None = None,
        seed: Seed = None,
    ) -> None:
        require_kind(linear, Linear, "LoRA takes a Linear map")
        self.rank = require_count("rank", rank)
        self.alpha = float(rank) if alpha is None else require_positive("alpha", alpha)
        rng, self._name = random_generator(seed), linear._name
        linear._name = f"{self._prefix}linear"
        for name, parameter in linear.named_parameters():
            if parameter.scope == self._name:  # not shared with another part
                parameter.label, parameter.scope = f"{linear._name}.{name}", linear._name
        self.linear = linear.requires_grad_(False)
        self.A = Linear(
            linear.n_in, rank, False, initializer or normal(0.0, 1.0 / rank), rng, f"{self._prefix}A"
        )
        self.B = Linear(rank, linear.n_out, False, "zeros", rng, f"{self._prefix}B")

    @property
    def n_in(self) -> int:
        return self.linear.n_in

    @property
    def n_out(self) -> int:
        return self.linear.n_out

    @property
    def bias(self) -> Vector | None:
        """The bias of `linear`."""
        return self.linear.bias

    def merged(self) -> Linear:
        """A trainable `Linear` map with the weights W + α/r · B A."""
        change = numbers_of(self.B.weight) @ numbers_of(self.A.weight)
        linear = Linear(self.n_in, self.n_out, self.bias is not None, "zeros", name=self._name)
        numbers: Any = numbers_of(self.linear.weight) + self.alpha / self.rank * change
        linear.weight = numbers
        if self.linear.bias is not None:
            numbers = numbers_of(self.linear.bias)
            linear.bias = numbers
        return linear

    def _output(self, x: Vector) -> Vector:
        scale = self.alpha / self.rank
        inner = self.A._output(x)
        if scale != 1.0:
            inner = in_scope(tuple([scale * each for each in inner]), self.A._name, constants=True)
        pairs = zip(self.B.weight, self.linear._output(x))
        return in_scope(tuple([dot(row, inner, y) for row, y in pairs]), self.B._name)

    def _array_forward(self, ops: Operations, sub: Sub, x: Any) -> Any:
        return sub("linear", x) + sub("B", sub("A", x)) * (self.alpha / self.rank)


def add_lora(
    model: AnyModule,
    rank: int = 4,
    alpha: float | None = None,
    names: Iterable[str] = ("query", "value"),
    initializer: str | Initializer | None = None,
    seed: Seed = None,
) -> AnyModule:
    """Freeze a model, and replace its linear maps of these names by `LoRA`s.

    Parameters
    ----------
    model : a module with `Linear` maps, which is changed.
    rank, alpha, initializer, seed : as for `LoRA`.
    names : of attributes in any of its modules; by default those that the paper adapts in attention.

    Returns
    -------
    The model itself.

    Raises
    ------
    TypeError, ValueError : if an argument is not as described, or no linear map has one of the names.

    Examples
    --------
    >>> from nn import GPT, add_lora
    >>> model = add_lora(GPT(27, block_size=16, seed=0), rank=2, seed=0)
    >>> sum(p.requires_grad for p in model.parameters()), len(model.parameters())
    (128, 4320)
    """
    require_kind(model, Module, "add_lora takes a Module")
    wanted = {names} if isinstance(names, str) else set(names)
    every = [(path.rpartition(".")[2], put, linear) for path, put, linear in lora_places(model, Linear)]
    found = [each for each in every if each[0] in wanted]
    if missing := sorted(wanted - {name for name, _, _ in found}):
        there = ", ".join(dict.fromkeys(name for name, _, _ in every)) or "none"
        raise ValueError(f"no Linear of this model is called {missing[0]!r}: those it has are {there}")
    require_count("rank", rank)
    if alpha is not None:
        require_positive("alpha", alpha)
    rng = random_generator(seed)
    adapted = [LoRA(linear, rank, alpha, initializer, rng) for _, _, linear in found]
    model.requires_grad_(False)
    for (_, put, _), lora in zip(found, adapted):
        put(lora)
    return model


def merge_lora(model: AnyModule) -> AnyModule:
    """Replace each `LoRA` in a model by a `Linear` map with the change in its weights, and unfreeze all.

    Returns
    -------
    The model itself; its outputs change by rounding only.

    Raises
    ------
    TypeError, ValueError : if `model` is no Module, or has no `LoRA`.

    Examples
    --------
    >>> from nn import GPT, add_lora, merge_lora
    >>> model = merge_lora(add_lora(GPT(27, block_size=16, seed=0), seed=0))
    >>> len(model.parameters()), all(p.requires_grad for p in model.parameters())
    (4192, True)
    """
    require_kind(model, Module, "merge_lora takes a Module")
    found = list(lora_places(model))
    if not found:
        raise ValueError(f"merge_lora takes a model with a LoRA in it, got {model!r:.60}")
    for _, put, lora in found:
        put(lora.merged())
    return model.requires_grad_()


def lora_places(model: Module, kind: type[Any] = LoRA) -> Iterator[tuple[str, Callable[[Any], None], Any]]:
    """The `LoRA`s in a model, or modules of another kind outside of them: path, setter, module."""
    pending: list[tuple[str, Module]] = [("", model)]
    seen: set[Module] = set()
    while pending:
        path, module = pending.pop(0)
        if module in seen:
            continue
        seen.add(module)
        for name, value in list(vars(module).items()):
            places: list[tuple[str, Any, Any]] = [(name, functools.partial(setattr, module, name), value)]
            if isinstance(value, list):
                stem, put = singular(name), value.__setitem__
                places = [(f"{stem}{i}", functools.partial(put, i), each) for i, each in enumerate(value)]
            for place, put, each in places if not name.startswith("_") else []:
                if isinstance(each, kind):
                    yield f"{path}{place}", put, each
                elif isinstance(each, Module) and not isinstance(each, LoRA):
                    pending.append((f"{path}{place}.", each))
