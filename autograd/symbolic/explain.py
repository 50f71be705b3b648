"""`explain`: a derivative by the chain rule, in symbols and in numbers."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ..engine.arguments import integer
from ..engine.gradient import grad
from ..engine.value import Value
from .expressions import Expression, Number, Symbol
from .notations import LATEX, TEXT, Notation, latex_text
from .outline import Outline, Step, derivative

__all__ = ["Derivation", "explain"]

_SHOWN = 40  # the most names in a formula that is written out


@dataclass(frozen=True)
class Derivation:
    """The derivative of an output by one node, explained. A notebook shows it typeset.

    Attributes
    ----------
    output, wrt : their names.
    value : the derivative, a float.
    paths : the number of paths from `wrt` to the output.
    steps : the named nodes on these paths, the output first.
    values : the number of each name, to evaluate the formulas.
    digits : the significant digits of written numbers.
    max_paths : with more paths, the sum over them is written in factored form only.
    """

    output: str
    wrt: str
    value: float
    paths: int
    steps: Sequence[Step]
    values: dict[str, float]
    digits: int
    max_paths: int

    @property
    def formula(self) -> str:
        """The closed form: ``(a_o1 − t1) · a_o1 (1 − a_o1) · a_h1``."""
        return TEXT.write(self.steps[-1].closed) if self.paths else "0"

    @property
    def text(self) -> str:
        """The whole derivation as plain text."""
        return _Plain(self).write()

    @property
    def latex(self) -> str:
        """The whole derivation as LaTeX: headings, and ``align*`` environments of amsmath."""
        return _Latex(self).write()

    @property
    def markdown(self) -> str:
        """The whole derivation as Markdown, with formulas between dollar signs."""
        return _Markdown(self).write()

    def sections(self, latex: bool = False) -> dict[str, list[Equation]]:
        """The equations below each heading, as text or LaTeX: a left side, and (relation, side) pairs."""
        writer = (_Latex if latex else _Plain)(self)
        return {heading: equations for heading, equations, _ in writer.sections() if equations}

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<Derivation ∂{self.output}/∂{self.wrt} = {self.value!r}>"

    def _repr_markdown_(self) -> str:
        return self.markdown

    def _repr_latex_(self) -> str:
        return self.latex


def explain(output: Value, wrt: Value, *, digits: int = 6, max_paths: int = 12) -> Derivation:
    """The derivative of `output` by `wrt`, step by step: ∂E/∂w = Σ over paths Π ∂aₖ₊₁/∂aₖ.

    It has the forward formulas, the chain along each path, every factor with its formula and number,
    the derivatives carried back from the output and summed where paths meet, and the closed form.

    Parameters
    ----------
    output : a recorded `Value`.
    wrt : any node of its graph.
    digits : significant digits of the numbers, 1 to 17.
    max_paths : with more paths, the sum over them is written in factored form only; their number may be
        exponential in the size of the graph.

    Returns
    -------
    A `Derivation`: ``print`` it, or take its ``text``, ``latex``, ``markdown`` or ``formula``.

    Raises
    ------
    TypeError : if `output` or `wrt` is not a `Value`.
    ValueError : if `digits` or `max_paths` is not an integer or out of range, or a label is no text that
        UTF-8 has.
    GraphError : if a leaf's data was set after the graph was recorded.

    Source: Rumelhart, Hinton and Williams 1986, "Learning representations by back-propagating errors",
    eqs. 4-7; Griewank and Walther 2008, "Evaluating Derivatives", ch. 3.2.

    Examples
    --------
    >>> from autograd import Value, explain, sigmoid
    >>> w, x, t = Value(0.5, "w"), Value(2.0, "x"), Value(1.0, "t")
    >>> a = sigmoid(w * x)
    >>> a.label = "a"
    >>> error = 0.5 * (t - a) ** 2
    >>> error.label = "E"
    >>> derivation = explain(error, w)
    >>> derivation.formula
    '(a − t) · a (1 − a) · x'
    >>> print(derivation)
    ∂E/∂w = −0.105754
    <BLANKLINE>
    Forward pass
      a = σ(w · x) = 0.731059
      E = 0.5 · (t − a)^2 = 0.0361647
      with w = 0.5, x = 2, t = 1
    <BLANKLINE>
    Chain rule
      ∂E/∂w = ∂E/∂a · ∂a/∂w
    <BLANKLINE>
    Factors
      ∂E/∂a = a − t = −0.268941
      ∂a/∂w = a (1 − a) · x = 0.393224
    <BLANKLINE>
    Back from the output
      ∂E/∂a = −0.268941
      ∂E/∂w = ∂E/∂a · ∂a/∂w = −0.105754
    <BLANKLINE>
    Closed form
      ∂E/∂w = (a − t) · a (1 − a) · x
            = (0.731059 − 1) · 0.731059 · (1 − 0.731059) · 2
            = −0.105754
    """
    digits = integer(digits, "explain: digits", 1, 17)
    max_paths = integer(max_paths, "explain: max_paths", 1, 10**6)
    (value,) = grad(output, [wrt])  # which checks both, and that the graph is fresh
    graph = Outline(output, [wrt])
    steps = graph.steps()
    return Derivation(
        output=graph.text(output),
        wrt=graph.text(wrt),
        value=value,
        paths=steps[-1].paths if steps else 0,
        steps=steps,
        values={symbol.text: number for symbol, number in graph.values.items()},
        digits=digits,
        max_paths=max_paths,
    )


# --- in writing ------------------------------------------------------------------------------------

Equation = tuple[str, list[tuple[str, str]]]  # the left side, and a relation and a side for each that follows
Section = tuple[str, list[Equation], str]  # a heading, equations, and a remark below them


def _turn(step: Step) -> int:
    return step.turn


class _Writer:
    """The explanation in one notation; subclasses set it on a page."""

    notation: Notation

    def __init__(self, derivation: Derivation) -> None:
        self.derivation = derivation
        numbers = derivation.values
        self.numeric = replace(
            self.notation,
            symbol=lambda symbol: self.number(numbers[symbol.text], inside=True),
            number=self.number,
            beside=False,
        )

    def number(self, data: float, inside: bool = False) -> str:
        text = self.notation.value(float(f"{data:.{self.derivation.digits}g}"))
        return f"({text})" if inside and math.copysign(1.0, data) < 0.0 else text

    def head(self) -> Equation:
        names = Symbol(self.derivation.output), Symbol(self.derivation.wrt)
        return self.notation.symbol(derivative(*names)), [("=", self.number(self.derivation.value))]

    def sections(self) -> Iterator[Section]:
        steps = self.derivation.steps
        if not steps:
            yield "", [], self._remark(f"{self.derivation.output} does not depend on {self.derivation.wrt}.")
            return
        yield "Forward pass", list(self._forward()), ""
        yield "", [], self._given()
        if len(steps) > 1:
            yield self._chain()
            yield "Factors", list(self._factors()), ""
            yield "Back from the output", list(self._back()), ""
            yield "Closed form", [self._closed()], ""

    def _computed(self) -> list[tuple[Step, Expression]]:
        """The steps with a formula, in the order of the forward pass."""
        ordered = sorted(self.derivation.steps, key=_turn)
        return [(step, step.formula) for step in ordered if step.formula is not None]

    def _forward(self) -> Iterator[Equation]:
        for step, formula in self._computed():
            yield self._equation(step.name, formula, step.node.data)

    def _equation(self, name: Symbol, formula: Expression, number: float) -> Equation:
        sides = [] if isinstance(formula, Number) else [("=", self._formula(formula))]
        return self.notation.symbol(name), [*sides, ("=", self.number(number))]

    def _formula(self, formula: Expression) -> str:
        if formula.size <= _SHOWN:
            return self.notation.write(formula)
        return self._remark(f"(a formula of {formula.size} names and numbers)")

    def _remark(self, text: str) -> str:
        return text

    def _given(self) -> str:
        """The numbers of the names that have no formula."""
        steps, computed = self.derivation.steps, self._computed()
        explained = {step.name for step, _ in computed} | {step.derivative for step in steps}
        formulas = [formula for _, formula in computed]
        formulas += [formula for step in sorted(steps, key=_turn) for _, formula, _ in step.terms]
        shown = [formula for formula in formulas if formula.size <= _SHOWN]
        used = dict.fromkeys(name for formula in shown for name in formula.symbols())
        values, written = self.derivation.values, self.notation.symbol
        return self._list_of(
            [f"{written(name)} = {self.number(values[name.text])}" for name in used if name not in explained]
        )

    def _list_of(self, given: list[str]) -> str:
        return f"with {', '.join(given)}" if given else ""

    def _factor(self, reader: Step, step: Step) -> Symbol:
        direct = reader is self.derivation.steps[0] and len(step.terms) > 1
        return derivative(reader.name, step.name, direct)

    def _times(self, symbols: Sequence[Symbol]) -> str:
        return self.notation.write(functools.reduce(operator.mul, symbols))

    def _chain(self) -> Section:
        last = self.derivation.steps[-1]
        left = self.notation.symbol(last.derivative)
        if last.paths > self.derivation.max_paths:
            note = (
                f"{last.paths} paths lead from {self.derivation.wrt} to {self.derivation.output}, more than "
                f"{self.derivation.max_paths}: only their factored sum is shown, below."
            )
            return "Chain rule", [], self._remark(note)
        sides: list[tuple[str, str]] = []
        pending: list[tuple[Step, list[Symbol]]] = [(last, [])]
        while pending:
            step, factors = pending.pop()
            if not step.terms:
                sides.append(("+" if sides else "=", self._times(factors[::-1])))
            for reader, _, _ in reversed(step.terms):
                pending.append((reader, [*factors, self._factor(reader, step)]))
        return ("Chain rule", [(left, sides)], "") if sides != [("=", left)] else ("", [], "")

    def _factors(self) -> Iterator[Equation]:
        for step in self.derivation.steps:
            for reader, formula, number in step.terms:
                yield self._equation(self._factor(reader, step), formula, number)

    def _back(self) -> Iterator[Equation]:
        output, *others = self.derivation.steps
        for step in others:
            left = self.notation.symbol(step.derivative)
            sides: list[tuple[str, str]] = []
            for reader, _, _ in step.terms:
                outer = [] if reader is output else [reader.derivative]
                sides.append(("+" if sides else "=", self._times([*outer, self._factor(reader, step)])))
            yield left, [*(sides if sides != [("=", left)] else ()), ("=", self.number(step.adjoint))]

    def _closed(self) -> Equation:
        last = self.derivation.steps[-1]
        sides = [self._formula(last.closed)]
        if last.closed.size <= _SHOWN:
            sides.append(self.numeric.write(last.closed))
        sides.append(self.number(self.derivation.value))
        return self.notation.symbol(last.derivative), [("=", side) for side in dict.fromkeys(sides)]


class _Plain(_Writer):
    notation = TEXT

    def write(self) -> str:
        parts = ["\n".join(self._lines(self.head(), 0))]
        for heading, equations, remark in self.sections():
            lines = [line for equation in equations for line in self._lines(equation, 2)]
            if remark:
                lines.append(f"  {remark}")
            if heading:
                parts.append("\n".join([heading, *lines]))
            elif lines:
                parts[-1] += "\n" + "\n".join(lines)
        return "\n\n".join(parts)

    def _lines(self, equation: Equation, indent: int) -> list[str]:
        left, sides = equation
        one = left + "".join(f" {relation} {side}" for relation, side in sides)
        if len(one) + indent <= 100 and (len(sides) <= 2 or sides[1][0] == "+"):
            return [" " * indent + one]
        texts = [left, *[" " * len(left)] * (len(sides) - 1)]
        return [" " * indent + f"{text} {relation} {side}" for text, (relation, side) in zip(texts, sides)]


class _Latex(_Writer):
    notation = LATEX

    def _remark(self, text: str) -> str:
        return rf"\text{{{latex_text(text)}}}"

    def _list_of(self, given: list[str]) -> str:
        return r"\text{with } " + r",\quad ".join(given) if given else ""

    def short(self, equation: Equation) -> bool:
        return sum(len(side) for _, side in equation[1]) < 400

    def rows(self, equation: Equation) -> list[str]:
        left, (first, *others) = equation
        if len(others) == 1 and others[0][0] == "=" and self.short(equation):
            return [rf"{left} &= {first[1]} = {others[0][1]}"]
        return [
            rf"{left} &{first[0]} {first[1]}",
            *(rf"&{relation if relation == '=' else relation + ' {}'} {side}" for relation, side in others),
        ]

    def write(self) -> str:
        rows = self.rows(self.head())
        for heading, equations, remark in self.sections():
            if heading:
                rows.append(rf"&\textbf{{{heading}}}")
            for equation in equations:
                rows += self.rows(equation)
            if remark:
                rows.append("&" + remark)
        return "\\begin{align*}\n" + " \\\\\n".join(rows) + "\n\\end{align*}"


class _Markdown(_Latex):
    def write(self) -> str:
        left, ((_, number),) = self.head()
        parts = [f"## ${left} = {number}$"]
        for heading, equations, remark in self.sections():
            if heading:
                parts.append(f"### {heading}")
            if equations:
                rows = " \\\\\n".join(row for equation in equations for row in self.rows(equation))
                parts.append(f"$$\n\\begin{{aligned}}\n{rows}\n\\end{{aligned}}\n$$")
            if remark:
                parts.append(f"${remark}$" if remark.startswith("\\") else remark)
        return "\n\n".join(parts) + "\n"
