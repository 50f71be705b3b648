"""What people call the quantities of the assignment, and which of them a name means.

One quantity has one name here, that of the recorded graph: ``a_h1``, ``E_total``. A derivative is
``∂E_total/∂w1``, whatever node is differentiated by whatever other; a weight after the update of its
own row is ``w1'``; the learning rate is ``η``, and the number of a row ``epoch``.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator

__all__ = ["EPOCH", "RATE", "TOTAL", "derivative", "quantity", "split_derivative", "updated"]

EPOCH, RATE, TOTAL = "epoch", "η", "E_total"

# What stands for ∂ in a fraction: letters like it, and what ∂ becomes in a file of another encoding.
_ROUND_D = "d∂δðđꝺϑ¶¹?\ufffd"

_ETA = r"(?:η|ƞ|ɳ|ŋ|eta|α|alpha|lr|l\.r\.?|(?:learn|learning|leaning|learing|training)-?rate|rate)"
_LOSS = r"(?:e|error|err|loss|cost|mse|se)"
_ACTIVATION = r"(?:\?|\ufffd|a|ac|act|activation|activated|out|output|σ|sigma|sigmoid|sig|logistic|f|sg)"
_SUM = r"(?:net|netinput|sum|z|in|weightedsum|pre)"
_NAMES = {
    EPOCH: r"(?:epochs?|iterations?|iters?|itr|steps?|s\.?no\.?|sr\.?no\.?|slno\.?|no\.?|number|#|index|idx"
    r"|n|row|rounds?|pass|count|cycle)(?:no\.?|number|#)?",
    RATE: rf"(?:initial|the)?(?:{_ETA})+",
    "i{}": r"(?:i|x|in|inp|inputs?)-?([12])",
    "t{}": r"(?:t|targets?|tgt|targ|expected|desired|true|actual)-?(?:o|out|outputs?)?-?([12])",
    "t{} ": r"(?:o|out|outputs?)-?([12])targets?",
    "w{}": r"(?:old|current)?(?:w|wt|wgt|weights?)-?([1-8])(?:old|current)?",
    "w{}'": r"(?:(?:new|updated?|next)(?:w|wt|weights?)-?([1-8])|(?:w|wt|weights?)-?([1-8])"
    r"(?:\+|'|′|\*|-?new|-?updated?|-?next|\(?[tnki]\+1\)?))",
    "b{}": r"(?:b|bias)-?([1-4])",
    "b_{}": r"(?:b|bias)([ho][12])",
    "{}": rf"(?:{_SUM}?-?(h|hidden|o)-?([12])|(h|hidden|o)-?([12])-?(?:{_SUM}))",
    "a_{}": rf"(?:{_ACTIVATION}(?:of)?-?(h|hidden|o|0)-?([12])|(h|hidden|o|0)-?([12])-?(?:{_ACTIVATION}))",
    "a_o{}": r"(?:out|outputs?|pred|predicted|prediction|ŷ)-?([12])",
    "E{}": rf"{_LOSS}-?(?:o|0|out|output|of)?-?([12])",
    TOTAL: rf"(?:(?:total|sum|overall|full|σ|∑|net)-?(?:of)?-?{_LOSS}s?|{_LOSS}s?"
    rf"|{_LOSS}-?(?:t|tot|totl|total|ttl|sum|all|overall|net|function|value)|e1\+e2|mean?squarederror)",
}
_PATTERNS = [(name, re.compile(pattern)) for name, pattern in _NAMES.items()]
_ANY_NAME = re.compile("|".join(_NAMES.values()))

_WORDS_FOR_GRADIENT = re.compile(
    r"^(?:(?:the)?(?:partial)?(?:gradients?|grad|derivatives?|slopes?|partial)(?:of|for|wrt)?|∇|nabla|g)"
)
_RESPECT = re.compile(r"(?:wrt|w\.r\.t\.?|withrespectto|by|over)")
_GRADIENT_OF = re.compile(r"-?(?:grad|gradient)$")
_BEGINS_AS_LOSS = re.compile(_LOSS)
_TRAINED = re.compile(r"[wb](?:[ho])?[1-8]")
_FRACTION = re.compile(r"∂(.+)/∂(.+)")

_REMARK = re.compile(r"[(\[](?:[^()\[\]*+/^\d-]*|[\d.]+)[)\]]")
_INSIDE = re.compile(r"[(\[]([^()\[\]]*)[)\]]")
_UNSEEN = re.compile(r"[\u200b-\u200f\u2060\ufeff\u00ad]")
_PARTIAL = re.compile(r"\\partial|\\delta|partial(?=\s*[ewaoh]\b)")
_DASH = re.compile("[−–—‐‑]")
_SPACES = re.compile(r"(?<!\n)[ \t\xa0]+")
_ORNAMENT = re.compile(r"[\s_{}$^`\"()\[\],;]")

_LONGEST_REMARK = 200  # letters of a name with all that is added to it
_LONGEST = 80  # of a derivative, which is looked at from each of its letters
_LONGEST_NAME = 40


def derivative(top: str, bottom: str) -> str:
    """The name of the derivative of one quantity by another."""
    return f"∂{top}/∂{bottom}"


@functools.cache
def split_derivative(name: str) -> tuple[str, str] | None:
    """The two quantities of a derivative, or None for what is none.

    >>> split_derivative("∂E_total/∂w1"), split_derivative("w1")
    (('E_total', 'w1'), None)
    """
    match = _FRACTION.fullmatch(name)
    return (match[1], match[2]) if match else None


def updated(weight: str) -> str:
    """The name of a weight after the update of its own row."""
    return f"{weight}'"


@functools.lru_cache(maxsize=32_768)  # more than a file may have
def quantity(text: str) -> str | None:
    """The quantity that a header or a label names; None for anything else.

    Examples
    --------
    >>> [quantity(text) for text in ("W₁", "σ(h1)", "out_o2", "E Total", "Learning Rate (η)", "notes")]
    ['w1', 'a_h1', 'a_o2', 'E_total', 'η', None]
    >>> [quantity(text) for text in ("∂E/∂w1", "ðE_t/ðw1", "dEtotal_dW1", "∂a_o1 / ∂o1", "w1 (new)")]
    ['∂E_total/∂w1', '∂E_total/∂w1', '∂E_total/∂w1', '∂a_o1/∂o1', "w1'"]
    """
    if len(text) > _LONGEST_REMARK:
        return None
    for part in _readings(text):
        name = (_name(part) or _derivative(part)) if len(part) <= _LONGEST else None
        if name is not None:
            return name
    return None


def _readings(text: str) -> Iterator[str]:
    """The name as it stands, then without what people add to names."""
    plain = _plain(text)
    yield _bare(plain)
    for mark in ("=", ":", "\n", "->", "→"):
        head = plain.split(mark)[0]
        if head != plain:
            yield _bare(head)
    # What stands in parentheses is a remark unless it computes something: w1 (old), but not a (1 − a).
    without = _REMARK.sub("", plain)
    if without != plain:
        yield _bare(without)
        inside = _INSIDE.search(plain)
        if inside:
            yield _bare(inside[1])


def _plain(text: str) -> str:
    """Lower case, without indices set low, LaTeX's commands and dashes of many kinds."""
    text = unicodedata.normalize("NFKC", text).strip().casefold()
    text = _UNSEEN.sub("", text)
    text = _PARTIAL.sub("∂", text)
    text = text.replace("\\frac", "").replace("}{", "/").replace("\\", "")
    text = _DASH.sub("-", text)
    text = text.replace("÷", "/").replace("⁄", "/").replace("∕", "/").replace("ς", "σ")
    return _SPACES.sub(" ", text)


def _bare(text: str) -> str:
    text = _ORNAMENT.sub("", text)
    return text.strip(":=.-") if len(text) > 1 else text


def _name(text: str) -> str | None:
    if len(text) > _LONGEST_NAME or not _ANY_NAME.fullmatch(text):
        return None
    for name, pattern in _PATTERNS:
        match = pattern.fullmatch(text)
        if match:
            index = "".join(group for group in match.groups() if group)
            index = index.replace("hidden", "h").replace("0", "o")
            return name.strip().format(index)
    return None


def _derivative(text: str) -> str | None:
    """A fraction of two differentials; also with one ∂ left out, without the line, or in words."""
    for top, bottom in _fractions(text):
        above = _name(top)
        below = _name(bottom) if above else None
        if above and below and not {above, below} & {EPOCH, RATE} and above != below:
            return derivative(above, below)
    word = _WORDS_FOR_GRADIENT.match(text)
    rest = (
        text[word.end() :] if word else text[1:] if text[:1] in "d∂ð" else ""
    )  # δw1 may be the step −η ∂E/∂w1
    rest = rest or (text[: -len(tail[0])] if (tail := _GRADIENT_OF.search(text)) else "")
    if rest and _TRAINED.fullmatch(rest):
        return derivative(TOTAL, _name(rest) or rest)
    return _derivative(rest) if word and rest else None


def _fractions(text: str) -> Iterator[tuple[str, str]]:
    """The ways to take a text for top and bottom of a derivative."""
    if text.count("/") == 1:
        top, bottom = text.split("/")
        with_sign = top[:1] in _ROUND_D or bottom[:1] in _ROUND_D
        tops, bottoms = ([part, part[1:] if part[:1] in _ROUND_D else part] for part in (top, bottom))
        for above in reversed(tops):
            for below in reversed(bottoms):
                if with_sign or _BEGINS_AS_LOSS.match(above):
                    yield above, below
    for match in _RESPECT.finditer(text):
        yield text[: match.start()].lstrip(_ROUND_D), text[match.end() :].lstrip(_ROUND_D)
    if text[:1] in _ROUND_D and "/" not in text:
        for place in range(2, len(text) - 1):
            if text[place] in _ROUND_D:
                yield text[1:place], text[place + 1 :]
