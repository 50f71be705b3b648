"""`Module`, the base class of models and layers, which finds its parameters among its attributes."""

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
from .arguments import require_flag, require_kind, require_number
from .arrays import features_of

if TYPE_CHECKING:
    from autograd import Explorer, Program

__all__ = ["Module", "in_rows", "mode", "several", "singular"]

_PROGRAMS: WeakKeyDictionary[Module, Program] = WeakKeyDictionary()  # of `predict`


class Module:
    """The base class of models and layers.

    Its parameters are the leaf `Value`s, and its children the `Module`s, among its attributes, directly or in
    lists, tuples and object arrays. Attributes that begin with an underscore do not count. A subclass may
    override `parameters`.

    A parameter's name is the path to it, such as ``layer0.neuron1.w2``: attributes, and for items of
    sequences the attribute in the singular with the index, joined by dots.

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
    _name = ""  # its place in a model, by which its parameters are labelled

    @property
    def _prefix(self) -> str:
        """What the names of its parts begin with."""
        return f"{self._name}." if self._name else ""

    def __call__(self, x: Any) -> Any:
        raise NotImplementedError(  # abstract: each module computes its own
            f"{type(self).__name__} computes nothing yet: define __call__(self, x)"
        )

    def children(self) -> Iterator[tuple[str, Value | Module]]:
        """Its own parameters and modules, each with its name, in the order of the attributes."""
        for name, attribute in vars(self).items():
            if not name.startswith("_"):
                yield from _named_items(name, attribute)

    def parameters(self) -> list[Value]:
        """Every parameter once, in the order of the attributes."""
        found: dict[Value, None] = {}
        for _, child in self.children():
            found.update(dict.fromkeys(child.parameters() if isinstance(child, Module) else (child,)))
        return list(found)

    def named_parameters(self) -> Iterator[tuple[str, Value]]:
        """The `parameters` in order, each with its name; without an attribute it is ``parameter7``."""
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
        """The module itself and all modules in it, each once and before its children."""
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
        """Set ``training`` to `mode` in this module and all modules in it.

        `Dropout` works in training alone; your own module may look at ``self.training``.

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
                module.__dict__["training"] = mode  # past a layer's __setattr__
        return self

    def eval(self) -> Self:
        """The same as ``train(False)``."""
        return self.train(False)

    def predict(self, X: Any) -> npt.NDArray[np.float64]:
        """The outputs for many examples, as after `eval`.

        Modules of `nn` are compiled to array code, see `autograd.compile`. Your own module is called for one
        example after the other, because it may compute something else for each. The numbers are the same, but
        for rounding.

        Parameters
        ----------
        X : the features (N, D): lists, an array, or anything with ``__array__``; finite and not masked. For a
            model of sequences such as `GPT`, N rows of T tokens.

        Returns
        -------
        An array (N,) for a single output, (N, K) for K, (N, T, K) for a model of sequences.

        Raises
        ------
        TypeError, ValueError : if X is not as described; the error names row and column.

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
        """The module as array code; None if it may compute something else for another example."""
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
        """The number of tokens, if the features are tokens; otherwise 0."""
        return 0

    def __explore__(self, *arguments: Any, **options: Any) -> Explorer:
        """The hook of `autograd.explore`: `nn.explore_model`, loaded on first use."""
        found: Explorer = importlib.import_module("nn.exploration").explore_model(self, *arguments, **options)
        return found

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Freeze every parameter with False, unfreeze it with True; see `Value.requires_grad_`.

        A frozen parameter gets no gradient and is not trained; it stays in `parameters` and `state_dict`.

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
        """Set the gradient of every parameter to 0."""
        for parameter in self.parameters():
            parameter.grad = 0.0

    def state_dict(self) -> dict[str, float]:
        """The number in every parameter, by name: what `load_state_dict` restores."""
        return {name: parameter.data for name, parameter in self.named_parameters()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Set every parameter from `state`; on an error nothing changes.

        Parameters
        ----------
        state : a finite number for each name of `named_parameters`, and for no other.

        Raises
        ------
        TypeError, ValueError : if `state` is not as described; the error names the parameters.

        Examples
        --------
        >>> from nn import Neuron
        >>> neuron = Neuron(2)
        >>> neuron.load_state_dict({"w0": 1.0, "w1": -1.0, "b": 0.5})
        >>> neuron([3.0, 2.0]).data
        1.5
        """
        require_kind(state, Mapping, "load_state_dict takes a mapping of names to numbers")
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
            require_kind(number, Real, f"{name} must be a real number")
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
    """Sets ``train(training)`` for a block of code; afterwards each module is as before."""
    before = [(vars(module), vars(module).get("training")) for module in model.modules()]
    model.train(training)
    try:
        yield
    finally:
        for attributes, was in before:
            if was is None:  # the attribute of the class
                attributes.pop("training", None)
            else:
                attributes["training"] = was


def several(output: Any) -> list[Any]:
    """The outputs as one list: a single output, or rows of outputs one after the other."""
    outputs = list(output) if hasattr(output, "__iter__") else [output]
    return [y for row in outputs for y in row] if in_rows(outputs) else outputs


def in_rows(outputs: Any) -> bool:
    """Whether the outputs are rows, as those of a sequence are."""
    return isinstance(outputs, (list, tuple)) and len(outputs) > 0 and isinstance(outputs[0], (list, tuple))


_FEW = 50  # up to so many examples, compiling takes longer than it saves
