"""The demo of the GPT: the stages of the course, and the page that shows them."""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from autograd import draw, explore, grad, mean, topological_order
from nn import GPT, SGD, Adam, add_lora, cross_entropy, plots

from ..shared import page
from ..shared.options import Options
from ..shared.report import Report, demo
from . import charts
from .counting import GUESSING, by_hand, by_the_engine, count, descend, loss_of_pairs
from .names import EDGE, SYMBOLS, read, spelled, tokens_of
from .plain import PlainValue, adam, losses
from .training import gradient_norms, held_out_loss, train

__all__ = ["Attention", "attend", "check", "main", "model_of", "plain_matrices", "seconds_of_plain_steps"]

Array = npt.NDArray[np.float64]
Texts = Sequence[Sequence[int]]

STEPS, QUICK = 1000, 60
HAND_RATE, DESCENT_RATE, ADAM_RATE, LORA_RATE = 20.0, 0.3, 0.01, 0.01
HEADS, WIDTH, BLOCK = 4, 16, 16
SHOWN = "anna"  # the name whose attention is shown
WALKED = "ann"  # the name whose graph is stepped through
MEASURED = 3  # steps of the plain program, and names whose gradient is shown
WINDOW = 50  # names that a curve is the mean of
BETAS = 0.85, 0.99
EXTENSIONS: dict[str, dict[str, Any]] = {
    "gelu": {"activation": "gelu"},
    "rope": {"rotary": True},
    "mixture": {"n_expert": 4, "top_k": 2},
}


def model_of(given: Mapping[str, Any], seed: int) -> GPT:
    """The GPT, with the extensions that were asked for."""
    options = {
        key: value for name, more in EXTENSIONS.items() if given.get(name) for key, value in more.items()
    }
    return GPT(len(SYMBOLS), BLOCK, n_layer=1, n_head=HEADS, n_embd=WIDTH, seed=seed, **options)


# --- what the heads look at --------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Attention:
    """The weights of each head, and the derivative of the loss by each score: (heads, T, T), nan above."""

    weights: Array
    slopes: Array


def attend(model: GPT, text: Sequence[int]) -> Attention:
    """The attention of the first block while it reads a text."""
    caches = model.caches()
    scores = [model.step(token, caches) for token in text[:-1]]
    loss = mean([cross_entropy(row, target) for row, target in zip(scores, text[1:])])
    T = len(scores)
    weights, slopes = np.full((2, HEADS, T, T), np.nan)
    for t, (own, looked) in enumerate(zip(caches[0].weights, caches[0].scores)):
        for head in range(HEADS):
            weights[head, t, : t + 1] = [weight.data for weight in own[head]]
            slopes[head, t, : t + 1] = grad(loss, looked[head])
    return Attention(weights, slopes)


# --- the plain program -------------------------------------------------------------------------------

_PLACES = {
    "tokens": "token_embedding", "places": "position_embedding", "output": "output",
    **{part: f"block0.attention.{part}" for part in ("query", "key", "value", "projection")},
    **{part: f"block0.feed_forward.{part}" for part in ("up", "down")},
}  # fmt: skip


def plain_matrices(model: GPT) -> dict[str, list[list[PlainValue]]]:
    """The numbers of a model without extensions as the matrices of the plain program."""
    modules = dict(model.named_parameters())
    found = {}
    for own, place in _PLACES.items():
        numbers = [PlainValue(p.data) for name, p in modules.items() if name.startswith(f"{place}.")]
        wide = 4 * WIDTH if own == "down" else WIDTH
        found[own] = [numbers[start : start + wide] for start in range(0, len(numbers), wide)]
    return found


def seconds_of_plain_steps(texts: Texts, seed: int) -> float:
    """The time of the processor that the plain program takes for a letter, measured on a few steps."""
    matrices = plain_matrices(model_of({}, seed))
    numbers = [p for rows in matrices.values() for row in rows for p in row]
    rule = adam(len(numbers), *BETAS)
    begin = time.process_time()
    for text in texts:
        found = losses(matrices, text, HEADS)
        (sum(found) * (1.0 / len(found))).backward()
        for p, step in zip(numbers, rule([p.grad for p in numbers], ADAM_RATE)):
            p.data, p.grad = p.data - step, 0.0
    return (time.process_time() - begin) / sum(len(text) - 1 for text in texts)


# --- the stages of the course ------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Answers:
    """All that came out, for the page, the summary and the claims.

    Attributes
    ----------
    size : how many parameters the GPT has.
    held_out : by stage the loss on names that no stage has seen.
    losses : by stage the loss of each name before its step.
    norms : by matrix the length of the gradient before the training and after it.
    difference : the largest between the gradients by hand and by the engine.
    seconds : of the training with Adam, code generation included.
    plain : seconds that the plain program would have taken for it.
    """

    given: Mapping[str, Any]
    texts: Texts
    model: GPT
    size: int
    held_out: dict[str, float]
    losses: dict[str, Sequence[float]]
    norms: dict[str, tuple[float, float]]
    difference: float
    samples: Sequence[str]
    known: set[str]
    attention: Attention
    seconds: float
    plain: float
    adapted: tuple[float, float] | None


PAIRS, HAND, DESCENT, ADAM = "counting pairs", "one layer", "GPT, descent", "GPT, Adam"


def answer(given: Mapping[str, Any]) -> Answers:
    """Go through the stages."""
    seed, steps = given["seed"], QUICK if given["quick"] else given["steps"]
    learn, held = read("", seed)
    texts, unseen = list(map(tokens_of, learn[:steps])), list(map(tokens_of, held))
    # Pair counts, and the same table learned.
    table = count(texts)
    learned, by_layer = descend(texts, HAND_RATE)
    difference = float(np.abs(by_hand(table, texts[0]) - by_the_engine(table, texts[0])).max())
    held_out = {PAIRS: loss_of_pairs(table, unseen), HAND: loss_of_pairs(learned, unseen)}
    # The GPT: the same start, the same names, two rules.
    other = model_of(given, seed)
    by_descent = train(other, texts, SGD, DESCENT_RATE)
    held_out[DESCENT] = held_out_loss(other, unseen)
    model = model_of(given, seed)
    at_first = gradient_norms(model, texts[:MEASURED])
    begin = time.perf_counter()
    by_adam = train(model, texts, functools.partial(Adam, betas=BETAS), ADAM_RATE)
    seconds = time.perf_counter() - begin
    held_out[ADAM] = held_out_loss(model, unseen)
    made = [model.generate(EDGE, stop=EDGE, temperature=0.7, seed=seed + i) for i in range(20)]
    attention = attend(model, tokens_of(SHOWN))
    at_last = gradient_norms(model, texts[:MEASURED])
    size = len(model.parameters())
    adapted = adapt(model, learn, held, seed, steps) if given["lora"] else None
    letters = sum(len(text) - 1 for text in texts)
    plain = letters * seconds_of_plain_steps(texts[: 1 if given["quick"] else MEASURED], seed)
    return Answers(
        given,
        texts,
        model,
        size,
        held_out,
        {HAND: by_layer, DESCENT: by_descent.batch_loss, ADAM: by_adam.batch_loss},
        {name: (norm, at_last[name]) for name, norm in at_first.items()},
        difference,
        [spelled(tokens) for tokens in made],
        {*learn, *held},
        attention,
        seconds,
        plain,
        adapted,
    )


def adapt(
    model: GPT, learn: Sequence[str], held: Sequence[str], seed: int, steps: int
) -> tuple[float, float]:
    """Freeze the model, and train a change of rank 4 to its queries and values on men's names alone.

    Returns
    -------
    The loss on held-out names of men, before and after.
    """
    men = {name for part in read("male", seed) for name in part}
    texts, unseen = ([tokens_of(name) for name in part if name in men] for part in (learn, held))
    add_lora(model, rank=4, seed=seed)
    before = held_out_loss(model, unseen)
    train(model, texts[:steps], functools.partial(Adam, betas=BETAS), LORA_RATE)
    return before, held_out_loss(model, unseen)


_ENGINE = """
losses = [-take(log_softmax(rows[now]), following) for now, following in zip(text, text[1:])]
slopes = grad(mean(losses), [each for row in rows for each in row])
"""


# --- the page ----------------------------------------------------------------------------------------


def running(numbers: Sequence[float]) -> tuple[list[int], list[float]]:
    """The means of stretches of names, and where these end."""
    size = max(1, min(WINDOW, len(numbers) // 6))
    ends = list(range(size, len(numbers) + 1, size))
    return ends, [float(np.mean(numbers[end - size : end])) for end in ends]


def present(answers: Answers, folder: Path) -> Path:
    """Write the page."""
    held_out, steps = answers.held_out, len(answers.texts)
    report = Report(folder, "A GPT in scalars")
    model = answers.model
    names = [name for name in ("gelu", "rope", "mixture", "lora") if answers.given[name]]
    report.say(
        f"{steps:,} first names from the census of the United States of 1990, one a step. After each "
        f"letter the model says how likely each of {len(SYMBOLS)} symbols is to follow: 26 letters and "
        "the edge of a name. The loss is −ln of what it gave to the one that came, in the mean over "
        f"letters. Who guesses has a loss of `ln 27` = {GUESSING:.3f}. On names that it has never seen "
        f"the GPT has {held_out[ADAM]:.3f}.",
        f"It trained in {answers.seconds:.1f} seconds, the generation of code included. The plain "
        f"program, a GPT on a `Value` of forty lines, would have taken {_duration(answers.plain)} of this "
        f"processor (measured on {1 if answers.given['quick'] else MEASURED} steps): "
        f"{answers.plain / answers.seconds:,.0f} times as long.",
    )
    if names:
        report.say(f"With the extensions: {', '.join(names)}.")
    report.add(
        page.table(
            ["stage", "loss on held-out names"],
            [["guessing", f"{GUESSING:.4f}"], *[[name, f"{loss:.4f}"] for name, loss in held_out.items()]],
            "What each stage of the course adds",
        )
    )

    report.section("pairs", "1 Counting pairs, and one layer by hand")
    report.say(
        "How often does each symbol follow each? A table of 27 × 27 counts, one more for every pair, is "
        f"a model of names: its loss on held-out names is {held_out[PAIRS]:.3f}.",
        "The same table can be learned. Its rows are scores, `p` = softmax of the row of the symbol that "
        "was read; the gradient of −ln p by a score is `p − 1` where the symbol that followed stands, "
        f"and `p` elsewhere. Written by hand, and followed for {steps:,} names, it gives "
        f"{held_out[HAND]:.3f}.",
    )

    report.section("autograd", "2 The same by the engine")
    report.say("Nobody has to write that gradient. The loss is recorded, and `grad` goes back through it:")
    report.add(page.listing(_ENGINE, "The loss of pairs, and its gradient"))
    report.say(f"The two gradients of the first name differ by at most {page.number(answers.difference, 2)}.")

    report.section("attention", "3 Attention")
    report.say(
        "A table of pairs forgets all but one letter. In the GPT each letter becomes 16 numbers, and in "
        "each of 4 heads it looks back: its query is multiplied with the key of every letter so far, and "
        "a softmax of these scores says how much of each one's value it takes. With the layer after it "
        f"and two tables of vectors that is {answers.size:,} parameters, all of them scalars. The graph of "
        "one name can be opened below.",
        "Each picture is a head that reads a name. A row is the letter that looks, a column one that it "
        "looks at; `·` is the edge. Below it is the derivative of the loss by each score: where it is "
        "blue, the loss would fall if the head looked there less, where it is orange, if it looked there "
        "more.",
    )
    letters = [SYMBOLS[token] for token in tokens_of(SHOWN)[:-1]]
    report.show(
        "attention",
        charts.attention(letters, answers.attention.weights, answers.attention.slopes),
        f"Two rows of {HEADS} triangular tables for the name {SHOWN}, one pair for each head: the "
        "weights, each row of which adds up to 1, and the derivatives of the loss by the scores, each "
        "row of which adds up to 0.",
        f"What the heads look at in {SHOWN}, and how the loss would change.",
    )

    report.section("adam", "4 Descent, and Adam")
    report.say(
        f"Plain gradient descent, `w ← w − η g` with η from {DESCENT_RATE:g} down to 0, and Adam, which "
        f"divides the running mean of each gradient by its size, from {ADAM_RATE:g} down to 0, with β = "
        "0.85 and 0.99. Both begin with the same weights, and see the same names in the same order."
    )
    lines: dict[str, tuple[Any, Any]] = {name: running(each) for name, each in answers.losses.items()}
    ends = [0, steps]
    lines |= {"guessing": (ends, [GUESSING] * 2), PAIRS: (ends, [held_out[PAIRS]] * 2)}
    report.show(
        "losses",
        plots.curves([plots.Panel("Loss of the names as they come", "name", lines)], "loss", yscale="linear"),
        "Three falling curves that begin at the level of guessing. Those of the GPT end below the level of "
        "counting pairs.",
        f"The mean over {min(WINDOW, max(1, steps // 6))} names, each before its step; and the levels of "
        "guessing and of counting pairs.",
    )
    report.show(
        "norms",
        charts.norms(answers.norms),
        "Two bars for each matrix: how long its gradient is before the training and after it.",
        f"The length of each matrix's gradient over {MEASURED} names, before Adam's training and after it.",
    )

    report.section("samples", "5 Names that it makes up")
    new = [name for name in answers.samples if name and name not in answers.known]
    report.say(
        f"{', '.join(name or '(nothing)' for name in answers.samples)}.",
        f"{len(new)} of these {len(answers.samples)} are in no list of names. Each letter is drawn with the "
        "probabilities that the model gives, sharpened by a temperature of 0.7.",
    )
    if answers.adapted is not None:
        before, after = answers.adapted
        report.section("lora", "6 A change of low rank")
        report.say(
            "All weights are frozen, and queries and values get a change of rank 4, which alone learns, "
            f"from men's names. The loss on held-out names of men goes from {before:.3f} to {after:.3f}."
        )
    _walk(report, model, folder)
    return report.close()


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:.1f} minutes"


def _walk(report: Report, model: GPT, folder: Path) -> None:
    """The graph of one name to step through, and the path of one key."""
    text, caches = tokens_of(WALKED), model.caches()
    scores = [model.step(token, caches) for token in text[:-1]]
    loss = mean([cross_entropy(row, target) for row, target in zip(scores, text[1:])])
    loss.label = "loss"
    key = caches[0].keys[1][0][0]
    key.label = f"key of {SYMBOLS[text[1]]}"
    loss.backward()
    report.section("graph", "The graph of one name")
    report.say(
        f"The loss of `{WALKED}` is a graph of {len(topological_order(loss)):,} nodes, folded by the "
        "parts of the model. Open the attention, click on a number, and its paths are lit."
    )
    report.add(
        page.explorer(
            explore(loss, folder / page.EXPLORER, title=f"The loss of {WALKED}"),
            page.EXPLORER,
            "Every part opens with a click; the numbers of each node, and its gradient factor by factor, "
            "stand beside it.",
        )
    )
    report.say(
        f"The key of the letter `{SYMBOLS[text[1]]}` was computed once, when that letter was read, and is "
        "kept. Every later letter multiplies its own query with it. So the gradient comes back to it on "
        "as many paths, and adds up."
    )
    drawing = draw(loss, depth=3, highlight=key, title=f"From the {key.label} to the loss")
    drawing.save(folder / "key.svg")
    report.picture(
        "key.svg",
        f"The graph of the loss of {WALKED}, folded, with the paths from one number of a key to the loss "
        "lit up.",
        "The paths of one number of the key: through the scores of all later letters.",
        smallest=0.4,
    )


def summary(answers: Answers, path: Path) -> str:
    """What came out, in a few lines for the terminal."""
    return "\n".join(
        [
            f"A GPT of {answers.size:,} scalars on {len(answers.texts):,} names",
            "",
            f"    {'':16} loss on held-out names",
            f"    {'guessing':16} {GUESSING:.4f}",
            *[f"    {name:16} {loss:.4f}" for name, loss in answers.held_out.items()],
            "",
            f"    trained in {answers.seconds:.1f} s; the plain program: {_duration(answers.plain)}",
            f"    {', '.join(answers.samples[:8])}",
            "",
            f"Open {path}",
        ]
    )


def check(answers: Answers) -> None:
    """The claims of the page."""
    held_out, weights, slopes = answers.held_out, answers.attention.weights, answers.attention.slopes
    assert answers.difference <= 1e-15
    # A softmax adds up to 1 whatever its scores are, so no row of derivatives adds up to anything.
    assert np.abs(np.nansum(weights, axis=-1) - 1.0).max() <= 1e-12
    assert np.abs(np.nansum(slopes, axis=-1)).max() <= 1e-12
    if not answers.given["quick"] and answers.given["steps"] >= STEPS:
        assert held_out[ADAM] < held_out[PAIRS] < GUESSING
        assert held_out[HAND] < GUESSING
        assert answers.adapted is None or answers.adapted[1] < answers.adapted[0]


def work(given: dict[str, Any], folder: Path) -> None:
    answers = answer(given)
    path = present(answers, folder)
    print(summary(answers, path))
    check(answers)


def _options(options: Options) -> None:
    options.whole("--steps", default=STEPS, smallest=2, largest=4000, help="how many names, one a step")
    options.switch("--gelu", help="GELU in the place of ReLU")
    options.switch("--rope", help="rotary positions in the place of a table of them")
    options.switch("--mixture", help="four experts, two of which a router chooses for each letter")
    options.switch("--lora", help="afterwards a change of rank 4 is trained on men's names alone")


main = demo(work, quick=f"{QUICK} names in the place of {STEPS}", more=_options)
