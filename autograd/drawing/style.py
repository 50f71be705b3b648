"""Every colour, shape, line and font of our drawings."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping


class Palette(Mapping[str, str]):
    """Colours by what they mean, and the colours between the faint and the strong ones."""

    def __init__(self, colors: Mapping[str, str]) -> None:
        self._colors = dict(colors)

    def __getitem__(self, name: str) -> str:
        return self._colors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._colors)

    def __len__(self) -> int:
        return len(self._colors)

    def shade(self, value: float, largest: float) -> str:
        """The colour to fill a box with: blue above 0, orange below, darker the larger; grey at 0.

        Parameters
        ----------
        value : the value; nan has a colour of its own.
        largest : the absolute value that gets the darkest colour. Each power of ten below it is fainter,
            down to four.

        Returns
        -------
        A colour ``#rrggbb``.

        Examples
        --------
        >>> from autograd import PALETTE
        >>> [PALETTE.shade(value, 1.0) for value in (1.0, -1.0, 0.001, 0.0)]
        ['#7db4e6', '#f6a860', '#d1e4f6', '#ececec']
        """
        return self.tint(value, strength(value, largest))

    def tint(self, value: float, share: float, kind: str = "") -> str:
        """The colour for the sign of a value, `share` of the way from the faintest to the darkest.

        `kind` is ``""`` for filling a box, ``" line"`` for drawing a line.
        """
        if value != value:
            return self["invalid"]
        if value == 0.0:
            return self[f"zero{kind}"]
        sign = "positive" if value > 0 else "negative"
        return _mix(self[f"{sign}{kind}"], self[f"{sign}{kind} strong"], share)


PALETTE = Palette(
    {
        # Blue and orange differ for every kind of colour vision, and are equally dark in grey print,
        # so that darkness alone means size. From faint to strong, to fill a box and to draw a line.
        "positive": "#edf4fb",
        "positive strong": "#7db4e6",
        "positive line": "#a9c9e8",
        "positive line strong": "#0b559f",
        "negative": "#fef3e8",
        "negative strong": "#f6a860",
        "negative line": "#f3c79c",
        "negative line strong": "#b04a00",
        "zero": "#ececec",
        "zero line": "#b0b0b0",
        "invalid": "#e7b3d6",  # nan
        "paper": "#ffffff",
        "ink": "#1a1a1a",
        "caption": "#555555",
        "faded": "#9a9a9a",  # what is not on the highlighted paths
        "faded line": "#d4d4d4",
        "line": "#6b6b6b",
        "badge": "#3d3d3d",  # behind the symbol of an operation
        "layer": "#f6f6f4",
        "neuron": "#ebebe7",
        "frame": "#b5b5ae",
        "font": "Helvetica,Arial,sans-serif",
    }
)
"""The style of all drawings: colours by what they mean, and the font."""

DARK = Palette(
    {
        **PALETTE,
        "positive": "#1d2b3a",
        "positive strong": "#2f6ea8",
        "positive line": "#3c5a78",
        "positive line strong": "#7db8f0",
        "negative": "#362619",
        "negative strong": "#a05a14",
        "negative line": "#765233",
        "negative line strong": "#f6a95c",
        "zero": "#33363a",
        "zero line": "#5c6166",
        "invalid": "#7a3f66",
        "paper": "#17191c",
        "ink": "#ececea",
        "caption": "#b4b8bd",
        "faded": "#7e8388",
        "faded line": "#34383d",
        "line": "#9a9fa5",
        "badge": "#d8dade",
        "layer": "#1f2226",
        "neuron": "#282c31",
        "frame": "#4d5258",
    }
)
"""The same on a dark page."""


def variables() -> str:
    """The colours as CSS custom properties, ``--positive-strong`` and so on, for a light and a dark page.

    Examples
    --------
    >>> print(variables()[:54])
    :root { color-scheme: light dark; --positive: #edf4fb;
    """

    def listed(palette: Palette) -> str:
        return " ".join(f"--{name.replace(' ', '-')}: {color};" for name, color in palette.items())

    dark = f"@media (prefers-color-scheme: dark) {{ :root {{ {listed(DARK)} }} }}"
    return f":root {{ color-scheme: light dark; {listed(PALETTE)} }}\n{dark}\n"


SHAPES = {
    "constant": 'shape=plaintext, style=solid, margin="0.03,0.02"',
    "input": "shape=box",
    "parameter": "shape=note",
    "result": "shape=box",
    "output": "shape=box, peripheries=2",
    "group": 'shape=folder, margin="0.12,0.08"',
}
"""What each kind of box looks like, as DOT attributes."""

WIDTH = 1.2  # of the line around a box
WIDTH_ON_PATH, WIDTH_OF_START = 2.4, 4.0  # where paths are highlighted

_DECADES = 4  # a value this many powers of ten below the largest has the faintest colour


def strength(value: float, largest: float) -> float:
    """Where |value| lies between 0, four powers of ten or more below `largest`, and 1, at `largest`.

    Examples
    --------
    >>> strength(-10.0, 1000.0)
    0.5
    """
    value, largest = abs(value), abs(largest)
    if value >= largest or math.isinf(value):
        return 1.0
    if value == 0.0 or math.isinf(largest):
        return 0.0
    return max(0.0, 1.0 - (math.log10(largest) - math.log10(value)) / _DECADES)


def _mix(faint: str, strong: str, share: float) -> str:
    pairs = ((int(faint[i : i + 2], 16), int(strong[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(low + (high - low) * share):02x}" for low, high in pairs)
