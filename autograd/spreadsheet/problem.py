"""What a sheet should hold: a recorded graph, the names of its quantities, and what may be left out."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..engine.graph import ancestors
from ..engine.messages import describe
from ..engine.replay import replay
from ..engine.value import Value
from ..symbolic import Outline
from .expected import Network
from .vocabulary import EPOCH, Vocabulary, derivative, patterns_of, short, split_derivative

__all__ = ["RATES", "Problem", "leaves_to_train"]

RATES = (0.1, 0.2, 0.5, 0.8, 1.0, 2.0)
"""The learning rates that courses compare."""

_FEWEST = 4  # names that make a header


@dataclass(frozen=True, eq=False)
class Problem:
    """A network that is trained by gradient descent, whose sheets `check_workbook` checks.

    `Problem.of` makes one from a recorded graph. Every field can also be given by hand, where sheets call
    things by many names or leave things out.

    Attributes
    ----------
    title : what the problem is called in a sentence.
    vocabulary : which quantity a header names.
    network : the recorded network, given a key of `losses` and the names of its biases.
    inputs, weights : numbers by name, for what a sheet does not say.
    targets : the same for what only the loss reads; several sets if courses use several.
    biases : the names of biases that a sheet may have; without a gradient they stay as they are.
    losses : the ways to define the loss, the usual one first, each of the others with a remark.
    rates : learning rates to try where a sheet states none.
    rate : the learning rate of a sheet whose weights never change.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from autograd import Problem, Value, check_workbook, save_workbook
    >>> w, x = Value(1.0, "w"), Value(3.0, "x")
    >>> error = (w * x - 6) ** 2
    >>> error.label = "E"
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "train.csv"
    >>> problem = Problem.of(error, [w])
    >>> check_workbook(save_workbook(error, [w], path, epochs=3, lr=0.05), problem).status
    0
    >>> wrong = path.read_text().replace("-18.0", "-9.0")
    >>> _ = path.write_text(wrong)
    >>> finding, *_ = check_workbook(path, problem).findings
    >>> finding.cell, finding.quantity, finding.given, finding.expected
    ('E2', '∂E/∂w', -9.0, -18.0)
    """

    title: str
    vocabulary: Vocabulary
    network: Callable[[str, tuple[str, ...]], Network]
    inputs: Mapping[str, float]
    weights: Mapping[str, float]
    targets: Sequence[Mapping[str, float]] = ({},)
    biases: Sequence[tuple[str, ...]] = ()
    losses: Mapping[str, str] = field(default_factory=lambda: {"": ""})
    rates: Sequence[float] = RATES
    rate: float = 0.5

    @classmethod
    def of(
        cls,
        output: Value,
        wrt: Sequence[Value],
        *,
        predictions: Sequence[Value] = (),
        title: str = "this network",
        rates: Sequence[float] = RATES,
    ) -> Problem:
        """The problem of a recorded graph. Its quantities have the names that `save_workbook` gives them.

        Parameters
        ----------
        output : the loss, a recorded `Value`.
        wrt : the leaves that are trained.
        predictions : what the network computes; leaves that only the loss reads are then targets.
        title : what the problem is called in a sentence.
        rates : the learning rates to try where a sheet states none.

        Raises
        ------
        TypeError : if `output`, or one of `wrt` or `predictions`, is not a `Value`.
        ValueError : if `wrt` is empty, or one of it is no leaf or comes twice.
        """
        trained = leaves_to_train("Problem.of", output, wrt)
        outline = Outline(output, trained, branches=True, computed=True, reserved=[EPOCH])
        leaves = [node for node in outline.names if node.primitive is None]
        fresh = replay([output, *predictions, *trained], {leaf: leaf.data for leaf in leaves})
        nodes = {symbol.text: fresh[node] for node, symbol in outline.names.items()}
        for name, node in nodes.items():
            node.label = name
        weights = {outline.names[node].text: node.data for node in trained}
        given = {outline.names[node].text: node.data for node in leaves if node not in trained}
        seen = ancestors(list(predictions)) if predictions else outline.order
        inputs = {outline.names[node].text for node in leaves if node in set(seen)}
        targets = {name: data for name, data in given.items() if name not in inputs}
        loss = outline.names[output].text
        network = Network(nodes, loss, weights, targets=targets)
        network.steps(loss, next(iter(weights)))  # or an error
        headers = {name: name for name in nodes}
        headers |= {derivative(loss.split("_")[0], name): derivative(loss, name) for name in nodes}
        patterns = patterns_of(nodes, weights, loss)
        return cls(
            title=title,
            vocabulary=Vocabulary(patterns, loss, network.losses, weights, headers),
            network=lambda loss, biases: network,
            inputs={name: data for name, data in given.items() if name in inputs},
            weights=weights,
            targets=(targets,),
            rates=rates,
        )

    @property
    def standard(self) -> Network:
        """The network without biases, and with the usual loss."""
        return self.network(next(iter(self.losses)), ())

    @functools.cached_property
    def leaves(self) -> frozenset[str]:
        """What a sheet may give: inputs, targets, weights, and biases of any kind."""
        names = [name for biases in self.biases for name in biases]
        return frozenset({*self.inputs, *self.targets[0], *self.weights, *names})

    @functools.cached_property
    def fewest(self) -> int:
        """How many names make a header."""
        return min(_FEWEST, len(self.standard.nodes) + len(self.weights))

    def role(self, name: str) -> str:
        """The part that a quantity plays: ``given``, ``weight``, ``gradient``, ``loss`` or ``node``."""
        if split_derivative(name):
            return "gradient"
        name = name.removesuffix("'")
        if name in self.leaves:
            return "given" if name in self.inputs or name in self.targets[0] else "weight"
        return "loss" if name in self.standard.losses else "node"

    @property
    def example(self) -> str:
        """Some names of a table, to tell what one looks like."""
        network = self.standard
        names = [next(iter(self.weights)), *list(network.formulas)[:2], network.output]
        names.append(short(network.gradient(names[0])))
        return ", ".join(dict.fromkeys(names))


def leaves_to_train(name: str, output: Any, wrt: Any) -> list[Value]:
    """The leaves of `wrt`, checked for the function of that name."""
    if not isinstance(wrt, (Value, Iterable)):
        raise TypeError(
            f"{name}: wrt must be a Value or a sequence of them, got {type(wrt).__name__}: {wrt!r:.60}"
        )
    targets = [wrt] if isinstance(wrt, Value) else list(wrt)
    for what, given in [("output", output), *[("each of wrt", target) for target in targets]]:
        if not isinstance(given, Value):
            raise TypeError(f"{name}: {what} must be a Value, got {type(given).__name__}: {given!r:.60}")
    if not targets:
        raise ValueError(f"{name}: wrt is empty, so there is nothing to train: give the weights")
    for target in targets:
        if target.primitive is not None:
            raise ValueError(f"{name}: {target!r} was computed; wrt takes the leaves that are trained")
        if targets.count(target) > 1:
            raise ValueError(f"{name}: wrt names {describe(target)} twice")
    return targets
