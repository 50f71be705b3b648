"""Which quantity of a recording a student's name means: `dW1`, `grad_W1`, `W1.grad`, `dL/dW1`, `W1_new`."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from ..spreadsheet.vocabulary import Vocabulary, patterns_of, split_derivative

__all__ = ["Names", "Quantity"]

_GRADIENTS = (
    "d{}",
    "grad_{}",
    "{}_grad",
    "{}.grad",
    "g_{}",
    "{}grad",
    "grad{}",
    "∂{}",
    "d_{}",
    "D{}",
    "{}_bar",
    "delta_{}",
)
_NEW = ("{}_new", "new_{}", "{}_updated", "updated_{}", "{}_next", "{}'", "{}′", "{}_after")


@dataclass(frozen=True)
class Quantity:
    """What is checked.

    Attributes
    ----------
    array : the name of the array.
    role : ``"value"``; ``"gradient"``: the derivative of the loss by it; ``"update"``: the array after an
        update.
    """

    array: str
    role: str = "value"

    def __str__(self) -> str:
        return {"value": "{}", "gradient": "d{}", "update": "{}_new"}[self.role].format(self.array)


class Names:
    """The names of a recording's arrays, and all that is written for them.

    Parameters
    ----------
    arrays : the names.
    loss : the name of the loss.
    """

    def __init__(self, arrays: Collection[str], loss: str) -> None:
        self._exact = {name: Quantity(name) for name in arrays}
        tops = dict.fromkeys([loss, loss.split("_")[0], "L", "loss", "E", "J"])
        for forms, role in ((_GRADIENTS, "gradient"), (_NEW, "update")):
            for name in arrays:
                for form in forms:
                    self._exact.setdefault(form.format(name), Quantity(name, role))
        for name in arrays:
            for top in tops:
                for form in ("d{}/d{}", "d{}_d{}", "d{}d{}", "∂{}/∂{}", "d{}_{}", "{}_{}_grad"):
                    self._exact.setdefault(form.format(top, name), Quantity(name, "gradient"))
        self._folded: dict[str, Quantity | None] = {}
        for text, quantity in self._exact.items():
            key = _folded(text)
            self._folded[key] = quantity if self._folded.setdefault(key, quantity) == quantity else None
        words = [*arrays, *({loss} - {*arrays})]
        self._loss = loss
        self._vocabulary = Vocabulary(patterns_of(words, list(arrays), loss), loss, [loss], list(arrays))

    def quantity(self, text: str, gradients: bool = False) -> Quantity | None:
        """What a name means, a bare one a gradient if `gradients`; None for what is not known."""
        found = self._exact.get(text) or self._folded.get(_folded(text))
        if found is None:
            name = self._vocabulary.quantity(text)
            pair = split_derivative(name) if name else None
            if pair is not None:
                found = Quantity(pair[1], "gradient") if pair[0] == self._loss else None
            elif name is not None and name.removesuffix("'") in self._exact:
                found = Quantity(name.removesuffix("'"), "update" if name.endswith("'") else "value")
        if found is not None and found.role == "value" and gradients:
            return Quantity(found.array, "gradient")
        return found


def _folded(text: str) -> str:
    return re.sub(r"[\s_]", "", text).casefold()
