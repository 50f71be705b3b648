"""`Module`, the base of models and layers: it finds its parameters among its own attributes."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from numbers import Real
from typing import TYPE_CHECKING, Any, Self
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from autograd import Value, no_grad

from .activations import ACTIVATIONS
from .arguments import require_flag, require_number
from .arrays import features_of

if TYPE_CHECKING:
    from autograd import Explorer, Program

__all__ = ["Module", "in_rows", "mode", "several", "singular"]

_PROGRAMS: WeakKeyDictionary[Module, Program] = WeakKeyDictionary()  # of `predict`, freed with the module


class Module:
    """The base class of everything that has parameters; its attributes say which.

    Its parameters are the leaf `Value`s, and its children the other `Module`s, among its attributes and in
    lists, tuples and object arrays among these. Attributes whose name begins with an underscore do not
    count. A subclass may override `parameters` to choose for itself.

    A parameter is named by its way from the module: the attribute, or for an item of a sequence the
    attribute in the singular and its index, joined by dots, such as ``layer0.neuron1.w2``.

    Examples
    --------
    >>> from autograd import Value
    >>> from nn import Module
    >>> class Line(Module):
    ...     def __init__(self):
    ...         self.weights = [Value(2.0), Value(3.0)]
    ...         self.b = Value(1.0)
    ...
    ...     def __call__(self, x):
    ...         return self.weights[0] * x[0] + self.weights[1] * x[1] + self.b
    >>> line = Line()
    >>> line([10.0, 100.0]).data
    321.0
    >>> line.state_dict()
    {'weight0': 2.0, 'weight1': 3.0, 'b': 1.0}
    """

    training = True

    def __call__(self, x: Any) -> Any:
        raise NotImplementedError(  # abstract: each module computes its own
            f"{type(self).__name__} computes nothing yet: define __call__(self, x)"
        )

    def children(self) -> Iterator[tuple[str, Value | Module]]:
        """The parameters and modules that are its own attributes, each with its name, in their order."""
        for name, attribute in vars(self).items():
            if not name.startswith("_"):
                yield from _named_items(name, attribute)

    def parameters(self) -> list[Value]:
        """Every parameter once, in the order of the attributes, those of a child at its place."""
        found: dict[Value, None] = {}
        for _, child in self.children():
            found.update(dict.fromkeys(child.parameters() if isinstance(child, Module) else (child,)))
        return list(found)

    def named_parameters(self) -> Iterator[tuple[str, Value]]:
        """The `parameters` in order, each with its name; one that no attribute leads to is ``parameter7``."""
        names: dict[Value, str] = {}
        for name, child in self.children():
            if isinstance(child, Module):
                for below, parameter in child.named_parameters():
                    names.setdefault(parameter, f"{name}.{below}")
            else:
                names.setdefault(child, name)
        for i, parameter in enumerate(self.parameters()):
            yield names.get(parameter, f"parameter{i}"), parameter

    def modules(self) -> Iterator[Module]:
        """The module itself and all those in it, each before its own children; one that is shared, once."""
        seen: set[int] = set()
        pending: list[Module] = [self]
        while pending:
            module = pending.pop()
            if id(module) not in seen:
                seen.add(id(module))
                yield module
                inside = [child for _, child in module.children() if isinstance(child, Module)]
                pending += reversed(inside)

    def train(self, mode: bool = True) -> Self:
        """Say to it and all modules in it that they are trained, or with `mode` False that they are used.

        `Dropout` works in training alone; a module of one's own may look at ``self.training``.

        Returns
        -------
        The module itself.

        Raises
        ------
        TypeError : if `mode` is not a bool.
        """
        mode = require_flag("mode", mode)
        for module in self.modules():
            if module.training != mode:
                module.__dict__["training"] = mode  # no attribute that a layer has to look at again
        return self

    def eval(self) -> Self:
        """The same as ``train(False)``."""
        return self.train(False)

    def predict(self, X: Any) -> npt.NDArray[np.float64]:
        """What the module gives for examples, used as after `eval`: an array for an array.

        Many examples of the layers of `nn` are computed together as array code, see `autograd.compile`. A
        module of one's own is called with one example after the other, for only it knows whether it computes
        the same for each. The numbers are the same, but for rounding.

        Parameters
        ----------
        X : the features (N, D): lists, an array, or anything with ``__array__``; finite, none of them masked.
            For a model of sequences such as `GPT` each row is one, of T tokens.

        Returns
        -------
        (N,) of a single output, (N, K) of K, (N, T, K) of a model of sequences.

        Raises
        ------
        TypeError, ValueError : if X is not as described; it names the row and the column.

        Examples
        --------
        >>> from nn import Neuron
        >>> neuron = Neuron(2)
        >>> neuron.load_state_dict({"w0": 1.0, "w1": -1.0, "b": 0.5})
        >>> neuron.predict([[3.0, 2.0], [0.0, 1.0]])
        array([ 1.5, -0.5])
        """
        features = features_of(self, X).astype(np.float64)
        with mode(self, training=False):
            program = self._program(features[0].tolist()) if len(features) > _FEW else None
            if program is not None:
                table = program.evaluate([parameter.data for parameter in self.parameters()], features)
                with no_grad():
                    output = self(features[0].tolist())
            else:
                with no_grad():
                    outputs = [self(row) for row in features.tolist()]
                output, rows = outputs[0], list(map(several, outputs))
                numbers = [[y.data if isinstance(y, Value) else y for y in row] for row in rows]
                table = np.array(numbers, dtype=np.float64)
        if in_rows(output):
            return table.reshape(len(table), len(output), -1)
        return table.reshape(len(table)) if table.shape[1] == 1 else table

    def _program(self, example: list[float]) -> Program | None:
        """What it computes as array code, if it surely computes the same for every example."""
        from autograd import compile

        parameters = self.parameters()
        computed = any(parameter.op for parameter in parameters)
        if computed or not all(module._steady() for module in self.modules()):
            return None
        inputs = list(map(Value, example))
        outputs = several(self(inputs))
        if not all(getattr(output, "op", "") for output in outputs):  # within no_grad nothing is recorded
            return None
        program = _PROGRAMS.get(self)
        if program is None or not program.computes(outputs, parameters, inputs):
            program = _PROGRAMS[self] = compile(outputs, parameters, inputs, backend="numpy")
        return program

    def _steady(self) -> bool:
        """Whether calls compute the same for all examples: a class of `nn` without functions of your own."""
        held = [each for value in vars(self).values() for each in (value if type(value) is list else [value])]
        known = (isinstance(each, Module) or each in ACTIVATIONS.values() for each in held if callable(each))
        return type(self).__module__.startswith("nn.") and all(known)

    def _indices(self) -> int:
        """How many rows of a table its features choose from, in whole numbers; 0 if they do not."""
        return 0

    def __explore__(self, *arguments: Any, **options: Any) -> Explorer:
        """What `autograd.explore` does with a model: `nn.explore_model`, which loads on first use."""
        found: Explorer = importlib.import_module("nn.exploration").explore_model(self, *arguments, **options)
        return found

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Freeze every parameter with False, or with True let it be trained again.

        A frozen parameter gets no gradient, and no optimizer and no training changes it; it is still one of
        `parameters` and of `state_dict`. See `Value.requires_grad_`.

        Returns
        -------
        The module itself.

        Raises
        ------
        TypeError : if `requires_grad` is not a bool.

        Source: `torch.nn.Module.requires_grad_`.

        Examples
        --------
        >>> from nn import Neuron
        >>> neuron = Neuron(2).requires_grad_(False)
        >>> [parameter.requires_grad for parameter in neuron.parameters()]
        [False, False, False]
        """
        requires_grad = require_flag("requires_grad", requires_grad)
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0, which the next backward pass adds to."""
        for parameter in self.parameters():
            parameter.grad = 0.0

    def state_dict(self) -> dict[str, float]:
        """The number in every parameter, by name: what `load_state_dict` puts back."""
        return {name: parameter.data for name, parameter in self.named_parameters()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Set every parameter from `state`, or on any error none.

        Parameters
        ----------
        state : a finite number for each name of `named_parameters`, and for no other.

        Raises
        ------
        TypeError : if `state` is not a mapping or holds something that is not a real number.
        ValueError : if names are missing or unknown, or a number is nan or infinite; it names them.

        Examples
        --------
        >>> from nn import Neuron
        >>> neuron = Neuron(2)
        >>> neuron.load_state_dict({"w0": 1.0, "w1": -1.0, "b": 0.5})
        >>> neuron([3.0, 2.0]).data
        1.5
        """
        if not isinstance(state, Mapping):
            raise TypeError(
                f"load_state_dict takes a mapping of names to numbers, got {type(state).__name__}"
            )
        parameters = dict(self.named_parameters())
        missing = [name for name in parameters if name not in state]
        unknown = [name for name in state if name not in parameters]
        if missing or unknown:
            faults = [f"{fault} {_listing(names)}" for fault, names in
                      (("without", missing), ("with the unknown", unknown)) if names]  # fmt: skip
            raise ValueError(
                f"this state does not fit {type(self).__name__}: it comes {' and '.join(faults)}"
            )
        for name in parameters:
            number = state[name]
            if not isinstance(number, Real):
                raise TypeError(f"{name} must be a real number, got {type(number).__name__}: {number!r:.60}")
            require_number(name, number)
        for name, parameter in parameters.items():
            parameter.data = float(state[name])

    def __repr__(self) -> str:
        modules = [(name, child) for name, child in self.children() if isinstance(child, Module)]
        lines = [f"  ({name}): {child!r}".replace("\n", "\n  ") for name, child in modules]
        return "\n".join([f"{type(self).__name__}(", *lines, ")"]) if lines else f"{type(self).__name__}()"


def _named_items(name: str, attribute: Any) -> Iterator[tuple[str, Value | Module]]:
    if isinstance(attribute, Module) or (isinstance(attribute, Value) and not attribute.op):
        yield name, attribute
    elif isinstance(attribute, (list, tuple)) or (
        isinstance(attribute, np.ndarray) and attribute.dtype == object and attribute.ndim > 0
    ):
        stem = singular(name)
        for i, item in enumerate(attribute):
            yield from _named_items(f"{stem}{i}", item)


def singular(name: str) -> str:
    """``layers`` → ``layer``, ``biases`` → ``bias``; ``bias`` stays, and the items of ``w0`` are ``w0_1``."""
    if name[-1:].isdigit():
        return f"{name}_"
    return name.removesuffix(
        "es" if name.endswith("ses") else "s" if not name.endswith(("ss", "bias")) else ""
    )


def _listing(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(map(str, names[:5])) + more


@contextmanager
def mode(model: Module, training: bool) -> Iterator[None]:
    """Within it the model is as after ``train(training)``, and afterwards each module in it as it was."""
    before = [(vars(module), vars(module).get("training")) for module in model.modules()]
    model.train(training)
    try:
        yield
    finally:
        for attributes, was in before:
            if was is None:  # it had what its class says
                attributes.pop("training", None)
            else:
                attributes["training"] = was


def several(output: Any) -> list[Any]:
    """The outputs as a list, of a single one too, and of those of a sequence one after the other."""
    outputs = list(output) if hasattr(output, "__iter__") else [output]
    return [y for row in outputs for y in row] if in_rows(outputs) else outputs


def in_rows(outputs: Any) -> bool:
    """Whether the outputs are rows of numbers, as those of a sequence are."""
    return isinstance(outputs, (list, tuple)) and len(outputs) > 0 and isinstance(outputs[0], (list, tuple))


_FEW = 50  # for so few examples, making array code takes longer than computing them
