"""Columns of numbers, one for each frame of a page."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class Columns:
    """Columns of equal length; equal columns, such as a local derivative and some node's data, are one.

    Examples
    --------
    >>> import numpy as np
    >>> columns = Columns()
    >>> columns.add(np.array([[1.0, 5.0, 1.0], [2.0, 5.0, 2.0]]))
    [0, 1, 0]
    >>> columns.lengths(), len(columns.bytes())
    ([2, 1], 24)
    """

    def __init__(self) -> None:
        self._places: dict[bytes, int] = {}

    def add(self, table: Floats) -> list[int]:
        """The numbers of the columns of a table, (frames, columns); a constant one is kept as one number."""
        places = []
        for column in np.asarray(table, dtype="<f8").T:
            data = column.tobytes()
            data = data[:8] if data == data[:8] * len(column) else data
            places.append(self._places.setdefault(data, len(self._places)))
        return places

    def lengths(self) -> list[int]:
        """The number of kept numbers of each column: all, or one."""
        return [len(data) // 8 for data in self._places]

    def bytes(self) -> bytes:
        """All columns one after the other, as little-endian doubles."""
        return b"".join(self._places)
