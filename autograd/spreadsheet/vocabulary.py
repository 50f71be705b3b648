"""What people call the quantities of a network, and which of them a name means.

One quantity has one name here, that of the recorded graph: ``a_h1``, ``E_total``. A derivative is
``∂E_total/∂w1``, whatever node is differentiated by whatever other; a weight after the update of its
own row is ``w1'``; the learning rate is ``η``, and the number of a row ``epoch``.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

__all__ = [
    "COUNTS", "EPOCH", "MOMENTUM", "RATE", "Pattern", "Vocabulary", "derivative", "patterns_of", "short",
    "split_derivative", "stem", "updated",
]  # fmt: skip

EPOCH, RATE, MOMENTUM = "epoch", "η", "μ"

Pattern = tuple[str, re.Pattern[str]]
"""A name, with ``{}`` for its index, and what is written for it: in small letters, without blanks."""

# What stands for ∂ in a fraction: letters like it, and what ∂ becomes in a file of another encoding.
_ROUND_D = "d∂δðđꝺϑәə¶¹?\ufffd"

_ETA = (
    r"(?:η|ƞ|ɳ|ŋ|eta|α|alpha|γ|gamma|lr|l\.r\.?"
    r"|(?:learn|learning|leaning|learing|training|step)-?(?:rate|size)|rate)"
)
COUNTS: list[Pattern] = [
    (
        EPOCH,
        re.compile(
            r"(?:epochs?|iterations?|iters?|itr|steps?|s\.?no\.?|sr\.?no\.?|slno\.?|no\.?|number|#|index|idx"
            r"|n|row|rounds?|pass|count|cycle)(?:no\.?|number|#)?"
        ),
    ),
    (RATE, re.compile(rf"(?:initial|the)?(?:{_ETA})+")),
    (MOMENTUM, re.compile(r"(?:momentum|impuls|μ|mu|β|beta)(?:μ|mu|β|beta|factor|term|coefficient|rate)?")),
]
"""What numbers the rows, the learning rate and the momentum, of any training."""

_WORDS_FOR_GRADIENT = re.compile(
    r"^(?:(?:the)?(?:partial)?(?:gradients?|grad|derivatives?|slopes?|partial)(?:of|for|wrt)?|∇|nabla|g)"
)
_RESPECT = re.compile(r"(?:wrt|w\.r\.t\.?|withrespectto|by|over)")
_GRADIENT_OF = re.compile(r"-?(?:grad|gradient)$")
_FRACTION = re.compile(r"∂(.+)/∂(.+)")

_REMARK = re.compile(r"[(\[](?:[^()\[\]*+/^\d-]*|[\d.]+)[)\]]")
_INSIDE = re.compile(r"[(\[]([^()\[\]]*)[)\]]")
_BRACKET = re.compile(r"[(\[]")
_WORD = re.compile(r"(?<![^\W\d_])[^\W\d_]{3,}")
_COMPUTES = re.compile(r"[*+/^=·×]|\d\s*-|-\s*\d")
# Behind one of these, what stands in parentheses is what the word is about, not another name for all of it.
_ABOUT = re.compile(
    r"grad|deriv|slope|partial|updat|chang|delta|new|next|old|squ?a?r?|diff|step|momentum|veloc|log|abs"
    r"|err|loss|cost"
)
_UNSEEN = re.compile(r"[\u200b-\u200f\u2060\ufeff\u00ad]")
_PARTIAL = re.compile(r"\\partial|\\delta|partial(?=\s*[ewaoh]\b)")
_PARTIALS = re.compile(r"\b(?:partial|delta|del|doh|dou|dow|round) ?-?(?=[^\W\d_])")
# Letters of other alphabets that look like Latin ones, or are used like them.
_ALIKE = str.maketrans("аеіокрстухнвмεοικωνρυϵ", "aeiokpctyxhbmeoikwvpue")
_OTHER_LANGUAGES = {
    "total error": "gesamtfehler|fehlersumme|erreur totale|error total|erro total",
    "error": "fehler|erreur|erro|errore|ошибка|误差|誤差|损失|損失|오차|verlust|perte|p[eé]rdida|perda"
    "|perdita|потери",
    "total": "gesamt|summe|totale|общая|总|總|합계",
    "weight": "gewicht|poids|peso|вес|权重|權重|重み|가중치|waga|gewicht",
    "input": "eingang|eingabe|entr[eé]e|entrada|ingresso|вход|输入|輸入|入力|입력|wej[sś]cie",
    "output": "ausgang|ausgabe|sortie|salida|sa[ií]da|uscita|выход|输出|輸出|出力|출력|wyj[sś]cie",
    "target": "ziel|zielwert|soll|sollwert|cible|objetivo|alvo|obiettivo|цель|目标|目標|정답|cel",
    "hidden": "versteckt|verborgen|cach[eé]e?|ocult[ao]|oculto|nascosto|скрытый|隐藏|隱藏|隠れ|은닉",
    "activation": "aktivierung|activaci[oó]n|ativa[cç][aã]o|attivazione|активация|激活|活性化|활성화",
    "learning rate": "lernrate|lernschritt|taux d.?apprentissage|tasa de aprendizaje|taxa de aprendizado"
    "|taxa de aprendizagem|tasso di apprendimento|скорость обучения|学习率|學習率|学習率|학습률",
    "gradient": "gradiente|ableitung|d[eé]riv[eé]e|derivada|градиент|梯度|勾配|기울기",
    "epoch": "epoche|[eé]poque|[eé]poca|epoca|эпоха|iteraci[oó]n|itera[cç][aã]o|it[eé]ration"
    "|итерация|轮次|エポック|에포크|durchlauf|schritt|nr",
    "bias": "biais|sesgo|vi[eé]s|смещение|偏置|バイアス|편향",
    "new": "neu|nouveau|nuevo|novo|nuovo|новый|新",
}  # fmt: skip
_TRANSLATED = {
    word: re.compile(rf"(?<![^\W\d_])(?:{others})(?=[\W\d_]|$|{{w}})".replace("{w}", "[\u4e00-\u9fff]"))
    for word, others in _OTHER_LANGUAGES.items()
}
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


def short(name: str) -> str:
    """The name of a quantity as people write it: ∂E/∂w1 for ∂E_total/∂w1."""
    return name.replace("_total/", "/")


def stem(name: str) -> str:
    """The name without its number: a_h for a_h1."""
    return name.rstrip("0123456789")


def patterns_of(names: Iterable[str], trained: Collection[str], output: str) -> list[Pattern]:
    """What is written for the names of a recorded graph: themselves, and a weight after its update.

    The loss E_total is E in the name of a derivative, as `save_workbook` writes it.
    """
    found = []
    for name, written in [*((name, name) for name in names), (output, output.split("_")[0])]:
        bare = re.escape(_bare(_plain(written)))
        found.append((name, re.compile(bare)))
        if name in trained:
            after = rf"(?:new|updated?|next)-?{bare}|{bare}(?:\+|'|′|\*|-?new|-?updated?|-?next)"
            found.append((updated(name), re.compile(after)))
    return [*found, *COUNTS]


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Which quantity a header or a label names.

    >>> words = Vocabulary(patterns_of(["w1", "x", "L"], ["w1"], "L"), "L", ["L"], ["w1"])
    >>> [words.quantity(text) for text in ("W₁", "∂L/∂w1", "dL_dw1", "w1 (new)", "Learning Rate", "notes")]
    ['w1', '∂L/∂w1', '∂L/∂w1', "w1'", 'η', None]
    """

    patterns: Sequence[Pattern]  # the likeliest first
    output: str  # the loss, which a derivative is of where nothing else is said
    losses: Collection[str]  # what stands above a derivative that is written without ∂: E/w1
    trained: Collection[str]  # what the loss is differentiated by, where only that is written: dw1
    exact: Mapping[str, str] = field(default_factory=dict)  # headers that are written just so
    above: Sequence[Pattern] = ()  # names only above a derivative: L in ∂L/∂w1
    second: Sequence[Pattern] = ()  # other meanings, where the first one has a column already

    @functools.cached_property
    def _any(self) -> re.Pattern[str]:
        return re.compile("|".join(pattern.pattern for _, pattern in self.patterns))

    @property
    def fingerprint(self) -> str:
        """A text that is the same on each run, and another for other words."""
        several = (self.patterns, self.above, self.second)
        patterns = [[(name, each.pattern) for name, each in some] for some in several]
        names = sorted(self.losses), sorted(self.trained), sorted(self.exact.items())
        return repr((patterns, self.output, names))

    @functools.lru_cache(maxsize=32_768)  # noqa: B019  # more than a file may have; it lives with its problem
    def quantity(self, text: str) -> str | None:
        """The quantity that a text names; None for anything else."""
        if text.strip() in self.exact:
            return self.exact[text.strip()]
        if len(text) > _LONGEST_REMARK:
            return None
        for part in _readings(text):
            name = (self._name(part) or self._derivative(part)) if len(part) <= _LONGEST else None
            if name is not None:
                return name
        return None

    def also(self, text: str) -> str | None:
        """What the text means where its first meaning has a column of its own; None for nothing else."""
        readings = _readings(text) if len(text) <= _LONGEST_NAME else ()
        return next((name for part in readings if (name := _matched(self.second, part))), None)

    def _name(self, text: str) -> str | None:
        if len(text) > _LONGEST_NAME or not self._any.fullmatch(text):
            return None
        return _matched(self.patterns, text)

    def _top(self, text: str) -> str | None:
        """The name that stands above a derivative."""
        return self._name(text) or (_matched(self.above, text) if len(text) <= _LONGEST_NAME else None)

    def _derivative(self, text: str) -> str | None:
        """A fraction of two differentials; also with one ∂ left out, without the line, or in words."""
        for top, bottom in self._fractions(text):
            above = self._top(top)
            below = self._name(bottom) if above else None
            if above and below and not {above, below} & {EPOCH, RATE, MOMENTUM} and above != below:
                return derivative(above, below)
        word = _WORDS_FOR_GRADIENT.match(text)
        rest = text[word.end() :] if word else text[1:] if text[:1] in "d∂ð" else ""  # δw1 may be −η ∂E/∂w1
        tail = None if rest else _GRADIENT_OF.search(text)
        rest = text[: -len(tail[0])] if tail else rest
        name = self._name(rest) if rest else None
        said = tail or (word and len(word[0]) > 1)  # of anything; what only begins with d, of a weight
        if name in self.trained or (name and said and name not in (self.output, EPOCH, RATE, MOMENTUM)):
            return derivative(self.output, str(name))
        return self._derivative(rest) if word and rest else None

    def _fractions(self, text: str) -> Iterator[tuple[str, str]]:
        """The ways to take a text for top and bottom of a derivative."""
        if text.count("/") == 1:
            top, bottom = text.split("/")
            with_sign = top[:1] in _ROUND_D or bottom[:1] in _ROUND_D
            tops, bottoms = ([part, part[1:] if part[:1] in _ROUND_D else part] for part in (top, bottom))
            for above in reversed(tops):
                for below in reversed(bottoms):
                    if with_sign or self._top(above) in self.losses:
                        yield above, below
        for match in _RESPECT.finditer(text):
            yield text[: match.start()].lstrip(_ROUND_D), text[match.end() :].lstrip(_ROUND_D)
        if text[:1] in _ROUND_D and "/" not in text:
            for place in range(2, len(text) - 1):
                if text[place] in _ROUND_D:
                    yield text[1:place], text[place + 1 :]
                elif self._top(text[1:place]) in self.losses:  # ∂Ew1
                    yield text[1:place], text[place:]
        elif "/" not in text and self._name(text) is None:  # E∂w1, Edw1
            for place in range(1, len(text) - 1):
                if text[place] in _ROUND_D and self._top(text[:place]) in self.losses:
                    yield text[:place], text[place + 1 :]


def _matched(patterns: Iterable[Pattern], text: str) -> str | None:
    """The name of the first pattern that the text is, with its index."""
    for name, pattern in patterns:
        match = pattern.fullmatch(text)
        if match:
            return name.replace("{}", "".join(group for group in match.groups() if group))
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
    for mark in ("(", "[", " - ", ", ", "; "):
        name, _, remark = plain.partition(mark)
        if _WORD.search(remark) and not _COMPUTES.search(remark):
            yield _bare(name)  # t1 (wanted of o1)
    name, *rest = _BRACKET.split(plain)
    if len(rest) == 1 and plain[-1:] in ")]" and _WORD.search(name) and not _ABOUT.search(name):
        yield _bare(rest[0])  # weighted sum of neuron 1 (h1)


def _plain(text: str) -> str:
    """Lower case, without indices set low, LaTeX's commands and dashes of many kinds."""
    text = unicodedata.normalize("NFKC", text).strip().casefold()
    text = _UNSEEN.sub("", text)
    for word, others in _TRANSLATED.items():
        text = others.sub(word, text)
    text = text.translate(_ALIKE)
    text = _PARTIAL.sub("∂", text)
    if "∂" in text or len(_PARTIALS.findall(text)) > 1:  # delta w1 alone may be −η ∂E/∂w1
        text = _PARTIALS.sub("∂", text)
    text = text.replace("\\frac", "").replace("}{", "/").replace("\\", "")
    text = _DASH.sub("-", text)
    text = text.replace("÷", "/").replace("⁄", "/").replace("∕", "/").replace("ς", "σ")
    return _SPACES.sub(" ", text)


def _bare(text: str) -> str:
    text = _ORNAMENT.sub("", text)
    return text.strip(":=.-") if len(text) > 1 else text
