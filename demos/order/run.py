"""Goes back through small graphs in right and wrong ways, and holds what comes out for the page to tell.

The wrong ways are plain Python, over the parents of a node and the partials of its primitive. The right
numbers are the engine's.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice, pairwise, product
from pathlib import Path

from autograd import PALETTE, Value, draw, explore, grad, topological_order, write_text
from nn.plots import canvas, save

from ..shared.report import demo
from .page import Answers, Pass, Search, Share, Structure, Turn, Update, Way, arrows, formula

Backward = Callable[[Value], object]  # fills in .grad on all that the output depends on, or tries to


# --- one step of every backward pass -----------------------------------------------------------------

# y = f(a, b) has two local derivatives, ∂y/∂a and ∂y/∂b. The table of primitives knows them.


def local_derivatives(node: Value) -> list[tuple[Value, float]]:
    """The parents of a node, in order and with repeats, each with ∂node/∂parent."""
    if node.primitive is None:  # a leaf
        return []
    partials = node.primitive.partials(node.data, *[parent.data for parent in node.parents])
    return [(parent, partial) for parent, partial in zip(node.parents, partials) if not parent.constant]


# What has arrived at a node is its adjoint, ∂output/∂node; it lies in .grad. The chain rule says what
# each parent gets of it. Everything below is about the order of these steps, and about the `+`.


def hand_on(node: Value, adding: bool = True) -> Iterator[Share]:
    """Give each parent its share: adjoint × local derivative."""
    adjoint = node.grad
    for parent, partial in local_derivatives(node):
        share, before = adjoint * partial, parent.grad if parent.reached else None
        parent.grad = before + share if adding and before is not None else share
        yield Share(parent.label, adjoint, partial, before, parent.grad)


def sweep(output: Value, order: Iterable[Value], adding: bool = True) -> None:
    """A backward pass: every node hands on, in that order."""
    output.grad = 1.0
    for node in order:
        list(hand_on(node, adding))


# --- 1 why topological order? ------------------------------------------------------------------------

# The order that comes to mind first is that of a recursion: a node, then everything below its first
# parent, then everything below its second. It gets its best chance here: each node hands on once, to
# all its parents, so the order is the only thing that can be wrong with it.


def depth_first(node: Value, visited: set[Value]) -> Iterator[Value]:
    """A node, then all that is below its first parent, then below its second; each node once."""
    visited.add(node)
    yield node
    for parent in node.parents:
        if parent not in visited:
            yield from depth_first(parent, visited)


# The engine's order lists a node after its parents. Backwards, a node comes after all that use it.


def in_order(output: Value) -> Iterable[Value]:
    """The topological order from its end: each node after every node that uses it."""
    found: list[Value] = topological_order(output)
    return reversed(found)


# Other orders and other recursions that learners try.


def breadth_first(output: Value) -> Iterator[Value]:
    """The output, then its parents, then theirs; each node once."""
    found = [output]
    for node in found:  # which grows meanwhile
        yield node
        found += [parent for parent in dict.fromkeys(node.parents) if parent not in found]


def at_once(node: Value, visited: set[Value]) -> None:
    """Hand one parent its share and go into it at once, then the next; each node once."""
    visited.add(node)
    for parent, partial in local_derivatives(node):
        parent.grad = parent.grad + node.grad * partial
        if parent not in visited:
            at_once(parent, visited)


def again(node: Value) -> None:
    """Hand on each time the node is reached, all that has arrived by then."""
    list(hand_on(node))
    for parent in node.parents:
        again(parent)


def path_by_path(node: Value, share: float) -> int:
    """Hand on each time, but only what is new. Returns how many visits that takes."""
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
    """∂y/∂x as a way of going back finds it."""
    backward(nodes["y"])
    return nodes["x"].grad


# Is there a smaller graph that goes wrong? Try them all. With every local derivative 1, a gradient
# counts the ways from the output to a leaf, so a way that is lost or walked twice shows in the number.


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
    """Whether a way of going back finds another gradient than the engine."""
    nodes, judge = build(structure), build(structure)
    backward(nodes[-1])
    judge[-1].backward()
    return [node.grad for node in nodes if not node.op] != [node.grad for node in judge if not node.op]


def search(backward: Backward, largest: int) -> list[Search]:
    """For each number of nodes: how many graphs there are, and those that go wrong, fewest arrows first."""
    found = []
    for size in range(1, largest + 1):
        graphs = list(structures(size))
        wrong = [structure for structure in graphs if goes_wrong(structure, backward)]
        found.append(Search(size, len(graphs), sorted(wrong, key=arrows)))
    return found


def try_all(largest: int) -> list[Way]:
    """Each way of going back: its gradient on our graph, and the smallest graph it gets wrong."""
    ways = []
    for name, backward in WAYS.items():
        wrong = [structure for found in search(backward, largest) for structure in found.wrong]
        smallest = wrong[0] if wrong else None
        ways.append(Way(name, gradient_by(backward, eightfold()), smallest))
    return ways


DOUBLINGS = 12


def visits(doublings: int) -> int:
    """How many visits it takes to go path by path down a chain of a = a + a."""
    node = Value(1.0)
    for _ in range(doublings):
        node = node + node
    return path_by_path(node, 1.0)


# --- 2 why add? --------------------------------------------------------------------------------------

# The smallest graph in which a node is used twice: y = x · x. Its gradient is 2x.


def squared() -> dict[str, Value]:
    """y = x · x at x = 3."""
    x = Value(3.0)
    return labelled(x=x, y=x * x)


# --- 3 why zero? -------------------------------------------------------------------------------------

# The engine adds to the gradient of a leaf whatever is there: also what the step before has left.

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


def updates(zeroing: bool, steps: int) -> list[Update]:
    """The numbers of the first steps."""
    return [
        Update(w.data, grad(loss, [w])[0], w.grad, w.data - RATE * w.grad)
        for w, loss in islice(descend(zeroing), steps)
    ]


# That backward adds is wanted where a loss comes in pieces: one backward pass for each of them.

PIECES = (TARGET, 1.0)


def in_pieces(targets: Sequence[float]) -> float:
    """w.grad at the start, after one backward pass for each (w − target)²."""
    w = Value(START, "w")
    for target in targets:
        ((w - target) ** 2).backward()
    return w.grad


# But only at the leaves. An adjoint on the way belongs to one pass: here two passes share y = x · x.


def two_passes(clearing: bool) -> list[Pass]:
    """Back from 2y and then from 3y; with or without clearing y before the second pass."""
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


# --- pictures ----------------------------------------------------------------------------------------


class Album:
    """Drawings of graphs as they are at a moment, as files in a folder and as text by name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pictures: dict[str, str] = {}

    def add(
        self, name: str, output: Value, title: str, turn: Value | None = None, done: Sequence[Value] = ()
    ) -> str:
        """Draw; ▶ marks the node whose turn it is, ✓ those that have had theirs."""
        labels = {node: node.label for node in topological_order(output)}
        for node, label in labels.items():
            if label and (node is turn or node in done):
                node.label = f"{'▶' if node is turn else '✓'} {label}"
        draw(output, derivatives=True, title=title).save(self.folder / name)
        self.pictures[name] = (self.folder / name).read_text(encoding="utf-8")
        for node, label in labels.items():
            node.label = label
        return name


def film(album: Album, name: str, title: str, output: Value, order: Iterable[Value]) -> list[Turn]:
    """A backward pass in that order, with a picture after the turn of each node that has parents."""
    output.grad = 1.0
    users = [node for node in topological_order(output) if node.op]
    turns: list[Turn] = []
    done: list[Value] = []
    for node in order:
        if node.op:
            shares = list(hand_on(node))
            late = [parent.label for parent in node.parents if parent in done]
            waiting = [user.label for user in users if node in user.parents and user not in done]
            number = len(turns) + 1
            picture = album.add(
                f"{name}_{number}.svg", output, f"{title}, turn {number}: {node.label}", node, done
            )
            turns.append(Turn(node.label, shares, waiting, late, picture))
            done.append(node)
    return turns


def film_of_shares(album: Album, name: str, title: str, output: Value, adding: bool) -> list[Turn]:
    """The turn of the output alone, with a picture after each of its shares."""
    output.grad = 1.0
    turns = []
    for number, share in enumerate(hand_on(output, adding), 1):
        picture = album.add(f"{name}_{number}.svg", output, f"{title}, share {number}", output)
        turns.append(Turn(output.label, [share], [], [], picture))
    return turns


def descents(runs: Mapping[str, Sequence[float]], target: float, path: Path) -> None:
    """Draw how one weight moves from step to step in two or three runs, around the `target` of all."""
    with canvas(3.4) as figure:
        axes = figure.add_axes((0.07, 0.16, 0.77, 0.72))
        axes.axhline(target, color=PALETTE["line"], linestyle="--", linewidth=1.2, label=f"w = {target:g}")
        for number, (name, numbers) in enumerate(runs.items()):
            colour, _, marker = PALETTE.series(number)
            axes.plot(range(1, len(numbers) + 1), numbers, color=colour, marker=marker, label=name)
        axes.set_title("The weight from step to step")
        axes.set_xlabel("step")
        axes.set_ylabel("w")
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))
        save(figure, path)


def second_step(album: Album, name: str, title: str, zeroing: bool) -> str:
    """The graph of the second step of training, after its backward pass."""
    _, loss = next(islice(descend(zeroing), 1, None))
    labelled(loss=loss, error=loss.parents[0])
    return album.add(name, loss, title)


# --- the page ----------------------------------------------------------------------------------------


def work(given: Mapping[str, object], folder: Path) -> None:
    """Do everything wrong and right, tell it, and hold the demo to what it says."""
    answers = answer(5 if given["quick"] else 6, folder)
    print(summary(answers, folder))
    check(answers)


def answer(largest: int, folder: Path) -> Answers:
    """Do everything wrong and right, and write it into the folder."""
    album = Album(folder)
    nodes = eightfold()
    album.add("graph.svg", nodes["y"], "b = 2x, c = 3b, y = b + c")
    wrongly, rightly = eightfold()["y"], eightfold()["y"]
    depth = film(album, "depth_first", "Depth first", wrongly, depth_first(wrongly, set()))
    topological = film(album, "in_order", "Topological order", rightly, in_order(rightly))

    recursion = WAYS["depth first, each node once"]
    census = search(recursion, largest)
    smallest = next(found.wrong[0] for found in census if found.wrong)
    found = build(smallest)
    labelled(**dict(zip("xbcy", found, strict=True)))
    recursion(found[-1])
    album.add("smallest.svg", found[-1], formula(smallest))

    overwriting = film_of_shares(album, "overwriting", "Overwriting", squared()["y"], adding=False)
    adding = film_of_shares(album, "adding", "Adding", squared()["y"], adding=True)

    zeroed, unzeroed = updates(True, STEPS), updates(False, STEPS)
    second_step(album, "zeroed.svg", "Step 2, zeroed before", zeroing=True)
    second_step(album, "not_zeroed.svg", "Step 2, not zeroed", zeroing=False)
    runs = {"zeroed": zeroed, "not zeroed": unzeroed}
    moves = {name: [update.before for update in run] for name, run in runs.items()}
    descents(moves, TARGET, folder / "descents.svg")
    album.pictures["descents.svg"] = (folder / "descents.svg").read_text(encoding="utf-8")

    nodes["y"].backward()  # the engine's
    explorers = {
        name: explore(graph["y"], folder / f"{name}.html", title=title)
        for name, graph, title in (
            ("explore_order", eightfold(), "b = 2x, c = 3b, y = b + c: in topological order"),
            ("explore_adding", squared(), "y = x · x: two shares, added"),
        )
    }
    answers = Answers(
        right=nodes["x"].grad,
        swapped=gradient_by(recursion, eightfold(swapped=True)),
        depth_first=depth,
        in_order=topological,
        ways=try_all(largest=4),
        census=census,
        doublings=DOUBLINGS,
        visits=visits(DOUBLINGS),
        overwriting=overwriting,
        adding=adding,
        zeroed=zeroed,
        unzeroed=unzeroed,
        start=START,
        target=TARGET,
        rate=RATE,
        pieces=PIECES,
        in_pieces=in_pieces(PIECES),
        kept=two_passes(clearing=False),
        cleared=two_passes(clearing=True),
        code={
            "step": _source(local_derivatives, hand_on),
            "orders": _source(depth_first, in_order),
            "descend": _source(descend),
        },
        pictures=album.pictures,
        explorers=explorers,
    )
    write_text(folder / "index.html", answers.html())
    return answers


def _source(*functions: Callable[..., object]) -> str:
    """The text of some functions of this file."""
    return "\n\n".join(map(inspect.getsource, functions))


def summary(answers: Answers, folder: Path) -> str:
    """What came out, in a few lines for the terminal."""
    first = next(found for found in answers.census if found.wrong)
    smaller = sum(found.graphs for found in answers.census[: first.size - 1])
    swing = [update.before for update in answers.unzeroed]
    lines = [
        "Backpropagation, done wrong and right",
        "",
        "1 Why topological order?     b = 2x, c = 3b, y = b + c, so y is 8x",
        f"    topological order   {answers.right:g}",
        f"    depth first         {answers.wrong:g}   b hands on before c has handed its share to b",
        f"    The smallest graph that goes wrong: {formula(first.wrong[0])}",
        f"    None of {smaller} with fewer nodes does, {len(first.wrong)} of {first.graphs} with as many do.",
        "",
        "2 Why add?                   y = x · x at 3, where x is used twice",
        f"    adding              {answers.adding[-1].shares[0].after:g}",
        f"    overwriting         {answers.overwriting[-1].shares[0].after:g}   the first share is gone",
        "",
        f"3 Why zero?                  (w − {TARGET:g})², {STEPS} steps from w = {START:g}",
        f"    zeroed              w = {answers.zeroed[-1].after:.6g}",
        f"    not zeroed          w swings between {min(swing):.3g} and {max(swing):.3g}",
        "",
        f"Open {folder / 'index.html'}",
    ]
    return "\n".join(lines)


def check(answers: Answers) -> None:
    """The claims of the page."""
    # 1. The order alone makes the difference, the engine has the right one, and no smaller graph shows it.
    assert answers.right == gradient_by(WAYS["topological order"], eightfold()) == answers.swapped == 8.0
    assert answers.wrong == 2.0
    right = {way.name for way in answers.ways if way.gradient == answers.right}
    assert right == {way.name for way in answers.ways if way.smallest is None}
    assert right == {
        "topological order",
        "depth first, again at every arrival, with only what is new",
    }
    assert [len(found.wrong) for found in answers.census[:4]] == [0, 0, 0, 8]
    assert [arrows(structure) for structure in answers.census[3].wrong[:2]] == [4, 5]
    assert answers.visits == 2 ** (DOUBLINGS + 1) - 1

    # 2. Both shares count.
    squares = squared()
    squares["y"].backward()
    assert answers.adding[-1].shares[0].after == squares["x"].grad == 6.0
    assert answers.overwriting[-1].shares[0].after == 3.0

    # 3. Zeroed, the distance halves in every step; not zeroed, the swing keeps its size.
    for step, update in enumerate(answers.zeroed):
        assert TARGET - update.before == (TARGET - START) * 0.5**step
    distances = [update.before - TARGET for update in answers.unzeroed]
    # a² − 2 (1 − η) a b + b² of two distances in a row is what an update without friction keeps.
    sizes = [a * a - 2.0 * (1.0 - RATE) * a * b + b * b for a, b in pairwise(distances)]
    assert max(sizes) - min(sizes) < 1e-12 * sizes[0]
    assert max(map(abs, distances[-9:])) > TARGET - START
    assert answers.in_pieces == sum(2.0 * (START - target) for target in PIECES)
    assert answers.cleared[-1].x == two_passes_of_the_engine() == 30.0
    assert answers.kept[-1].x == 42.0


main = demo(
    work,
    quick="search graphs of up to 5 nodes instead of 6",
    seed="changes nothing: nothing here is random",
)
