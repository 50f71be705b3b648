"""What is judged: every row of the table, and nn's losses from logits."""

import functools
import math
import random
from collections.abc import Callable, Iterable, Mapping
from inspect import signature
from typing import Any

import numpy as np

import nn
from autograd import Value
from autograd.primitives import TABLE, Primitive
from tests.accuracy import points
from tests.accuracy.judge import OURS, Engine, Subject, kind
from tests.accuracy.peers import PEERS, missing
from tests.accuracy.points import Args
from tests.support import oracle

LOGITS: dict[str, Any] = {"limit": 8.0}


def subjects(names: Iterable[str] = (), compare: bool = False) -> list[Subject]:
    """Those whose name begins with one of the names, or all; with the peers that are installed, or alone."""
    builders = {name: functools.partial(of_row, row, compare) for name, row in TABLE.items()}
    for title, (name, sampled, special) in LOSSES.items():
        builders[title] = functools.partial(of_loss, title, name, sampled, special, compare)
    return [
        build()
        for title, build in builders.items()
        if not names or any(title.startswith(name) for name in names)
    ]


def engines_of(ours: Engine, name: str, compare: bool) -> dict[str, Engine]:
    peers = {peer: PEERS[peer](name) for peer in PEERS if compare and peer not in missing()}
    return {OURS: ours, **{peer: engine for peer, engine in peers.items() if engine is not None}}


# --- rows ------------------------------------------------------------------------------------------


def flat(slopes: Iterable[Any], args: Args) -> list[float]:
    """A row's partials, one for each number among the arguments."""
    each = [np.broadcast_to(slope, np.shape(arg)).ravel().tolist() for slope, arg in zip(slopes, args)]
    return oracle.flatten(each)


def of_row(row: Primitive, compare: bool) -> Subject:
    reference = oracle.reference(row.name)

    def engine(*args: Any) -> list[float]:
        y = row.evaluate(*args)
        return [y, *flat(row.slopes(y, *args), args)]

    def with_numbers(count: int) -> Iterable[Args]:
        choices = CHOICES.get(row.name)
        return points.of_numbers(
            len(row.domain), lambda args: kind(reference, args), row.name, count, choices
        )

    def with_sequences(count: int) -> Iterable[Args]:
        choose = random.Random(row.name)
        for _ in range(count):
            numbers = points.logits(choose)
            if row.vectors == (0,):
                yield (numbers,)
            elif row.vectors == (1,):
                yield numbers[0], numbers[1:]
            else:
                yield numbers, [points.some_float(choose) for _ in numbers], points.some_float(choose)

    engines = engines_of(engine, row.name, compare)
    if row.name in dir(math) and not row.vectors:
        engines["math"] = lambda *args: plainly(args, getattr(math, row.name), *SLOPES.get(row.name, ()))
    return Subject(
        name=row.name,
        engines=engines,
        reference=reference,
        parameters=tuple(signature(row.forward).parameters)[: len(row.domain)],
        points=with_sequences if row.vectors else with_numbers,
        kinks=list(row.kinks),
        **SPECIAL.get(row.name, {}),
    )


def plainly(args: Args, *functions: Callable[..., float]) -> list[float]:
    """What Python's own functions give."""

    def result(function: Callable[..., float]) -> float:
        try:
            return float(function(*args))
        except (ArithmeticError, ValueError):
            return math.nan

    return list(map(result, functions))


# Derivatives that are functions of `math` themselves, and as good as these.
SLOPES: Mapping[str, tuple[Callable[..., float]]] = {
    "sin": (math.cos,),
    "cos": (lambda x: -math.sin(x),),
    "tan": (lambda x: 1.0 + math.tan(x) ** 2,),
    "sinh": (math.cosh,),
    "cosh": (math.sinh,),
}


def size_of_terms(weights: list[float], inputs: list[float], bias: float) -> list[Any]:
    with np.errstate(over="ignore"):
        size = np.absolute(np.multiply(weights, inputs)).sum() + abs(bias)
    return [float(size)] + [None] * (2 * len(weights) + 1)


# Arguments that are not any number: by row and position, those they are.
CHOICES: Mapping[str, Mapping[int, tuple[float, ...]]] = {
    "where": {0: (0.0, 1.0)},
    "monomial": {0: (1.0, -0.3, 2.7e5, -6.1e-200, 8.3e200), 3: (0.0, 1.0, 2.0, 3.0)},  # as rules use it
}

SPECIAL: Mapping[str, dict[str, Any]] = {
    "dot": {"units": size_of_terms, "note": "value in ulp of Σ|wᵢxᵢ| + |b|: terms may cancel"},
    "logsumexp": LOGITS,
    "softmax": LOGITS,
    "log_softmax": LOGITS,
}


# --- losses ----------------------------------------------------------------------------------------


def of_loss(
    title: str, name: str, sampled: Callable[[random.Random], Args], special: dict[str, Any], compare: bool
) -> Subject:
    def engine(z: Any, target: Any) -> list[Any]:
        leaves = list(map(Value, z)) if isinstance(z, list) else Value(z)
        loss = nn.LOSSES[name](leaves, target)
        loss.backward()
        return [loss.data, *(leaf.grad for leaf in oracle.flatten([leaves]))]

    def with_targets(count: int) -> Iterable[Args]:
        choose = random.Random(title)
        return [sampled(choose) for _ in range(count)]

    return Subject(
        name=title,
        engines=engines_of(engine, name, compare),
        reference=oracle.LOSSES[name],
        parameters=("z",),
        points=with_targets,
        **special,
    )


def class_among_logits(choose: random.Random) -> Args:
    z = points.logits(choose)
    label = choose.randrange(len(z))
    return z, [float(k == label) for k in range(len(z))]


def shares_among_logits(choose: random.Random) -> Args:
    z = points.logits(choose)
    sizes = [choose.random() for _ in z]
    return z, [size / math.fsum(sizes) for size in sizes]


def larger_term(z: Any, target: Any) -> list[Any]:
    """For each z, its probability or its target."""
    exact = oracle.exactly([z])[0]
    probabilities = oracle.shares(exact) if isinstance(z, list) else [oracle.sigma(exact)]
    return [None, *map(max, probabilities, oracle.flatten([target]))]


CANCELS = {**LOGITS, "units": larger_term, "note": "∂z = p − t in ulp of the larger: they may cancel"}

LOSSES: Mapping[str, tuple[str, Callable[[random.Random], Args], dict[str, Any]]] = {
    "cross_entropy": ("cross_entropy", class_among_logits, LOGITS),
    "cross_entropy, soft targets": ("cross_entropy", shares_among_logits, CANCELS),
    "binary_cross_entropy_with_logits": (
        "binary_cross_entropy_with_logits",
        lambda choose: (points.some_float(choose), choose.choice((0.0, 1.0))),
        LOGITS,
    ),
    "binary_cross_entropy_with_logits, soft targets": (
        "binary_cross_entropy_with_logits",
        lambda choose: (points.some_float(choose), choose.random()),
        CANCELS,
    ),
}
