"""Expressions and small programs as people type them: parsed, checked part by part, and recorded.

Nothing is evaluated as Python. The playground has the same parser in JavaScript, ``explorer/web/parser.js``,
with the same `GRAMMAR`, `FUNCTIONS` and `REASONS`: on the texts of the tests their results and errors agree.

A program is lines, or parts between ``;``: ``name = expression``, and the result as the last. An expression
has numbers, names, ``+ - * / // % **``, ``<`` and ``>``, brackets, calls of `FUNCTIONS`, lists ``[a, b]``
with ``[0]`` and ``len``, and ``[... for i in range(3)]``. ``for i in range(3):`` repeats the lines that are
indented below it.
"""

from __future__ import annotations

import inspect
import keyword
import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from .engine import primitives
from .engine.primitive import TABLE, Primitive
from .engine.value import Value

__all__ = [
    "CONSTANTS", "DEEPEST", "FUNCTIONS", "GRAMMAR", "KEYWORDS", "LONGEST", "LONGEST_RANGE", "MOST_NESTED",
    "MOST_STEPS", "OPERATORS", "REASONS", "ExpressionError", "Formula", "Function", "nearest", "parse",
    "parse_number", "same_name",
]  # fmt: skip

LONGEST = 4_000  # letters of a program
DEEPEST = 60  # brackets, powers and signs within each other
MOST_STEPS = 20_000  # numbers, operations and calls that are gone through, loops included
LONGEST_RANGE = 1_000
MOST_NESTED = 3  # lists in lists

CONSTANTS = {"pi": math.pi, "e": math.e, "tau": math.tau}
"""Names that are numbers, unless they are given or assigned."""

KEYWORDS = frozenset(keyword.kwlist)

REASONS = {
    "long": "the expression has {count} characters; the limit is {limit}",
    "nothing": "there is no expression",
    "letter": "{found} has no meaning here",
    "text": "only real numbers",
    "operand": "expected a number, a name or a bracket here",
    "operator": "expected an operator or the end of the line here",
    "product": "write a product with *, as in 2*x",
    "power": "write a power as **",
    "no_operator": "{found} is not an operator here",
    "compare": "only < and > compare, two numbers at a time",
    "choice": "write a choice as where(condition, a, b)",
    "joined": "conditions are multiplied, not joined by words",
    "dotted": "functions have plain names: exp(x), not math.exp(x)",
    "single": "give one expression, or a list in [ ]",
    "one_name": "only name = expression, one name at a time",
    "named": "arguments have no names",
    "statement": "only expressions, name = expression and for loops",
    "keyword": "{found} is a Python keyword: choose another name",
    "last": "only the last has no name: write name = ... before the others",
    "before": "{found} is used before it is assigned: choose another name",
    "expected": "expected {what} here",
    "block": "expected the lines that are repeated, indented, below the for",
    "indent": "this line is indented as no line before it",
    "deep": "this is nested too deeply",
    "large": "this number is too large",
    "function": "no function {found}{near}",
    "usage": "use it as {usage}",
    "lengths": "dot needs as many inputs as weights, got {weights} weights and {inputs} inputs",
    "empty": "{found} needs at least one value",
    "taken": "take needs a whole number from 0 to {last} as its index",
    "list": "a list is no number: name one of its elements, as in w[0]",
    "no_list": "this is no list: only lists have elements",
    "index": "there is no element {found}: the list has {count}, from 0",
    "whole": "this takes whole numbers that stand in the program, not numbers that can be changed",
    "range": "a range has at most {limit} numbers, and no step of 0",
    "steps": "the program takes more than {limit} steps: use shorter loops",
    "nested": "lists are in lists at most {limit} deep",
    "unset": "{found} has no value: its loop was not gone through",
    "number": "{found} has no number: add {found}=NUMBER",
    "unused": "{found} has a number, but is not in the expression{near}",
    "result": "the result is a list: end with one number",
    "none": "there is no result: end with an expression",
}  # fmt: skip
"""What can be wrong, by a short name, with places for what was found."""

Number = Value | float
T = TypeVar("T")
Instruction = tuple[str, Any, int]  # of a stack machine: its kind, its argument, its place in the text
Code = tuple[Instruction, ...]


class ExpressionError(ValueError):
    """A text is no expression that can be recorded.

    Attributes
    ----------
    reason : what is wrong.
    line, column : where, the column counted from 0.
    """

    def __init__(self, reason: str, line: str = "", column: int = 0) -> None:
        self.reason, self.line, self.column = reason, line, column
        begin = max(0, column - 50)
        shown = line[begin : begin + 100]
        pointer = "".join("\t" if letter == "\t" else " " for letter in shown[: column - begin]) + "^"
        super().__init__(f"{reason}\n  {shown}\n  {pointer}" if line else reason)


# --- what can be called ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Function:
    """A function that an expression may call."""

    row: str  # the name of the row that it records
    takes: tuple[str, ...]  # for each argument ``number`` or ``list``
    least: int  # the number of required arguments
    usage: str
    call: Callable[..., Any]
    spread: bool = False  # the elements of its list may be given one by one
    each: bool = False  # it returns a list as long as its argument
    filled: bool = False  # its list must not be empty


def _of_row(name: str, row: Primitive) -> Function:
    parameters = inspect.signature(row).parameters.values()
    needed = [each.name for each in parameters if each.default is each.empty]
    optional = [f"{each.name}={each.default!r}" for each in parameters if each.default is not each.empty]
    takes = tuple("list" if place in row.vectors else "number" for place in range(len(parameters)))
    return Function(row.name, takes, len(needed), f"{name}({', '.join(needed + optional)})", row)


def _of_list(name: str, **more: bool) -> Function:
    usage = f"{name}([a, b, ...])" if more.get("each") else f"{name}(a, b, ...)"
    return Function(name, ("list",), 1, usage, getattr(primitives, name), **more)


_ROWS = {name: row for name in primitives.__all__ if isinstance(row := getattr(primitives, name), Primitive)}
_INTERNAL = re.compile("_slope|_share|sech2|minus|monomial")
_ALIASES = {
    "abs": "abs", "ln": "log", "max": "maximum", "min": "minimum", "σ": "sigmoid", "gelu": "gelu",
    "gelu_tanh": "gelu_tanh",
}  # fmt: skip

FUNCTIONS: dict[str, Function] = {
    **{name: _of_row(name, row) for name, row in _ROWS.items() if not _INTERNAL.search(name)},
    **{name: _of_row(name, TABLE[row]) for name, row in _ALIASES.items()},
    "dot": Function(
        "dot", ("list", "list", "number"), 2, "dot([w1, w2], [a1, a2], bias)", primitives.dot
    ),
    "sum": _of_list("sum", spread=True),
    "take": Function("take", ("list", "number"), 2, "take([a, b, ...], index)", primitives.take, filled=True),
    "norm": _of_list("norm", spread=True),
    "mean": _of_list("mean", spread=True, filled=True),
    "logsumexp": _of_list("logsumexp", spread=True, filled=True),
    "softmax": _of_list("softmax", each=True, filled=True),
    "log_softmax": _of_list("log_softmax", each=True, filled=True),
}  # fmt: skip
"""What an expression may call, by name."""

OPERATORS = {
    "+": "add", "-": "sub", "*": "mul", "/": "div", "//": "floordiv", "%": "mod", "**": "power",
    ">": "greater",
}  # fmt: skip
"""The row of each operator; a < b is b > a, and a `Value` to a constant power is recorded by the row pow."""


# --- words -------------------------------------------------------------------------------------------

GRAMMAR: dict[str, Any] = {
    "token": r"(?P<space>[ \t\f\r]+|#[^\n]*)|(?P<line>\n)"
    r"|(?P<number>0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+"
    r"|(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<sign>\*\*|//|==|!=|<=|>=|:=|<<|>>|[-+*/%<>=()\[\]{},;:.^@&|~!])|(?P<text>[\"'])",
    "malformed": "__|_$|_[.eE]|\\._|0[xXbBoO]_?$",  # a number
    "levels": [["<", ">"], ["+", "-"], ["*", "/", "//", "%"]],  # operators, binding more and more tightly
    "compared": ["<", ">", "==", "!=", "<=", ">="],
    "unexpected": {  # the reason by the word that follows an expression
        "^": "power", "=": "one_name", ".": "dotted", "if": "choice", "and": "joined", "or": "joined",
        "not": "joined", **dict.fromkeys(("<", ">", "==", "!=", "<=", ">="), "compare"),
        **dict.fromkeys(("@", "&", "|", "~", "<<", ">>", "!"), "no_operator"), "(": "product", "[": "product",
        ",": "single",
    },
}  # fmt: skip
"""Facts of the grammar that both parsers look up."""

_TOKEN = re.compile(GRAMMAR["token"])
_LEVELS: list[list[str]] = GRAMMAR["levels"]


@dataclass(frozen=True, slots=True)
class _Word:
    kind: str  # number, name, keyword, sign, line, indent, dedent, end
    text: str
    at: int


def _words(source: _Source) -> Iterator[_Word]:
    """The words of the text, with ``indent`` and ``dedent`` where a line is indented more, or less."""
    text, at, brackets = source.text, 0, 0
    indents: list[int] = []
    line_begins = True
    while at < len(text):
        match = _TOKEN.match(text, at)
        kind, word = (match.lastgroup or "", match[0]) if match else ("name", "")
        if kind == "line":
            if not brackets and not line_begins:
                yield _Word("line", "", at)
            line_begins = line_begins or not brackets
        elif kind != "space" and line_begins:
            line_begins = False
            width = _indent(text, at)
            indents = indents or [width]
            if width > indents[-1]:
                indents.append(width)
                yield _Word("indent", "", at)
            while width < indents[-1]:
                indents.pop()
                if not indents or width > indents[-1]:
                    source.fail("indent", at)
                yield _Word("dedent", "", at)
        if kind == "text":
            source.fail("text", at)
        if kind == "name":
            word = _letters(text, at)
            name = same_name(word)
            if not name.isidentifier():
                found = text[at] if "!" <= text[at] <= "~" else f"U+{ord(text[at]):04X}"
                source.fail("letter", at, found=found)
            yield _Word("keyword" if name in KEYWORDS else "name", name, at)
        elif kind in ("number", "sign"):
            follows = _letters(text, at + len(word)) if kind == "number" else ""
            if follows:
                source.fail("text" if follows in ("j", "J") else "product", at)
            brackets = max(0, brackets + (word in "([{") - (word in ")]}"))
            yield _Word(kind, word, at)
        at += len(word)
    yield _Word("line", "", at)
    for _ in indents[1:]:
        yield _Word("dedent", "", at)
    yield _Word("end", "", at)


def _letters(text: str, at: int) -> str:
    """The letters from a place on that can continue a name."""
    end = at
    while end < len(text) and f"a{text[at : end + 1]}".isidentifier():
        end += 1
    return text[at:end]


def _indent(text: str, at: int) -> int:
    """The column at which a line begins, with tabs to the next multiple of eight."""
    return len(text[text.rfind("\n", 0, at) + 1 : at].expandtabs(8))


@dataclass(frozen=True)
class _Source:
    text: str

    def fail(self, reason: str, at: int, **values: Any) -> NoReturn:
        words = REASONS[reason].format(**values)
        lines = self.text[:at].split("\n")
        raise ExpressionError(words, self.text.split("\n")[len(lines) - 1], len(lines[-1]))


# --- parsing -----------------------------------------------------------------------------------------

Statement = tuple[str, str, Code, Any, int]  # its kind, name, code, body, and where it begins


class _Parser:
    """Statements from words, by recursive descent; `within` counts the nesting."""

    def __init__(self, source: _Source) -> None:
        self.source = source
        self.words = list(_words(source))
        self.place = self.depth = 0
        self.assigned: set[str] = set()
        self.first: dict[str, int] = {}  # the first use of each name that was not assigned before

    @property
    def word(self) -> _Word:
        return self.words[self.place]

    def next(self) -> _Word:
        self.place += 1
        return self.words[self.place - 1]

    def sees(self, *signs: str) -> bool:
        return self.word.kind in ("sign", "keyword") and self.word.text in signs

    def accept(self, *signs: str) -> _Word | None:
        return self.next() if self.sees(*signs) else None

    def expect(self, sign: str) -> None:
        if not self.accept(sign):
            self.unexpected(sign)

    def fail(self, reason: str, word: _Word | None = None, **values: Any) -> NoReturn:
        self.source.fail(reason, (word or self.word).at, **values)

    def within(self, read: Callable[..., T], *arguments: Any) -> T:
        """Read one level deeper."""
        self.depth += 1
        if self.depth > DEEPEST:
            self.fail("deep")
        result = read(*arguments)
        self.depth -= 1
        return result

    def unexpected(self, what: str = "") -> NoReturn:
        """Refuse a word that cannot follow an expression."""
        kind, found = self.word.kind, self.word.text
        reason = GRAMMAR["unexpected"].get(found, "") if kind in ("sign", "keyword") else ""
        if kind in ("name", "number"):
            reason = "product"
        if what and reason in ("", "single"):
            self.fail("expected", what=what)
        self.fail(reason or "operator", found=found)

    # statements

    def program(self) -> tuple[Statement, ...]:
        statements = self.statements(top=True)
        if not statements:
            self.source.fail("nothing", 0)
        return statements

    def statements(self, top: bool) -> tuple[Statement, ...]:
        found: list[Statement] = []
        while self.word.kind not in ("end", "dedent"):
            if self.word.kind == "indent":
                self.fail("indent")
            if self.word.kind == "line":
                self.next()
            else:
                found.append(self.statement(top))
        return tuple(found)

    def statement(self, top: bool) -> Statement:
        begin = self.word
        if self.accept("for"):
            return self.loop(begin)
        if begin.kind == "keyword" and begin.text not in ("not", "lambda", "True", "False", "None"):
            self.fail("statement")
        follows = self.words[self.place + 1]
        assigns = begin.kind == "name" and follows.kind == "sign" and follows.text == "="
        if assigns:
            self.place += 2
        code = self.expression()
        if assigns:
            self.assign(begin)
        if not self.accept(";"):
            if self.word.kind != "line":
                self.unexpected()
            self.next()
        if assigns:
            return ("assign", begin.text, code, (), begin.at)
        if not top or any(word.kind not in ("line", "end") for word in self.words[self.place :]):
            self.fail("last", begin)
        return ("result", "", code, (), begin.at)

    def assign(self, name: _Word) -> None:
        if name.text in self.first:
            self.fail("before", name, found=name.text)
        self.assigned.add(name.text)

    def loop(self, begin: _Word) -> Statement:
        name = self.new_name()
        self.expect("in")
        code = self.expression()
        self.assign(name)
        self.expect(":")
        body = self.within(self.body)
        if not body:
            self.fail("block")
        return ("for", name.text, code, body, begin.at)

    def body(self) -> tuple[Statement, ...]:
        """The indented lines below a loop, or the statements behind its colon."""
        if self.word.kind != "line":
            found = [self.statement(top=False)]
            while self.words[self.place - 1].text == ";" and self.word.kind != "line":
                found.append(self.statement(top=False))
            return tuple(found)
        self.next()
        if self.word.kind != "indent":
            self.fail("block")
        self.next()
        statements = self.statements(top=False)
        self.next()
        return statements

    def new_name(self) -> _Word:
        if self.word.kind == "keyword":
            self.fail("keyword", found=self.word.text)
        if self.word.kind != "name":
            self.fail("expected", what="a name")
        return self.next()

    # expressions

    def expression(self) -> Code:
        code: list[Instruction] = []
        self.level(0, code)
        return tuple(code)

    def level(self, level: int, code: list[Instruction]) -> None:
        if level == len(_LEVELS):
            return self.signed(code)
        self.level(level + 1, code)
        while sign := self.accept(*_LEVELS[level]):
            self.level(level + 1, code)
            code.append(("operator", sign.text, sign.at))
            if level == 0 and self.sees(*GRAMMAR["compared"]):
                self.fail("compare")
        return None

    def signed(self, code: list[Instruction]) -> None:
        sign = self.accept("-", "+")
        if sign is None:
            return self.power(code)
        self.within(self.signed, code)
        if sign.text == "-":
            code.append(("negative", None, sign.at))
        return None

    def power(self, code: list[Instruction]) -> None:
        self.atom(code)
        while sign := self.accept("["):
            self.within(self.level, 0, code)
            self.expect("]")
            code.append(("index", None, sign.at))
        if sign := self.accept("**"):
            self.within(self.signed, code)
            code.append(("operator", "**", sign.at))

    def atom(self, code: list[Instruction]) -> None:
        word = self.word
        if word.kind == "number":
            self.next()
            code.append(("number", self.number(word), word.at))
        elif word.kind == "name":
            self.next()
            if self.sees("("):
                return self.call(word, code)
            if word.text not in self.assigned:
                self.first.setdefault(word.text, word.at)
            code.append(("name", word.text, word.at))
        elif self.accept("("):
            self.within(self.level, 0, code)
            self.expect(")")
        elif self.accept("["):
            count = self.within(self.elements, "]", code)
            if count is not None:
                code.append(("list", count, word.at))
        elif self.sees("True", "False", "None"):
            self.fail("text")
        elif word.kind == "keyword":
            self.fail("joined" if word.text == "not" else "keyword", found=word.text)
        else:
            self.fail("operand")
        return None

    def number(self, word: _Word) -> float:
        if re.search(GRAMMAR["malformed"], word.text):
            self.fail("operand", word)
        plain = word.text.replace("_", "").lower()
        try:
            number = float(int(plain, 0)) if plain[:2] in ("0x", "0b", "0o") else float(plain)
        except OverflowError:
            number = math.inf
        if math.isinf(number):
            self.fail("large", word)
        return number

    def call(self, name: _Word, code: list[Instruction]) -> None:
        if name.text not in FUNCTIONS and name.text not in ("range", "len"):
            self.fail("function", name, found=name.text, near=nearest(name.text, FUNCTIONS))
        self.next()
        count = self.within(self.elements, ")", code)
        code.append(("call", (name.text, 1 if count is None else count), name.at))

    def elements(self, closing: str, code: list[Instruction]) -> int | None:
        """The number of elements; None for ``element for name in list``, whose code makes the list."""
        count = 0
        while not self.sees(closing):
            start, at = len(code), self.word.at
            self.level(0, code)
            count += 1
            if self.sees("for"):
                if count > 1:
                    self.unexpected(f", or {closing}")
                self.comprehension(start, at, code)
                self.expect(closing)
                return None
            if not self.accept(","):
                break
        if self.sees("=") and closing == ")":
            self.fail("named")
        if not self.accept(closing):
            self.unexpected(f", or {closing}")
        return count

    def comprehension(self, start: int, at: int, code: list[Instruction]) -> None:
        """``element for name in list``, where the element begins at `at` and its code at `start`."""
        begin = self.next()
        name = self.new_name()
        if self.first.get(name.text, -1) >= at:  # the element uses the new name
            del self.first[name.text]
        element = tuple(code[start:])
        del code[start:]
        self.expect("in")
        self.level(0, code)
        code.append(("each", (name.text, element), begin.at))


def parse(text: str) -> Formula:
    """Check an expression, or a program with the result last.

    Parameters
    ----------
    text : at most `LONGEST` letters.

    Raises
    ------
    ExpressionError : if it is no such text; it says where.

    Examples
    --------
    >>> from autograd.language import parse
    >>> parse("0.5*(t - sinh(w*a))^2")
    Traceback (most recent call last):
        ...
    autograd.language.ExpressionError: write a power as **
      0.5*(t - sinh(w*a))^2
                         ^
    """
    if len(text) > LONGEST:
        raise ExpressionError(REASONS["long"].format(count=f"{len(text):,}", limit=f"{LONGEST:,}"))
    parser = _Parser(_Source(text))
    statements = parser.program()
    names = sorted(parser.first.keys() - CONSTANTS.keys(), key=parser.first.__getitem__)
    return Formula(text, tuple(names), statements, parser.first)


def same_name(name: str) -> str:
    """The name as Python reads it in a program: "µ" of a keyboard and "μ" of an alphabet are one name."""
    return unicodedata.normalize("NFKC", name)


def parse_number(text: str) -> float:
    """A number, or an expression of numbers.

    >>> from autograd.language import parse_number
    >>> parse_number("-1/4")
    -0.25
    """
    if re.fullmatch(r"\s*[+-]?(inf|nan)\s*", text, re.IGNORECASE):
        return float(text)
    return parse(text).record({})[0].data


# --- recording ---------------------------------------------------------------------------------------


class _List(list[Any]):
    """A list that knows how deep lists are in it."""

    depth = 1


@dataclass(frozen=True)
class Formula:
    """An expression or a program that was checked, to be recorded with numbers.

    Attributes
    ----------
    text : as it was given.
    names : its free names, in the order in which they appear.

    Examples
    --------
    >>> from autograd.language import parse
    >>> formula = parse("h = w*a; (1 - sigmoid(h))**2")
    >>> formula.names
    ('w', 'a')
    >>> output, leaves = formula.record({"w": 0.0, "a": 2.0})
    >>> output.backward()
    >>> output.data, leaves["w"].grad
    (0.25, -0.5)
    """

    text: str
    names: tuple[str, ...]
    _statements: tuple[Statement, ...]
    _first: Mapping[str, int]  # where a name appears first

    def record(self, numbers: Mapping[str, float]) -> tuple[Value, dict[str, Value]]:
        """The program as a graph, and its leaves by name, in the order of `numbers`.

        Raises
        ------
        ExpressionError : if a name has no number, or a number no name, or a part cannot be computed.
        """
        source = _Source(self.text)
        for name in self.names:
            if name not in numbers:
                source.fail("number", self._first[name], found=name)
        for name in numbers:
            if name not in self._first:
                near = nearest(name, self.names)
                raise ExpressionError(REASONS["unused"].format(found=name, near=near))
        leaves = {name: Value(number, name) for name, number in numbers.items()}
        return _Recorder(source, leaves).result(self._statements), leaves


class _Recorder:
    """Runs the code of a program: a stack machine that counts its steps."""

    def __init__(self, source: _Source, leaves: Mapping[str, Value]) -> None:
        self.source = source
        self.known: dict[str, Any] = {**CONSTANTS, **leaves}
        self.steps = 0

    def result(self, statements: Sequence[Statement]) -> Value:
        last, at = self.all(statements), statements[-1][-1]
        if last is None or isinstance(last, _List):
            self.source.fail("none" if last is None else "result", at)
        return last if isinstance(last, Value) else Value(last)

    def all(self, statements: Sequence[Statement]) -> Any:
        last = None
        for kind, name, code, body, at in statements:
            last = self.run(code)
            if kind == "assign":
                last = self.known[name] = self.labelled(last, name, at)
            elif kind == "for":
                elements, last = self.elements(last, at), None
                for each in elements:
                    self.known[name] = each
                    self.count(at)
                    last = self.all(body)
        return last

    def count(self, at: int) -> None:
        self.steps += 1
        if self.steps > MOST_STEPS:
            self.source.fail("steps", at, limit=f"{MOST_STEPS:,}")

    def run(self, code: Code) -> Any:
        stack: list[Any] = []
        for kind, what, at in code:
            self.count(at)
            if kind == "number":
                stack.append(what)
            elif kind == "name":
                if what not in self.known:
                    self.source.fail("unset", at, found=what)
                stack.append(self.known[what])
            elif kind == "negative":
                stack.append(-self.number(stack.pop(), at))
            elif kind == "operator":
                right, left = self.number(stack.pop(), at), self.number(stack.pop(), at)
                stack.append(_combined(what, left, right))
            elif kind == "list":
                stack.append(self.listed(stack[len(stack) - what :], at))
                del stack[len(stack) - 1 - what : -1]
            elif kind == "index":
                place, values = stack.pop(), stack.pop()
                stack.append(self.element(values, place, at))
            elif kind == "each":
                stack.append(self.each(stack.pop(), what, at))
            else:
                name, count = what
                arguments = stack[len(stack) - count :]
                del stack[len(stack) - count :]
                stack.append(self.called(name, arguments, at))
        return stack[0]

    def each(self, values: Any, what: tuple[str, Code], at: int) -> _List:
        name, element = what
        before = self.known.get(name)
        found = []
        for one in self.elements(values, at):
            self.known[name] = one
            found.append(self.run(element))
        self.known[name] = before
        if before is None:
            del self.known[name]
        return self.listed(found, at)

    def number(self, value: Any, at: int) -> Number:
        if isinstance(value, _List):
            self.source.fail("list", at)
        return value  # type: ignore[no-any-return]  # all else on the stack is a number

    def listed(self, values: Iterable[Any], at: int) -> _List:
        made = _List(values)
        made.depth = 1 + max((each.depth for each in made if isinstance(each, _List)), default=0)
        if made.depth > MOST_NESTED:
            self.source.fail("nested", at, limit=MOST_NESTED)
        return made

    def elements(self, values: Any, at: int) -> _List:
        if not isinstance(values, _List):
            self.source.fail("no_list", at)
        return values

    def whole(self, value: Any, at: int) -> int:
        if not isinstance(value, float) or not value.is_integer():
            self.source.fail("whole", at)
        return int(value)

    def element(self, values: Any, place: Any, at: int) -> Any:
        values, number = self.elements(values, at), self.whole(place, at)
        if not -len(values) <= number < len(values):
            self.source.fail("index", at, found=number, count=len(values))
        return values[number]

    def labelled(self, value: Any, name: str, at: int) -> Any:
        """An assigned value: a number becomes a leaf, and a node without a label takes the name."""
        if isinstance(value, _List):
            each = enumerate(value)
            return self.listed([self.labelled(one, f"{name}[{place}]", at) for place, one in each], at)
        self.count(at)  # a list of lists that are one list has many more elements than steps made it
        node = value if isinstance(value, Value) else Value(value)
        node.label = node.label or name
        return node

    def called(self, name: str, arguments: Sequence[Any], at: int) -> Any:
        if name == "range":
            return self.range(arguments, at)
        if name == "len":
            if len(arguments) != 1:
                self.source.fail("usage", at, usage="len([a, b])")
            return float(len(self.elements(arguments[0], at)))
        function = FUNCTIONS[name]
        if function.spread and arguments and not any(isinstance(each, _List) for each in arguments):
            arguments = [self.listed(arguments, at)]
        kinds = tuple("list" if isinstance(each, _List) else "number" for each in arguments)
        if kinds != function.takes[: len(kinds)] or len(kinds) < function.least:
            self.source.fail("usage", at, usage=function.usage)
        for each in arguments:
            if isinstance(each, _List):
                for one in each:
                    self.number(one, at)
                if function.filled and not each:
                    self.source.fail("empty", at, found=name)
        if name == "dot" and len(arguments[0]) != len(arguments[1]):
            self.source.fail("lengths", at, weights=len(arguments[0]), inputs=len(arguments[1]))
        if name == "take":
            place, last = float(arguments[1]), len(arguments[0]) - 1
            if not (place.is_integer() and 0 <= place <= last):
                self.source.fail("taken", at, last=last)
        result = function.call(*arguments)
        return self.listed(result, at) if function.each else result

    def range(self, arguments: Sequence[Any], at: int) -> _List:
        if not 1 <= len(arguments) <= 3:
            self.source.fail("usage", at, usage="range(stop) or range(start, stop)")
        numbers = [self.whole(each, at) for each in arguments]
        if numbers[2:] == [0] or len(range(*numbers)[: LONGEST_RANGE + 1]) > LONGEST_RANGE:
            self.source.fail("range", at, limit=f"{LONGEST_RANGE:,}")
        return self.listed(map(float, range(*numbers)), at)


def _combined(sign: str, left: Number, right: Number) -> Number:
    if sign == "<":
        return _combined(">", right, left)
    constant_power = sign == "**" and isinstance(left, Value) and not isinstance(right, Value)
    result: Number = TABLE["pow" if constant_power else OPERATORS[sign]](left, right)
    return result


# --- names that are near ---------------------------------------------------------------------------------


def nearest(name: str, names: Iterable[str]) -> str:
    """A question with the nearest of some names; empty if none is near.

    >>> nearest("sinn", ["cos", "sin", "sinh"]), nearest("loss", ["x", "y"])
    ('; did you mean sin?', '')
    """
    name = name[:40]

    def strangeness(other: str) -> tuple[int, int]:
        differs = (place for place, letter in enumerate(name) if other[place : place + 1] != letter)
        return _distance(name, other), -next(differs, len(name))

    found = min(names, key=strangeness, default=None)
    near = found is not None and strangeness(found)[0] <= max(1, len(name) // 3)
    return f"; did you mean {found}?" if near else ""


def _distance(one: str, other: str) -> int:
    """The number of letters to insert, delete or replace (Levenshtein 1966)."""
    row = list(range(len(other) + 1))
    for place, letter in enumerate(one):
        before, row[0] = row[0], place + 1
        for column, against in enumerate(other):
            before, row[column + 1] = (
                row[column + 1],
                min(row[column] + 1, row[column + 1] + 1, before + (letter != against)),
            )
    return row[-1]
