"""Which quantity of a recording a student's name means: `dW1`, `grad_W1`, `W1.grad`, `dL/dW1`, `W1_new`."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from ..spreadsheet.vocabulary import Vocabulary, patterns_of, split_derivative

__all__ = ["Names", "Quantity"]

_GRADIENTS = (
    "d{}", "grad_{}", "{}_grad", "{}.grad", "g_{}", "{}grad", "grad{}", "∂{}", "d_{}", "D{}", "{}_bar",
    "delta_{}",
)  # fmt: skip
_BY_LOSS = ("d{}/d{}", "d{}_d{}", "d{}d{}", "∂{}/∂{}", "d{}_{}", "{}_{}_grad")
_NEW = ("{}_new", "new_{}", "{}_updated", "updated_{}", "{}_next", "{}'", "{}′", "{}_after")


@dataclass(frozen=True)
class Quantity:
    """An array in a role: its ``"value"``, its ``"gradient"``, or the array after an ``"update"``."""

    array: str
    role: str = "value"

    def __str__(self) -> str:
        return {"value": "{}", "gradient": "d{}", "update": "{}_new"}[self.role].format(self.array)


class Names:
    """The names of a recording's arrays and of its loss, in all the ways people write them."""

    def __init__(self, arrays: Collection[str], loss: str) -> None:
        self._exact = {name: Quantity(name) for name in arrays}
        tops = dict.fromkeys([loss, loss.split("_")[0], "L", "loss", "E", "J"])
        for forms, role in ((_GRADIENTS, "gradient"), (_NEW, "update")):
            for name in arrays:
                for form in forms:
                    self._exact.setdefault(form.format(name), Quantity(name, role))
        for name in arrays:
            for top in tops:
                for form in _BY_LOSS:
                    self._exact.setdefault(form.format(top, name), Quantity(name, "gradient"))
        self._folded: dict[str, Quantity | None] = {}
        for text, quantity in self._exact.items():
            key = _folded(text)
            self._folded[key] = quantity if self._folded.setdefault(key, quantity) == quantity else None
        words = [*arrays, *({loss} - {*arrays})]
        self._loss = loss
        self._vocabulary = Vocabulary(patterns_of(words, list(arrays), loss), loss, [loss], list(arrays))

    def quantity(self, text: str) -> Quantity | None:
        """What a name means; None for an unknown one."""
        found = self._exact.get(text) or self._folded.get(_folded(text))
        if found is None:
            name = self._vocabulary.quantity(text)
            pair = split_derivative(name) if name else None
            if pair is not None:
                found = Quantity(pair[1], "gradient") if pair[0] == self._loss else None
            elif name is not None and name.removesuffix("'") in self._exact:
                found = Quantity(name.removesuffix("'"), "update" if name.endswith("'") else "value")
        return found


def _folded(text: str) -> str:
    return re.sub(r"[\s_]", "", text).casefold()
