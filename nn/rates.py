"""The learning rate of each update: the optimizer's own, or what a schedule makes of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .history import History
from .optimizers import Optimizer
from .schedules import Schedule

__all__ = ["Rates"]


class Rates:
    """A schedule, or none, that takes a step after each epoch or, with `by_update`, after each update.

    Attributes
    ----------
    first : the schedule's epoch at the beginning of the training.
    """

    def __init__(self, optimizer: Optimizer, schedule: Schedule | None, by_update: bool) -> None:
        self.optimizer, self.schedule = optimizer, schedule
        self.by_update = by_update and schedule is not None
        self.first = 0 if schedule is None else schedule.last_epoch

    def follow(self, history: History, updates: int) -> None:
        """Take the steps after the completed epochs or updates, each whole or not at all."""
        schedule = self.schedule
        if schedule is None:
            return
        if self.by_update:
            schedule.last_epoch = self.first + updates
            self.optimizer.lr = schedule.rate(schedule.last_epoch)
            return
        while schedule.last_epoch < self.first + len(history):
            before = schedule.state_dict()
            try:
                schedule.follow(history, schedule.last_epoch - self.first + 1)
            except BaseException:
                schedule.load_state_dict(before)
                raise

    def after(self, updates: Iterable[int]) -> list[float]:
        """The rates of the updates that come after so many."""
        if self.schedule is None or not self.by_update:
            return [self.optimizer.lr for _ in updates]
        return [self.schedule.rate(self.first + made) for made in updates]

    @property
    def name(self) -> str:
        return type(self.schedule).__name__ + " of updates" * self.by_update

    def state(self) -> dict[str, Any] | None:
        return None if self.schedule is None else {**self.schedule.state_dict(), "first": self.first}

    def load(self, state: Mapping[str, Any] | None) -> None:
        """Go on from the `state` of a schedule of the same type."""
        if self.schedule is not None and state is not None:
            self.schedule.load_state_dict(state)
            self.first = state["first"]
            if self.first > self.schedule.last_epoch:
                raise ValueError(f"its first epoch, {self.first}, is after its last")
