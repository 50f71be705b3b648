"""`History`: what happened in a training, epoch by epoch."""

from __future__ import annotations

import copy
import html
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from os import PathLike
from typing import Any, Protocol

from autograd import write_csv

__all__ = ["History"]


class Resumable(Protocol):
    def snapshot(self) -> dict[str, Any]: ...

    def save(self, path: str | PathLike[str]) -> None: ...


@dataclass
class History:
    """What was measured in a training, with one number for each completed epoch.

    Attributes
    ----------
    loss : the mean over the examples, each before the update it contributed to.
    validation_loss : the mean over the validation examples after the last update; empty without any.
    metrics, validation_metrics : by name, of the same predictions as the losses.
    gradient_norm : ‖g‖₂ before any clipping, the mean over the updates.
    learning_rate : that of the epoch; of a schedule by updates, that of the last update.
    batch_loss : the loss of each update of this call of `fit`; not saved in checkpoints.
    interrupted : whether Ctrl-C ended the training.
    backend, backend_reason : ``"eager"``, ``"numpy"``, ``"llvm"`` or ``"jax"``, and why it was chosen.

    Examples
    --------
    >>> history = History(loss=[0.5, 0.25])
    >>> len(history), history
    (2, History(2 epochs, loss 0.5 → 0.25))
    """

    loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    interrupted: bool = False
    metrics: dict[str, list[float]] = field(default_factory=dict)
    validation_metrics: dict[str, list[float]] = field(default_factory=dict)
    gradient_norm: list[float] = field(default_factory=list)
    learning_rate: list[float] = field(default_factory=list)
    batch_loss: list[float] = field(default_factory=list, compare=False)
    backend: str = field(default="", compare=False)
    backend_reason: str = field(default="", compare=False)
    run: Resumable | None = field(default=None, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        """The numbers alone are pickled; `save` writes what another process can resume."""
        return {**vars(self), "run": None}

    def __copy__(self) -> History:
        return replace(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> History:
        return replace(self, batch_loss=self.batch_loss[:], **copy.deepcopy(self.measured(), memo))

    @property
    def epochs(self) -> int:
        """The number of epochs completed."""
        return len(self.loss)

    def __len__(self) -> int:
        return len(self.loss)

    @property
    def columns(self) -> dict[str, list[float]]:
        """The lists that are not empty, by name; metrics are columns of their own."""
        named = {
            "loss": self.loss,
            "validation_loss": self.validation_loss,
            **self.metrics,
            **{f"validation_{name}": numbers for name, numbers in self.validation_metrics.items()},
            "gradient_norm": self.gradient_norm,
            "learning_rate": self.learning_rate,
        }
        return {name: numbers for name, numbers in named.items() if numbers}

    def add(self, rows: Mapping[str, Any]) -> None:
        """Extend each attribute by the numbers of further epochs, the metrics by name.

        The loss comes last: an epoch that has one is complete.
        """
        self.trim()
        for name, numbers in rows.items():
            if isinstance(numbers, Mapping):
                for metric, each in numbers.items():
                    getattr(self, name).setdefault(metric, []).extend(each)
            elif name != "loss":
                getattr(self, name).extend(numbers)
        self.loss.extend(rows["loss"])

    def trim(self) -> None:
        """Remove what an interrupted `add` left."""
        for numbers in self.columns.values():
            del numbers[len(self.loss) :]

    def measured(self) -> dict[str, Any]:
        """The attributes with a number for each epoch."""
        names = ("loss", "validation_loss", "metrics", "validation_metrics", "gradient_norm", "learning_rate")
        return {name: getattr(self, name) for name in names}

    def watched(self, monitor: str | None, watcher: str) -> list[float]:
        """The column that a callback or schedule watches; by default the validation loss if any, or the loss.

        Raises
        ------
        ValueError : if there is no such column.
        """
        name = monitor or ("validation_loss" if self.validation_loss else "loss")
        if name not in self.columns:
            raise ValueError(
                f"{watcher} watches {name!r}, and there is no such column: {', '.join(self.columns)}"
            )
        return self.columns[name]

    def best(self, name: str, largest: bool = False) -> int:
        """The first epoch, from 1, with the least number of a column, or the largest; nan is neither.

        >>> History(loss=[3.0, 1.0, 2.0]).best("loss")
        2

        Raises
        ------
        ValueError : if there is no such column, or it is nan in every epoch.
        """
        if name not in self.columns:
            raise ValueError(
                f"no column is named {name!r}: there are {', '.join(self.columns) or 'none yet'}"
            )
        numbers = self.columns[name]
        known = [number for number in numbers if number == number]
        if not known:
            raise ValueError(f"{name} is nan in every epoch, so no epoch is the best")
        return numbers.index(max(known) if largest else min(known)) + 1

    def save(self, path: str | PathLike[str]) -> None:
        """Write the model and the state of the training, for `fit` with `resume`; see `nn.save`.

        Raises
        ------
        ValueError : if `fit` has not made this history in this session; and as for `nn.save`.
        """
        if self.run is None:
            raise ValueError("only a history that fit made in this session can be saved as a checkpoint")
        self.run.save(path)

    def to_csv(self, path: str | PathLike[str]) -> None:
        """Write one row per epoch at full precision: epoch, then the `columns`."""
        columns = {"epoch": range(1, len(self) + 1), **self.columns}
        write_csv(path, columns, zip(*columns.values(), strict=True))

    def plot(self, path: str | PathLike[str] | None = None) -> Any:
        """Plot the losses against the epochs, below them the metrics; write the figure if `path` is given.

        Returns
        -------
        The `matplotlib.figure.Figure`, which a notebook shows.

        Raises
        ------
        MissingExtraError : without matplotlib, which the extra `plots` installs.
        ValueError : if there are no epochs to show, or matplotlib knows no pictures with this suffix.
        OSError : if the file cannot be written.
        """
        from . import plots

        if not self.loss:
            raise ValueError("there is nothing to plot: no epoch was completed")
        panels = {"loss": {"training": self.loss, "validation": self.validation_loss}}
        for name, numbers in self.metrics.items():
            validated = self.validation_metrics.get(name, [])
            panels[name.replace("_", " ")] = {"training": numbers, "validation": validated}
        figure = plots.by_epoch(panels)
        if path is not None:
            plots.save(figure, path)
        return figure

    def _repr_html_(self) -> str:
        """A table; of many epochs, the first and the last."""
        columns, n = self.columns, len(self)
        shown = range(n) if n <= 12 else [*range(5), *range(n - 5, n)]
        rows = [[str(i + 1), *(f"{column[i]:.6g}" for column in columns.values())] for i in shown]
        if n > 12:
            rows.insert(5, ["…"] * (1 + len(columns)))
        head = "".join(f"<th>{html.escape(name.replace('_', ' '))}</th>" for name in ["epoch", *columns])
        body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
        caption = html.escape(f"{self.backend}: {self.backend_reason}") if self.backend else ""
        return (
            f"<table>{f'<caption>{caption}</caption>' if caption else ''}"
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        )

    def __repr__(self) -> str:
        parts = [f"{len(self)} epoch{'s' if len(self) != 1 else ''}"]
        for name, numbers in self.columns.items():
            if name not in ("gradient_norm", "learning_rate"):
                parts.append(f"{name} {numbers[0]:.4g} → {numbers[-1]:.4g}")
        if self.interrupted:
            parts.append("interrupted")
        if self.backend:
            parts.append(f"{self.backend} back end")
        return f"History({', '.join(parts)})"
