"""The assignment of courses on backpropagation, as a problem whose sheets can be checked.

    h1 = w1·i1 + w2·i2      a_h1 = σ(h1)        o1 = w5·a_h1 + w6·a_h2      a_o1 = σ(o1)
    h2 = w3·i1 + w4·i2      a_h2 = σ(h2)        o2 = w7·a_h1 + w8·a_h2      a_o2 = σ(o2)
    E1 = ½(t1 − a_o1)²      E2 = ½(t2 − a_o2)²  E_total = E1 + E2

A published walk-through adds biases: b1 and b2, of a layer each, which stay as they are. Others give each
neuron one.
"""

from __future__ import annotations

import functools
import re

from ..engine.primitives import dot, sigmoid
from ..engine.value import Value
from .expected import Network
from .problem import Problem
from .vocabulary import COUNTS, Pattern, Vocabulary

__all__ = ["assignment"]

_INPUTS = {"i1": 0.05, "i2": 0.10}
_TARGETS = ({"t1": 0.5, "t2": 0.5}, {"t1": 0.01, "t2": 0.99})  # the pairs that courses use
_WEIGHTS = dict(zip([f"w{k}" for k in range(1, 9)], (0.15, 0.20, 0.25, 0.30, 0.40, 0.45, 0.50, 0.55)))
_BIASES = (("b1", "b2"), ("b1", "b2", "b3", "b4"), ("b_h1", "b_h2", "b_o1", "b_o2"))
_LOSSES = {
    "half": "",
    "whole": (
        "the loss is defined here without ½, as E1 = (t1 − a_o1)²: the assignment has ½, and its gradients "
        "are half of these. All is checked by the sheet's own definition"
    ),
    "mean": (
        "E1 = (t1 − a_o1)² stands here without ½, and E_total is the mean of E1 and E2: the assignment has "
        "the ½ in E1 and E2, and the same E_total. All is checked by the sheet's own definition"
    ),
}

_LOSS = r"(?:e|error|err|loss|cost|mse|se)"
_ACTIVATION = r"(?:\?|\ufffd|a|ac|act|activation|activated|out|output|σ|sigma|sigmoid|sig|logistic|f|sg)"
_SUM = r"(?:net|netinput|sum|z|in|weightedsum|pre)"
_HIDDEN, _OUT = "(?:h|hidden)", "o"
_WRITTEN = {
    "i{}": r"(?:i|x|in|inp|inputs?|features?)-?([12])",
    "t{}": r"(?:t|y|targets?|tgt|targ|expected|desired|wanted|true|actual|labels?|goal|ytrue|ytarget)"
    r"-?(?:o|out|outputs?|values?)?-?([12])|(?:o|out|outputs?)-?([12])targets?",
    "w{}": r"(?:old|current)?(?:w|wt|wgt|weights?)-?([1-8])(?:old|current)?",
    "w{}'": r"(?:(?:new|updated?|next)(?:w|wt|weights?)-?([1-8])|(?:w|wt|weights?)-?([1-8])"
    r"(?:\+|'|′|\*|-?new|-?updated?|-?next|\(?[tnki]\+1\)?))",
    "b{}": r"(?:b|bias)-?([1-4])",
    "b_{}": r"(?:b|bias)([ho][12])",
    "h{}": rf"(?:{_SUM}?-?{_HIDDEN}-?([12])|{_HIDDEN}-?([12])-?{_SUM})",
    "o{}": rf"(?:{_SUM}?-?{_OUT}-?([12])|{_OUT}-?([12])-?{_SUM})",
    "a_h{}": rf"(?:{_ACTIVATION}(?:of)?-?{_HIDDEN}-?([12])|{_HIDDEN}-?([12])-?{_ACTIVATION})",
    "a_o{}": rf"(?:{_ACTIVATION}(?:of)?-?[o0]-?([12])|[o0]-?([12])-?{_ACTIVATION}"
    r"|(?:out|outputs?|pred|predicted|prediction|ŷ|yhat|ypred)-?(?:out|outputs?)?-?([12]))",
    "E{}": rf"{_LOSS}-?(?:o|0|out|output|of)?-?([12])",
    "E_total": rf"(?:(?:total|sum|overall|full|σ|∑|net)-?(?:of)?-?{_LOSS}s?|{_LOSS}s?"
    rf"|{_LOSS}-?(?:t|tot|totl|total|ttl|sum|all|overall|net|function|value)|e1\+e2|mean?squarederror)",
}
_PATTERNS: list[Pattern] = [*COUNTS, *((name, re.compile(pattern)) for name, pattern in _WRITTEN.items())]
_ABOVE: list[Pattern] = [("E_total", re.compile("[ljc]")), ("E{}", re.compile("[ljc]-?(?:o|out)?-?([12])"))]
_SECOND: list[Pattern] = [("a_o{}", re.compile("y-?([12])"))]


def _record(loss: str, biases: tuple[str, ...]) -> dict[str, Value]:
    """The network under the names of its quantities; two biases belong to a layer each, four to a neuron."""
    nodes = {name: Value(data, name) for name, data in {**_INPUTS, **_TARGETS[0], **_WEIGHTS}.items()}
    numbers = (0.35, 0.60) if len(biases) == 2 else (0.35, 0.60, 0.35, 0.60)
    nodes |= {name: Value(data, name) for name, data in zip(biases, numbers)}
    of_neurons = biases if len(biases) == 4 else [name for name in biases for _ in range(2)]

    def neuron(name: str, turn: int, inputs: list[Value]) -> None:
        weights = [nodes[f"w{2 * turn + k}"] for k in (1, 2)]
        nodes[name] = dot(weights, inputs, nodes[of_neurons[turn]] if biases else None)
        nodes[f"a_{name}"] = sigmoid(nodes[name])

    for turn, name in enumerate(("h1", "h2", "o1", "o2")):
        neuron(name, turn, [nodes[each] for each in (("i1", "i2") if turn < 2 else ("a_h1", "a_h2"))])
    for k in (1, 2):
        square = (nodes[f"t{k}"] - nodes[f"a_o{k}"]) ** 2
        nodes[f"E{k}"] = 0.5 * square if loss == "half" else square
    total = nodes["E1"] + nodes["E2"]
    nodes["E_total"] = total / 2 if loss == "mean" else total
    for name, node in nodes.items():
        node.label = name
    return nodes


@functools.cache
def _network(loss: str, biases: tuple[str, ...]) -> Network:
    return Network(_record(loss, biases), "E_total", _WEIGHTS, biases, _TARGETS[0], {"o": "h"})


@functools.cache
def assignment() -> Problem:
    """The problem: two inputs, two hidden neurons, two outputs, sigmoid everywhere.

    Inputs, weights and biases of the sheet are its own; two pairs of targets and three ways to define the
    loss are tried where it does not say.

    Returns
    -------
    the `Problem`, for `check_workbook`.

    Source: Rumelhart, Hinton and Williams 1986, "Learning representations by back-propagating errors"; the
    numbers are those of the walk-through that courses use.

    Examples
    --------
    >>> words = assignment().vocabulary
    >>> [words.quantity(text) for text in ("W₁", "σ(h1)", "out_o2", "E Total", "Learning Rate (η)", "notes")]
    ['w1', 'a_h1', 'a_o2', 'E_total', 'η', None]
    >>> [words.quantity(text) for text in ("∂E/∂w1", "ðE_t/ðw1", "dEtotal_dW1", "∂a_o1 / ∂o1", "w1 (new)")]
    ['∂E_total/∂w1', '∂E_total/∂w1', '∂E_total/∂w1', '∂a_o1/∂o1', "w1'"]
    """
    trained = {*_WEIGHTS, *(name for names in _BIASES for name in names)}
    return Problem(
        title="the assignment",
        vocabulary=Vocabulary(
            _PATTERNS, "E_total", ("E1", "E2", "E_total"), trained, above=_ABOVE, second=_SECOND
        ),
        network=_network,
        inputs=_INPUTS,
        weights=_WEIGHTS,
        targets=_TARGETS,
        biases=_BIASES,
        numberings=[{"w2": "w3", "w3": "w2", "w6": "w7", "w7": "w6"}],  # by input, not by neuron
        losses=_LOSSES,
    )
