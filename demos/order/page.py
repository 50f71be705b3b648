"""Three questions about backpropagation, answered with the numbers of one run.

What stands here is words, and the page. The numbers come from the backward passes of `demos.order`,
right and wrong ones, and are put into the words as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autograd import Explorer

from ..shared import page
from ..shared.page import number, signed

__all__ = [
    "Answers", "Pass", "Search", "Share", "Structure", "Turn", "Update", "Way", "arrows", "formula",
]  # fmt: skip

Structure = tuple[tuple[int, ...], ...]  # of each node the numbers of its parents


@dataclass(frozen=True)
class Share:
    """What a node hands to one parent: adjoint × partial; before and after are what the parent has."""

    parent: str
    adjoint: float
    partial: float
    before: float | None
    after: float

    @property
    def product(self) -> str:
        """The arithmetic of the share, as text."""
        return _together(f"{signed(self.adjoint)} × {signed(self.partial)} = {number(self.share)}")

    @property
    def share(self) -> float:
        return self.adjoint * self.partial

    @property
    def total(self) -> str:
        """What the parent has then, as text: the first share that it gets, or a sum."""
        return number(self.after) if self.before is None else _sum(self.before, self.share, self.after)

    def told(self) -> str:
        """The share in words, with `formulas` between backquotes."""
        text = f"`{self.parent}` gets `{self.product}`"
        if self.before is None:
            return f"{text}."
        if self.after == self.before + self.share:
            return f"{text}, and has `{self.total}` now."
        return f"{text}, and the `{number(self.before)}` that it had is gone."


@dataclass(frozen=True)
class Turn:
    """One node hands on.

    Attributes
    ----------
    node : its label.
    shares : what it hands to its parents.
    waiting : the nodes that use it too and have yet to hand on to it.
    late : the parents that have had their turn, and will not hand on what they get now.
    picture : the file with the graph after it.
    """

    node: str
    shares: Sequence[Share]
    waiting: Sequence[str]
    late: Sequence[str]
    picture: str

    def told(self) -> str:
        """The turn in words, with `formulas` between backquotes."""
        sentences = [f"`{self.node}` hands on the `{number(self.shares[0].adjoint)}` that it has."]
        sentences += [share.told() for share in self.shares]
        if self.waiting:
            others = " and ".join(f"`{user}`" for user in self.waiting)
            sentences.append(f"Too early: {others} has yet to hand its share to `{self.node}`.")
        for label in self.late:
            sentences.append(f"Too late: `{label}` has had its turn and will not hand this on.")
        return " ".join(sentences)


@dataclass(frozen=True)
class Way:
    """A way of going back: the gradient it finds where 8 is right, and the smallest graph it gets wrong."""

    name: str
    gradient: float
    smallest: Structure | None


@dataclass(frozen=True)
class Search:
    """All graphs of one size, and those that a way of going back gets wrong, fewest arrows first."""

    size: int
    graphs: int
    wrong: Sequence[Structure]


@dataclass(frozen=True)
class Update:
    """One step of training: w before and after, its gradient in this step, and what was in ``w.grad``."""

    before: float
    gradient: float
    total: float
    after: float


@dataclass(frozen=True)
class Pass:
    """A backward pass from factor · y: what was in ``y.grad`` before, and in both gradients after it."""

    factor: float
    before: float
    y: float
    x: float


def arrows(structure: Structure) -> int:
    """How many arrows the graph has."""
    return sum(map(len, structure))


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


@dataclass(frozen=True, eq=False)
class Answers:
    """All that the page tells."""

    right: float  # ∂y/∂x of y = 8x by the engine
    swapped: float  # depth first, with the operands of y swapped
    depth_first: Sequence[Turn]
    in_order: Sequence[Turn]  # the same graph
    ways: Sequence[Way]
    census: Sequence[Search]  # for graphs that depth first gets wrong, size by size
    doublings: int
    visits: int  # that going path by path takes for so many doublings
    overwriting: Sequence[Turn]  # the shares of y = x · x in turns of their own
    adding: Sequence[Turn]
    zeroed: Sequence[Update]
    unzeroed: Sequence[Update]
    start: float  # where w starts
    target: float  # where the loss is least
    rate: float
    pieces: Sequence[float]  # the targets of a loss in pieces
    in_pieces: float  # w.grad after a backward pass for each of them
    kept: Sequence[Pass]  # two passes that share y, with its adjoint kept
    cleared: Sequence[Pass]
    code: Mapping[str, str]  # program text by name
    pictures: Mapping[str, str]  # SVG text by file name
    explorers: Mapping[str, Explorer]  # by the name of its file

    def html(self) -> str:
        """The page."""
        return page.document(
            "Three questions about backpropagation",
            self._opening(),
            self._order(),
            self._adding(),
            self._zeroing(),
            self._files(),
        )

    @property
    def wrong(self) -> float:
        """What x gets of y = 8x, depth first."""
        return _arrived(self.depth_first, "x")

    def _opening(self) -> str:
        swing = [update.before for update in self.unzeroed]
        facts = {
            "1 the gradient of y = 8x": f"{number(self.right)}; depth first {number(self.wrong)}",
            "2 the gradient of y = x · x at 3": f"{number(_arrived(self.adding, 'x'))}; "
            f"overwriting {number(_arrived(self.overwriting, 'x'))}",
            f"3 the weight after {len(swing)} steps": f"{number(self.zeroed[-1].after, 4)}; "
            f"not zeroed, anywhere from {number(min(swing), 2)} to {number(max(swing), 2)}",
        }
        questions = {
            "order": "Why topological order?",
            "add": "Why add, and not overwrite?",
            "zero": "Why zero the gradients between steps?",
        }
        return (
            page.paragraph(
                "Backpropagation repeats one small step: a node multiplies what has arrived at it by a "
                "local derivative, and hands the product to a parent. Three things about it puzzle nearly "
                "everybody who writes it for the first time. Here each is done wrong, on the smallest graph "
                "that shows it, beside the right way, with every number. All numbers were computed in this "
                "run.",
                "lead",
            )
            + page.contents(questions)
            + page.facts(facts)
            + "<h2>The step, and four words</h2>"
            + page.paragraph(
                "The parents of a node are what it was computed from. The local derivative `∂node/∂parent` "
                "says how fast the node changes with that parent alone; in the pictures it stands on the "
                "arrow. The adjoint of a node, `∂y/∂node`, says how fast the output `y` changes with the "
                "node: it is what lies in ``.grad`` when all is done. The adjoint of the output itself is "
                "1. A share is what a parent gets in one step: adjoint × local derivative."
            )
            + page.listing(self.code["step"], "The step, as the code of this demo")
        )

    # --- 1 ---

    def _order(self) -> str:
        way, other = self._two_ways()
        return page.section(
            "order",
            "1 Why topological order?",
            page.paragraph(
                "Take `b = 2 · x`, `c = 3 · b` and `y = b + c`. So `y = 2 · x + 6 · x`, which is `8 · x`: "
                f"raise `x` by 1 and `y` rises by 8. The gradient is {number(self.right)}, and no calculus "
                "is needed to see it. Two ways lead back from `y` to `x`: the way over `b` alone is worth "
                f"`{way}`, and the way over `c` and `b` is worth `{other}`."
            ),
            self._figure(
                "graph.svg",
                "The graph before any backward pass, x = 5, with the local derivatives on the arrows: 2 "
                "from x to b, 3 from b to c, 1 from b to y and 1 from c to y.",
                "Before any backward pass: dashed, and `grad none`, is what no gradient has reached yet. "
                "The 2 and the 3 are plain numbers; nobody asks for their gradient.",
            ),
            "<h3>Depth first, and in topological order</h3>",
            page.paragraph(
                "The order that comes to mind first is that of a recursion: begin at the output, hand on, "
                "go into the first parent, hand on there, and so on down; then into the second parent. Each "
                "node hands on once, to all its parents: the order is the only thing that can be wrong with "
                "it. The other order is the engine's: a topological order lists every node after its "
                "parents, and is gone through from its end. Nothing else differs."
            ),
            page.listing(self.code["orders"], "Both orders, as code"),
            page.paragraph("▶ is the node whose turn it is, ✓ a node that has had its turn."),
            page.columns(
                self._run("Depth first", self.depth_first), self._run("Topological order", self.in_order)
            ),
            self._what_went_wrong(),
            page.paragraph(
                "The rule: a node may hand on when every node that uses it has handed on to it. The "
                "topological order, gone through from its end, is an order in which that is always so. This "
                "is all that it is for.",
                "note",
            ),
            self._explorer(
                "explore_order",
                "The engine's backward pass, to step through: `b` waits for both of its shares.",
            ),
            "<h3>Why this is easily missed</h3>",
            page.paragraph(
                "Write `y = c + b` instead of `y = b + c`, and the same recursion goes into `c` first and "
                f"finds {number(self.swapped)}. In a chain, and in a tree, every order from the output down "
                "is right. It goes wrong where one node is used by two others and one of these is further "
                "away: in a network with a skip connection, or in one with two outputs, whose hidden "
                "neurons feed both."
            ),
            "<h3>Can it be saved without an order?</h3>",
            self._table_of_ways(),
            "<h3>Is there a smaller graph?</h3>",
            *self._search(),
        )

    def _two_ways(self) -> tuple[str, str]:
        """The two products of local derivatives along the ways from y to x."""
        partials = {
            (turn.node, share.parent): share.partial for turn in self.in_order for share in turn.shares
        }
        direct = [partials["y", "b"], partials["b", "x"]]
        around = [partials["y", "c"], partials["c", "b"], partials["b", "x"]]
        products = []
        for way in (direct, around):
            worth = 1.0
            for partial in way:
                worth *= partial
            products.append(f"{' × '.join(map(number, way))} = {number(worth)}")
        return products[0], products[1]

    def _run(self, title: str, turns: Sequence[Turn]) -> str:
        """A whole backward pass: a picture and words for each turn, then all its shares."""
        rows = [
            [f"`{turn.node} → {share.parent}`", f"`{share.product}`", f"`{share.total}`"]
            for turn in turns
            for share in turn.shares
        ]
        return (
            f"<h4>{title}: x gets {number(_arrived(turns, 'x'))}</h4>"
            + "".join(
                self._figure(
                    turn.picture,
                    f"{title}, the graph after turn {place}, of {turn.node}. {_plain(turn)}",
                    turn.told(),
                )
                for place, turn in enumerate(turns, 1)
            )
            + page.table(
                ["from → to", "adjoint × local derivative", "sum at the parent"],
                rows,
                f"All shares, {title.lower()}",
            )
        )

    def _what_went_wrong(self) -> str:
        early = next(turn for turn in self.depth_first if turn.waiting)
        late = next(turn for turn in self.depth_first if turn.late)
        (handed,) = early.shares
        (missed,) = late.shares
        should = next(turn for turn in self.in_order if turn.node == early.node).shares[0]
        return page.paragraph(
            "The same shares between the same nodes; only the last two turns have changed places. Depth "
            f"first, `{early.node}` handed on the `{number(handed.adjoint)}` that it had, before "
            f"`{late.node}` brought its `{number(missed.share)}`. So `{handed.parent}` got "
            f"`{handed.product}` and not `{should.product}`. In the end `{early.node}` has the right "
            f"adjoint, `{number(missed.after)}`, and still `{handed.parent}` is wrong: nobody passes the "
            f"rest on. The `{number(self.right - self.wrong)}` that is missing is the way over `{late.node}`."
        )

    def _table_of_ways(self) -> str:
        rows = []
        for way in self.ways:
            verdict = "right" if way.gradient == self.right else "wrong"
            size = [formula(way.smallest), f"{len(way.smallest)}"] if way.smallest else ["none", ""]
            rows.append(
                [
                    way.name,
                    f"{number(way.gradient)}, {verdict}",
                    f"`{size[0]}`" if size[1] else size[0],
                    size[1],
                ]
            )
        return page.table(
            ["how to go back", "gradient of x", "smallest graph that it gets wrong", "its nodes"],
            rows,
            f"Ways of going back, on the graph above, where {number(self.right)} is right; and for each the "
            "smallest graph, out of all with up to four nodes, that it gets wrong",
        ) + page.paragraph(
            "Careless recursions go wrong on graphs of three nodes already. One way without an order is "
            "right: to hand on again at every arrival, but only what is new. It walks each path from the "
            f"output to a leaf separately, and paths multiply. For {self.doublings} doublings in a row, `a = "
            f"a + a`, a graph of {self.doublings + 1} nodes, it makes {self.visits:,} visits, and each "
            "further doubling doubles that. In topological order every node has one turn."
        )

    def _search(self) -> list[str]:
        right = [found for found in self.census if not found.wrong]
        first = next(found for found in self.census if found.wrong)
        fewest = arrows(first.wrong[0])
        least = [structure for structure in first.wrong if arrows(structure) == fewest]
        last = self.census[-1]
        return [
            page.paragraph(
                "This was found by trying all graphs that have one output, and at most two parents to a "
                f"node. Depth first gets none of the {sum(found.graphs for found in right)} with up to "
                f"{right[-1].size} nodes wrong. Of the {first.graphs} with {first.size} nodes it gets "
                f"{len(first.wrong)} wrong, and "
                + (
                    f"just one of these has {fewest} arrows, fewer than the rest"
                    if len(least) == 1
                    else f"{len(least)} of these have {fewest} arrows"
                )
                + f": `{formula(least[0])}`. It is the graph above, without the 2 and the 3, which were "
                "put in so that a number tells which arrow it comes from. From there on it gets worse: "
                f"with {last.size} nodes it is {len(last.wrong):,} graphs of {last.graphs:,}."
            ),
            page.table(
                ["nodes", "graphs", "wrong depth first", "share"],
                [
                    [
                        f"{found.size}",
                        f"{found.graphs:,}",
                        f"{len(found.wrong):,}",
                        f"{100 * len(found.wrong) / found.graphs:.0f} %",
                    ]
                    for found in self.census
                ],
                "All graphs by size, and how many of them depth first gets wrong",
            ),
            self._figure(
                "smallest.svg",
                f"The smallest graph that depth first gets wrong, {formula(least[0])}, after that pass: "
                "every local derivative is 1, x.grad is 1, and two ways lead from y to x.",
                "The graph that the search found, after going back depth first. Every local derivative is "
                "1, so a gradient counts the ways from the output: there are two to `x`, and only one was "
                "found.",
            ),
        ]

    # --- 2 ---

    def _adding(self) -> str:
        (share,) = self.adding[0].shares
        overwritten = next(way for way in self.ways if "overwriting" in way.name)
        return page.section(
            "add",
            "2 Why add, and not overwrite?",
            page.paragraph(
                "Take `y = x · x` at `x = 3`. The gradient is `2 · x = 6`. `x` is used twice, so two arrows "
                f"lead back to it, and each has the other factor, `{number(share.partial)}`, as its local "
                "derivative."
            ),
            page.columns(
                self._shares("Overwriting", "parent.grad = share", self.overwriting),
                self._shares("Adding", "parent.grad += share", self.adding),
            ),
            self._explorer("explore_adding", "The engine's pass: the second share is added to the first."),
            page.paragraph(
                "Both shares are real. Raise `x` by a little `h`: both factors grow, and `(x + h) · (x + h) "
                "= x · x + x · h + h · x + h · h`. The two terms in the middle are the two arrows. Whenever "
                "the output depends on a node in more than one way, its derivative is the sum over the "
                "ways. That is the chain rule for several variables, and it is all that the `+` in ``+=`` "
                "says."
            ),
            page.paragraph(
                "Nor does it help to have the order right: in the graph of the first question, swept in "
                f"topological order but overwriting, `x` gets {number(overwritten.gradient)} instead of "
                f"{number(self.right)}. There the share from `c` wipes out the one from `y`. The smallest "
                f"graph that overwriting gets wrong has just {len(overwritten.smallest or ())} nodes: "
                f"`{formula(overwritten.smallest or ())}`."
            ),
        )

    def _shares(self, title: str, code: str, turns: Sequence[Turn]) -> str:
        return (
            f"<h3>{title}: x gets {number(_arrived(turns, 'x'))}</h3>"
            + page.listing(code, f"{title}, as code")
            + "".join(
                self._figure(
                    turn.picture, f"{title}, after share {place}. {_plain(turn)}", turn.shares[0].told()
                )
                for place, turn in enumerate(turns, 1)
            )
        )

    # --- 3 ---

    def _zeroing(self) -> str:
        first, second = self.unzeroed[:2]
        good = self.zeroed[1]
        numbers = [update.before for update in self.unzeroed]
        pieces = " and ".join(f"`(w − {number(target)})²`" for target in self.pieces)
        one, other = (2.0 * (self.start - target) for target in self.pieces)
        return page.section(
            "zero",
            "3 Why zero the gradients between steps?",
            page.paragraph(
                "Because `backward` adds, it also adds to what the step before has left in ``w.grad``. Take "
                f"one weight, which starts at `w = {number(self.start)}`, the loss `(w − "
                f"{number(self.target)})²` with the gradient `2 · (w − {number(self.target)})`, and the "
                f"learning rate `η = {number(self.rate)}`."
            ),
            page.listing(self.code["descend"], "Gradient descent with and without zeroing, as code"),
            page.columns(
                self._training("Zeroed before each step", self.zeroed, "zeroed.svg"),
                self._training("Never zeroed", self.unzeroed, "not_zeroed.svg"),
            ),
            page.paragraph(
                f"The first step is the same. In the second, the gradient at `w = {number(second.before)}` "
                f"is `{number(second.gradient)}`, but ``w.grad`` says `{number(second.total)}`: the "
                f"`{number(first.total)}` of step 1 is still in it. So `w` moves by "
                f"`{number(second.after - second.before)}` and not by `{number(good.after - good.before)}`. "
                "It does not wear off: the sum shrinks only after `w` has passed the minimum, and it has to "
                "come down to 0 before `w` turns round. The sum is a speed, and `w` a ball in a bowl "
                f"without friction. In these {len(numbers)} steps it swings between "
                f"{number(min(numbers), 3)} and {number(max(numbers), 3)}, and so it goes on. A smaller "
                "learning rate only makes it swing more slowly."
            ),
            self._figure(
                "descents.svg",
                f"w by step. Zeroed, it comes to {number(self.target)}; not zeroed, it swings around "
                f"{number(self.target)}, between {number(min(numbers), 3)} and {number(max(numbers), 3)}.",
                "The weight from step to step, both ways, from the same start; the loss is least at `w = "
                f"{number(self.target)}`.",
            ),
            "<h3>Then why does backward not zero by itself?</h3>",
            page.paragraph(
                "Because adding is what you want when the loss comes in pieces, as when a batch is too "
                f"large for one graph. With the losses {pieces}, and one backward pass for each, ``w.grad`` "
                f"is `{_sum(one, other, self.in_pieces)}`: the gradient of their sum. Whether the next "
                "backward pass is the next piece or the next step, only you know. That is what "
                "``zero_grad()`` is for: call it once, before each step."
            ),
            "<h3>Which gradients add up, and which do not</h3>",
            page.paragraph(
                "Only those of leaves. The adjoint of a node on the way belongs to one pass, and must start "
                "from nothing in the next. Let two outputs share `y = x · x`, at `x = 3`: go back from `2 · "
                "y`, then from `3 · y`. As `2 · y + 3 · y = 5 · x · x`, the gradient is `10 · x = "
                f"{number(self.cleared[-1].x)}`. If `y` keeps its `{number(self.cleared[0].y)}` from the "
                f"first pass, the second one hands it on once more, and `x` gets {number(self.kept[-1].x)}. "
                f"The engine clears it, and gives {number(self.cleared[-1].x)}."
            ),
            page.table(
                ["pass", "y cleared: y.grad", "x.grad", "y kept: y.grad", "x.grad"],
                [
                    [f"`{number(right.factor)} · y`", *_pass_told(right, before), *_pass_told(wrong, kept)]
                    for right, before, wrong, kept in zip(
                        self.cleared, [0.0, self.cleared[0].x], self.kept, [0.0, self.kept[0].x], strict=True
                    )
                ],
                "Two passes that share y, in numbers",
            ),
        )

    def _training(self, title: str, run: Sequence[Update], picture: str) -> str:
        rows = []
        for step, update in enumerate(run[:6], 1):
            old = update.total - update.gradient
            held = number(update.total) if old == 0.0 else _sum(old, update.gradient, update.total)
            rows.append(
                [f"{step}", number(update.before), number(update.gradient), f"`{held}`", number(update.after)]
            )
        return (
            f"<h3>{title}: after {len(run)} steps w is {number(run[-1].after, 4)}</h3>"
            + page.table(
                ["step", "w", "gradient", "w.grad", "w − η · w.grad"],
                rows,
                f"{title}, the first {len(rows)} steps",
            )
            + self._figure(
                picture,
                f"{title}: the graph of step 2 after its backward pass. w is {number(run[1].before)} and "
                f"w.grad {number(run[1].total)}; the gradient of this step is {number(run[1].gradient)}.",
                f"Step 2, after the backward pass: the gradient is `{number(run[1].gradient)}`, and "
                f"``w.grad`` says `{number(run[1].total)}`.",
            )
        )

    # --- files ---

    def _files(self) -> str:
        return page.section(
            "files", "The pictures beside this page", page.links(dict.fromkeys(sorted(self.pictures), ""))
        )

    def _figure(self, name: str, alt: str, caption: str) -> str:
        return page.figure(self.pictures[name], alt, caption)

    def _explorer(self, name: str, caption: str) -> str:
        return page.explorer(self.explorers[name], f"{name}.html", caption)


def _arrived(turns: Sequence[Turn], label: str) -> float:
    """What a node has at the end of a backward pass."""
    return [share.after for turn in turns for share in turn.shares if share.parent == label][-1]


def _plain(turn: Turn) -> str:
    """A turn in words, for those who do not see its picture."""
    return turn.told().replace("`", "")


def _pass_told(one: Pass, x_before: float) -> tuple[str, str]:
    """What y has in a pass and what x has after it, as sums where something was there before."""
    y = _sum(one.before, one.factor, one.y) if one.before else number(one.y)
    x = _sum(x_before, one.x - x_before, one.x) if x_before else number(one.x)
    return f"`{y}`", f"`{x}`"


def _sum(before: float, share: float, after: float) -> str:
    return _together(f"{signed(before)} + {signed(share)} = {number(after)}")


def _together(text: str) -> str:
    """The text in one piece, which no line break takes apart."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")
