"""Expressions as people type them: parsed, checked part by part, and recorded. None is evaluated as Python.

Python's own parser reads the text, so precedences are Python's. Of its syntax tree only arithmetic,
comparisons by ``<`` and ``>``, names, numbers, calls of the functions in `FUNCTIONS`, and assignments are
accepted. All else is an `ExpressionError` that points at the column.
"""

from __future__ import annotations

import ast
import difflib
import inspect
import keyword
import math
import operator
import re
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import autograd
from autograd import Primitive, Value

__all__ = [
    "CONSTANTS", "FUNCTIONS", "LONGEST", "ExpressionError", "Formula", "parse", "parse_number", "same_name",
]  # fmt: skip

LONGEST = 4_000  # letters of an expression

Number = Value | float
Function = Callable[..., Number]

CONSTANTS = {"pi": math.pi, "e": math.e, "tau": math.tau}
"""Names that are numbers, unless they are given or assigned."""

_OF_A_SEQUENCE = {name: getattr(autograd, name) for name in ("logsumexp", "mean", "norm", "sum")}

FUNCTIONS: dict[str, Function] = {
    **{name: row for name in autograd.__all__ if isinstance(row := getattr(autograd, name), Primitive)},
    **_OF_A_SEQUENCE,
    "abs": abs,
    "dot": autograd.dot,
    "gelu": autograd.gelu,
    "ln": autograd.log,
    "max": autograd.maximum,
    "min": autograd.minimum,
    "σ": autograd.sigmoid,
}
"""What an expression may call, by name. Each has one number as its result."""

_BINARY: dict[type[ast.AST], Function] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.Mod: operator.mod,
    ast.FloorDiv: operator.floordiv,
}
_UNARY: dict[type[ast.AST], Function] = {ast.USub: operator.neg, ast.UAdd: operator.pos}
_COMPARED: dict[type[ast.AST], Function] = {
    ast.Gt: autograd.greater,
    ast.Lt: lambda a, b: autograd.greater(b, a),
}
_INSTEAD: dict[type[ast.AST], str] = {
    ast.IfExp: "write a choice as where(condition, a, b)",
    ast.Compare: "only < and > compare, two numbers at a time",
    ast.BoolOp: "conditions are multiplied, not joined by words",
    ast.Tuple: "give one expression per command",
    ast.Subscript: "an index is part of the name: w1, not w[1]",
    ast.Attribute: "functions have plain names: exp(x), not math.exp(x)",
}


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


@dataclass(frozen=True)
class Formula:
    """An expression that was checked, to be recorded with numbers.

    Attributes
    ----------
    text : as it was given.
    names : its free names, in the order in which they appear.

    Examples
    --------
    >>> from autograd.command.expressions import parse
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
    _statements: tuple[tuple[str, ast.expr], ...]  # the name it is assigned to, or ""
    _first: Mapping[str, ast.AST]  # where a name appears first

    def record(self, numbers: Mapping[str, float]) -> tuple[Value, dict[str, Value]]:
        """The expression as a graph, and its leaves by name, in the order of `numbers`.

        Raises
        ------
        ExpressionError : if a name has no number, or a number no name.
        """
        for name in self.names:
            if name not in numbers:
                raise _error(self.text, self._first[name], f"{name} has no number: add {name}=NUMBER")
        for name in numbers:
            if name not in self._first:
                near = _nearest(name, self.names)
                raise ExpressionError(f"{name} has a number, but is not in the expression{near}")
        leaves = {name: Value(number, name) for name, number in numbers.items()}
        known: dict[str, Number] = {**CONSTANTS, **leaves}
        result: Number = 0.0
        for name, expression in self._statements:
            result = _recorded(self.text, expression, known)
            if not isinstance(result, Value):
                result = Value(result)
            if name:
                result.label = result.label or name
                known[name] = result
        assert isinstance(result, Value)
        return result, leaves


def parse(text: str) -> Formula:
    """Check an expression, or several statements ``name = expression`` with the result last.

    Parameters
    ----------
    text : at most `LONGEST` letters; statements are separated by ``;`` or lines.

    Raises
    ------
    ExpressionError : if it is no expression of numbers, names, arithmetic and `FUNCTIONS`.

    Examples
    --------
    >>> from autograd.command.expressions import parse
    >>> parse("0.5*(t - sinh(w*a))^2")
    Traceback (most recent call last):
        ...
    autograd.command.expressions.ExpressionError: write a power as **
      0.5*(t - sinh(w*a))^2
                         ^
    """
    text = text.strip()
    if len(text) > LONGEST:
        raise ExpressionError(f"the expression has {len(text):,} characters; the limit is {LONGEST:,}")
    statements: list[tuple[str, ast.expr]] = []
    first: dict[str, ast.AST] = {}
    assigned: set[str] = set()
    body = _tree(text).body
    if not body:
        raise ExpressionError("there is no expression")
    for statement in body:
        name = ""
        if isinstance(statement, ast.Assign) and [ast.Name] == [*map(type, statement.targets)]:
            name = statement.targets[0].id  # type: ignore[attr-defined]  # its type is asked in the line above
        elif not isinstance(statement, ast.Expr):
            raise _error(text, statement, "only expressions, and name = expression, one name at a time")
        elif statement is not body[-1]:
            raise _error(text, statement, "only the last has no name: write name = ... before the others")
        for node in _operands_first(text, statement.value):
            if isinstance(node, ast.Name) and node.id not in assigned:
                first.setdefault(node.id, node)
        if name:
            if name in assigned or name in first:
                raise _error(text, statement, f"{name} is used before it is assigned: choose another name")
            assigned.add(name)
        statements.append((name, statement.value))
    names = tuple(name for name in first if name not in CONSTANTS)
    return Formula(text, names, tuple(statements), first)


def same_name(name: str) -> str:
    """The name as Python reads it in a program: "µ" of a keyboard and "μ" of an alphabet are one name."""
    return unicodedata.normalize("NFKC", name)


def parse_number(text: str) -> float:
    """A number, or an expression of numbers.

    >>> from autograd.command.expressions import parse_number
    >>> parse_number("-1/4")
    -0.25
    """
    if re.fullmatch(r"\s*[+-]?(inf|nan)\s*", text, re.IGNORECASE):
        return float(text)
    return parse(text).record({})[0].data


# --- what is allowed ---------------------------------------------------------------------------------


def _tree(text: str) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Python about programs
            return ast.parse(text)
    except SyntaxError as error:
        lines = text.split("\n")
        line = lines[min(error.lineno or 1, len(lines)) - 1]
        reason, column = error.msg.split(". ")[0], max(0, (error.offset or 1) - 1)
        word = re.search(rf"\b({'|'.join(keyword.kwlist)})\b", line)
        if word:
            reason, column = f"{word[0]} is a Python keyword: choose another name", word.start()
        elif "decimal literal" in reason:
            reason += ": write a product with *, as in 2*x"
        raise ExpressionError(reason, line, column) from None
    except (ValueError, RecursionError, MemoryError):  # letters that Python never reads, or too deep
        reason = "the expression cannot be read: it has invalid characters, or is nested too deeply"
        raise ExpressionError(reason) from None


def _operands(text: str, node: ast.expr) -> list[ast.expr]:
    """The parts of a node that is allowed; any other is an error."""
    match node:
        case ast.Name():
            return []
        case ast.Constant(value=value) if type(value) in (int, float):
            return []
        case ast.Constant():
            raise _error(text, node, "only real numbers")
        case ast.BinOp(left=left, op=op, right=right):
            if type(op) not in _BINARY:
                reason = "write a power as **" if isinstance(op, ast.BitXor) else "not an operator here"
                raise _error(text, left, reason, behind=True)
            return [left, right]
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _UNARY:
            return [operand]
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARED:
            return [left, right]
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            return _arguments(text, node, name, arguments)
        case ast.Call():
            known = isinstance(node.func, ast.Name)
            raise _error(text, node, "arguments have no names" if known else "write a product with *")
    raise _error(text, node, _INSTEAD.get(type(node), "only numbers, names, arithmetic and functions"))


def _arguments(text: str, call: ast.Call, name: str, arguments: list[ast.expr]) -> list[ast.expr]:
    """The numbers that a function is called with, one after the other."""
    if name not in FUNCTIONS:
        raise _error(text, call, f"no function {name}{_nearest(name, FUNCTIONS)}")
    lists = [isinstance(argument, (ast.List, ast.Tuple)) for argument in arguments]
    if name in _OF_A_SEQUENCE:
        right, usage = lists == [True] or (bool(lists) and not any(lists)), f"{name}(a, b, ...)"
    elif name == "dot":
        right, usage = lists in ([True, True], [True, True, False]), "dot([w1, w2], [a1, a2], bias)"
    else:
        try:
            inspect.signature(FUNCTIONS[name]).bind(*arguments)
            right = not any(lists)
        except TypeError:
            right = False
        usage = name + str(inspect.signature(FUNCTIONS[name])).partition(" ->")[0].replace(", /", "")
        usage = re.sub(r": '?\w+'?", "", usage).replace(" = ", "=")
    if not right:
        raise _error(text, call, f"use it as {usage}")
    return [
        each
        for argument in arguments
        for each in (argument.elts if isinstance(argument, (ast.List, ast.Tuple)) else [argument])
    ]


def _operands_first(text: str, root: ast.expr) -> Iterator[ast.expr]:
    """All parts of an expression, each after its own parts; a loop, for a long sum is deep."""
    pending: list[tuple[ast.expr, bool]] = [(root, False)]
    while pending:
        node, seen = pending.pop()
        if seen:
            yield node
        else:
            pending.append((node, True))
            pending += [(operand, False) for operand in reversed(_operands(text, node))]


# --- recording ---------------------------------------------------------------------------------------


def _recorded(text: str, root: ast.expr, known: Mapping[str, Number]) -> Number:
    """The expression with the nodes of `known` for its names; a float, if no name is in it."""
    results: list[Number] = []  # of the parts that are not operands yet
    for node in _operands_first(text, root):
        count = len(_operands(text, node))
        operands = results[len(results) - count :]
        del results[len(results) - count :]
        try:
            results.append(_applied(node, operands, known))
        except (ArithmeticError, TypeError, ValueError) as error:
            raise _error(text, node, str(error)) from None
    return results[0]


def _applied(node: ast.expr, operands: list[Number], known: Mapping[str, Number]) -> Number:
    if isinstance(node, ast.Name):
        return known[node.id]
    if isinstance(node, ast.Constant):
        return float(node.value)  # type: ignore[arg-type]  # `_operands` lets int and float pass
    if isinstance(node, ast.Call):
        assert isinstance(node.func, ast.Name)
        function = FUNCTIONS[node.func.id]
        if node.func.id in _OF_A_SEQUENCE:
            return function(operands)
        if node.func.id == "dot":
            counts = [len(each.elts) for each in node.args if isinstance(each, (ast.List, ast.Tuple))]
            first, second = operands[: counts[0]], operands[counts[0] : sum(counts)]
            return function(first, second, *operands[sum(counts) :])
        return function(*operands)
    if isinstance(node, ast.Compare):
        return _COMPARED[type(node.ops[0])](*operands)
    if isinstance(node, ast.UnaryOp):
        return _UNARY[type(node.op)](*operands)
    assert isinstance(node, ast.BinOp)
    if any(isinstance(operand, Value) for operand in operands):
        return _BINARY[type(node.op)](*operands)
    return float(_BINARY[type(node.op)](*map(Value, operands)))  # 1/0 is inf, as the table has it


# --- what is wrong, and where ------------------------------------------------------------------------


def _error(text: str, node: ast.AST, reason: str, behind: bool = False) -> ExpressionError:
    """An error that points at a node, or at what follows it."""
    number, column = node.lineno, node.col_offset  # type: ignore[attr-defined]  # those that are parsed have them
    if behind:
        number, column = node.end_lineno, node.end_col_offset  # type: ignore[attr-defined]  # likewise
    line = text.split("\n")[number - 1]
    column = len(line.encode()[:column].decode(errors="ignore"))  # Python counts bytes
    if behind:
        column += len(line[column:]) - len(line[column:].lstrip(" )"))
    return ExpressionError(reason, line, column)


def _nearest(name: str, names: Iterable[str]) -> str:
    found = difflib.get_close_matches(name, list(names), 1)
    return f"; did you mean {found[0]}?" if found else ""
