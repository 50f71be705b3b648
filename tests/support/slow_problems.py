"""Problems that take too long, too much memory, or end the process that checks: as no honest sheet does."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from autograd.spreadsheet import assignment


@dataclass
class Troubled:
    """The assignment; but the number ``trouble`` of a student says what its check does first."""

    def with_numbers(self, numbers: Mapping[str, float]) -> Any:
        kind = numbers.get("trouble", 0)
        if kind == 1:
            time.sleep(600)
        elif kind == 2:
            bytearray(1 << 40)
        elif kind == 3:
            os._exit(7)
        return assignment()
