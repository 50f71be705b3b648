"""The style sheet: what is drawn can be read, by everyone, on paper and on a dark page, and in grey print."""

from __future__ import annotations

import re
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from autograd.drawing.style import DARK, PALETTE, Palette, variables

ROOT = Path(__file__).parents[3]
SHARES = [step / 20 for step in range(21)]
SIGNS = {"positive": 1.0, "negative": -1.0}
SERIES = range(6)
Vector = npt.NDArray[np.float64]

both = pytest.mark.parametrize("palette", [PALETTE, DARK], ids=["light", "dark"])

# Severity 1.0, on linear RGB. Source: Machado, Oliveira and Fernandes, "A Physiologically-based Model for
# Simulation of Color Vision Deficiency", IEEE TVCG 15 (2009), and the table of the authors' page.
VISIONS = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
# Linear sRGB to CIE XYZ, D65. Source: IEC 61966-2-1.
XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def linear(colour: str) -> Vector:
    """Linear sRGB of ``#rrggbb``."""
    encoded = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """Source: WCAG 2.2, "contrast ratio"."""
    dark, light = sorted(float(XYZ[1] @ linear(colour)) for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)


def lab(colour: str, vision: str = "normal") -> Vector:
    """CIE L*a*b* of a colour, as it is seen."""
    seen = XYZ @ np.clip(VISIONS[vision] @ linear(colour), 0.0, 1.0) / XYZ.sum(axis=1)
    f = np.where(seen > (6 / 29) ** 3, np.cbrt(seen), seen * (29 / 6) ** 2 / 3 + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def difference(one: str, other: str, vision: str) -> float:
    """ΔE of 1976: 2 or 3 can just be told apart side by side."""
    return float(np.linalg.norm(lab(one, vision) - lab(other, vision)))


def shades(palette: Palette, kind: str = "") -> list[str]:
    """Every colour that the sign and size of a number can give."""
    numbers = [palette.tint(sign, share, kind) for sign in SIGNS.values() for share in SHARES]
    return [*numbers, palette.tint(0.0, 0.0, kind), palette.tint(float("nan"), 0.0, kind)]


# --- the two palettes ------------------------------------------------------------------------------


def test_both_palettes_have_the_same_names() -> None:
    assert list(DARK) == list(PALETTE)


@both
def test_a_colour_has_one_meaning(palette: Palette) -> None:
    """Also for the explorer, which puts the name of a colour in its place."""
    assert len(set(palette.values())) == len(palette)


def test_the_variables_are_both_palettes() -> None:
    light, dark = variables().split("@media (prefers-color-scheme: dark)")
    for name in PALETTE:
        assert f"--{name.replace(' ', '-')}: {PALETTE[name]};" in light
        assert f"--{name.replace(' ', '-')}: {DARK[name]};" in dark


# --- contrast: WCAG 2.2, 1.4.3 asks 4.5 of text and 1.4.11 asks 3 of lines that say something ----------


@both
@pytest.mark.parametrize("text", ["ink", "caption"])
def test_text_is_readable_on_every_fill(palette: Palette, text: str) -> None:
    grounds = shades(palette) + [palette[name] for name in ("paper", "layer", "neuron")]
    assert min(contrast(palette[text], ground) for ground in grounds) >= 4.5


@both
def test_badges_and_faded_text_are_readable(palette: Palette) -> None:
    pairs = [("paper", "badge"), ("paper", "faded"), ("layer", "faded"), ("neuron", "faded")]
    assert min(contrast(palette[one], palette[other]) for one, other in pairs) >= 4.5


@both
def test_lines_are_seen(palette: Palette) -> None:
    """But for "faded line" and "grid", which recede: they say nothing that text does not say as well."""
    lines = shades(palette, " line") + [palette[name] for name in ("line", "frame", "ink")]
    assert min(contrast(palette["paper"], line) for line in lines) >= 3.0
    within = [(palette[line], palette[frame]) for line in ("line", "ink") for frame in ("layer", "neuron")]
    assert min(contrast(*pair) for pair in within) >= 3.0


@both
def test_lines_of_plots_can_have_text_in_their_colour(palette: Palette) -> None:
    assert min(contrast(palette["paper"], palette.series(number)[0]) for number in SERIES) >= 4.5


# --- colour vision ---------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("kind", ["", " line"])
def test_signs_are_told_apart_by_everyone(palette: Palette, vision: str, kind: str) -> None:
    for share in SHARES:
        positive, negative = (palette.tint(sign, share, kind) for sign in SIGNS.values())
        assert difference(positive, negative, vision) >= 20.0
        for colour in (positive, negative):
            assert difference(colour, palette[f"zero{kind}"], vision) >= 6.0


@both
@pytest.mark.parametrize("vision", VISIONS)
def test_lines_of_plots_are_told_apart_by_everyone(palette: Palette, vision: str) -> None:
    colours = [palette.series(number)[0] for number in SERIES]
    assert min(difference(*pair, vision) for pair in combinations(colours, 2)) >= 10.0


def test_lines_of_plots_are_told_apart_without_colour() -> None:
    """The first six by their dashes or by their markers alone; after that by dash and colour together."""
    _, dashes, markers = zip(*map(PALETTE.series, SERIES), strict=True)
    assert len(set(dashes)) == len(set(markers)) == len(SERIES)
    assert len({PALETTE.series(number)[:2] for number in range(36)}) == 36


# --- grey print ------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("kind", ["", " line"])
def test_in_grey_the_larger_is_further_from_the_paper_and_the_sign_makes_no_difference(
    palette: Palette, kind: str
) -> None:
    paper, zero = (lab(palette[name])[0] for name in ("paper", f"zero{kind}"))
    steps = {
        sign: [abs(paper - lab(palette.tint(number, share, kind))[0]) for share in SHARES]
        for sign, number in SIGNS.items()
    }
    for sign in SIGNS:
        assert all(smaller < larger for smaller, larger in pairwise([abs(paper - zero), *steps[sign]]))
    assert max(abs(a - b) for a, b in zip(*steps.values(), strict=True)) <= 2.0


# --- one place -------------------------------------------------------------------------------------

COLOUR = re.compile(r"(?<![\w&])#(?:[0-9a-f]{6}|[0-9a-f]{3})\b", re.IGNORECASE)
OWN_COLOURS = {
    "autograd/drawing/style.py": "the style sheet",
    "autograd/spreadsheet/workbook.py": "cells look as a spreadsheet's own styles for input and notes do",
}


def colours_in(path: Path) -> list[str]:
    """The colours that a file states, but for custom properties that repeat the style sheet's."""
    found = path.read_text(encoding="utf-8")
    for palette in (PALETTE, DARK):
        for name, colour in palette.items():
            found = found.replace(f"--{name.replace(' ', '-')}: {colour};", "")
    return COLOUR.findall(found)


def test_colours_stand_in_the_style_sheet() -> None:
    files = [
        path
        for folder in ("autograd", "nn", "demos")
        for suffix in ("py", "css", "html", "js")
        for path in ROOT.joinpath(folder).rglob(f"*.{suffix}")
    ]
    assert {str(path.relative_to(ROOT)) for path in files if colours_in(path)} == set(OWN_COLOURS)
