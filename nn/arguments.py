"""Checks of arguments; an error names the argument, and says what was given and what was expected."""

from __future__ import annotations

import inspect
import math
import operator
import pickle
import random
from collections.abc import Callable, Mapping
from numbers import Real
from typing import Any

import numpy as np

__all__ = [
    "Described", "index_of", "random_generator", "require_choice", "require_column", "require_count",
    "require_flag", "require_fraction", "require_integer", "require_kind", "require_number", "require_option",
    "require_positive", "require_state", "require_text", "scalar",
]  # fmt: skip


def require_count(name: str, value: Any, least: int = 1, most: int | None = None) -> int:
    """`value` as an int from `least` to `most`; numpy's integers are integers.

    >>> require_count("n_in", 2.0)
    Traceback (most recent call last):
        ...
    TypeError: n_in must be an integer, got float: 2.0
    """
    count = require_integer(name, value)
    if most is not None and not least <= count <= most:
        raise ValueError(f"{name} must be a whole number from {least} to {most}, got {count}")
    if count < least:
        raise ValueError(f"{name} must be at least {least}, got {count}")
    return count


def require_integer(name: str, value: Any) -> int:
    """`value` as an int; numpy's integers are integers.

    >>> require_integer("ignore_index", "no")
    Traceback (most recent call last):
        ...
    TypeError: ignore_index must be an integer, got str: 'no'
    """
    try:
        if isinstance(value, bool):
            raise TypeError
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {type(value).__name__}: {value!r:.60}") from None


def require_kind(value: Any, kind: Any, expected: str) -> None:
    """A `TypeError` that says what was `expected`, unless the value is of this kind, or one of these.

    >>> require_kind(3, str, "title must be a string")
    Traceback (most recent call last):
        ...
    TypeError: title must be a string, got int: 3
    """
    if not isinstance(value, kind):
        raise TypeError(f"{expected}, got {type(value).__name__}: {value!r:.60}")


def require_option(name: str, value: Any, *options: str) -> str:
    """`value` if it is one of the options; an error that names it otherwise.

    >>> require_option("mode", "least", "min", "max")
    Traceback (most recent call last):
        ...
    ValueError: mode must be 'min' or 'max', got 'least'
    """
    if value not in options:
        *first, last = map(repr, options)
        raise ValueError(f"{name} must be {', '.join(first)} or {last}, got {value!r:.60}")
    option: str = value
    return option


def require_number(name: str, value: Any, least: float = -math.inf) -> float:
    """`value` as a finite float of at least `least`.

    >>> require_number("lr", -0.1, least=0.0)
    Traceback (most recent call last):
        ...
    ValueError: lr must be finite and at least 0, got -0.1
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {type(value).__name__}: {value!r:.60}")
    bound = f" and at least {least:g}" if least > -math.inf else ""
    try:
        number = float(value)
    except OverflowError:
        raise ValueError(f"{name} must be finite{bound}, got an integer beyond float64") from None
    if not (math.isfinite(number) and number >= least):
        raise ValueError(f"{name} must be finite{bound}, got {value!r}")
    return number


def require_positive(name: str, value: Any) -> float:
    """`value` as a finite float above 0.

    >>> require_positive("max_norm", 0)
    Traceback (most recent call last):
        ...
    ValueError: max_norm must be above 0, got 0
    """
    number = require_number(name, value)
    if number <= 0.0:
        raise ValueError(f"{name} must be above 0, got {value!r}")
    return number


def require_fraction(name: str, value: Any, below: bool = False) -> float:
    """`value` as a float from 0 to 1, or `below` 1.

    >>> require_fraction("p", 1.0, below=True)
    Traceback (most recent call last):
        ...
    ValueError: p must be from 0 to below 1, got 1.0
    """
    number = require_number(name, value)
    if not 0.0 <= number <= 1.0 or (below and number == 1.0):
        raise ValueError(f"{name} must be from 0 to {'below ' if below else ''}1, got {value!r}")
    return number


def require_flag(name: str, value: Any) -> bool:
    """`value` as a bool: any text, even ``"no"``, would count as true.

    >>> require_flag("shuffle", "no")
    Traceback (most recent call last):
        ...
    TypeError: shuffle must be True or False, got str: 'no'
    """
    require_kind(value, (bool, np.bool_), f"{name} must be True or False")
    return bool(value)


def require_text(name: str, value: Any) -> str:
    """`value` if it is a string."""
    require_kind(value, str, f"{name} must be a string")
    return str(value)


def require_column(monitor: Any) -> str | None:
    """The name of a column of a history, or None."""
    require_kind(monitor, (str, type(None)), "monitor must be the name of a column")
    column: str | None = monitor
    return column


def require_choice(kind: str, choice: Any, table: Mapping[str, Any], form: str) -> Any:
    """The entry of `table` with this name, or a function as it is; an error lists the names.

    >>> require_choice("loss", "mse", {"mse_loss": abs}, "loss(prediction, target)")
    Traceback (most recent call last):
        ...
    ValueError: no loss is named 'mse': choose one of mse_loss
    """
    if isinstance(choice, str):
        if choice not in table:
            raise ValueError(f"no {kind} is named {choice!r}: choose one of {', '.join(table)}")
        return table[choice]
    article = "an" if kind[0] in "aeiou" else "a"
    require_kind(choice, Callable, f"{article} {kind} is a name or a function {form}")
    return choice


def scalar(value: Any) -> Any:
    """The number in an array without axes, such as an element of numpy or torch; anything else as it is.

    >>> scalar(np.array(2)), scalar(np.float32(0.5)), scalar("a")
    (2, 0.5, 'a')
    """
    # `item` would give 0 for a masked number.
    return value.tolist() if getattr(value, "ndim", None) == 0 and hasattr(value, "tolist") else value


class Described:
    """A base class whose repr shows the arguments of the constructor that are attributes.

    A switch, None or 0 is left out at its default.
    """

    def _settings(self) -> dict[str, Any]:
        names = inspect.signature(type(self)).parameters
        # nonlin is another name of the activation
        return {name: getattr(self, name) for name in names if hasattr(self, name) and name != "nonlin"}

    def __repr__(self) -> str:
        settings, shown = self._settings(), []
        for name, argument in inspect.signature(type(self)).parameters.items():
            unsaid = argument.default is True or argument.default in (None, False, 0)
            if name in settings and not (unsaid and settings[name] == argument.default):
                shown.append(_setting(name, settings[name]))
        return f"{type(self).__name__}({', '.join(shown)})"


# Settings that need no name.
_BARE = (
    "n_in", "n_out", "widths", "p", "optimizer", "path", "in_features", "out_features", "num_embeddings",
    "embedding_dim", "normalized_shape",
)  # fmt: skip


def _setting(name: str, value: Any) -> str:
    if name == "parameters":
        return f"{len(value)} parameter{'s' if len(value) != 1 else ''}"
    if isinstance(getattr(value, "name", None), str):  # an activation
        value = value.name
    text = getattr(value, "__name__", None) or repr(value)
    return text if name in _BARE else f"{name}={text}"


def require_state(owner: Any, state: Any, **kinds: type) -> None:
    """Refuse what `state_dict` of this kind of owner does not give: a mapping with these members.

    The kind is the name of the owner's class; states of older versions have none.
    """
    if not isinstance(state, Mapping) or not all(
        name in state and isinstance(state[name], kind) for name, kind in kinds.items()
    ):
        raise TypeError(
            f"load_state_dict takes the result of state_dict, got {type(state).__name__}: {state!r:.60}"
        )
    own = type(owner).__name__
    if (kind := state.get("kind", own)) != own:
        raise ValueError(f"this state is of {kind}, and cannot be loaded into {own}")


def random_generator(seed: Any) -> np.random.Generator:
    """The generator of a seed; a generator is its own.

    None draws a seed from Python's or numpy's global generator: ``random.seed`` or ``numpy.random.seed``
    makes a script without seeds repeatable.

    >>> random_generator("today")
    Traceback (most recent call last):
        ...
    TypeError: seed must be None, a non-negative integer or a numpy Generator, got str: 'today'
    """
    if isinstance(seed, np.ndarray) and not seed.shape:
        seed = seed[()]
    try:
        return np.random.default_rng(_global_seed() if seed is None else seed)
    except (TypeError, ValueError) as error:
        raise (TypeError if isinstance(error, TypeError) else ValueError)(
            "seed must be None, a non-negative integer or a numpy Generator, "
            f"got {type(seed).__name__}: {seed!r:.60}"
        ) from None


def _global_states() -> tuple[int, bytes]:
    """The states of Python's and numpy's global generators, as a hash and a pickle."""
    return hash(random.getstate()), pickle.dumps(np.random.get_state(legacy=False))


_looked = _global_states()  # their states when a seed was last drawn
_source = 0 if np.random.get_state(legacy=False)["state"]["pos"] == 623 else 1  # 623: not seeded, not used


def _global_seed() -> int:
    """A seed from the global generator of Python or numpy that has moved since the last seed was drawn.

    If both have, it is Python's, from which micrograd draws; if none has, the same one again.
    """
    global _looked, _source
    moved = [now != then for now, then in zip(_global_states(), _looked)]
    if any(moved):
        _source = moved.index(True)
    seed = random.getrandbits(63) if _source == 0 else int(np.random.randint(2**63))
    _looked = _global_states()
    return seed


def index_of(token: Any, count: int, reader: str) -> int:
    """A token as the index of one of `count` rows.

    Raises
    ------
    TypeError, ValueError : if it is not a number, or not a whole one.
    IndexError : if there is no such row.
    """
    token, expected = scalar(token), f"{reader} takes whole numbers from 0 to {count - 1}"
    if isinstance(token, float):
        if not token.is_integer():
            raise ValueError(f"{expected}, got {token!r}")
        token = int(token)
    try:
        if isinstance(token, bool):
            raise TypeError
        index = operator.index(token)
    except TypeError:
        raise TypeError(f"{expected}, got {type(token).__name__}: {token!r:.60}") from None
    if not 0 <= index < count:
        raise IndexError(f"{expected}, got {index}")
    return index
