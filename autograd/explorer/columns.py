"""Columns of numbers, one for each frame of a page."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class Columns:
    """Columns of equal length; equal columns, such as a local derivative and some node's data, are one.

    Parameters
    ----------
    frames : the length of each column.

    Examples
    --------
    >>> import numpy as np
    >>> columns = Columns(2)
    >>> columns.add_all(np.array([[1.0, 5.0, 1.0], [2.0, 5.0, 2.0]]))
    [0, 1, 0]
    >>> columns.lengths(), len(columns.bytes())
    ([2, 1], 24)
    """

    def __init__(self, frames: int) -> None:
        self.frames = frames
        self._places: dict[bytes, int] = {}

    def add(self, column: Floats) -> int:
        """The number of the column, (frames,); a constant one is kept as one number."""
        column = np.ascontiguousarray(column, dtype="<f8")
        if column.shape != (self.frames,):
            raise ValueError(f"a column has {self.frames} numbers, got an array of shape {column.shape}")
        data = column.tobytes()
        if data == data[:8] * self.frames:
            data = data[:8]
        return self._places.setdefault(data, len(self._places))

    def add_all(self, table: Floats) -> list[int]:
        """The numbers of the columns of a table, (frames, columns)."""
        return [self.add(column) for column in table.T]

    def lengths(self) -> list[int]:
        """The number of kept numbers of each column: all, or one."""
        return [len(data) // 8 for data in self._places]

    def bytes(self) -> bytes:
        """All columns one after the other, as little-endian doubles."""
        return b"".join(self._places)
