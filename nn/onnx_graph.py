"""`to_onnx`: a model as a file for any ONNX runtime."""

from __future__ import annotations

import math
from collections.abc import Callable
from os import PathLike
from typing import Any

import numpy as np

from autograd import Primitive, Value, write_bytes

from .activations import ACTIVATIONS, Activation
from .arguments import require_kind
from .attention import CausalSelfAttention
from .exchange import library, parts_of
from .gpt import GPT, TransformerBlock
from .layers import Dropout
from .linear import Embedding, numbers_of
from .module import Module

__all__ = ["to_onnx"]


class _Graph:
    """The nodes and constants of an ONNX graph."""

    def __init__(self, helper: Any, numpy_helper: Any) -> None:
        self.helper, self.numpy_helper = helper, numpy_helper
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def __call__(self, operation: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        """Add a node; the name of its output, of several the last."""
        names = [f"{operation.lower()}{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(self.helper.make_node(operation, list(inputs), names, **attributes))
        return names[-1]

    def whole(self, *numbers: int) -> str:
        return self.constant(numbers, dtype=np.int64)

    def constant(self, numbers: Any, dtype: Any = np.float64) -> str:
        name = f"constant{len(self.constants)}"
        self.constants.append(self.numpy_helper.from_array(np.asarray(numbers, dtype=dtype), name))
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
    """A tensor of the graph: operators, methods and rows of the table applied to it add nodes."""

    def __init__(self, graph: _Graph, name: str) -> None:
        self.graph, self.name = graph, name

    def node(self, operation: str, *others: str, **attributes: Any) -> _Tensor:
        """The output of a new node of this tensor and others."""
        return _Tensor(self.graph, self.graph(operation, self.name, *others, **attributes))

    def __matmul__(self, other: Any) -> Any:
        return self.node("MatMul", other.name)

    # torch's methods, as far as formulas use them: x has the axes (N, T, n), or (N, H, T, d) by head

    def unflatten(self, axis: int, sizes: tuple[int, ...]) -> _Tensor:
        return self.node("Reshape", self.graph.whole(0, 0, *sizes))

    def flatten(self, axis: int) -> _Tensor:
        return self.node("Reshape", self.graph.whole(0, 0, -1))

    def transpose(self, a: int, b: int) -> _Tensor:
        axes = [0, 1, 2, 3]
        axes[a], axes[b] = axes[b], axes[a]
        return self.node("Transpose", perm=axes)

    def t(self) -> _Tensor:
        return self.node("Transpose", perm=[1, 0])

    def __getitem__(self, places: _Tensor) -> _Tensor:
        return self.node("Gather", places.name)

    def sqrt(self) -> _Tensor:
        return self.node("Sqrt")

    def softmax(self, axis: int) -> _Tensor:
        return self.node("Softmax", axis=axis)

    def mean(self, axis: int, keepdim: bool) -> _Tensor:
        return self.node("ReduceMean", axes=[axis], keepdims=int(keepdim))

    def sum(self, axis: int, keepdim: bool) -> _Tensor:
        return self.node("ReduceSum", self.graph.whole(axis), keepdims=int(keepdim))

    def narrow(self, axis: int, start: int, length: int) -> _Tensor:
        return self.node("Gather", self.graph.whole(*range(start, start + length)), axis=axis)

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
# Operators by row; many runtimes have LeakyRelu, Elu, Softplus and Erf in single precision only.
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


class _OnnxOperations:
    """`Operations` that write the nodes of a graph; x has the axes (N, T, n), of heads (N, H, T, d)."""

    def __init__(self, graph: _Graph) -> None:
        self.graph = graph
        self.tensors: dict[Any, _Tensor] = {}

    def tensor(self, values: Any) -> _Tensor:
        key = tuple(values)  # parameters that parts share are in the graph once
        if key not in self.tensors:
            self.tensors[key] = _Tensor(self.graph, self.graph.constant(numbers_of(values)))
        return self.tensors[key]

    def _length(self, x: _Tensor, axis: int) -> _Tensor:
        """The length of an axis, as a tensor of one number."""
        return x.node("Shape").node("Gather", self.graph.whole(axis))

    def _range(self, length: _Tensor) -> _Tensor:
        zero, one = (self.graph.constant(number, dtype=np.int64) for number in (0, 1))
        return _Tensor(self.graph, self.graph("Range", zero, length.node("Squeeze").name, one))

    def activated(self, activation: Activation, x: _Tensor) -> _Tensor:
        if activation.layerwise:
            return x.node(activation.onnx, axis=-1)
        result: _Tensor = activation.function(x)
        return result

    def positions(self, tokens: _Tensor) -> _Tensor:
        return self._range(self._length(tokens, 1))

    def turned(self, x: _Tensor, base: float) -> Any:
        places = self._range(self._length(x, 2)).node("Cast", to=_DOUBLE)
        width, two = self._length(x, 3), self.graph.whole(2)
        evens = self._range(width.node("Div", two)).node("Mul", two)
        powers: Any = evens.node("Cast", to=_DOUBLE) / width.node("Cast", to=_DOUBLE)  # type: ignore[operator]  # set below the class
        angles = places.node("Unsqueeze", self.graph.whole(1)) * (powers * -math.log(base)).node("Exp")
        sin, cos = angles.node("Sin"), (angles + 0.5 * math.pi).node("Sin")
        most = self.graph.whole(2**62)
        a, b = (x.node("Slice", self.graph.whole(i), most, self.graph.whole(3), two) for i in (0, 1))
        rows = [row.node("Unsqueeze", self.graph.whole(4)) for row in (a * cos - b * sin, a * sin + b * cos)]
        return rows[0].node("Concat", rows[1].name, axis=4).node("Reshape", self.graph.whole(0, 0, 0, -1))

    def causal_softmax(self, scores: _Tensor) -> _Tensor:
        length = self._length(scores, 3)
        one = self.graph.numpy_helper.from_array(np.ones(1))
        ones = length.node("Concat", length.name, axis=0).node("ConstantOfShape", value=one)
        seen = ones.node("Trilu", upper=0).node("Cast", to=_BOOL)
        return seen.node("Where", scores.name, self.graph.constant(-math.inf)).softmax(-1)

    def of_the_largest(self, scores: _Tensor, shares: Any, k: int) -> _Tensor:
        order = self.graph("TopK", scores.name, self.graph.whole(k), outputs=2, axis=-1)
        chosen = shares.node("GatherElements", order, axis=-1)
        nothing: _Tensor = shares * 0.0
        return nothing.node("ScatterElements", order, chosen.name, axis=-1)


def _written(ops: _OnnxOperations, part: Any, x: Any) -> Any:
    """The output of a part for x, whose nodes are added to the graph."""

    def sub(name: str, x: Any) -> Any:
        inner = part
        for step in name.split("."):
            inner = inner[int(step)] if step.isdigit() else getattr(inner, step)
        return x if inner is None else _written(ops, inner, x)

    return part._array_forward(ops, sub, x)


def to_onnx(model: Module, path: str | PathLike[str]) -> None:
    """Write the model as an ONNX file: input ``x`` (N, D), output ``y`` (N, K), both float64.

    With attention, both have an axis of T positions after the first. For a model that begins with an
    embedding, x is (N, T), tokens as int64. Dropouts are left out.

    Parameters
    ----------
    model : as for `to_torch`.
    path : by custom it ends in ``.onnx``.

    Raises
    ------
    TypeError, ValueError : as for `to_torch`.
    OSError : if the file cannot be written.
    MissingExtraError : without onnx, which the extra `onnx` installs.
    """
    require_kind(path, (str, PathLike), "to_onnx takes a path")
    parts: list[Any] = [part for part in parts_of(model, "to_onnx") if not isinstance(part, Dropout)]
    widths = [part.n_out for part in parts if hasattr(part, "n_out")]
    if not widths:
        raise ValueError(f"to_onnx needs a layer, and {model!r} has none")
    onnx = library("onnx", "to_onnx", "onnx")
    helper, double = onnx.helper, onnx.TensorProto.DOUBLE
    graph = _Graph(helper, onnx.numpy_helper)
    ops, y = _OnnxOperations(graph), _Tensor(graph, "x")
    for part in parts:
        y = _written(ops, part, y)
    graph.nodes.append(helper.make_node("Identity", [y.name], ["y"]))
    tokens = isinstance(parts[0], (Embedding, GPT))
    sequence = tokens or any(isinstance(part, (CausalSelfAttention, TransformerBlock)) for part in parts)
    shape = ["N", "T"] if sequence else ["N"]
    if tokens:
        given = helper.make_tensor_value_info("x", onnx.TensorProto.INT64, shape)
    else:
        first = next(part.n_in for part in parts if hasattr(part, "n_in"))
        given = helper.make_tensor_value_info("x", double, [*shape, first])
    found = helper.make_tensor_value_info("y", double, [*shape, widths[-1]])
    whole = helper.make_graph(graph.nodes, "model", [given], [found], graph.constants)
    made = helper.make_model(
        whole, producer_name="scalar-autograd", opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    onnx.checker.check_model(made)
    write_bytes(path, made.SerializeToString())
