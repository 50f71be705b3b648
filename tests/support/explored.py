"""What stands in a page of `explore`, read back: its payload, and its columns of numbers."""

from __future__ import annotations

import base64
import gzip
import json
import re
from typing import Any

import numpy as np


class Explored:
    """The page's own numbers, by name of a node and by frame."""

    def __init__(self, html: str) -> None:
        self.html = html
        self.payload: dict[str, Any] = json.loads(self._part("payload"))
        flat = np.frombuffer(self._part("numbers"), dtype="<f8")
        ends = np.cumsum(self.payload["lengths"])
        self.columns = [np.resize(column, self.payload["frames"]) for column in np.split(flat, ends[:-1])]
        self.nodes = {node["name"]: node for node in self.payload["nodes"]}
        self.edges = self.payload["edges"]
        self.runs = self.payload["runs"]

    def _part(self, name: str) -> bytes:
        found = re.search(rf'<script type="text/plain" id="{name}">([^<]*)</script>', self.html)
        assert found is not None, f"there is no {name} in the page"
        return gzip.decompress(base64.b64decode(found[1]))

    def column(self, name: str, what: str) -> Any:
        """The data, grad, after or gradient of a node, in every frame."""
        return self.columns[self.nodes[name][what]]

    def filled(self, pieces: list[str | int], frame: int) -> str:
        """A formula with its numbers, all their digits, as Python would read it."""

        def number(node: int) -> str:
            return f"({float(self.columns[self.payload['nodes'][node]['data']][frame])!r})"

        return "".join(number(piece) if isinstance(piece, int) else piece for piece in pieces)
