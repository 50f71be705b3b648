"""`Neuron`, `Layer`, `MLP`: weighted sums and activations, a = f(Wx + b); `Dropout`, `Sequential`.

The neurons of a layer share one tuple of inputs, a single operand of the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from autograd import Value, dot, sequence

from .activations import Activation, find_activation
from .arguments import (
    Described,
    random_generator,
    require_count,
    require_flag,
    require_fraction,
    require_kind,
    require_text,
    scalar,
)
from .initializers import Initializer, draw_weights
from .module import Module

if TYPE_CHECKING:
    from .array_forward import Operations, Sub

__all__ = ["MLP", "Dropout", "Layer", "Neuron", "Sequential"]

Function = str | Callable[[Any], Any]
Seed = int | np.random.Generator | None


class Neuron(Described, Module):
    """One neuron: f(Σ wᵢ xᵢ + b).

    Parameters
    ----------
    n_in : the number of inputs, at least 1.
    activation : f, a name of `nn.ACTIVATIONS` or a function of one `Value`.
    bias : whether there is a bias; it starts at 0.
    initializer : a name of `nn.INITIALIZERS`, or a function ``f(rng, n_in, n_out)`` for an array
        (n_out, n_in). By default ``he_uniform`` for rectifiers such as relu, otherwise ``xavier_uniform``.
    seed : an integer, or a generator to draw from; None for other weights each time.
    name : its place in a model, such as ``layer0.neuron1``: the prefix of its parameters' labels, and the
        `scope` of its nodes.
    nonlin : micrograd's name for the activation: True for ``"relu"``, the default there, False for
        ``"linear"``, the default here.

    Attributes
    ----------
    w : the weights, a tuple of n_in `Value`s labelled w0, w1, ...
    b : the bias, a `Value` labelled b, or None.
    activation : f, an `Activation`.

    Raises
    ------
    TypeError, ValueError : if an argument is not as described; on a call, if there are not `n_in` inputs.

    Examples
    --------
    >>> from nn import Neuron
    >>> neuron = Neuron(2, "relu", seed=0)
    >>> neuron.w[0].data, neuron.w[1].data = 3.0, -1.0
    >>> y = neuron([2.0, 1.0])
    >>> y.backward()
    >>> y.data, [(p.label, p.grad) for p in neuron.parameters()]
    (5.0, [('w0', 2.0), ('w1', 1.0), ('b', 1.0)])
    """

    w: tuple[Value, ...]
    b: Value | None
    activation: Activation

    def __init__(
        self,
        n_in: int,
        activation: Function = "linear",
        bias: bool = True,
        initializer: str | Initializer | None = None,
        seed: Seed = None,
        name: str = "",
        nonlin: bool | None = None,
    ) -> None:
        self._name = require_text("name", name)
        activation = _activation(activation, nonlin)
        self.activation = find_activation(activation)
        if self.activation.layerwise:
            raise ValueError(
                f"{self.activation.name} needs all outputs of a layer: give it to a Layer or an MLP"
            )
        initializer = initializer or self.activation.initializer
        (weights,) = draw_weights(initializer, random_generator(seed), require_count("n_in", n_in), 1)
        self.w = weights  # type: ignore[assignment]  # __setattr__ makes Values of them
        self.b = Value(0.0) if require_flag("bias", bias) else None

    def __setattr__(self, attribute: str, value: Any) -> None:
        if attribute == "w":
            require_kind(value, Iterable, "w must be a sequence of Values and numbers")
            value = tuple([parameter_of(weight, self._name, f"w{i}") for i, weight in enumerate(value)])
        elif attribute == "b" and value is not None:
            value = parameter_of(value, self._name, "b")
        elif attribute == "activation":
            value = find_activation(value)
        super().__setattr__(attribute, value)

    def __call__(self, x: Any) -> Any:
        return self._output(inputs_of(x, self))

    def _output(self, x: tuple[Value, ...]) -> Any:
        """The output for checked inputs."""
        w, b, scope = self.w, self.b, self._name
        total = dot(w, x) if b is None else dot(w, x, b)
        total.scope = scope
        output = self.activation.function(total)
        if output is not total:
            output.scope = scope
        return output

    @property
    def n_in(self) -> int:
        return len(self.w)

    def parameters(self) -> list[Value]:
        """The weights, then the bias if there is one."""
        return [*self.w] if self.b is None else [*self.w, self.b]

    @property
    def bias(self) -> bool:
        return self.b is not None

    @property
    def nonlin(self) -> bool:
        """Whether there is an activation: micrograd's attribute."""
        return self.activation.name != "linear"


class Layer(Described, Module):
    """Neurons that read the same inputs: a = f(Wx + b).

    Parameters
    ----------
    n_in : the number of inputs, at least 1.
    n_out : the number of neurons, at least 1.
    activation, bias, initializer, seed, name, nonlin : as for `Neuron`. The activation may also be softmax or
        log_softmax of all neurons, which are linear then.

    Attributes
    ----------
    neurons : a list of `Neuron`.
    n_in, n_out, activation : as given.

    Raises
    ------
    TypeError, ValueError : if an argument is not as described; on a call, if there are not `n_in` inputs.

    Examples
    --------
    A call gives a sequence of n_out `Value`s, or the `Value` of a single neuron.

    >>> from nn import Layer
    >>> layer = Layer(2, 3, "softmax", seed=0)
    >>> [p.label for p in layer.parameters()][:4]
    ['neuron0.w0', 'neuron0.w1', 'neuron0.b', 'neuron1.w0']
    >>> round(sum(p.data for p in layer([1.0, 2.0])), 12)
    1.0
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        activation: Function = "linear",
        bias: bool = True,
        initializer: str | Initializer | None = None,
        seed: Seed = None,
        name: str = "",
        nonlin: bool | None = None,
    ) -> None:
        self._name = name
        self._activation = function = find_activation(_activation(activation, nonlin))
        n_in, n_out = require_count("n_in", n_in), require_count("n_out", n_out)
        if function.layerwise and n_out == 1:
            raise ValueError(f"{function.name} of a single output is constant: use sigmoid for a probability")
        rng = random_generator(seed)
        each = "linear" if function.layerwise else function
        self.n_in = n_in
        self.neurons = [
            Neuron(n_in, each, bias, lambda *_, row=row: [row], rng, f"{self._prefix}neuron{i}")
            for i, row in enumerate(draw_weights(initializer or function.initializer, rng, n_in, n_out))
        ]

    @property
    def n_out(self) -> int:
        return len(self.neurons)

    @property
    def activation(self) -> Activation:
        return self._activation

    def __call__(self, x: Any) -> Any:
        if len(self.neurons) == 1:
            return self.neurons[0](x)
        x = inputs_of(x, self)
        outputs = sequence(
            [
                neuron._output(x) if type(neuron) is Neuron and len(neuron.w) == len(x) else neuron(x)
                for neuron in self.neurons
            ]
        )
        if not self._activation.layerwise:
            return outputs
        outputs = sequence(self._activation(outputs))
        for output in outputs:
            output.scope = self._name
        return outputs

    @property
    def bias(self) -> bool:
        return getattr(self.neurons[0], "b", None) is not None

    def _tensors(self) -> tuple[list[tuple[Value, ...]], list[Value] | None]:
        """The weights (n_out, n_in), and the biases (n_out,) or None."""
        biases = [Value(0.0) if neuron.b is None else neuron.b for neuron in self.neurons]
        bare = all(neuron.b is None for neuron in self.neurons)
        return [neuron.w for neuron in self.neurons], None if bare else biases

    def _array_forward(self, ops: Operations, sub: Sub, x: Any) -> Any:
        weights, biases = self._tensors()
        sums = x @ ops.tensor(weights).t()
        return ops.activated(self.activation, sums if biases is None else sums + ops.tensor(biases))


class Dropout(Described, Module):
    """In training, sets each number to 0 with probability p and divides the others by 1 − p.

    The mean stays, and no neuron can rely on a particular other one. After `eval` it changes nothing.

    Parameters
    ----------
    p : from 0 to below 1.
    seed : as for `Neuron`.

    Raises
    ------
    TypeError, ValueError : if an argument is not as described.

    Source: Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting";
    `torch.nn.Dropout`.

    Examples
    --------
    >>> from nn import Dropout
    >>> dropout = Dropout(0.5, seed=1)
    >>> dropout([1.0, 2.0, 3.0, 4.0])
    [2.0, 4.0, 0.0, 8.0]
    >>> dropout.eval()([1.0, 2.0])
    [1.0, 2.0]
    """

    def __init__(self, p: float = 0.5, seed: Seed = None) -> None:
        self.p = require_fraction("p", p, below=True)
        self.generator = random_generator(seed)

    def __call__(self, x: Any) -> Any:
        if not self.training or self.p == 0.0:
            return x
        if not hasattr(x, "__iter__"):
            return self([x])[0]
        inputs = list(listed(x))
        return [y * factor for y, factor in zip(inputs, self.factors(len(inputs)).tolist())]

    def factors(self, *shape: int) -> npt.NDArray[np.float64]:
        """Random factors of this shape: 0 with probability p, otherwise 1/(1 − p)."""
        factors: npt.NDArray[np.float64] = (self.generator.random(shape) >= self.p) / (1.0 - self.p)
        return factors

    def _array_forward(self, ops: Operations, sub: Sub, x: Any) -> Any:
        return x  # of a model in use


def make_dropout(p: float, rng: np.random.Generator) -> Dropout | None:
    """A `Dropout` with a generator of its own; None for p = 0."""
    return Dropout(p, rng.spawn(1)[0]) if require_fraction("dropout", p, below=True) else None


class Sequential(Module):
    """Modules applied one after the other.

    Parameters
    ----------
    modules : at least one; any `Module` or function of a sequence.

    Attributes
    ----------
    layers : a list of them.

    Raises
    ------
    TypeError, ValueError : if there are none, or one cannot be called.

    Examples
    --------
    >>> from nn import Dropout, Layer, Sequential
    >>> model = Sequential(Layer(2, 3, "tanh", seed=0), Dropout(0.2, seed=0), Layer(3, 1, seed=1))
    >>> model.eval()([0.0, 0.0]).data
    0.0
    """

    def __init__(self, *modules: Callable[[Any], Any]) -> None:
        if not modules:
            raise ValueError("Sequential needs at least one module, got none")
        for module in modules:
            require_kind(module, Callable, "Sequential takes modules")
        self.layers = list(modules)

    @property
    def n_in(self) -> int:
        """The number of features, from the first module that has one."""
        known = [layer.n_in for layer in self.layers if hasattr(layer, "n_in")]
        if not known or known[0] is None:  # None for any number of tokens
            raise AttributeError("none of these modules says how many features it takes")
        return int(known[0])

    def __call__(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x if type(x) is Value else list(x)

    def _indices(self) -> int:
        return self.layers[0]._indices() if isinstance(self.layers[0], Module) else 0


class MLP(Described, Module):
    """A multilayer perceptron: layers applied one after the other.

    Parameters
    ----------
    n_in : the number of features, at least 1.
    widths : the number of neurons of each layer, ``[n_hidden, ..., n_out]``.
    activation : of the hidden layers, as for `Neuron`.
    output_activation : of the last layer, as for `Layer`. Keep it linear if the loss takes logits.
    bias, initializer, seed : as for `Neuron`; one seed determines all weights.
    dropout : p of a `Dropout` after each hidden layer.

    Attributes
    ----------
    layers : a list of `Layer`.
    dropout : the `Dropout`, or None.
    n_in, n_out : the number of features and of outputs.

    Raises
    ------
    TypeError, ValueError : if an argument is not as described; on a call, if there are not `n_in` features.

    Examples
    --------
    A call with one example gives a list of n_out `Value`s, or for a single output the `Value`.

    >>> from nn import MLP
    >>> model = MLP(2, [3, 1], seed=0)
    >>> model([1.0, -2.0]).op
    'dot'
    >>> [p.label for p in model.parameters()][-2:]
    ['layer1.neuron0.w2', 'layer1.neuron0.b']
    >>> model
    MLP(2, [3, 1], activation='relu', output_activation='linear')
    """

    def __init__(
        self,
        n_in: int,
        widths: Sequence[int],
        activation: Function = "relu",
        output_activation: Function = "linear",
        bias: bool = True,
        initializer: str | Initializer | None = None,
        seed: Seed = None,
        dropout: float = 0.0,
    ) -> None:
        require_kind(widths, Iterable, "MLP takes a list of layer widths such as [16, 16, 1]")
        sizes = [n_in, *widths]
        if len(sizes) == 1:
            raise ValueError("MLP needs the width of at least one layer, got an empty list")
        sizes = [
            require_count("n_in" if i == 0 else f"the width of layer{i - 1}", n) for i, n in enumerate(sizes)
        ]
        rng = random_generator(seed)
        functions: list[Function] = [find_activation(activation)] * (len(sizes) - 2) + [output_activation]
        self.layers = [
            Layer(n_in, n_out, function, bias, initializer, rng, f"layer{i}")
            for i, (n_in, n_out, function) in enumerate(zip(sizes, sizes[1:], functions))
        ]
        p = require_fraction("dropout", dropout, below=True)
        self.dropout = Dropout(p, rng) if p else None

    @property
    def n_in(self) -> int:
        return self.layers[0].n_in

    @property
    def n_out(self) -> int:
        return self.layers[-1].n_out

    def __call__(self, x: Any) -> Any:
        for layer in self.layers[:-1]:
            x = layer(x)
            if self.dropout is not None and self.training:
                x = self.dropout(x)
        x = self.layers[-1](x)
        return x if type(x) is Value else list(x)

    def _settings(self) -> dict[str, Any]:
        if type(self).__init__ is not MLP.__init__:  # your subclass has its own settings
            return super()._settings()
        first, last = self.layers[0], self.layers[-1]
        return {
            "n_in": self.n_in,
            "widths": [layer.n_out for layer in self.layers],
            "activation": first.activation,
            "output_activation": last.activation,
            "bias": first.bias,
            "dropout": self.dropout.p if self.dropout else 0.0,
        }


_PLAIN = {Value, float, int}


def listed(x: Any) -> Any:
    """An array, of torch or pandas too, or a list of their elements, as Python numbers."""
    if hasattr(x, "tolist"):
        return x.tolist()
    if isinstance(x, (list, tuple)) and not _PLAIN.issuperset(map(type, x)):
        return list(map(scalar, x))
    return x


def parameter_of(given: Any, place: str, name: str) -> Value:
    """A `Value` of a module at this place: the one given, or a new one of a number. A label stays."""
    parameter: Value = given if type(given) is Value else Value(given)
    if parameter is not given or not parameter.label:
        parameter.label = f"{place}.{name}" if place else name
        parameter.scope = place
    return parameter


def _activation(activation: Function, nonlin: bool | None) -> Function:
    return activation if nonlin is None else "relu" if require_flag("nonlin", nonlin) else "linear"


def inputs_of(x: Any, reader: Any) -> tuple[Value, ...]:
    """The inputs of a neuron or a layer as one operand; a lone number counts as one input."""
    if type(x) is tuple and len(x) == reader.n_in and type(x[0]) is Value:
        return sequence(x)
    name = reader._name or f"a {type(reader).__name__}"
    try:
        x = listed(x)
        inputs = sequence(x if hasattr(x, "__iter__") else (x,))
    except TypeError as error:
        raise TypeError(f"{name} takes one example, {reader.n_in} Values or numbers: {error}") from None
    if len(inputs) != reader.n_in:
        raise ValueError(f"{name} takes {reader.n_in} inputs, got {len(inputs)}")
    return inputs
