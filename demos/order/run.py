"""The page of three questions about backpropagation; its numbers come from the passes of this run."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path

from autograd import PALETTE, Value, draw, explore, topological_order
from nn.plots import canvas

from ..shared import page
from ..shared.page import number, signed
from ..shared.report import Report, demo
from . import passes
from .passes import PIECES, RATE, START, TARGET, WAYS, Pass, Share, Structure, Update, arrows

DOUBLINGS = 12
DEPTH_FIRST = WAYS["depth first, each node once"]


# --- words -------------------------------------------------------------------------------------------


def together(text: str) -> str:
    """The text without a place for a line break."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def added(before: float, share: float, after: float) -> str:
    return together(f"{signed(before)} + {signed(share)} = {number(after)}")


def multiplied(share: Share) -> str:
    value = number(share.adjoint * share.partial)
    return together(f"{signed(share.adjoint)} × {signed(share.partial)} = {value}")


def total(share: Share) -> str:
    """The parent's gradient after a share: the share itself, or a sum."""
    if share.before is None:
        return number(share.after)
    return added(share.before, share.adjoint * share.partial, share.after)


def told(share: Share) -> str:
    """A share in words, with `formulas` between backquotes."""
    text = f"`{share.parent}` gets `{multiplied(share)}`"
    if share.before is None:
        return f"{text}."
    if share.after == share.before + share.adjoint * share.partial:
        return f"{text}, and now has `{total(share)}`."
    return f"{text}, and the `{number(share.before)}` that it had is gone."


def formula(structure: Structure) -> str:
    """A graph with one leaf written out; ``x``, then ``b``, ``c``, ..., and ``y``.

    >>> formula(((), (0,), (1,), (1, 2)))
    'b = relu(x), c = relu(b), y = b + c'
    """
    names = ["x", *"bcdefgh"[: len(structure) - 2], "y"]
    lines = []
    for name, parents in zip(names[1:], structure[1:], strict=True):
        operands = [names[parent] for parent in parents]
        right = " + ".join(operands) if len(operands) > 1 else f"relu({operands[0]})"
        lines.append(f"{name} = {right}")
    return ", ".join(lines)


def source(*functions: Callable[..., object]) -> str:
    return "\n\n".join(map(inspect.getsource, functions))


# --- pictures ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Turn:
    """The turn of one node in a backward pass.

    Attributes
    ----------
    shares : what it hands to its parents.
    waiting : the nodes that have yet to hand on to it.
    late : its parents whose turn is over.
    picture : the file with the graph after the turn.
    """

    node: str
    shares: Sequence[Share]
    waiting: Sequence[str]
    late: Sequence[str]
    picture: str

    def told(self) -> str:
        """The turn in words, with `formulas` between backquotes."""
        sentences = [f"`{self.node}` hands on the `{number(self.shares[0].adjoint)}` that it has."]
        sentences += map(told, self.shares)
        if self.waiting:
            others = " and ".join(f"`{user}`" for user in self.waiting)
            sentences.append(f"Too early: {others} has yet to hand its share to `{self.node}`.")
        for label in self.late:
            sentences.append(f"Too late: `{label}` has had its turn and will not hand this on.")
        return " ".join(sentences)


def drawn(
    path: Path, output: Value, title: str, turn: Value | None = None, done: Sequence[Value] = ()
) -> str:
    """Draw a graph as it is, with ▶ at the node whose turn it is and ✓ at those before; returns the name."""
    labels = {node: node.label for node in topological_order(output)}
    for node, label in labels.items():
        if label and (node is turn or node in done):
            node.label = f"{'▶' if node is turn else '✓'} {label}"
    draw(output, derivatives=True, title=title).save(path)
    for node, label in labels.items():
        node.label = label
    return path.name


def film(folder: Path, name: str, title: str, output: Value, order: Iterable[Value]) -> list[Turn]:
    """A backward pass in that order, with a picture after the turn of each node that has parents."""
    output.grad = 1.0
    users = [node for node in topological_order(output) if node.op]
    turns: list[Turn] = []
    done: list[Value] = []
    for node in filter(lambda node: node.op, order):
        shares = list(passes.hand_on(node))
        late = [parent.label for parent in node.parents if parent in done]
        waiting = [user.label for user in users if node in user.parents and user not in done]
        path = folder / f"{name}_{len(turns) + 1}.svg"
        picture = drawn(path, output, f"{title}, turn {len(turns) + 1}: {node.label}", node, done)
        turns.append(Turn(node.label, shares, waiting, late, picture))
        done.append(node)
    return turns


def film_of_shares(folder: Path, name: str, title: str, adding: bool) -> list[tuple[Share, str]]:
    """The shares of y = x · x, each with its picture."""
    output = passes.squared()["y"]
    output.grad = 1.0
    return [
        (share, drawn(folder / f"{name}_{place}.svg", output, f"{title}, share {place}", output))
        for place, share in enumerate(passes.hand_on(output, adding), 1)
    ]


def descents(runs: Mapping[str, Sequence[float]]) -> object:
    """The weight by step in each run."""
    with canvas(3.4) as figure:
        axes = figure.add_axes((0.07, 0.16, 0.77, 0.72))
        axes.axhline(TARGET, color=PALETTE["line"], linestyle="--", linewidth=1.2, label=f"w = {TARGET:g}")
        for place, (name, numbers) in enumerate(runs.items()):
            colour, _, marker = PALETTE.series(place)
            axes.plot(range(1, len(numbers) + 1), numbers, color=colour, marker=marker, label=name)
        axes.set(title="The weight from step to step", xlabel="step", ylabel="w")
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))
        return figure


# --- 1 why topological order? ------------------------------------------------------------------------


def order(report: Report, largest: int) -> None:
    folder = report.folder
    nodes = passes.eightfold()
    drawn(folder / "graph.svg", nodes["y"], "b = 2x, c = 3b, y = b + c")
    wrongly, rightly = passes.eightfold()["y"], passes.eightfold()["y"]
    deep = film(folder, "depth_first", "Depth first", wrongly, passes.depth_first(wrongly, set()))
    topological = film(folder, "in_order", "Topological order", rightly, passes.in_order(rightly))
    nodes["y"].backward()  # the engine's
    right, wrong = nodes["x"].grad, arrived(deep, "x")
    swapped = passes.gradient_by(DEPTH_FIRST, passes.eightfold(swapped=True))
    assert right == arrived(topological, "x") == swapped == 8.0
    assert wrong == 2.0

    partials = {(turn.node, share.parent): share.partial for turn in topological for share in turn.shares}
    ways = []
    for way in ("yb", "bx"), ("yc", "cb", "bx"):
        factors = [partials[above, below] for above, below in way]
        ways.append(f"{' × '.join(map(number, factors))} = {number(math.prod(factors))}")
    report.section(
        "Why topological order?",
        "Take `b = 2 · x`, `c = 3 · b` and `y = b + c`. So `y = 2 · x + 6 · x`, which is `8 · x`: "
        f"raise `x` by 1 and `y` rises by 8. The gradient is {number(right)}, and no calculus "
        "is needed to see it. Two paths lead back from `y` to `x`: the path over `b` alone is worth "
        f"`{ways[0]}`, and the path over `c` and `b` is worth `{ways[1]}`.",
    )
    report.picture(
        "graph.svg",
        "The graph before any backward pass, x = 5, with the local derivatives on the arrows: 2 "
        "from x to b, 3 from b to c, 1 from b to y and 1 from c to y.",
        "Before any backward pass: dashed, and `grad none`, is what no gradient has reached yet. "
        "The 2 and the 3 are plain numbers; nobody asks for their gradient.",
    )
    report.heading(
        "Depth first, and in topological order",
        "The order that comes to mind first is that of a recursion: begin at the output, hand on, "
        "go into the first parent, hand on there, and so on down; then into the second parent. Each "
        "node hands on once, to all its parents: only the order can be wrong. The other order is the "
        "engine's: a topological order lists every node after its parents, and is traversed from its "
        "end. Nothing else differs.",
    )
    report.add(page.listing(source(passes.depth_first, passes.in_order), "Both orders, as code"))
    report.say("▶ is the node whose turn it is, ✓ a node that has had its turn.")
    report.add(
        page.columns(
            whole_pass(report, "Depth first", deep), whole_pass(report, "Topological order", topological)
        )
    )
    early = next(turn for turn in deep if turn.waiting)
    late = next(turn for turn in deep if turn.late)
    (handed,), (missed,) = early.shares, late.shares
    should = next(turn for turn in topological if turn.node == early.node).shares[0]
    report.say(
        "The shares go between the same nodes; only the last two turns have changed places. Depth first, "
        f"`{early.node}` handed on the `{number(handed.adjoint)}` that it had, before `{late.node}` brought "
        f"its `{number(missed.adjoint * missed.partial)}`. So `{handed.parent}` got `{multiplied(handed)}` "
        f"and not `{multiplied(should)}`. In the end `{early.node}` has the right adjoint, "
        f"`{number(missed.after)}`, and still `{handed.parent}` is wrong: nobody passes the rest on. The "
        f"missing `{number(right - wrong)}` is the path over `{late.node}`."
    )
    report.say(
        "The rule: a node may hand on when every node that uses it has handed on to it. In a topological "
        "order, traversed from its end, that is always so. It has no other purpose.",
        kind="note",
    )
    stepped(
        report, "explore_order", passes.eightfold()["y"], "b = 2x, c = 3b, y = b + c: in topological order",
        "The engine's backward pass, to step through: `b` waits for both of its shares.",
    )  # fmt: skip
    report.heading(
        "Why this is easily missed",
        "Write `y = c + b` instead of `y = b + c`, and the same recursion goes into `c` first and "
        f"finds {number(swapped)}. In a chain, and in a tree, every order from the output down "
        "is right. It goes wrong where one node is used by two others and one of these is further "
        "away: in a network with a skip connection, or in one with two outputs, whose hidden "
        "neurons feed both.",
    )
    report.heading("Does it work without an order?")
    found = passes.try_all(largest=4)
    assert {way.name for way in found if way.gradient == right} == {
        "topological order",
        "depth first, again at every arrival, with only what is new",
    }
    assert all((way.gradient == right) == (way.smallest is None) for way in found)
    rows = []
    for each in found:
        size = [f"`{formula(each.smallest)}`", f"{len(each.smallest)}"] if each.smallest else ["none", ""]
        verdict = "right" if each.gradient == right else "wrong"
        rows.append([each.name, f"{number(each.gradient)}, {verdict}", *size])
    caption = (
        f"Backward passes on the graph above, where {number(right)} is right; and for each the smallest "
        "graph, of all with up to four nodes, that it gets wrong"
    )
    report.add(
        page.table(["pass", "gradient of x", "smallest graph it gets wrong", "its nodes"], rows, caption)
    )
    visits = passes.visits(DOUBLINGS)
    assert visits == 2 ** (DOUBLINGS + 1) - 1
    report.say(
        "Careless recursions go wrong on graphs of three nodes already. One pass without an order is "
        "right: it hands on again at every arrival, but only the new share. It walks each path from the "
        f"output to a leaf separately, and paths multiply. For {DOUBLINGS} doublings in a row, `a = a + a`, "
        f"a graph of {DOUBLINGS + 1} nodes, it makes {visits:,} visits, and each further doubling doubles "
        "that. In topological order every node has one turn."
    )
    search(report, largest)


def arrived(turns: Iterable[Turn], label: str) -> float:
    """The gradient of a node at the end of a backward pass."""
    return [share.after for turn in turns for share in turn.shares if share.parent == label][-1]


def whole_pass(report: Report, title: str, turns: Sequence[Turn]) -> str:
    """A picture and words for each turn, then all shares."""
    rows = [
        [f"`{turn.node} → {share.parent}`", f"`{multiplied(share)}`", f"`{total(share)}`"]
        for turn in turns
        for share in turn.shares
    ]
    pictures = [
        report.figure(
            turn.picture,
            f"{title}, the graph after turn {place}, of {turn.node}. {turn.told().replace('`', '')}",
            turn.told(),
        )
        for place, turn in enumerate(turns, 1)
    ]
    header = ["from → to", "adjoint × local derivative", "sum at the parent"]
    heading = f"<h4>{title}: x gets {number(arrived(turns, 'x'))}</h4>"
    return "".join([heading, *pictures, page.table(header, rows, f"All shares, {title.lower()}")])


def search(report: Report, largest: int) -> None:
    census = passes.search(DEPTH_FIRST, largest)
    assert [len(found.wrong) for found in census[:4]] == [0, 0, 0, 8]
    *right, first = census[:4]
    least, second = first.wrong[:2]
    assert [arrows(least), arrows(second)] == [4, 5]
    nodes = passes.build(least)
    passes.labelled(**dict(zip("xbcy", nodes, strict=True)))
    DEPTH_FIRST(nodes[-1])
    drawn(report.folder / "smallest.svg", nodes[-1], formula(least))
    report.heading(
        "Is there a smaller graph?",
        "This was found by trying all graphs that have one output, and at most two parents to a "
        f"node. Depth first gets none of the {sum(found.graphs for found in right)} with up to "
        f"{len(right)} nodes wrong. Of the {first.graphs} with {first.size} nodes it gets "
        f"{len(first.wrong)} wrong, and just one of these has {arrows(least)} arrows, fewer than the rest: "
        f"`{formula(least)}`. It is the graph above without the 2 and the 3, which only tell by a number "
        "which arrow it comes from. Larger graphs are worse: "
        f"with {census[-1].size} nodes it is {len(census[-1].wrong):,} graphs of {census[-1].graphs:,}.",
    )
    report.table(
        ["nodes", "graphs", "wrong depth first", "share"],
        [
            [
                f"{found.size}",
                f"{found.graphs:,}",
                f"{len(found.wrong):,}",
                f"{len(found.wrong) / found.graphs:.0%}",
            ]
            for found in census
        ],
        "All graphs by size, and how many of them depth first gets wrong",
    )
    report.picture(
        "smallest.svg",
        f"The smallest graph that depth first gets wrong, {formula(least)}, after that pass: "
        "every local derivative is 1, x.grad is 1, and two paths lead from y to x.",
        "The smallest graph, after the pass depth first. Every local derivative is 1, so a gradient counts "
        "the paths from the output: two lead to `x`, and only one was found.",
    )


# --- 2 why add? --------------------------------------------------------------------------------------


def adding(report: Report) -> None:
    wrong = film_of_shares(report.folder, "overwriting", "Overwriting", adding=False)
    right = film_of_shares(report.folder, "adding", "Adding", adding=True)
    squares = passes.squared()
    squares["y"].backward()
    assert right[-1][0].after == squares["x"].grad == 6.0
    assert wrong[-1][0].after == 3.0
    overwritten = next(way for way in passes.try_all(3) if "overwriting" in way.name)
    smallest = overwritten.smallest or ()
    report.section(
        "Why add, and not overwrite?",
        "Take `y = x · x` at `x = 3`. The gradient is `2 · x = 6`. `x` is used twice, so two arrows "
        f"lead back to it, and each has the other factor, `{number(right[0][0].partial)}`, as its local "
        "derivative.",
    )

    def shares(title: str, code: str, found: Sequence[tuple[Share, str]]) -> str:
        pictures = [
            report.figure(
                picture, f"{title}, after share {place}. {told(share).replace('`', '')}", told(share)
            )
            for place, (share, picture) in enumerate(found, 1)
        ]
        heading = f"<h3>{title}: x gets {number(found[-1][0].after)}</h3>"
        return "".join([heading, page.listing(code, f"{title}, as code"), *pictures])

    report.add(
        page.columns(
            shares("Overwriting", "parent.grad = share", wrong),
            shares("Adding", "parent.grad += share", right),
        )
    )
    stepped(
        report, "explore_adding", passes.squared()["y"], "y = x · x: two shares, added",
        "The engine's pass: the second share is added to the first.",
    )  # fmt: skip
    report.say(
        "Both shares are real. Raise `x` by a little `h`: both factors grow, and `(x + h) · (x + h) "
        "= x · x + x · h + h · x + h · h`. The two terms in the middle are the two arrows. Whenever "
        "the output depends on a node along several paths, its derivative is the sum over the "
        "paths. That is the chain rule for several variables, and the whole meaning of the `+` in ``+=``.",
        "The right order alone does not help: in the graph of the first question, swept in "
        f"topological order but overwriting, `x` gets {number(overwritten.gradient)} instead of "
        "8. There the share from `c` wipes out the one from `y`. The smallest "
        f"graph that overwriting gets wrong has just {len(smallest)} nodes: `{formula(smallest)}`.",
    )


# --- 3 why zero? -------------------------------------------------------------------------------------


def zeroing(report: Report) -> None:
    zeroed, unzeroed = passes.updates(True), passes.updates(False)
    for step, update in enumerate(zeroed):
        assert TARGET - update.before == (TARGET - START) * 0.5**step
    distances = [update.before - TARGET for update in unzeroed]
    # a² − 2 (1 − η) a b + b² of two distances in a row is what an update without friction keeps.
    sizes = [a * a - 2.0 * (1.0 - RATE) * a * b + b * b for a, b in pairwise(distances)]
    assert max(sizes) - min(sizes) < 1e-12 * sizes[0]
    assert max(map(abs, distances[-9:])) > TARGET - START
    for run, title, name in (
        (True, "Step 2, zeroed before", "zeroed.svg"),
        (False, "Step 2, not zeroed", "not_zeroed.svg"),
    ):
        _, loss = next(islice(passes.descend(run), 1, None))
        passes.labelled(loss=loss, error=loss.parents[0])
        drawn(report.folder / name, loss, title)

    first, second = unzeroed[:2]
    good = zeroed[1]
    numbers = [update.before for update in unzeroed]
    swing = f"between {number(min(numbers), 3)} and {number(max(numbers), 3)}"
    goal = number(TARGET)
    report.section(
        "Why zero the gradients between steps?",
        "Because ``backward`` adds, it also adds to what the step before has left in ``w.grad``. Take "
        f"one weight, which starts at `w = {number(START)}`, the loss `(w − {goal})²` with the gradient "
        f"`2 · (w − {goal})`, and the learning rate `η = {number(RATE)}`.",
    )
    report.add(
        page.listing(source(passes.descend), "Gradient descent with and without zeroing, as code"),
        page.columns(
            training(report, "Zeroed before each step", zeroed, "zeroed.svg"),
            training(report, "Never zeroed", unzeroed, "not_zeroed.svg"),
        ),
    )
    report.say(
        f"The first step is the same. In the second, the gradient at `w = {number(second.before)}` "
        f"is `{number(second.gradient)}`, but ``w.grad`` says `{number(second.total)}`: the "
        f"`{number(first.total)}` of step 1 is still in it. So `w` moves by "
        f"`{number(second.after - second.before)}` and not by `{number(good.after - good.before)}`. "
        "It does not wear off: the sum shrinks only after `w` has passed the minimum, and it has to "
        "come down to 0 before `w` turns round. The sum is a speed, and `w` a ball in a bowl "
        f"without friction. In these {len(numbers)} steps it swings {swing}, and so it goes on. A smaller "
        "learning rate only makes it swing more slowly."
    )
    runs = {"zeroed": zeroed, "not zeroed": unzeroed}
    report.show(
        "descents",
        descents({name: [update.before for update in run] for name, run in runs.items()}),
        f"w by step. Zeroed, it approaches {goal}; not zeroed, it swings around {goal}, {swing}.",
        f"The weight from step to step, both ways, from the same start; the loss is least at `w = {goal}`.",
    )
    in_pieces = passes.in_pieces()
    one, other = (2.0 * (START - target) for target in PIECES)
    assert in_pieces == one + other
    pieces = " and ".join(f"`(w − {number(target)})²`" for target in PIECES)
    report.heading(
        "Then why does backward not zero by itself?",
        "Because adding is what you want when the loss comes in pieces, as when a batch is too "
        f"large for one graph. With the losses {pieces}, and one backward pass for each, ``w.grad`` is "
        f"`{added(one, other, in_pieces)}`: the gradient of "
        "their sum. Whether the next backward pass is the next piece or the next step, only you know. "
        "So ``zero_grad()`` is a call of its own: make it once, before each step.",
    )
    kept, cleared = passes.two_passes(clearing=False), passes.two_passes(clearing=True)
    assert cleared[-1].x == passes.two_passes_of_the_engine() == 30.0
    assert kept[-1].x == 42.0
    report.heading(
        "Which gradients add up, and which do not",
        "Only those of leaves. The adjoint of an inner node belongs to one pass, and must start "
        "from nothing in the next. Let two outputs share `y = x · x`, at `x = 3`: go back from `2 · "
        "y`, then from `3 · y`. As `2 · y + 3 · y = 5 · x · x`, the gradient is `10 · x = "
        f"{number(cleared[-1].x)}`. If `y` keeps its `{number(cleared[0].y)}` from the "
        f"first pass, the second one hands it on once more, and `x` gets {number(kept[-1].x)}. "
        f"The engine clears it, and gives {number(cleared[-1].x)}.",
    )

    def cells(one: Pass, x_before: float) -> list[str]:
        y = added(one.before, one.factor, one.y) if one.before else number(one.y)
        x = added(x_before, one.x - x_before, one.x) if x_before else number(one.x)
        return [f"`{y}`", f"`{x}`"]

    rows = [
        [f"`{number(right.factor)} · y`", *cells(right, before), *cells(wrong, before_wrong)]
        for right, before, wrong, before_wrong in zip(
            cleared, [0.0, cleared[0].x], kept, [0.0, kept[0].x], strict=True
        )
    ]
    header = ["pass", "y cleared: y.grad", "x.grad", "y kept: y.grad", "x.grad"]
    report.add(page.table(header, rows, "Two passes that share y, in numbers"))


def training(report: Report, title: str, run: Sequence[Update], picture: str) -> str:
    rows = []
    for step, update in enumerate(run[:6], 1):
        old = update.total - update.gradient
        held = added(old, update.gradient, update.total) if old else number(update.total)
        rows.append(
            [f"{step}", number(update.before), number(update.gradient), f"`{held}`", number(update.after)]
        )
    gradient, held = number(run[1].gradient), number(run[1].total)
    return (
        f"<h3>{title}: after {len(run)} steps w is {number(run[-1].after, 4)}</h3>"
        + page.table(
            ["step", "w", "gradient", "w.grad", "w − η · w.grad"],
            rows,
            f"{title}, the first {len(rows)} steps",
        )
        + report.figure(
            picture,
            f"{title}: the graph of step 2 after its backward pass. w is {number(run[1].before)} and "
            f"w.grad {held}; the gradient of this step is {gradient}.",
            f"Step 2, after the backward pass: the gradient is `{gradient}`, and ``w.grad`` says `{held}`.",
        )
    )


# --- the page ----------------------------------------------------------------------------------------


def stepped(report: Report, name: str, output: Value, title: str, caption: str) -> None:
    """Add a backward pass of the engine, to step through."""
    file = f"{name}.html"
    report.add(page.explorer(explore(output, report.folder / file, title=title), file, caption))


def work(given: Mapping[str, object], folder: Path) -> None:
    report = Report(
        folder,
        "Three questions about backpropagation",
        "Backpropagation repeats one small step: a node multiplies its own gradient by a local derivative, "
        "and hands the product to a parent. Three things about it puzzle nearly "
        "everybody who writes it for the first time. Here each is done wrong, on the smallest graph "
        "that shows it, beside the right way, with every number. All numbers were computed in this run.",
    )
    right, wrong = (passes.gradient_by(WAYS[way], passes.eightfold()) for way in list(WAYS)[:2])
    six, three = (passes.gradient_by(list(WAYS.values())[way], passes.squared()) for way in (0, -1))
    zeroed, unzeroed = passes.updates(True), passes.updates(False)
    swing = [update.before for update in unzeroed]
    report.facts(
        {
            "1 the gradient of y = 8x": f"{number(right)}; depth first {number(wrong)}",
            "2 the gradient of y = x · x at 3": f"{number(six)}; overwriting {number(three)}",
            f"3 the weight after {len(swing)} steps": f"{number(zeroed[-1].after, 4)}; "
            f"not zeroed, anywhere from {number(min(swing), 2)} to {number(max(swing), 2)}",
        }
    )
    report.add("<h2>The step, and four words</h2>")
    report.say(
        "The parents of a node are its operands. The local derivative `∂node/∂parent` "
        "is the rate at which the node changes with that parent alone; in the pictures it stands on the "
        "arrow. The adjoint of a node, `∂y/∂node`, is the rate at which the output `y` changes with the "
        "node: ``.grad`` holds it after the pass. The adjoint of the output itself is "
        "1. The share of a parent in one step is adjoint × local derivative."
    )
    report.add(
        page.listing(source(passes.local_derivatives, passes.hand_on), "The step, as the code of this demo")
    )
    order(report, 5 if given["quick"] else 6)
    adding(report)
    zeroing(report)
    report.section("The pictures beside this page")
    report.add(page.links(dict.fromkeys(sorted(report.pictures), "")))
    report.close()


main = demo(
    work,
    quick="search graphs of up to 5 nodes instead of 6",
    seed="changes nothing: nothing here is random",
)
