"""Every colour, shape, line and font of our drawings."""

from __future__ import annotations

import math

Dash = str | tuple[int, tuple[int, ...]]

_DASHES: tuple[Dash, ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 3)))
_MARKERS = "o^sDvPX*"


class Palette(dict[str, str]):
    """Colours by their meaning, and the shades from faint to strong."""

    def shade(self, value: float, largest: float) -> str:
        """The fill of a box: blue above 0, orange below, darker the larger; grey at 0.

        Parameters
        ----------
        value : the value; nan has a colour of its own.
        largest : the absolute value of the darkest colour. Each of four powers of ten below it is fainter.

        Returns
        -------
        A colour ``#rrggbb``.

        Examples
        --------
        >>> from autograd import PALETTE
        >>> [PALETTE.shade(value, 1.0) for value in (1.0, -1.0, 0.001, 0.0)]
        ['#82b6e6', '#eea35f', '#c3dcf4', '#eeeeee']
        """
        return self.tint(value, strength(value, largest))

    def tint(self, value: float, share: float, kind: str = "") -> str:
        """The colour of a sign, `share` of the way from faint to dark; of a line if `kind` is ``" line"``."""
        if value != value:
            return self[f"invalid{kind}"]
        if value == 0.0:
            return self[f"zero{kind}"]
        sign = "positive" if value > 0 else "negative"
        return _mix(self[f"{sign}{kind}"], self[f"{sign}{kind} strong"], share)

    def series(self, number: int) -> tuple[str, Dash, str]:
        """The colour, dash and marker of line `number` of a plot, from 0, as matplotlib names them.

        Each alone distinguishes the first six lines, in grey print too.

        Examples
        --------
        >>> from autograd import PALETTE
        >>> PALETTE.series(1)
        ('#a84600', '--', '^')
        """
        count = len(_DASHES)
        dash = _DASHES[(number + number // count) % count]
        return self[f"series {number % count}"], dash, _MARKERS[number % len(_MARKERS)]


# Each colour on light and on dark paper, where larger is lighter. Blue and orange differ for every kind of
# colour vision and are equally dark in grey print, so darkness alone means size.
_COLORS = {
    "positive": ("#d9e9f8", "#20344a"),
    "positive strong": ("#82b6e6", "#275a8a"),
    "positive line": ("#5b91c4", "#4f7299"),
    "positive line strong": ("#0b559f", "#82bbf2"),
    "negative": ("#fbe4cd", "#46301c"),
    "negative strong": ("#eea35f", "#80470f"),
    "negative line": ("#c27a3a", "#90653e"),
    "negative line strong": ("#983d00", "#f0a558"),
    "zero": ("#eeeeee", "#2b2e32"),
    "zero line": ("#919191", "#696e73"),
    "invalid": ("#e7b3d6", "#7a3f66"),  # nan
    "invalid line": ("#a3317c", "#d983bd"),
    "paper": ("#ffffff", "#17191c"),
    "ink": ("#1a1a1a", "#ececea"),
    "caption": ("#404040", "#d0d3d7"),
    "faded": ("#707070", "#8b9096"),  # off the highlighted paths
    "faded line": ("#c4c4c4", "#474c52"),
    "line": ("#6b6b6b", "#9a9fa5"),
    "badge": ("#3d3d3d", "#d8dade"),  # behind the symbol of an operation
    "layer": ("#f7f7f4", "#1f2226"),
    "neuron": ("#fdfdfb", "#1a1c1f"),
    "frame": ("#8f8f88", "#6c7178"),
    "grid": ("#dcdddf", "#3b4047"),  # behind the lines of a plot, between the rows of a table
    "series 0": ("#0a5aa6", "#7fb6ee"),  # lines of a plot
    "series 1": ("#a84600", "#ee9f50"),
    "series 2": ("#1a7f5a", "#4fc49a"),
    "series 3": ("#b03a80", "#e07fd0"),
    "series 4": ("#6b2d12", "#b08a76"),
    "series 5": ("#1c1e21", "#e9e9e6"),
}

PALETTE = Palette(
    {name: light for name, (light, _) in _COLORS.items()} | {"font": "Helvetica,Arial,sans-serif"}
)
"""The style of all drawings: colours by their meaning, and the font."""

DARK = Palette(PALETTE | {name: dark for name, (_, dark) in _COLORS.items()})
"""The same on a dark page."""


def variables() -> str:
    """The colours as CSS custom properties, ``--positive-strong`` and so on, for a light and a dark page.

    Examples
    --------
    >>> print(variables()[:54])
    :root { color-scheme: light dark; --positive: #d9e9f8;
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
"""The DOT attributes of each kind of box."""

WIDTH = 1.2  # of the line around a box
WIDTH_ON_PATH, WIDTH_OF_START = 2.4, 4.0  # where paths are highlighted

DECADES = 4  # powers of ten from the faintest colour to the strongest


def strength(value: float, largest: float) -> float:
    """|value| on a logarithmic scale: 1 at `largest`, 0 at four powers of ten below it or more.

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
    return max(0.0, 1.0 - (math.log10(largest) - math.log10(value)) / DECADES)


def _mix(faint: str, strong: str, share: float) -> str:
    pairs = ((int(faint[i : i + 2], 16), int(strong[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(low + (high - low) * share):02x}" for low, high in pairs)
