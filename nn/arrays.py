"""Data from users as arrays of finite real numbers."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np

from autograd import Value

from .arguments import scalar

__all__ = ["features_of", "finite_array", "require_unmasked"]


def features_of(model: Any, X: Any, name: str = "X") -> Any:
    """The features as an array (N, D), with the D of the model.

    Raises
    ------
    TypeError, ValueError : as for `finite_array`; if there are none, or their shape is another.
    """
    features = finite_array(name, X)
    if features.size == 0:
        raise ValueError(f"{name} has no data: its shape is {features.shape}")
    takes = getattr(model, "n_in", None)
    if features.ndim != 2:
        hint = f"; for a single feature {name}.reshape(-1, 1), for one example {name}.reshape(1, -1)"
        hint = hint if features.ndim == 1 else ""
        raise ValueError(f"{name} must have the shape (N, D), got {features.shape}{hint}")
    if takes not in (None, features.shape[1]):
        raise ValueError(f"{name} has {features.shape[1]} features, and the model takes {takes}")
    return features


def require_unmasked(name: str, data: Any) -> None:
    """Refuse masked numbers: `np.asarray` would take them for data."""
    masked = whole = 0
    pending = [data]
    while pending:
        each = pending.pop()
        if isinstance(each, np.ma.MaskedArray):
            masked, whole = masked + int(np.ma.getmaskarray(each).sum()), whole + each.size
        elif isinstance(each, (list, tuple)):
            kinds = set(map(type, each))
            if any(issubclass(kind, (list, tuple, np.ma.MaskedArray)) for kind in kinds):
                pending += each
    if masked:
        raise ValueError(
            f"{name} has {masked} masked number{'s' if masked > 1 else ''} of {whole}: "
            "drop those examples, or replace the numbers with filled"
        )


def finite_array(name: str, data: Any) -> Any:
    """The data as an array.

    Raises
    ------
    TypeError, ValueError : if they are not finite real numbers in rows of one length, or one is masked.
    """
    require_unmasked(name, data)
    if hasattr(data, "detach"):  # a tensor of torch with a gradient refuses to become an array
        data = data.detach()
    expected = f"{name} must be numbers in rows of one length"
    try:
        array = np.asarray(data)
    except ValueError as error:
        raise ValueError(f"{expected}, {_unequal_rows(data) or error}") from None
    if array.dtype == object:
        for place, item in np.ndenumerate(array):
            if not isinstance(scalar(item), (Real, Decimal, Value)):
                raise TypeError(f"{expected}, got {type(item).__name__}{_in(place)}: {item!r:.60}")
        try:
            array = array.astype(np.float64)
        except OverflowError:
            raise ValueError(f"{name} must be finite, got an integer beyond float64") from None
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be real numbers, got an array of {array.dtype}")
    faults = np.argwhere(~np.isfinite(array))
    if len(faults):
        place = tuple(faults[0].tolist())
        raise ValueError(f"{name} must be finite, got {array[place]}{_in(place)}")
    return array


def _unequal_rows(data: Any) -> str:
    """The first row whose length differs from row 0, for an error."""
    sizes = [len(row) if hasattr(row, "__len__") else 1 for row in data] if isinstance(data, Iterable) else []
    odd = next((i for i, size in enumerate(sizes) if size != sizes[0]), None)
    return "" if odd is None else f"got {sizes[0]} in row 0 and {sizes[odd]} in row {odd}"


def _in(place: tuple[int, ...]) -> str:
    """The place in the data, for an error; empty for a lone number."""
    axes = zip(("row", "column"), place)
    return " in " + ", ".join(f"{axis} {i}" for axis, i in axes) if place else ""
