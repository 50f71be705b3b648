"""The losses of one example: a `Value` from a prediction and a target, or a float from numbers alone.

A prediction is a `Value`, or a sequence of them for several outputs; a target is a number, or as many. Names,
formulas and options are torch's:

- ``reduction`` : ``"mean"``, ``"sum"``, or ``"none"`` for a list with the loss of each output.
- ``weight`` : a factor of the loss of each output, or of each class for `cross_entropy`.

A target may be a `Value`, such as an input of a compiled program; the recorded graph then does not depend on
its number.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable
from decimal import Decimal
from numbers import Real
from typing import Any

from autograd import (
    Value,
    log,
    log1p,
    log_softmax,
    maximum,
    mean,
    minimum,
    peek,
    relu,
    softplus,
    sum,
    take,
    where,
)

from .arguments import (
    require_choice,
    require_fraction,
    require_integer,
    require_kind,
    require_number,
    require_option,
    scalar,
)

__all__ = [
    "LOSSES", "Loss", "binary_cross_entropy", "binary_cross_entropy_with_logits", "cross_entropy",
    "find_loss", "half_squared_error", "hinge_loss", "huber_loss", "ignored_class", "l1_loss",
    "mse_loss", "name_of", "uncounted_classes",
]  # fmt: skip

Loss = Callable[[Any, Any], Any]

_REDUCTIONS = ("mean", "sum", "none")
_SMALLEST = math.exp(-100.0)  # torch clamps the logarithm of a probability at −100
_LOG_SOFTMAX: Any = log_softmax([Value(0.0)])[0].primitive  # of one logit, given the others


def mse_loss(prediction: Any, target: Any, *, reduction: str = "mean", weight: Any = None) -> Any:
    """The mean squared error (1/n) Σ (ŷᵢ − yᵢ)² over n outputs.

    Parameters
    ----------
    prediction : ŷ, a `Value` or n of them.
    target : y, a number or n of them.
    reduction : ``"mean"``, ``"sum"`` or ``"none"``.
    weight : w, n numbers from 0 on: Σ wᵢ (ŷᵢ − yᵢ)², which the mean divides by Σ wᵢ.

    Raises
    ------
    TypeError, ValueError : if an argument is not as described, a target is nan, the lengths differ, or all
        weights of a mean are 0.

    Source: `torch.nn.functional.mse_loss`.

    Examples
    --------
    >>> from autograd import Value
    >>> y = Value(3.0)
    >>> loss = mse_loss(y, 1.0)
    >>> loss.backward()
    >>> loss.data, y.grad
    (4.0, 4.0)
    """
    terms = [(y - t) ** 2 for y, t in _pairs("mse_loss", prediction, target)]
    return _reduced("mse_loss", prediction, terms, reduction, weight, by_weight=True)


def half_squared_error(prediction: Any, target: Any) -> Any:
    """Half the squared error, Σ ½ (yᵢ − ŷᵢ)²: the ½ cancels the 2 of the derivative ŷᵢ − yᵢ.

    Parameters
    ----------
    prediction, target : as for `mse_loss`.

    Raises
    ------
    TypeError, ValueError : as for `mse_loss`.

    Source: Rumelhart, Hinton and Williams 1986, "Learning representations by back-propagating errors", eq. 3.

    Examples
    --------
    >>> half_squared_error([0.5, 2.0], [1.5, 0.0])
    2.5
    """
    pairs = _pairs("half_squared_error", prediction, target)
    return _over_outputs(sum, [0.5 * (t - y) ** 2 for y, t in pairs])


def l1_loss(prediction: Any, target: Any, *, reduction: str = "mean", weight: Any = None) -> Any:
    """The mean absolute error (1/n) Σ |ŷᵢ − yᵢ| over n outputs.

    Parameters, Raises: as for `mse_loss`.

    Source: `torch.nn.functional.l1_loss`.

    Examples
    --------
    >>> l1_loss([1.0, 4.0], [2.0, 2.0])
    1.5
    """
    terms = [abs(y - t) for y, t in _pairs("l1_loss", prediction, target)]
    return _reduced("l1_loss", prediction, terms, reduction, weight, by_weight=True)


def huber_loss(
    prediction: Any, target: Any, delta: float = 1.0, *, reduction: str = "mean", weight: Any = None
) -> Any:
    """½ d² for errors d = ŷᵢ − yᵢ up to δ, δ (|d| − ½ δ) beyond, mean over outputs: outliers pull less.

    It is recorded as ½ m² + δ (max(|d|, δ) − δ) with m = min(|d|, δ): the same graph on both sides. In
    m (|d| − ½ m), an infinite d would give 0 · ∞.

    Parameters
    ----------
    prediction, target, reduction : as for `mse_loss`.
    delta : δ, above 0.
    weight : n factors of the losses, from 0 on; the mean divides by n.

    Raises
    ------
    TypeError, ValueError : as for `mse_loss`.

    Source: Huber 1964, "Robust estimation of a location parameter"; `torch.nn.functional.huber_loss`.

    Examples
    --------
    >>> huber_loss(0.5, 0.0), huber_loss(10.0, 0.0)
    (0.125, 9.5)
    """
    if not require_number("huber_loss: delta", delta) > 0.0:
        raise ValueError(f"huber_loss needs delta > 0, got {delta!r}")

    def huber(distance: Any) -> Any:
        near, far = minimum(distance, float(delta)), maximum(distance, float(delta))
        return 0.5 * near * near + delta * (far - delta)

    terms = [huber(abs(y - t)) for y, t in _pairs("huber_loss", prediction, target)]
    return _reduced("huber_loss", prediction, terms, reduction, weight)


def hinge_loss(prediction: Any, target: Any) -> Any:
    """The mean over outputs of max(0, 1 − yᵢ ŷᵢ): 0 for a score on the right side by a margin of 1.

    Parameters
    ----------
    prediction : ŷ, one score or n of them.
    target : y, −1 or 1 for each.

    Raises
    ------
    TypeError, ValueError : as for `mse_loss`.

    Source: Cortes and Vapnik 1995, "Support-vector networks"; the loss of micrograd's demo.

    Examples
    --------
    >>> hinge_loss(0.25, 1), hinge_loss(0.25, -1), hinge_loss(3.0, 1)
    (0.75, 1.25, 0.0)
    """
    pairs = _pairs("hinge_loss", prediction, target, lambda t: t in (-1.0, 1.0), "-1 or 1")
    return _over_outputs(mean, [relu(1.0 - t * y) for y, t in pairs])


def cross_entropy(
    logits: Any,
    target: Any,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """The cross-entropy −Σ yᵢ log softmax(z)ᵢ from logits, exact however large they are.

    With weights w and label smoothing ε it is −Σ wᵢ ((1 − ε) yᵢ + ε/K) log softmax(z)ᵢ.

    Parameters
    ----------
    logits : z, the K outputs of a model without a softmax, or N rows of K.
    target : the class, an integer from 0 to K − 1; or K probabilities y, such as a one-hot vector. For N rows
        of logits, N of them.
    weight : w, a number from 0 on for each class.
    ignore_index : the class of a row that does not count. For a `Value` as target this is decided when the
        graph is recorded; a program gives nan if the row's target changes to the other kind.
    reduction : ``"sum"`` over rows, ``"none"`` for a list of N, with 0 for ignored rows, or ``"mean"``: the
        sum over N for probabilities, or for classes over the sum of w of the targets that count. On one row
        alone, the weight of its class therefore has no effect on the mean.
    label_smoothing : ε, from 0 to 1: the part of each target that is spread evenly over all classes.

    Raises
    ------
    TypeError, ValueError : if an argument is not as described; if there is not one target for each row; if
        `ignore_index` is a class and targets are probabilities; if a mean has no target that counts.
    IndexError : by a program that is run with a class out of range, see `autograd.take`.

    Source: `torch.nn.functional.cross_entropy`; Szegedy et al. 2016, "Rethinking the Inception architecture
    for computer vision", section 7, for label smoothing.

    Examples
    --------
    >>> cross_entropy([1000.0, 0.0, -1000.0], 1), cross_entropy([1000.0, 0.0, -1000.0], 2)
    (1000.0, 2000.0)
    >>> cross_entropy([0.0, 0.0], [0.5, 0.5])
    0.6931471805599453
    >>> cross_entropy([[9.0, 0.0], [0.0, 0.0]], [-100, 0], weight=[2.0, 1.0], reduction="none")
    [0.0, 1.3862943611198906]
    """
    rows, targets, single = _rows(logits, target)
    K = len(rows[0])
    smoothing = require_fraction("cross_entropy: label_smoothing", label_smoothing)
    weights = None if weight is None else _weights("cross_entropy", weight, K, "class")
    ignored = require_integer("cross_entropy: ignore_index", ignore_index)
    require_option("cross_entropy: reduction", reduction, *_REDUCTIONS)
    losses: list[Any] = []
    shares: list[Any] = []  # what the mean divides the sum by
    for z, t in zip(rows, targets):
        if not hasattr(t, "__iter__") or isinstance(t, str):
            loss, share = _of_class(z, t, weights, smoothing, ignored)
        else:
            loss, share = _of_probabilities(z, t, weights, smoothing), 1.0
            if ignored >= 0:
                raise ValueError(
                    "cross_entropy ignores classes, and the targets are probabilities: "
                    f"got ignore_index={ignored}"
                )
        losses.append(loss)
        shares.append(share)
    if reduction != "mean":
        found = losses if reduction == "none" else [_over_outputs(sum, losses)]
        found = [_recorded(each, [z for row in rows for z in row]) for each in found]
        return found if reduction == "none" and not single else found[0]
    if all(type(share) is float for share in shares):
        if not any(shares):
            raise ValueError(
                f"cross_entropy has no mean over {len(shares)} targets that are all ignored or of weight 0"
            )
        if all(share == 1.0 for share in shares):
            return _over_outputs(mean, losses)
    return _over_outputs(sum, losses) / sum(shares)


def _rows(logits: Any, target: Any) -> tuple[list[list[Any]], list[Any], bool]:
    """The rows of logits, their targets, and whether a single row was given."""
    if not hasattr(logits, "__iter__") or isinstance(logits, str):
        raise TypeError(
            f"cross_entropy takes a sequence of logits, one per class, got {type(logits).__name__}: "
            "use binary_cross_entropy_with_logits for a single output and two classes"
        )
    logits, target = list(map(scalar, logits)), scalar(target)
    if not logits:
        raise ValueError("cross_entropy needs at least one logit, got an empty sequence")
    if not hasattr(logits[0], "__iter__") or isinstance(logits[0], str):
        return [logits], [target], True
    rows = list(map(_listed, logits))
    lengths = sorted({len(row) for row in rows})
    if len(lengths) > 1 or not lengths[0]:
        raise ValueError(f"cross_entropy takes rows with a logit for each class, got rows of {lengths}")
    targets = _listed(target)
    if len(targets) != len(rows):
        raise ValueError(
            f"cross_entropy needs a target for each row of logits, got {len(rows)} rows and "
            f"{len(targets)} targets"
        )
    return rows, targets, False


def _of_class(
    logits: list[Any], target: Any, weights: list[float] | None, smoothing: float, ignored: int
) -> tuple[Any, Any]:
    """The loss of a row with a class as target, and its weight in the mean; both 0 if it is ignored."""
    value = type(target) is Value
    label = _class(peek(target) if value else target, len(logits), ignored)
    if label == ignored:  # a graph goes on ignoring the row, and gives nan for any other class
        return where(abs(target - float(ignored)), math.nan, 0.0) if value else 0.0, 0.0
    scores = log_softmax(logits) if value or smoothing else []
    if value:
        loss = -take(scores, target)
    else:
        loss = -_LOG_SOFTMAX(logits[label], [*logits[:label], *logits[label + 1 :]])
    if value and 0 <= ignored < len(logits):
        loss = where(target - float(ignored), loss, math.nan)  # a graph goes on counting the row
    own: Any = 1.0
    if weights is not None:
        own = take(weights, target) if value else weights[label]
        loss = own * loss if value or own else 0.0
    if smoothing:
        spread = scores if weights is None else [w * y for w, y in zip(weights, scores) if w]
        loss = (1.0 - smoothing) * loss - smoothing / len(scores) * sum(spread)
    return loss, own


def _recorded(loss: Any, outputs: list[Any]) -> Any:
    """A loss of 0 as a node of the outputs, so that it has a gradient."""
    values = [] if isinstance(loss, Value) else [y for y in outputs if isinstance(y, Value)]
    return where(0.0, values[0], loss) if values else loss


def _of_probabilities(logits: list[Any], target: Any, weights: list[float] | None, smoothing: float) -> Any:
    """The loss of a row with probabilities as target."""
    pairs = _pairs("cross_entropy", logits, target, *_PROBABILITY)
    total = math.fsum(peek(t) for _, t in pairs)
    if abs(total - 1.0) > 1e-6:
        raise ValueError(f"cross_entropy needs probabilities that sum to 1, got a sum of {total!r}")
    shares = [t for _, t in pairs]
    if smoothing:
        shares = [(1.0 - smoothing) * t + smoothing / len(shares) for t in shares]
    if weights is not None:
        shares = [w * t if w else 0.0 for w, t in zip(weights, shares)]
    terms = zip(shares, log_softmax(logits))
    # A term of weight 0 is left out: 0 · −inf would be nan.
    return _over_outputs(sum, [-t * y for t, y in terms if type(t) is Value or t])


def binary_cross_entropy(probability: Any, target: Any, weight: Any = None, reduction: str = "mean") -> Any:
    """The mean over outputs of −(y log p + (1 − y) log(1 − p)), from probabilities.

    As in torch, the logarithms are clamped at −100: the loss is finite at p = 0 and p = 1, but its gradient
    there is 0 and a wrong output stops learning. `binary_cross_entropy_with_logits` has neither limit.

    Parameters
    ----------
    probability : p, one or n numbers from 0 to 1, such as the output of a sigmoid.
    target : y, as many numbers from 0 to 1.
    weight, reduction : as for `huber_loss`.

    Raises
    ------
    TypeError, ValueError : as for `mse_loss`.

    Source: `torch.nn.functional.binary_cross_entropy`.

    Examples
    --------
    >>> binary_cross_entropy(0.5, 1), binary_cross_entropy(0.0, 1)
    (0.6931471805599453, 100.0)
    """

    def term(p: Any, t: Any) -> Any:
        if peek(p) < 0.0 or peek(p) > 1.0:  # nan passes and gives nan
            raise ValueError(
                f"binary_cross_entropy takes probabilities from 0 to 1, got {peek(p)!r}: "
                "use binary_cross_entropy_with_logits for logits"
            )
        # Clamping the logarithm instead would give the gradient 0 · inf at p = 0. 1 − p is 0 or above 1e-16,
        # so the second logarithm reaches −100 at p = 1 only.
        return _weighted(t, lambda: -log(maximum(p, _SMALLEST)), lambda: where(1.0 - p, -log1p(-p), 100.0))

    pairs = _pairs("binary_cross_entropy", probability, target, *_PROBABILITY)
    terms = [term(p, t) for p, t in pairs]
    return _reduced("binary_cross_entropy", probability, terms, reduction, weight)


def binary_cross_entropy_with_logits(
    logit: Any, target: Any, weight: Any = None, reduction: str = "mean", pos_weight: Any = None
) -> Any:
    """The mean over outputs of −(y log σ(z) + (1 − y) log σ(−z)), from logits: exact however large.

    It is recorded as y softplus(−z) + (1 − y) softplus(z): two terms from 0 on, which do not cancel.

    Parameters
    ----------
    logit : z, one or n outputs of a model without a sigmoid.
    target : y, as many numbers from 0 to 1.
    weight, reduction : as for `huber_loss`.
    pos_weight : n factors of the terms with y, from 0 on.

    Raises
    ------
    TypeError, ValueError : as for `mse_loss`.

    Source: `torch.nn.functional.binary_cross_entropy_with_logits`.

    Examples
    --------
    >>> binary_cross_entropy_with_logits(-1000.0, 1), binary_cross_entropy_with_logits(1000.0, 1)
    (1000.0, 0.0)
    """

    name = "binary_cross_entropy_with_logits"

    def term(z: Any, t: Any, p: float) -> Any:
        return _weighted(t, lambda: softplus(-z) if p == 1.0 else p * softplus(-z), lambda: softplus(z))

    pairs = _pairs(name, logit, target, *_PROBABILITY)
    positive = [1.0] * len(pairs) if pos_weight is None else _weights(name, pos_weight, len(pairs), "output")
    terms = [term(z, t, p) for (z, t), p in zip(pairs, positive)]
    return _reduced(name, logit, terms, reduction, weight)


LOSSES: dict[str, Loss] = {
    loss.__name__: loss
    for loss in (
        mse_loss, half_squared_error, l1_loss, huber_loss, hinge_loss, cross_entropy, binary_cross_entropy,
        binary_cross_entropy_with_logits,
    )
}  # fmt: skip
"""Every loss by name."""


def find_loss(choice: str | Loss) -> Loss:
    """The loss of that name, or the function itself.

    Raises
    ------
    TypeError, ValueError : if `choice` is neither a name in `LOSSES` nor a function.

    Examples
    --------
    >>> find_loss("mse_loss") is mse_loss
    True
    """
    loss: Loss = require_choice("loss", choice, LOSSES, "loss(prediction, target)")
    return loss


def ignored_class(loss: Any) -> int | None:
    """The class that a loss ignores, or None."""
    if getattr(loss, "func", loss) is not cross_entropy:
        return None
    return int(getattr(loss, "keywords", {}).get("ignore_index", -100))


def uncounted_classes(loss: Any) -> set[float] | None:
    """The classes that are ignored or have the weight 0; None for a loss that ignores none."""
    ignored = ignored_class(loss)
    weight = scalar(getattr(loss, "keywords", {}).get("weight"))
    if ignored is None or not hasattr(weight, "__iter__"):
        return None if ignored is None else {ignored}
    return {ignored, *(i for i, w in enumerate(weight) if w == 0.0)}


def name_of(loss: Loss) -> str:
    """The name of a loss, with the options of a `functools.partial`.

    >>> import functools
    >>> name_of(functools.partial(cross_entropy, label_smoothing=0.1))
    'cross_entropy(label_smoothing=0.1)'
    """
    if not isinstance(loss, functools.partial):
        return getattr(loss, "__name__", type(loss).__name__)
    given = [*map(repr, loss.args), *(f"{name}={value!r}" for name, value in loss.keywords.items())]
    return f"{name_of(loss.func)}({', '.join(given)})"


# --- shared parts ----------------------------------------------------------------------------------

_PROBABILITY = (lambda t: 0.0 <= t <= 1.0), "a number from 0 to 1"


def _listed(x: Any) -> list[Any]:
    """The numbers of a sequence, or of a single one."""
    x = scalar(x)
    return list(map(scalar, x)) if hasattr(x, "__iter__") and not isinstance(x, str) else [x]


def _pairs(
    loss: str,
    prediction: Any,
    target: Any,
    admits: Callable[[float], bool] = lambda t: t == t,
    expected: str = "a number that is not nan",
) -> list[tuple[Any, Any]]:
    """Checked pairs of output and target; a single one counts as a sequence of one."""
    predictions, targets = _listed(prediction), _listed(target)
    if len(predictions) != len(targets) or not targets:
        raise ValueError(
            f"{loss} needs a target for each output, "
            f"got {len(predictions)} outputs and {len(targets)} targets"
        )
    for i, y in enumerate(predictions):
        if not isinstance(y, Value):
            require_kind(y, (Real, Decimal), f"{loss} takes Values and real numbers")
            predictions[i] = float(y)
    for i, t in enumerate(targets):
        place = f" at position {i}" if len(targets) > 1 else ""
        if type(t) is not Value:
            if not isinstance(t, (Real, Decimal)):
                raise TypeError(
                    f"{loss} takes real numbers as targets, got {type(t).__name__}{place}: {t!r:.60}"
                )
            targets[i] = float(t)
        if not admits(peek(t)):
            raise ValueError(f"{loss} takes {expected} as target, got {t!r}{place}")
    return list(zip(predictions, targets))


def _class(target: Any, classes: int, ignored: int) -> int:
    """A class label as an index; floats are fine if they are whole, as labels from a file often are."""
    number = isinstance(target, (Real, Decimal)) and not isinstance(target, bool)
    try:
        whole = not isinstance(target, bool) and target == (int(target) if number else operator.index(target))
    except (TypeError, ValueError, OverflowError):  # the last two for nan and infinity
        whole = False
    if not whole:
        raise (ValueError if number else TypeError)(
            "cross_entropy takes an integer class label or a probability for each class, "
            f"got {type(target).__name__}: {target!r:.60}"
        )
    label = int(target)
    if label != ignored and not 0 <= label < classes:
        raise ValueError(f"cross_entropy takes a class label from 0 to {classes - 1}, got {label}")
    return label


def _weights(loss: str, given: Any, n: int, what: str) -> list[float]:
    """Checked weights, one for each output or class."""
    weights = _listed(given)
    if len(weights) != n:
        raise ValueError(f"{loss} needs a weight for each {what}, got {len(weights)} for {n}")
    return [require_number(f"{loss}: each weight", w, least=0.0) for w in weights]


def _reduced(
    loss: str, prediction: Any, terms: list[Any], reduction: str, weight: Any, by_weight: bool = False
) -> Any:
    """The reduction of the weighted terms; the mean divides by the sum of weights (`by_weight`) or by n."""
    require_option(f"{loss}: reduction", reduction, *_REDUCTIONS)
    divisor = 0.0
    if weight is not None:
        weights = _weights(loss, weight, len(terms), "output")
        terms = [w * term if w else 0.0 for w, term in zip(weights, terms)]  # 0 · inf would be nan
        divisor = math.fsum(weights) if by_weight else 0.0
        if by_weight and reduction == "mean" and not divisor:
            raise ValueError(f"{loss} has no mean over {len(terms)} outputs that all have the weight 0")
    outputs = _listed(prediction)
    if reduction == "none":
        terms = [_recorded(term, outputs) for term in terms]
        return terms if hasattr(scalar(prediction), "__iter__") else terms[0]
    if reduction == "sum" or divisor:
        total = _recorded(_over_outputs(sum, terms), outputs)
        return total / divisor if reduction == "mean" else total
    return _recorded(_over_outputs(mean, terms), outputs)


def _over_outputs(reduction: Callable[[Any], Any], terms: list[Any]) -> Any:
    """The sum or mean of the terms; a single term needs no node."""
    return terms[0] if len(terms) == 1 else reduction(terms)


def _weighted(t: Any, if_one: Callable[[], Any], if_zero: Callable[[], Any]) -> Any:
    """t · if_one + (1 − t) · if_zero; for the labels 0 and 1 only the term that is not 0 is recorded."""
    if type(t) is not Value and t in (0.0, 1.0):
        return if_one() if t else if_zero()
    return t * if_one() + (1.0 - t) * if_zero()
