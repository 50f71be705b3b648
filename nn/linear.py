"""`Linear` and `Embedding`: layers with a weight matrix, as torch has them, for models of many matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from autograd import Value, dot, take

from .arguments import Described, index_of, random_generator, require_count, require_flag, require_text
from .array_forward import Operations, Sub
from .initializers import Initializer, draw_weights
from .layers import Seed, inputs_of, listed, parameter_of
from .module import Module

__all__ = [
    "Array", "Embedding", "Linear", "Matrix", "Vector", "VectorModule", "Weighted", "all_in_scope",
    "in_scope", "numbers_of",
]  # fmt: skip

Array = npt.NDArray[np.float64]
Vector = tuple[Value, ...]
Matrix = tuple[Vector, ...]


def numbers_of(values: Any) -> Array:
    """The numbers in `Value`s, or in rows of them."""
    rows = values if hasattr(values[0], "__iter__") else [values]
    table = np.array([[each.data for each in row] for row in rows])
    return table if rows is values else table[0]


def in_scope(values: Vector, scope: str, constants: bool = False) -> Vector:
    """The values with this scope, by which drawings group; with `constants`, their constant parents too."""
    if scope:
        for value in values:
            value.scope = scope
            if constants:
                for parent in value.parents:
                    if parent.constant:
                        parent.scope = scope
    return values


def all_in_scope(values: Vector, scope: str) -> Vector:
    """The values with this scope, and all nodes before them up to those with a scope."""
    pending = list(values)
    while pending:
        value = pending.pop()
        if (value.op or value.constant) and not value.scope:
            value.scope = scope
            pending += value.parents
    return values


class OneWidth:
    """Takes and gives vectors of one length."""

    n_embd: int

    @property
    def n_in(self) -> int:
        """The length of an input."""
        return self.n_embd

    @property
    def n_out(self) -> int:
        """The length of an output."""
        return self.n_in


class VectorModule(OneWidth, Described, Module):
    """A map from vectors to vectors, which takes the vectors of a sequence one by one."""

    def __call__(self, x: Any) -> Any:
        """A tuple of `Value`s for `n_in` numbers or `Value`s; for T such vectors a list of T tuples."""
        if type(x) is not tuple or not x or type(x[0]) is not Value:
            x = listed(x)
            if isinstance(x, (list, tuple)) and x and hasattr(x[0], "__iter__"):
                return [self._output(inputs_of(each, self)) for each in x]
        return self._output(inputs_of(x, self))

    def _output(self, x: Vector) -> Vector:
        """The output for checked inputs."""
        raise NotImplementedError  # abstract: each map computes its own


class Weighted(VectorModule):
    """Has a `weight` and perhaps a `bias`, which may be set to numbers."""

    weight: Any
    bias: Any

    def __setattr__(self, attribute: str, value: Any) -> None:
        if attribute in ("weight", "bias") and value is not None:
            value = self._parameters(attribute, value)
        super().__setattr__(attribute, value)

    def _shape(self, attribute: str) -> tuple[int, ...]:
        """The shape of the weight or the bias."""
        raise NotImplementedError  # abstract: each map has its own

    def _parameters(self, attribute: str, given: Any) -> Any:
        shape = self._shape(attribute)
        try:
            table = np.array(listed(given), dtype=object)
        except ValueError:  # rows of different lengths
            table = np.array(None)
        if table.shape != shape:
            raise ValueError(
                f"{attribute} must be numbers or Values of shape {shape}, "
                f"got {type(given).__name__}: {given!r:.60}"
            )
        for place, each in np.ndenumerate(table):
            table[place] = parameter_of(each, self._name, attribute + "_".join(map(str, place)))
        return tuple(table) if table.ndim == 1 else tuple(map(tuple, table))

    def _settings(self) -> dict[str, Any]:
        settings = super()._settings()
        return settings | {"bias": self.bias is not None} if "bias" in settings else settings


class Linear(Weighted):
    """A linear map: yᵢ = Σⱼ wᵢⱼ xⱼ + bᵢ.

    Parameters
    ----------
    in_features, out_features : the numbers of x and y, each at least 1.
    bias : whether there is b, which starts at 0.
    initializer : of the weights, as for `Neuron`; by default ``xavier_uniform``.
    seed, name : as for `Neuron`.

    Attributes
    ----------
    weight : w, a tuple of `out_features` rows of `in_features` `Value`s; may be set to numbers of that shape.
    bias : b, a tuple of `out_features` `Value`s, or None.
    n_in, n_out : other names of `in_features` and `out_features`.

    Raises
    ------
    TypeError, ValueError : if an argument is not as described; on a call, if there are not `in_features`
        inputs.

    Source: `torch.nn.Linear`, but for the initial numbers.

    Examples
    --------
    >>> from nn import Linear
    >>> linear = Linear(2, 3)
    >>> linear.weight = [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
    >>> [y.data for y in linear([5.0, 7.0])]
    [5.0, 7.0, 12.0]
    >>> [p.label for p in linear.parameters()][-4:]
    ['weight2_1', 'bias0', 'bias1', 'bias2']
    """

    weight: Matrix
    bias: Vector | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        initializer: str | Initializer | None = None,
        seed: Seed = None,
        name: str = "",
    ) -> None:
        self._name = require_text("name", name)
        self.in_features = require_count("in_features", in_features)
        self.out_features = require_count("out_features", out_features)
        rng = random_generator(seed)
        self.weight = draw_weights(initializer or "xavier_uniform", rng, in_features, out_features)  # type: ignore[assignment]  # __setattr__ makes Values of them
        self.bias = (0.0,) * out_features if require_flag("bias", bias) else None  # type: ignore[assignment]  # __setattr__ makes Values of them

    def _shape(self, attribute: str) -> tuple[int, ...]:
        return (self.out_features, self.in_features)[: 2 if attribute == "weight" else 1]

    @property
    def n_in(self) -> int:
        return self.in_features

    @property
    def n_out(self) -> int:
        return self.out_features

    def _output(self, x: Vector) -> Vector:
        if self.bias is None:
            return in_scope(tuple([dot(row, x) for row in self.weight]), self._name)
        return in_scope(tuple([dot(row, x, b) for row, b in zip(self.weight, self.bias)]), self._name)

    def _array_forward(self, ops: Operations, sub: Sub, x: Any) -> Any:
        y = x @ ops.tensor(self.weight).t()
        return y if self.bias is None else y + ops.tensor(self.bias)


class Embedding(Weighted):
    """A table of vectors, one for each token: y = W[token].

    Parameters
    ----------
    num_embeddings : the number of tokens, at least 1.
    embedding_dim : the length of each vector, at least 1.
    initializer : of the weights, as for `Neuron`; by default ``normal``, of mean 0 and deviation 1.
    seed, name : as for `Neuron`.

    Attributes
    ----------
    weight : W, a tuple of `num_embeddings` rows of `embedding_dim` `Value`s.

    Raises
    ------
    TypeError, ValueError : if an argument is not as described; on a call, if a token is no whole number.
    IndexError : on a call, if a token is not below `num_embeddings`, or negative.

    Source: `torch.nn.Embedding`.

    Examples
    --------
    A call with one token gives a tuple of `Value`s, with T tokens a list of T tuples. A token may be a
    `Value`, such as an input of a compiled program, see `autograd.take`.

    >>> from nn import Embedding
    >>> embedding = Embedding(3, 2)
    >>> embedding.weight = [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
    >>> [y.data for y in embedding(2)]
    [4.0, 5.0]
    >>> [[y.data for y in each] for each in embedding([0, 1])]
    [[0.0, 1.0], [2.0, 3.0]]
    """

    weight: Matrix
    bias = None
    n_in = None  # type: ignore[assignment]  # any number of tokens
    _columns: Matrix  # of the weight, for `take`

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        initializer: str | Initializer | None = None,
        seed: Seed = None,
        name: str = "",
    ) -> None:
        self._name = require_text("name", name)
        self.num_embeddings = require_count("num_embeddings", num_embeddings)
        self.embedding_dim = require_count("embedding_dim", embedding_dim)
        rng = random_generator(seed)
        self.weight = draw_weights(initializer or "normal", rng, embedding_dim, num_embeddings)  # type: ignore[assignment]  # __setattr__ makes Values of them

    def __setattr__(self, attribute: str, value: Any) -> None:
        super().__setattr__(attribute, value)
        if attribute == "weight":
            self._columns = tuple(zip(*self.weight))

    def _shape(self, attribute: str) -> tuple[int, ...]:
        return (self.num_embeddings, self.embedding_dim)

    def _indices(self) -> int:
        return self.num_embeddings

    @property
    def n_out(self) -> int:
        return self.embedding_dim

    def __call__(self, x: Any) -> Any:
        tokens = listed(x)
        if isinstance(tokens, (list, tuple)):
            return [self._row(token) for token in tokens]
        return self._row(tokens)

    def _array_forward(self, ops: Operations, sub: Sub, tokens: Any) -> Any:
        return ops.tensor(self.weight)[tokens]

    def _row(self, token: Any) -> Vector:
        if type(token) is Value:
            return in_scope(tuple([take(column, token) for column in self._columns]), self._name)
        return self.weight[index_of(token, self.num_embeddings, self._name or "Embedding")]
