"""To torch and back, and to ONNX: the way on for whoever outgrows one machine.

What can be exchanged are chains of layers with the activations of `nn.ACTIVATIONS`: an `MLP`, a `Layer`, a
`Dropout`, and a `Sequential` of them.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from os import PathLike
from typing import Any

import numpy as np
import numpy.typing as npt

from autograd import MissingExtraError, Primitive, Value, write_bytes

from .activations import ACTIVATIONS, Activation
from .layers import MLP, Dropout, Layer, Sequential
from .module import Module

__all__ = ["from_torch", "to_onnx", "to_torch"]

Array = npt.NDArray[np.float64]


def _library(name: str, what: str, extra: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise MissingExtraError(what, name.partition(".")[0], extra) from None


# --- a chain of matrices, activations and dropouts -------------------------------------------------


def _chain(model: Any, caller: str) -> Iterable[tuple[Layer, Array, Array | None, Activation] | Dropout]:
    """What the model does one after the other: layers with their weights (n_out, n_in), and dropouts."""
    if type(model) is Layer:
        neurons = model.neurons
        activation = model.activation
        own = ACTIVATIONS["linear"] if activation.layerwise else activation
        if ACTIVATIONS.get(activation.name) != activation or {n.activation for n in neurons} != {own}:
            names = ", ".join(
                {function.name: 0 for function in (activation, *(n.activation for n in neurons))}
            )
            raise ValueError(f"{caller} knows one of nn.ACTIVATIONS for a layer, and {model!r} has {names}")
        weights = np.array([[weight.data for weight in neuron.w] for neuron in neurons])
        biases = [0.0 if neuron.b is None else neuron.b.data for neuron in neurons]
        bare = all(neuron.b is None for neuron in neurons)
        yield model, weights, None if bare else np.array(biases), activation
    elif type(model) is MLP:
        for layer in model.layers:
            yield from _chain(layer, caller)
            if model.dropout is not None and layer is not model.layers[-1]:
                yield model.dropout
    elif type(model) is Sequential:
        for module in model.layers:
            yield from _chain(module, caller)
    elif type(model) is Dropout:
        yield model
    else:
        raise TypeError(
            f"{caller} takes an MLP, a Layer or a Sequential of them and Dropouts, "
            f"got {type(model).__name__}: {model!r:.60}"
        )


# --- torch -----------------------------------------------------------------------------------------


def to_torch(model: Module) -> Any:
    """An equal `torch.nn.Sequential`, in double precision: of `Linear`, activations and `Dropout`.

    Parameters
    ----------
    model : an `MLP`, a `Layer`, or a `Sequential` of them and of `Dropout`s.

    Returns
    -------
    The torch module; it takes a tensor (..., D) of float64 and gives one (..., K). It is in training or not
    as the model is.

    Raises
    ------
    TypeError, ValueError : if the model is something else, or has an activation of your own.
    MissingExtraError : without torch, which the extra `torch` installs.
    """
    parts = list(_chain(model, "to_torch"))
    torch = _library("torch", "to_torch", "torch")
    modules: list[Any] = []
    for part in parts:
        if isinstance(part, Dropout):
            modules.append(torch.nn.Dropout(part.p))
            continue
        _, weights, biases, activation = part
        n_out, n_in = weights.shape
        linear = torch.nn.Linear(n_in, n_out, bias=biases is not None, dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(weights))
            if biases is not None:
                linear.bias.copy_(torch.from_numpy(biases))
        modules.append(linear)
        if not activation.linear:
            modules.append(getattr(torch.nn, activation.torch)(**activation.arguments))
    return torch.nn.Sequential(*modules).train(model.training)


def from_torch(module: Any) -> MLP | Sequential:
    """An equal model from a `torch.nn.Sequential` of `Linear`, activations and `Dropout`.

    Parameters
    ----------
    module : the torch module, or a single `Linear`; its numbers become float64.

    Returns
    -------
    An `MLP` where the hidden layers are alike, otherwise a `Sequential`.

    Raises
    ------
    TypeError, ValueError : if it has a module that is not known here, or with other arguments; it names it.
    MissingExtraError : without torch, which the extra `torch` installs.
    """
    torch = _library("torch", "from_torch", "torch")
    if isinstance(module, torch.nn.Linear):
        module = torch.nn.Sequential(module)
    if not isinstance(module, torch.nn.Sequential) or not len(module):
        raise TypeError(
            "from_torch takes a torch.nn.Sequential of Linear, activations and Dropout, "
            f"got {type(module).__name__}"
        )
    parts: list[tuple[Any, str] | float] = []  # a Linear with its activation, or p of a Dropout
    for each in module:
        if isinstance(each, torch.nn.Linear):
            parts.append((each, "linear"))
        elif isinstance(each, torch.nn.Dropout):
            parts.append(float(each.p))
        elif not isinstance(each, torch.nn.Identity):
            name = _activation_of(each, torch)
            if not parts or isinstance(parts[-1], float) or parts[-1][1] != "linear":
                raise ValueError(
                    f"from_torch knows an activation after a Linear only, and {each} does not follow one"
                )
            parts[-1] = parts[-1][0], name
    return _assembled(parts).train(module.training)


def _activation_of(module: Any, torch: Any) -> str:
    elsewhere = [activation for activation in ACTIVATIONS.values() if activation.torch]
    kin = [each for each in elsewhere if isinstance(module, getattr(torch.nn, each.torch))]
    for activation in kin:
        if all(_alike(name, value, getattr(module, name)) for name, value in activation.arguments.items()):
            return activation.name
    if kin:
        needed = ", ".join(f"{name}={value!r}" for name, value in kin[0].arguments.items())
        raise ValueError(f"from_torch knows {kin[0].torch} with {needed} only, got {module}")
    raise TypeError(
        f"from_torch does not support {module}: it takes Linear, Dropout, "
        + ", ".join(dict.fromkeys(each.torch for each in elsewhere))
    )


def _alike(argument: str, ours: Any, theirs: Any) -> bool:
    return bool(ours == theirs) or argument == "threshold" or (argument == "dim" and theirs in (1, None))


def _assembled(parts: list[tuple[Any, str] | float]) -> MLP | Sequential:
    layers = [part for part in parts if not isinstance(part, float)]
    rates = {part for part in parts if isinstance(part, float)}
    hidden = {(name, linear.bias is not None) for linear, name in layers[:-1]}
    biases = {linear.bias is not None for linear, _ in layers}
    kinds = [isinstance(part, float) for part in parts]
    regular = kinds in ([False] * len(layers), [False, True] * (len(layers) - 1) + [False])
    model: MLP | Sequential
    if layers and regular and len(hidden) <= 1 and len(biases) == 1 and len(rates) <= 1:
        (activation, _), *_ = [*hidden, ("linear", True)]
        model = MLP(
            layers[0][0].in_features,
            [linear.out_features for linear, _ in layers],
            activation,
            layers[-1][1],
            bias=biases.pop(),
            dropout=rates.pop() if rates else 0.0,
        )
        targets = model.layers
    else:
        modules = [
            Dropout(part) if isinstance(part, float)
            else Layer(part[0].in_features, part[0].out_features, part[1], part[0].bias is not None)
            for part in parts
        ]  # fmt: skip
        model = Sequential(*modules)
        targets = [module for module in modules if isinstance(module, Layer)]
    for layer, (linear, _) in zip(targets, layers, strict=True):
        weights = linear.weight.detach().double().tolist()
        biases_of = [0.0] * len(weights) if linear.bias is None else linear.bias.detach().double().tolist()
        for neuron, row, bias in zip(layer.neurons, weights, biases_of, strict=True):
            for weight, number in zip(neuron.w, row, strict=True):
                weight.data = number
            if neuron.b is not None:
                neuron.b.data = bias
    return model


# --- ONNX ------------------------------------------------------------------------------------------


class _Graph:
    """The nodes of an ONNX graph, each of which gives one tensor."""

    def __init__(self, helper: Any, numpy_helper: Any) -> None:
        self.helper, self.numpy_helper = helper, numpy_helper
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def __call__(self, operation: str, *inputs: str, **attributes: Any) -> str:
        output = f"{operation.lower()}{len(self.nodes)}"
        self.nodes.append(self.helper.make_node(operation, list(inputs), [output], **attributes))
        return output

    def constant(self, numbers: Any, name: str = "") -> str:
        name = name or f"constant{len(self.constants)}"
        self.constants.append(self.numpy_helper.from_array(np.asarray(numbers, dtype=np.float64), name))
        return name


def _expm1(graph: _Graph, x: str) -> str:
    """eˣ − 1 = 2 tanh(x/2) / (1 − tanh(x/2)), in which nothing cancels."""
    half = graph("Tanh", graph("Mul", x, graph.constant(0.5)))
    return graph("Div", graph("Add", half, half), graph("Sub", graph.constant(1.0), half))


def _log1p(graph: _Graph, x: str) -> str:
    """log(u) x / (u − 1) with u = 1 + x as rounded, and x where that is 1 (Kahan's)."""
    one = graph.constant(1.0)
    u = graph("Add", x, one)
    closer = graph("Mul", graph("Log", u), graph("Div", x, graph("Sub", u, one)))
    return graph("Where", graph("Equal", u, one), x, closer)


class _Tensor:
    """A tensor of the graph as an operand of the formula of a row, which so is written in ONNX."""

    def __init__(self, graph: _Graph, name: str) -> None:
        self.graph, self.name = graph, name

    @staticmethod
    def __primitive__(row: Primitive, args: tuple[Any, ...]) -> Any:
        if row.name not in _OPERATIONS:
            return next(filter(callable, (row.native, row.sheet, row.expansion)))(*args)
        graph = next(arg.graph for arg in args if isinstance(arg, _Tensor))
        names = [arg.name if isinstance(arg, _Tensor) else graph.constant(float(arg)) for arg in args]
        operation = _OPERATIONS[row.name]
        return _Tensor(
            graph, graph(operation, *names) if isinstance(operation, str) else operation(graph, *names)
        )


_BOOL, _DOUBLE = 9, 11  # onnx.TensorProto's numbers of types
# Operators by row. LeakyRelu, Elu, Softplus and Erf are not among them: many runtimes have these in single
# precision only.
_OPERATIONS: dict[str, str | Callable[..., str]] = {
    "add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "neg": "Neg", "abs": "Abs", "exp": "Exp",
    "maximum": "Max", "minimum": "Min", "expm1": _expm1, "log1p": _log1p,
    "step": lambda graph, x: graph("Cast", graph("Greater", x, graph.constant(0.0)), to=_DOUBLE),
    "where": lambda graph, condition, a, b: graph("Where", graph("Cast", condition, to=_BOOL), a, b),
    **{name: row.onnx for name, row in ACTIVATIONS.items() if row.onnx and not row.layerwise},
}  # fmt: skip
for _name in ("add", "sub", "mul", "truediv"):
    _row: Any = getattr(Value(0.0), f"__{_name}__")(1.0).primitive
    setattr(_Tensor, f"__{_name}__", lambda a, b, row=_row: row(a, b))
    setattr(_Tensor, f"__r{_name}__", lambda b, a, row=_row: row(a, b))
for _name, _node in {"__neg__": -Value(0.0), "__abs__": abs(Value(0.0))}.items():
    setattr(_Tensor, _name, lambda x, row=_node.primitive: row(x))


def _activated(activation: Activation, graph: _Graph, x: str) -> str:
    """Add an activation to the graph, and return the name of its output."""
    if activation.layerwise:
        return graph(activation.onnx, x, axis=-1)
    result: _Tensor = activation.function(_Tensor(graph, x))
    return result.name


def to_onnx(model: Module, path: str | PathLike[str]) -> None:
    """Write the model as an ONNX file: input ``x`` (N, D), output ``y`` (N, K), both float64.

    Dropouts are left out, as when the model is used.

    Parameters
    ----------
    model : as for `to_torch`.
    path : where to; by custom it ends in ``.onnx``.

    Raises
    ------
    TypeError, ValueError : as for `to_torch`.
    OSError : if the file cannot be written.
    MissingExtraError : without onnx, which the extra `onnx` installs.
    """
    if not isinstance(path, (str, PathLike)):
        raise TypeError(f"to_onnx takes a path, got {type(path).__name__}: {path!r:.60}")
    layers = [part for part in _chain(model, "to_onnx") if not isinstance(part, Dropout)]
    if not layers:
        raise ValueError(f"to_onnx needs a layer, and {model!r} has none")
    onnx = _library("onnx", "to_onnx", "onnx")
    graph = _Graph(onnx.helper, onnx.numpy_helper)
    x = "x"
    for i, (_, weights, biases, activation) in enumerate(layers):
        operands = [x, graph.constant(weights, f"weight{i}")]
        if biases is not None:
            operands.append(graph.constant(biases, f"bias{i}"))
        x = graph("Gemm", *operands, transB=1)
        if not activation.linear:
            x = _activated(activation, graph, x)
    graph.nodes.append(onnx.helper.make_node("Identity", [x], ["y"]))
    double = onnx.TensorProto.DOUBLE
    ends = [
        onnx.helper.make_tensor_value_info(name, double, ["N", width])
        for name, width in (("x", layers[0][1].shape[1]), ("y", layers[-1][1].shape[0]))
    ]
    whole = onnx.helper.make_graph(graph.nodes, "model", ends[:1], ends[1:], graph.constants)
    made = onnx.helper.make_model(
        whole, producer_name="scalar-autograd", opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8
    )
    onnx.checker.check_model(made)
    write_bytes(path, made.SerializeToString())
