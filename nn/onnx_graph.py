"""`to_onnx`: a model as a file that any runtime of ONNX computes with."""

from __future__ import annotations

import math
from collections.abc import Callable
from os import PathLike
from typing import Any

import numpy as np

from autograd import Primitive, Value, write_bytes

from .activations import ACTIVATIONS, Activation
from .array_forward import has_formula
from .attention import CausalSelfAttention
from .exchange import layer_arrays, library, parts_of
from .feed_forward import GELU
from .gpt import GPT, TransformerBlock
from .layers import Dropout, Layer
from .linear import Embedding, Linear, numbers_of
from .module import Module
from .normalization import LayerNorm

__all__ = ["to_onnx"]


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

    def pair(self, operation: str, *inputs: str, **attributes: Any) -> list[str]:
        """The two outputs of a node that has two."""
        outputs = [f"{operation.lower()}{len(self.nodes)}_{i}" for i in (0, 1)]
        self.nodes.append(self.helper.make_node(operation, list(inputs), outputs, **attributes))
        return outputs

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
    """A tensor of the graph as an operand of the formula of a row, which so is written in ONNX."""

    def __init__(self, graph: _Graph, name: str) -> None:
        self.graph, self.name = graph, name

    def __matmul__(self, other: Any) -> Any:
        return _Tensor(self.graph, self.graph("MatMul", self.name, other.name))

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


class _OnnxOperations:
    """`Operations` that write the nodes of a graph; x has the axes (N, T, n)."""

    def __init__(self, graph: _Graph) -> None:
        self.graph = graph

    def _node(self, operation: str, *operands: Any, **attributes: Any) -> Any:
        names = [each.name if isinstance(each, _Tensor) else each for each in operands]
        return _Tensor(self.graph, self.graph(operation, *names, **attributes))

    def _whole(self, *numbers: int) -> str:
        return self.graph.constant(numbers, dtype=np.int64)

    def _length(self, x: Any, axis: int) -> Any:
        """The length of an axis, as a tensor of one number."""
        return self._node("Gather", self._node("Shape", x), self._whole(axis))

    def _range(self, length: Any) -> Any:
        end = self._node("Squeeze", length)
        zero, one = (self.graph.constant(number, dtype=np.int64) for number in (0, 1))
        return self._node("Range", zero, end, one)

    def activated(self, activation: Activation, x: Any) -> Any:
        return x if activation.linear else _Tensor(self.graph, _activated(activation, self.graph, x.name))

    def positions(self, tokens: Any) -> Any:
        return self._range(self._length(tokens, 1))

    def heads(self, x: Any, n_head: int) -> Any:
        parts = self._node("Reshape", x, self._whole(0, 0, n_head, -1))
        return self._node("Transpose", parts, perm=[0, 2, 1, 3])

    def joined(self, x: Any) -> Any:
        parts = self._node("Transpose", x, perm=[0, 2, 1, 3])
        return self._node("Reshape", parts, self._whole(0, 0, -1))

    def transposed(self, x: Any) -> Any:
        return self._node("Transpose", x, perm=[0, 1, 3, 2])

    def turned(self, x: Any, base: float, size: int = 0) -> Any:
        places = self._node("Cast", self._range(self._length(x, 2)), to=_DOUBLE)
        width = self._length(x, 3)
        evens = self._node("Mul", self._range(self._node("Div", width, self._whole(2))), self._whole(2))
        powers = self._node("Cast", evens, to=_DOUBLE) / self._node("Cast", width, to=_DOUBLE)
        frequencies = self._node("Exp", powers * -math.log(base))
        angles = self._node("Unsqueeze", places, self._whole(1)) * frequencies
        sin, cos = (self._node("Sin", each) for each in (angles, angles + 0.5 * math.pi))
        last, most = self._whole(3), self._whole(2**62)
        a, b = (self._node("Slice", x, self._whole(i), most, last, self._whole(2)) for i in (0, 1))
        rows = [
            self._node("Unsqueeze", row, self._whole(4)) for row in (a * cos - b * sin, a * sin + b * cos)
        ]
        return self._node("Reshape", self._node("Concat", *rows, axis=4), self._whole(0, 0, 0, -1))

    def causal_softmax(self, scores: Any) -> Any:
        length = self._length(scores, 3)
        square = self._node("Concat", length, length, axis=0)
        ones = self._node("ConstantOfShape", square, value=self.graph.numpy_helper.from_array(np.ones(1)))
        seen = self._node("Cast", self._node("Trilu", ones, upper=0), to=_BOOL)
        return self.softmax(self._node("Where", seen, scores, self.graph.constant(-math.inf)))

    def softmax(self, x: Any) -> Any:
        return self._node("Softmax", x, axis=-1)

    def of_the_largest(self, scores: Any, shares: Any, k: int) -> Any:
        order = self.graph.pair("TopK", scores.name, self._whole(k), axis=-1)[1]
        chosen = self._node("GatherElements", shares, order, axis=-1)
        return self._node("ScatterElements", shares * 0.0, order, chosen, axis=-1)

    def total(self, x: Any) -> Any:
        return self._node("ReduceSum", x, self._whole(-1))

    def column(self, x: Any, i: int) -> Any:
        return self._node("Gather", x, self._whole(i), axis=-1)


class _Writer:
    """Adds parts of a model to a graph; a parameter that several share is in it once."""

    def __init__(self, graph: _Graph) -> None:
        self.graph, self.ops = graph, _OnnxOperations(graph)
        self.constants: dict[Any, str] = {}

    def __call__(self, part: Any, x: str, sequence: bool) -> str:
        """The output of a part for x: a vector for each example, or a `sequence` of them."""
        if isinstance(part, Layer):
            weights, biases, activation = layer_arrays(part, "to_onnx")
            x = self._linear(x, self.graph.constant(weights), biases, sequence)
            return x if activation.linear else _activated(activation, self.graph, x)
        if isinstance(part, Dropout):
            return x
        if isinstance(part, GELU):
            name = "gelu" if part.approximate == "none" else "gelu_tanh"
            return _activated(ACTIVATIONS[name], self.graph, x)
        if isinstance(part, Linear):
            biases = None if part.bias is None else numbers_of(part.bias)
            return self._linear(x, self._weight(part), biases, sequence)
        if isinstance(part, Embedding):
            return self.graph("Gather", self._weight(part), x)
        if has_formula(part):

            def sub(name: str, x: Any) -> Any:
                inner = part
                for step in name.split("."):
                    inner = inner[int(step)] if step.isdigit() else getattr(inner, step)
                return x if inner is None else _Tensor(self.graph, self(inner, x.name, sequence))

            result: _Tensor = part._array_forward(self.ops, sub, _Tensor(self.graph, x))
        else:
            result = self._normalized(part, _Tensor(self.graph, x))
        return result.name

    def _weight(self, part: Any) -> str:
        key = (part.weight[0][0], len(part.weight), len(part.weight[0]))
        if key not in self.constants:
            self.constants[key] = self.graph.constant(numbers_of(part.weight))
        return self.constants[key]

    def _linear(self, x: str, weight: str, biases: Any, sequence: bool) -> str:
        if not sequence:
            operands = [x, weight] + ([] if biases is None else [self.graph.constant(biases)])
            return self.graph("Gemm", *operands, transB=1)
        product = self.graph("MatMul", x, self.graph("Transpose", weight, perm=[1, 0]))
        return product if biases is None else self.graph("Add", product, self.graph.constant(biases))

    def _normalized(self, part: Any, x: Any) -> Any:
        def mean(values: Any) -> Any:
            return _Tensor(self.graph, self.graph("ReduceMean", values.name, axes=[-1]))

        if isinstance(part, LayerNorm):
            x = x - mean(x)
        y = x / _Tensor(self.graph, self.graph("Sqrt", (mean(x * x) + part.eps).name))
        if part.weight is not None:
            y = y * _Tensor(self.graph, self.graph.constant(numbers_of(part.weight)))
        if part.bias is not None:
            y = y + _Tensor(self.graph, self.graph.constant(numbers_of(part.bias)))
        return y


def to_onnx(model: Module, path: str | PathLike[str]) -> None:
    """Write the model as an ONNX file: input ``x`` (N, D), output ``y`` (N, K), both float64.

    With attention in it, both have an axis of T positions after the first. Of a model that begins with an
    embedding x are tokens of int64, (N, T). Dropouts are left out, as when the model is used.

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
    parts: list[Any] = [part for part in parts_of(model, "to_onnx") if not isinstance(part, Dropout)]
    widths = [width for width in map(_width, parts) if width]
    if not widths:
        raise ValueError(f"to_onnx needs a layer, and {model!r} has none")
    for part in parts:
        if isinstance(part, Layer):
            layer_arrays(part, "to_onnx")
    onnx = library("onnx", "to_onnx", "onnx")
    graph = _Graph(onnx.helper, onnx.numpy_helper)
    write, x = _Writer(graph), "x"
    tokens = isinstance(parts[0], (Embedding, GPT))
    sequence = tokens or any(isinstance(part, (CausalSelfAttention, TransformerBlock)) for part in parts)
    for part in parts:
        x = write(part, x, sequence)
    graph.nodes.append(onnx.helper.make_node("Identity", [x], ["y"]))
    double, whole_number = onnx.TensorProto.DOUBLE, onnx.TensorProto.INT64
    first = next(part.n_in for part in parts if hasattr(part, "n_in")) if not tokens else 0
    shape = ["N", "T"] if sequence else ["N"]
    ends = [
        onnx.helper.make_tensor_value_info(
            "x", whole_number if tokens else double, shape if tokens else [*shape, first]
        ),
        onnx.helper.make_tensor_value_info("y", double, [*shape, widths[-1]]),
    ]
    whole = onnx.helper.make_graph(graph.nodes, "model", ends[:1], ends[1:], graph.constants)
    made = onnx.helper.make_model(
        whole, producer_name="scalar-autograd", opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8
    )
    onnx.checker.check_model(made)
    write_bytes(path, made.SerializeToString())


def _width(part: Any) -> int:
    """How many numbers a part gives for a vector or a token; 0 if that is as many as it gets."""
    return int(getattr(part, "n_out", 0))
