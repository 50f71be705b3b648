"""Backward passes over small graphs, right and wrong ones.

The wrong ones are plain Python, over the parents of a node and the partials of its primitive. The engine
gives the right numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product

from autograd import Value, grad, topological_order

Backward = Callable[[Value], object]
"""Fills in ``.grad`` on all that the output depends on, or tries to."""
Structure = tuple[tuple[int, ...], ...]
"""A graph: for each node the numbers of its parents."""


# --- one step of every backward pass -----------------------------------------------------------------


@dataclass(frozen=True)
class Share:
    """The share of a parent, adjoint × partial; before and after are the parent's gradient."""

    parent: str
    adjoint: float
    partial: float
    before: float | None
    after: float


def local_derivatives(node: Value) -> list[tuple[Value, float]]:
    """The parents of a node, in order and with repeats, each with ∂node/∂parent."""
    if node.primitive is None:  # a leaf
        return []
    partials = node.primitive.partials(node.data, *[parent.data for parent in node.parents])
    return [(parent, partial) for parent, partial in zip(node.parents, partials) if not parent.constant]


def hand_on(node: Value, adding: bool = True) -> Iterator[Share]:
    """Give each parent its share: adjoint × local derivative."""
    adjoint = node.grad
    for parent, partial in local_derivatives(node):
        share, before = adjoint * partial, parent.grad if parent.reached else None
        parent.grad = before + share if adding and before is not None else share
        yield Share(parent.label, adjoint, partial, before, parent.grad)


def sweep(output: Value, order: Iterable[Value], adding: bool = True) -> None:
    """A backward pass: every node hands on its adjoint, in that order."""
    output.grad = 1.0
    for node in order:
        list(hand_on(node, adding))


# --- 1 why topological order? ------------------------------------------------------------------------


def depth_first(node: Value, visited: set[Value]) -> Iterator[Value]:
    """A node, then everything below its first parent, then below its second; each node once."""
    visited.add(node)
    yield node
    for parent in node.parents:
        if parent not in visited:
            yield from depth_first(parent, visited)


def in_order(output: Value) -> Iterable[Value]:
    """The topological order from its end: each node after every node that uses it."""
    found: list[Value] = topological_order(output)
    return reversed(found)


def breadth_first(output: Value) -> Iterator[Value]:
    """The output, then its parents, then theirs; each node once."""
    found = [output]
    for node in found:  # it grows meanwhile
        yield node
        found += [parent for parent in dict.fromkeys(node.parents) if parent not in found]


def at_once(node: Value, visited: set[Value]) -> None:
    """Give one parent its share and go into it at once, then the next; each node once."""
    visited.add(node)
    for parent, partial in local_derivatives(node):
        parent.grad = parent.grad + node.grad * partial
        if parent not in visited:
            at_once(parent, visited)


def again(node: Value) -> None:
    """At each arrival hand on all that has arrived so far."""
    list(hand_on(node))
    for parent in node.parents:
        again(parent)


def path_by_path(node: Value, share: float) -> int:
    """At each arrival hand on only the new share; returns the number of visits."""
    node.grad += share
    visits = 1
    for parent, partial in local_derivatives(node):
        visits += path_by_path(parent, share * partial)
    return visits


def from_one(recursion: Backward) -> Backward:
    """The recursion, begun with ∂output/∂output = 1."""

    def backward(output: Value) -> None:
        output.grad = 1.0
        recursion(output)

    return backward


WAYS: dict[str, Backward] = {
    "topological order": lambda output: sweep(output, in_order(output)),
    "depth first, each node once": lambda output: sweep(output, depth_first(output, set())),
    "breadth first, each node once": lambda output: sweep(output, breadth_first(output)),
    "depth first, into a parent as soon as it has its share": from_one(lambda node: at_once(node, set())),
    "depth first, again at every arrival, with all that is there": from_one(again),
    "depth first, again at every arrival, with only what is new": lambda output: path_by_path(output, 1.0),
    "topological order, but overwriting": lambda output: sweep(output, in_order(output), adding=False),
}


def eightfold(swapped: bool = False) -> dict[str, Value]:
    """b = 2x, c = 3b, y = b + c, or y = c + b: either way y is 8x."""
    x = Value(5.0)
    b = 2 * x
    c = 3 * b
    return labelled(x=x, b=b, c=c, y=c + b if swapped else b + c)


def labelled(**nodes: Value) -> dict[str, Value]:
    for label, node in nodes.items():
        node.label = label
    return nodes


def gradient_by(backward: Backward, nodes: dict[str, Value]) -> float:
    """∂y/∂x as a backward pass finds it."""
    backward(nodes["y"])
    return nodes["x"].grad


# Is there a smaller graph that goes wrong? With every local derivative 1, a gradient counts the paths from
# the output to a leaf, so a path that is lost or walked twice shows in the number.


def build(structure: Structure) -> list[Value]:
    """The graph of a structure at 1, where relu and + have the local derivative 1."""
    nodes: list[Value] = []
    for parents in structure:
        operands = [nodes[number] for number in parents]
        if not operands:
            nodes.append(Value(1.0))
        else:
            nodes.append(operands[0].relu() if len(operands) == 1 else operands[0] + operands[1])
    return nodes


def structures(size: int) -> Iterator[Structure]:
    """Every graph of `size` nodes with one output and at most two parents a node.

    Each comes once: numbered as the engine lists its nodes.
    """
    numbers = [range(node) for node in range(size)]
    choices = [[(), *product(earlier), *product(earlier, repeat=2)] for earlier in numbers]
    for structure in product(*choices):
        if len({parent for parents in structure for parent in parents}) == size - 1:  # one output
            nodes = build(structure)
            if topological_order(nodes[-1]) == nodes:
                yield structure


def goes_wrong(structure: Structure, backward: Backward) -> bool:
    """Whether a backward pass finds another gradient than the engine."""
    nodes, judge = build(structure), build(structure)
    backward(nodes[-1])
    judge[-1].backward()
    return [node.grad for node in nodes if not node.op] != [node.grad for node in judge if not node.op]


@dataclass(frozen=True)
class Search:
    """All graphs of one size, and those that a backward pass gets wrong, fewest arrows first."""

    size: int
    graphs: int
    wrong: Sequence[Structure]


def arrows(structure: Structure) -> int:
    return sum(map(len, structure))


def search(backward: Backward, largest: int) -> list[Search]:
    found = []
    for size in range(1, largest + 1):
        graphs = list(structures(size))
        wrong = [structure for structure in graphs if goes_wrong(structure, backward)]
        found.append(Search(size, len(graphs), sorted(wrong, key=arrows)))
    return found


@dataclass(frozen=True)
class Way:
    """A kind of pass: the gradient it finds where 8 is right, and the smallest graph it gets wrong."""

    name: str
    gradient: float
    smallest: Structure | None


def try_all(largest: int) -> list[Way]:
    ways = []
    for name, backward in WAYS.items():
        wrong = [structure for found in search(backward, largest) for structure in found.wrong]
        smallest = wrong[0] if wrong else None
        ways.append(Way(name, gradient_by(backward, eightfold()), smallest))
    return ways


DOUBLINGS = 12


def visits(doublings: int) -> int:
    """The number of visits to go path by path down a chain of a = a + a."""
    node = Value(1.0)
    for _ in range(doublings):
        node = node + node
    return path_by_path(node, 1.0)


# --- 2 why add? --------------------------------------------------------------------------------------


def squared() -> dict[str, Value]:
    """y = x · x at x = 3."""
    x = Value(3.0)
    return labelled(x=x, y=x * x)


# --- 3 why zero? -------------------------------------------------------------------------------------

START, TARGET, RATE, STEPS = 0.0, 4.0, 0.25, 40


def descend(zeroing: bool) -> Iterator[tuple[Value, Value]]:
    """Gradient descent on (w − 4)²; yields w and the loss after each backward pass."""
    w = Value(START, "w")
    while True:
        if zeroing:
            w.grad = 0.0
        loss = (w - TARGET) ** 2
        loss.backward()
        yield w, loss
        w.data -= RATE * w.grad


@dataclass(frozen=True)
class Update:
    """One step of training: w before and after it, the gradient of this step, and ``w.grad``."""

    before: float
    gradient: float
    total: float
    after: float


def updates(zeroing: bool, steps: int = STEPS) -> list[Update]:
    return [
        Update(w.data, grad(loss, [w])[0], w.grad, w.data - RATE * w.grad)
        for w, loss in islice(descend(zeroing), steps)
    ]


PIECES = (TARGET, 1.0)


def in_pieces() -> float:
    """w.grad at the start, after one backward pass for each (w − piece)²."""
    w = Value(START, "w")
    for target in PIECES:
        ((w - target) ** 2).backward()
    return w.grad


@dataclass(frozen=True)
class Pass:
    """A backward pass from factor · y: ``y.grad`` before it, and both gradients after it."""

    factor: float
    before: float
    y: float
    x: float


def two_passes(clearing: bool) -> list[Pass]:
    """Passes from 2y and then 3y, where y = x · x; y is cleared before each, or not."""
    nodes = squared()
    x, y = nodes["x"], nodes["y"]
    passes = []
    for factor in (2.0, 3.0):
        if clearing:
            y.grad = None
        before = y.grad
        output = factor * y
        sweep(output, in_order(output))
        passes.append(Pass(factor, before, y.grad, x.grad))
    return passes


def two_passes_of_the_engine() -> float:
    nodes = squared()
    (2.0 * nodes["y"]).backward()
    (3.0 * nodes["y"]).backward()
    return nodes["x"].grad
