"""What a sheet should hold: a recorded graph, the names of its quantities, and what may be left out."""

from __future__ import annotations

import functools
import math
import os
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..engine.graph import ancestors
from ..engine.replay import replay
from ..engine.value import Value
from ..symbolic import Outline
from .expected import RATES, Network, leaves_to_train
from .vocabulary import EPOCH, Vocabulary, derivative, patterns_of, short, split_derivative
from .workbook import save_template, save_workbook

__all__ = ["Problem"]

_FEWEST = 4  # names that make a header


@dataclass(frozen=True, eq=False)
class Problem:
    """A network that is trained by gradient descent, whose sheets `check_workbook` checks.

    `Problem.of` makes one from a recorded graph; give fields by hand where sheets use many names or leave
    things out.

    Attributes
    ----------
    title : what the problem is called in a sentence.
    vocabulary : which quantity a header names.
    network : the recorded network, given a key of `losses` and the names of its biases.
    inputs, weights : numbers by name, for what a sheet does not say.
    targets : the same for what only the loss reads; several sets if courses use several.
    biases : the names of biases that a sheet may have; without a gradient they stay as they are.
    numberings : other orders in which sheets number the weights: by name the weight that it means.
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
    numberings: Sequence[Mapping[str, str]] = ()
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
        title, rates : as of a Problem.

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
        unnamed = [symbol.text for node, symbol in outline.names.items() if not node.label]
        for name, node in nodes.items():
            node.label = name
        weights = {outline.names[node].text: node.data for node in trained}
        given = {outline.names[node].text: node.data for node in leaves if node not in trained}
        seen = ancestors(list(predictions)) if predictions else outline.order
        inputs = {outline.names[node].text for node in leaves if node in set(seen)}
        targets = {name: data for name, data in given.items() if name not in inputs}
        loss = outline.names[output].text
        network = Network(nodes, loss, weights, targets=targets, unnamed=unnamed)
        network.steps(loss, next(iter(weights)))  # or an error
        headers = {name: name for name in nodes}
        headers |= {derivative(loss.split("_")[0], name): derivative(loss, name) for name in nodes}
        patterns = patterns_of(nodes, weights, loss)
        return cls(
            title=title,
            vocabulary=Vocabulary(patterns, loss, network.losses, weights, headers),
            network=functools.partial(_always, network),
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

    @functools.cached_property
    def quantities(self) -> tuple[str, ...]:
        """What a whole sheet shows: the forward pass, the gradients, and the weights after their updates."""
        network = self.standard
        return (*network.formulas, *map(network.gradient, network.trained), *network.trained)

    @property
    def numbers(self) -> dict[str, float]:
        """What is given, by name: inputs, targets, and the weights of the first row."""
        return {**self.inputs, **self.targets[0], **self.weights}

    def with_numbers(self, numbers: Mapping[str, float]) -> Problem:
        """The same problem with other inputs, targets or weights, by name.

        Raises
        ------
        ValueError : if a name is not one of them, or a number is not finite.
        """
        for name, data in numbers.items():
            if name not in self.numbers:
                raise ValueError(f"{self.title} is given {', '.join(self.numbers)}, and no {name!r:.60}")
            if not math.isfinite(data):
                raise ValueError(f"{self.title}: {name} must be a finite number, got {data}")

        def changed(old: Mapping[str, float]) -> dict[str, float]:
            return {name: float(numbers.get(name, data)) for name, data in old.items()}

        others = self.targets[1:] if not {*numbers} & {*self.targets[0]} else ()
        targets = (changed(self.targets[0]), *others)
        return replace(self, inputs=changed(self.inputs), weights=changed(self.weights), targets=targets)

    def individual(self, seed: int | str) -> Problem:
        """The same problem with numbers of its own, so that each student has others.

        Inputs, targets and weights are drawn anew, each kind from the range of its own: between half of its
        smallest number and halfway from its largest to 1, if all are between 0 and 1, otherwise from −m to m
        with m its largest magnitude. They have as many decimals as before, from 2 to 4, and no two of a kind
        are equal. Whole numbers stay, for they are classes and switches: 0 and 1.

        Parameters
        ----------
        seed : equal seeds give equal numbers, on every machine.

        Examples
        --------
        >>> from autograd.spreadsheet import assignment
        >>> ada, alan = (assignment().individual(f"2026 {name}") for name in ("Ada", "Alan"))
        >>> ada.inputs, alan.inputs
        ({'i1': 0.37, 'i2': 0.23}, {'i1': 0.2, 'i2': 0.51})
        """
        draw = random.Random(f"{seed}")  # a text is hashed by SHA-512, which is the same everywhere
        inputs, targets, weights = (
            _drawn(kind, draw) for kind in (self.inputs, self.targets[0], self.weights)
        )
        return self.with_numbers({**inputs, **targets, **weights})

    def key(
        self,
        path: str | os.PathLike[str],
        *,
        epochs: int = 100,
        lr: float | None = None,
        momentum: float = 0.0,
    ) -> Path:
        """Write the solved workbook, as `save_workbook` does.

        Parameters
        ----------
        path : a file ending in ``.xlsx`` or ``.csv``.
        epochs, lr, momentum : as for `save_workbook`; the learning rate is `rate` by default.
        """
        return self._saved(save_workbook, path, epochs, lr, momentum)

    def template(
        self,
        path: str | os.PathLike[str],
        *,
        epochs: int = 100,
        lr: float | None = None,
        momentum: float = 0.0,
    ) -> Path:
        """Write what a student fills in: headings and given numbers, no formula. Else as `key`."""
        return self._saved(save_template, path, epochs, lr, momentum)

    def _saved(
        self, save: Callable[..., Path], path: Any, epochs: int, lr: float | None, momentum: float
    ) -> Path:
        """The graph with the numbers of this problem, written."""
        network = self.standard
        nodes = network.at(self.numbers)
        weights = [nodes[name] for name in network.trained]
        lr = self.rate if lr is None else lr
        return save(nodes[network.output], weights, path, epochs=epochs, lr=lr, momentum=momentum)

    @property
    def example(self) -> str:
        """Some names of a table, to tell what one looks like."""
        network = self.standard
        names = [next(iter(self.weights)), *list(network.formulas)[:2], network.output]
        names.append(short(network.gradient(names[0])))
        return ", ".join(dict.fromkeys(names))


def _always(network: Network, loss: str, biases: tuple[str, ...]) -> Network:
    """One network, whatever the loss and the biases."""
    return network


def _drawn(numbers: Mapping[str, float], draw: random.Random) -> dict[str, float]:
    """Other numbers for those that are not whole, no two of them equal."""
    broken = {name: data for name, data in numbers.items() if not float(data).is_integer()}
    if not broken:
        return {}
    magnitudes = [abs(data) for data in broken.values()]
    digits = min(max(2, *(len(repr(data).partition(".")[2]) for data in broken.values())), 4)
    if all(0.0 < data < 1.0 for data in broken.values()):
        low, high = 0.5 * min(magnitudes), 0.5 * (1.0 + max(magnitudes))
    else:
        low, high = -max(magnitudes), max(magnitudes)
    least = 0.05 * max(magnitudes)  # what is nearly 0 would hide a slip
    while len(broken) > 0.5 * (high - low) * 10.0**digits:  # room for so many that differ
        digits += 1
    found: dict[str, float] = {}
    for name in broken:
        while name not in found:
            data = round(draw.uniform(low, high), digits)
            if abs(data) > least and data not in (*found.values(), 1.0):
                found[name] = data
    return found
