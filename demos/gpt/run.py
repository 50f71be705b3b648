"""The demo of the GPT: the stages of the course, and their page."""

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
from ..shared.options import Options, whole
from ..shared.report import Report, demo
from . import charts
from .counting import GUESSING, by_hand, by_the_engine, count, descend, loss_of_pairs
from .names import EDGE, SYMBOLS, read, spelled, tokens_of
from .plain import PlainValue, adam, losses
from .training import gradient_norms, held_out_loss, train

__all__ = ["attend", "main", "model_of", "plain_matrices"]

Array = npt.NDArray[np.float64]
Texts = Sequence[Sequence[int]]

STEPS, QUICK = 1000, 60
HAND_RATE, DESCENT_RATE, ADAM_RATE, LORA_RATE = 20.0, 0.3, 0.01, 0.01
HEADS, WIDTH, BLOCK = 4, 16, 16
PAIRS, HAND, DESCENT, ADAM = "counting pairs", "one layer", "GPT, descent", "GPT, Adam"
SHOWN = "anna"  # its attention is shown
WALKED = "ann"  # its graph is stepped through
MEASURED = 3  # steps of the plain program, and names whose gradient is shown
BETAS = 0.85, 0.99
WINDOW = 50  # names averaged in a curve
EXTENSIONS: dict[str, dict[str, Any]] = {
    "gelu": {"activation": "gelu"},
    "rope": {"rotary": True},
    "mixture": {"n_expert": 4, "top_k": 2},
}


def model_of(given: Mapping[str, Any], seed: int) -> GPT:
    """The GPT, with the extensions given."""
    options = {
        key: value for name, more in EXTENSIONS.items() if given.get(name) for key, value in more.items()
    }
    return GPT(len(SYMBOLS), BLOCK, n_layer=1, n_head=HEADS, n_embd=WIDTH, seed=seed, **options)


def read_by(model: GPT, text: Sequence[int]) -> tuple[Any, Any]:
    """The loss of a text as a graph, and the caches of the attention."""
    caches = model.caches()
    scores = [model.step(token, caches) for token in text[:-1]]
    return mean([cross_entropy(row, target) for row, target in zip(scores, text[1:])]), caches


def attend(model: GPT, text: Sequence[int]) -> tuple[Array, Array]:
    """The attention weights of the first block, and ∂L/∂score: (heads, T, T) each, nan above the diagonal."""
    loss, caches = read_by(model, text)
    T = len(text) - 1
    weights, slopes = np.full((2, HEADS, T, T), np.nan)
    for t, (own, looked) in enumerate(zip(caches[0].weights, caches[0].scores)):
        for head in range(HEADS):
            weights[head, t, : t + 1] = [weight.data for weight in own[head]]
            slopes[head, t, : t + 1] = grad(loss, looked[head])
    return weights, slopes


# --- the plain program -------------------------------------------------------------------------------

_PLACES = {
    "tokens": "token_embedding", "places": "position_embedding", "output": "output",
    **{part: f"block0.attention.{part}" for part in ("query", "key", "value", "projection")},
    **{part: f"block0.feed_forward.{part}" for part in ("up", "down")},
}  # fmt: skip


def plain_matrices(model: GPT) -> dict[str, list[list[PlainValue]]]:
    """The parameters of a model without extensions as the matrices of the plain program."""
    found = {}
    for own, place in _PLACES.items():
        numbers = [PlainValue(p.data) for name, p in model.named_parameters() if name.startswith(f"{place}.")]
        wide = 4 * WIDTH if own == "down" else WIDTH
        found[own] = [numbers[start : start + wide] for start in range(0, len(numbers), wide)]
    return found


def seconds_of_plain_steps(texts: Texts, seed: int) -> float:
    """The CPU seconds that the plain program takes for a letter, measured on some texts."""
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
    """The results, for the page and the claims.

    Attributes
    ----------
    difference : the largest between the gradients by hand and by the engine.
    held_out : by stage, the loss on held-out names.
    losses : by stage, the loss of each name before its step.
    norms : by matrix, its gradient norm before and after the training with Adam.
    samples : names that the model makes up.
    new : the number of samples in no list.
    attention : see `attend`.
    seconds : of the training with Adam, code generation included.
    plain : seconds that the plain program would have taken for it.
    adapted : the loss on men's held-out names before and after `adapt`.
    """

    texts: Texts
    model: GPT
    size: int
    difference: float
    held_out: dict[str, float]
    losses: dict[str, Sequence[float]]
    norms: dict[str, tuple[float, float]]
    samples: Sequence[str]
    new: int
    attention: tuple[Array, Array]
    seconds: float
    plain: float
    adapted: tuple[float, float] | None


def answer(given: Mapping[str, Any]) -> Answers:
    seed, steps = given["seed"], QUICK if given["quick"] else given["steps"]
    learn, held = read("", seed)
    texts, unseen = list(map(tokens_of, learn[:steps])), list(map(tokens_of, held))
    # Counted pairs, and the same table learned.
    table = count(texts)
    learned, by_layer = descend(texts, HAND_RATE)
    difference = float(np.abs(by_hand(table, texts[0]) - by_the_engine(table, texts[0])).max())
    held_out = {PAIRS: loss_of_pairs(table, unseen), HAND: loss_of_pairs(learned, unseen)}
    # The GPT: the same start, the same names, two rules.
    other = model_of(given, seed)
    by_descent = train(other, texts, SGD, DESCENT_RATE)
    held_out[DESCENT] = held_out_loss(other, unseen)
    model = model_of(given, seed)
    before = gradient_norms(model, texts[:MEASURED])
    begin = time.perf_counter()
    by_adam = train(model, texts, functools.partial(Adam, betas=BETAS), ADAM_RATE)
    seconds = time.perf_counter() - begin
    held_out[ADAM] = held_out_loss(model, unseen)
    made = [model.generate(EDGE, stop=EDGE, temperature=0.7, seed=seed + i) for i in range(20)]
    samples = list(map(spelled, made))
    attention = attend(model, tokens_of(SHOWN))
    after = gradient_norms(model, texts[:MEASURED])
    size = len(model.parameters())
    letters = sum(len(text) - 1 for text in texts)
    return Answers(
        texts, model, size, difference, held_out,
        losses={HAND: by_layer, DESCENT: by_descent.batch_loss, ADAM: by_adam.batch_loss},
        norms={name: (norm, after[name]) for name, norm in before.items()},
        samples=samples, new=len([name for name in samples if name not in {"", *learn, *held}]),
        attention=attention, seconds=seconds,
        plain=letters * seconds_of_plain_steps(texts[: 1 if given["quick"] else MEASURED], seed),
        adapted=adapt(model, learn, held, seed, steps) if given["lora"] else None,
    )  # fmt: skip


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
    """The means of stretches of names, by the step at which each ends."""
    size = max(1, min(WINDOW, len(numbers) // 6))
    ends = list(range(size, len(numbers) + 1, size))
    return ends, [float(np.mean(numbers[end - size : end])) for end in ends]


def present(answers: Answers, given: Mapping[str, Any], folder: Path) -> None:
    """Write the page."""
    held_out, steps, plain = answers.held_out, len(answers.texts), _duration(answers.plain)
    report = Report(
        folder,
        "A GPT in scalars",
        f"{steps:,} first names from the United States census of 1990, one a step. After each letter the "
        f"model gives the probability of each of {len(SYMBOLS)} symbols: 26 letters and the edge of a name. "
        "The loss is −ln of the probability of the symbol that follows, in the mean over letters. Guessing "
        f"has a loss of `ln 27` = {GUESSING:.3f}. On names that it has never seen the GPT has "
        f"{held_out[ADAM]:.3f}.",
        f"It trained in {answers.seconds:.1f} seconds, code generation included. The plain program, a GPT on "
        f"a ``Value`` of forty lines, would have taken {plain} of this processor (measured on "
        f"{1 if given['quick'] else MEASURED} steps): {answers.plain / answers.seconds:,.0f} times as long.",
    )
    if extensions := [name for name in (*EXTENSIONS, "lora") if given[name]]:
        report.say(f"With the extensions: {', '.join(extensions)}.")
    report.table(
        ["stage", "loss on held-out names"],
        [[name, f"{loss:.4f}"] for name, loss in {"guessing": GUESSING, **held_out}.items()],
        "The stages of the course",
    )
    report.section(
        "Counting pairs, and one layer by hand",
        "How often does each symbol follow each? A table of 27 × 27 counts, one more for every pair, is "
        f"a model of names: its loss on held-out names is {held_out[PAIRS]:.3f}.",
        "The same table can be learned. Its rows are scores, and `p` is the softmax of the row of the last "
        "symbol; the gradient of −ln p by a score is `p − 1` at the symbol that followed, and `p` elsewhere. "
        f"Written by hand, and followed for {steps:,} names, it gives {held_out[HAND]:.3f}.",
    )
    report.section(
        "The same by the engine",
        "Nobody has to write that gradient. The loss is recorded, and ``grad`` goes back through it:",
    )
    report.add(page.listing(_ENGINE, "The loss of pairs, and its gradient"))
    report.say(f"The two gradients of the first name differ by at most {page.number(answers.difference, 2)}.")
    report.section(
        "Attention",
        "A table of pairs forgets all but one letter. In the GPT each letter becomes 16 numbers, and in "
        "each of 4 heads it looks back: its query is multiplied by the key of every letter so far, and "
        "a softmax of these scores gives the weights with which it adds their values. With the layer after "
        f"it and two tables of vectors these are {answers.size:,} parameters, all of them scalars. The graph "
        "of one name can be opened below.",
        "Each picture is a head that reads a name. A row is the letter that looks, a column the letter it "
        "looks at; `·` is the edge. Below it is the derivative of the loss by each score: where it is "
        "blue, the loss would fall if the head looked there less, where it is orange, if it looked there "
        "more.",
    )
    letters = [SYMBOLS[token] for token in tokens_of(SHOWN)[:-1]]
    report.show(
        "attention",
        charts.attention(letters, *answers.attention),
        f"Two rows of {HEADS} triangular tables for the name {SHOWN}, one pair for each head: the "
        "weights, each row of which adds up to 1, and the derivatives of the loss by the scores, each "
        "row of which adds up to 0.",
        f"The attention of each head in {SHOWN}, and how the loss would change.",
    )
    report.section(
        "Descent, and Adam",
        f"Plain gradient descent, `w ← w − η g` with η from {DESCENT_RATE:g} down to 0, and Adam, which "
        f"divides the running mean of each gradient by its size, from {ADAM_RATE:g} down to 0, with β = "
        "0.85 and 0.99. Both begin with the same weights, and see the same names in the same order.",
    )
    lines: dict[str, tuple[Any, Any]] = {name: running(each) for name, each in answers.losses.items()}
    levels = {"guessing": GUESSING, PAIRS: held_out[PAIRS]}
    lines |= {name: ([0, steps], [level] * 2) for name, level in levels.items()}
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
        "Two bars for each matrix: the norm of its gradient before and after the training.",
        f"The gradient norm of each matrix over {MEASURED} names, before and after the training with Adam.",
    )
    report.section(
        "Names that it makes up",
        f"{', '.join(name or '(nothing)' for name in answers.samples)}.",
        f"{answers.new} of these {len(answers.samples)} are in no list of names. Each letter is drawn with "
        "the model's probabilities, sharpened by a temperature of 0.7.",
    )
    if answers.adapted is not None:
        before, after = answers.adapted
        report.section(
            "A change of low rank",
            "All weights are frozen. Queries and values get a change of rank 4, which alone learns, "
            f"from men's names. The loss on held-out names of men goes from {before:.3f} to {after:.3f}.",
        )
    walk(report, answers.model, folder)
    report.tell(
        f"Trained in {answers.seconds:.1f} s; the plain program: {plain}", ", ".join(answers.samples[:8])
    )
    report.close()


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:.1f} minutes"


def walk(report: Report, model: GPT, folder: Path) -> None:
    """The graph of one name to step through, and the path of one key."""
    text = tokens_of(WALKED)
    loss, caches = read_by(model, text)
    loss.label = "loss"
    letter = SYMBOLS[text[1]]
    key = caches[0].keys[1][0][0]
    key.label = f"key of {letter}"
    loss.backward()
    report.section(
        "The graph of one name",
        f"The loss of `{WALKED}` is a graph of {len(topological_order(loss)):,} nodes, folded by the "
        "parts of the model. Open the attention, click on a number, and its paths light up.",
    )
    report.add(
        page.explorer(
            explore(loss, folder / page.EXPLORER, title=f"The loss of {WALKED}"),
            page.EXPLORER,
            "Every part opens with a click; beside it stand the numbers of each node, and its gradient "
            "factor by factor.",
        )
    )
    report.say(
        f"The key of the letter `{letter}` is computed once, when that letter is read, and kept. Every later "
        "letter multiplies its own query by it. So the gradient comes back to it on as many paths, and adds "
        "up."
    )
    drawing = draw(loss, depth=3, highlight=key, title=f"From the {key.label} to the loss")
    drawing.save(folder / "key.svg")
    report.picture(
        "key.svg",
        f"The graph of the loss of {WALKED}, folded, with the paths from one number of a key to the loss "
        "highlighted.",
        "The paths of one number of the key: through the scores of all later letters.",
        smallest=0.4,
    )


def work(given: dict[str, Any], folder: Path) -> None:
    answers = answer(given)
    present(answers, given, folder)
    # The claims of the page. Rows of a softmax add up to 1, so their derivatives add up to 0.
    held_out, (weights, slopes) = answers.held_out, answers.attention
    assert answers.difference <= 1e-15
    assert np.abs(np.nansum(weights, axis=-1) - 1.0).max() <= 1e-12
    assert np.abs(np.nansum(slopes, axis=-1)).max() <= 1e-12
    if len(answers.texts) >= STEPS:
        assert held_out[ADAM] < held_out[PAIRS] < GUESSING
        assert held_out[HAND] < GUESSING
        assert answers.adapted is None or answers.adapted[1] < answers.adapted[0]


def _options(options: Options) -> None:
    options.value(
        "--steps", whole(2, 4000), default=STEPS, help="the number of names, one a step", metavar="N"
    )
    options.switch("--gelu", help="GELU instead of ReLU")
    options.switch("--rope", help="rotary positions instead of a table of them")
    options.switch("--mixture", help="four experts, of which a router chooses two for each letter")
    options.switch("--lora", help="then train a change of rank 4 on men's names alone")


main = demo(work, quick=f"{QUICK} names instead of {STEPS}", more=_options)
