"""Reads mathematics in a line, or in LaTeX, by the usual precedence, knowing nothing of how it was written.

From loose to tight: + and − from the left; · and / from the left, and two factors side by side; a sign; a
power, which takes what stands before it without a sign, and has one exponent. ``a^b^c`` is refused.
"""

import math
import re

import numpy as np

TOKEN = re.compile(r"\s*(sech²|\d+\.?\d*(?:e[+-]?\d+)?|\\[a-zA-Z]\w*'?|[^\W\d][^\W²³]*′?|√|.)", re.DOTALL)
SPELLED = {"−": "-", "·": "*", r"\cdot": "*", r"\times": "*", "×": "*"}
OPERATIONS = {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.true_divide}


ROUNDED = {"⌊": ("⌋", np.floor), "⌈": ("⌉", np.ceil), r"\lfloor": (r"\rfloor", np.floor)}
ROUNDED[r"\lceil"] = r"\rceil", np.ceil


def plain(text):
    r"""LaTeX with each \operatorname{log\_softmax} as one command, and \log_{10} as one name."""
    text = re.sub(r"_\{(\d+)\}", r"_\1", text)
    return re.sub(
        r"\\operatorname\{([\w\\]+)\}",
        lambda match: "\\" + re.sub(r"\W", "", match[1]).replace("_", ""),
        text,
    )


class Reader:
    """One reading of a text.

    Parameters
    ----------
    values : the numbers of names.
    functions : of each name of a function, as it is written, what it computes.
    """

    def __init__(self, text, values, functions):
        text = plain(re.sub(r"\\left\s*|\\right\s*", "", text))
        self.tokens = [SPELLED.get(token, token) for token in TOKEN.findall(text)] + [""]
        self.values, self.functions = values, {plain(name): each for name, each in functions.items()}
        self.place = 0
        self.bars = 0

    @property
    def next(self):
        return self.tokens[self.place]

    def take(self, *expected):
        token = self.next
        assert not expected or token in expected, (token, expected, self.tokens)
        self.place += 1
        return token

    def whole(self):
        value = self.sum()
        assert self.next == "", self.tokens[self.place :]
        return float(value)

    def sum(self):
        value = self.product()
        while self.next in ("+", "-"):
            value = OPERATIONS[self.take()](value, self.product())
        return value

    def product(self):
        value = self.signed()
        while True:
            if self.next in ("*", "/"):
                value = OPERATIONS[self.take()](value, self.signed())
            elif self.next == "(" or self.next in self.values:
                value = np.multiply(value, self.signed())
            else:
                return value

    def signed(self):
        if self.next == "-":
            self.take()
            return np.negative(self.signed())
        return self.power()

    def power(self):
        value = self.atom()
        if self.next in ("²", "^"):
            value = np.power(value, 2.0 if self.take() == "²" else self.exponent())
        assert self.next not in ("²", "^"), f"a second exponent: {self.tokens}"
        return value

    def exponent(self):
        return self.inside("{", "}") if self.next == "{" else self.atom()

    def inside(self, first, last):
        self.take(first)
        value = self.sum()
        self.take(last)
        return value

    def atom(self):
        token = self.take()
        if re.match(r"\d", token):
            return np.float64(token)
        if token in self.values:
            return np.float64(self.values[token])
        if token in ("π", r"\pi"):
            return np.float64(np.pi)
        if token == "(":
            value = self.sum()
            self.take(")")
            return value
        if token == "|":
            value = self.sum()
            self.take("|")
            return np.absolute(value)
        if token == "[":
            return self.bracket()
        if token in (r"\frac", r"\tfrac"):
            return np.true_divide(self.inside("{", "}"), self.inside("{", "}"))
        if token == r"\sqrt":
            index = self.inside("[", "]") if self.next == "[" else 2.0
            inside = self.inside("{", "}")
            return np.cbrt(inside) if index == 3.0 else np.power(inside, 1.0 / index)
        if token == r"\lVert":
            return np.hypot.reduce(self.listed(r"\rVert"))
        if token in ROUNDED:
            last, rounded = ROUNDED[token]
            value = self.sum()
            self.take(last)
            return rounded(value)
        if token == "e":
            assert self.next == "^"
            return np.float64(math.e)
        if token == r"\sech":  # \operatorname{sech}^2(x)
            self.take("^")
            self.take("2")
            return self.functions["sech2"](self.inside("(", ")"))
        return self.functions[token](*self.arguments())

    def arguments(self):
        self.take("(")
        return self.listed(")")

    def listed(self, last):
        found = []
        while True:
            found.append(self.sum())
            if self.take(",", last) == last:
                return found

    def bracket(self):
        """Iverson's, which say whether something holds, or those around a sequence."""
        found = [self.sum()]
        sign = self.take(">", ",", "]")
        while sign == ",":
            found.append(self.sum())
            sign = self.take(",", "]")
        if sign == "]":
            return found
        found = np.float64(found[0] > self.sum())
        self.take("]")
        return found
