"""The moons demo: its data and its boundary checked by other means, its film, its files and options."""

import base64
import json
import re

import numpy as np
import pytest

from demos import moons
from tests.support.galleries import page_of, run_quick

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The demo, run once: its trained network, the folder, and what was printed."""
    folder, kept = tmp_path_factory.mktemp("moons") / "with spaces" / "out", []
    train = moons.train
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(moons, "train", lambda model, *given: kept.append(model) or train(model, *given))
        printed = run_quick(moons, folder)
    return kept[0], folder, printed


# --- the data -----------------------------------------------------------------------------------------


def test_the_moons_lie_on_two_half_circles(monkeypatch):
    monkeypatch.setattr(moons, "NOISE", 0.0)
    points, labels = moons.moons(500, np.random.default_rng(0))
    first, second = points[labels == -1], points[labels == 1]
    assert len(first) == len(second) == 250
    assert np.allclose(np.hypot(*first.T), 1.0)
    assert np.all(first[:, 1] >= 0.0)
    assert np.allclose(np.hypot(*(second - [1.0, 0.5]).T), 1.0)
    assert np.all(second[:, 1] <= 0.5)


def test_no_straight_line_parts_them():
    """The best of many lines leaves one point in ten on the wrong side."""
    points, labels = moons.moons(moons.POINTS, np.random.default_rng(0))
    best = 0.0
    for angle in np.linspace(0.0, 2.0 * np.pi, 181):
        along = points @ [np.cos(angle), np.sin(angle)]
        best = max(best, *(np.mean(np.where(along > cut, 1, -1) == labels) for cut in along))
    assert best < 0.93


# --- the boundary -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_every_point_but_a_few_is_on_its_side_and_so_are_points_never_seen(run):
    model, _, _ = run
    for n, seed, least in ((moons.POINTS, 0, 0.98), (1000, 12345, 0.95)):
        points, labels = moons.moons(n, np.random.default_rng(seed))
        right = [model(point).data * label > 0.0 for point, label in zip(points.tolist(), labels.tolist())]
        assert np.mean(right) >= least


def test_the_boundary_bends(run):
    """It crosses the line between the tips of the moons more than once; a straight one could not."""
    model, _, _ = run
    line = np.linspace([-1.0, 0.3], [2.0, 0.2], 200)
    signs = np.sign([model(point).data for point in line.tolist()])
    assert np.count_nonzero(np.diff(signs)) == 3


@pytest.mark.parametrize("slip", [{"losses": [1.0, 0.2]}, {"right": [0.5, 0.97]}, {"right_fresh": 0.9}])
def test_a_claim_that_does_not_hold_is_noticed(slip):
    found = {"losses": [1.0, 0.05], "right": [0.5, 1.0], "right_fresh": 0.99}
    moons.check(**found)
    with pytest.raises(AssertionError):
        moons.check(**found | slip)


# --- the film -----------------------------------------------------------------------------------------


def test_the_film_has_a_picture_for_each_of_its_epochs(run):
    text = (run[1] / "index.html").read_text(encoding="utf-8")
    (frames,) = re.findall(r'<script type="application/json">(.*?)</script>', text)
    frames = json.loads(frames)
    assert [re.match(r"epoch (\d+), \d+% right", title)[1] for title, _ in frames] == [
        str(epoch) for epoch in range(0, 41, 4)
    ]
    pictures = [base64.b64decode(data) for _, data in frames]
    assert all(picture.startswith(PNG) for picture in pictures)
    assert len(set(pictures)) == len(pictures)
    assert f'max="{len(frames) - 1}"' in text


def test_without_scripts_the_last_picture_is_seen_and_no_control(run):
    text = (run[1] / "index.html").read_text(encoding="utf-8")
    (shown,) = re.findall(r'src="data:image/png;base64,([^"]*)"', text)
    (frames,) = re.findall(r'<script type="application/json">(.*?)</script>', text)
    assert shown == json.loads(frames)[-1][1]
    assert 'alt="The two moons, and the boundary between them at epoch 40, 100% right"' in text
    assert '<p class="controls" hidden>' in text


# --- files and options --------------------------------------------------------------------------------


def test_the_page_has_its_pictures_and_loads_nothing(run):
    page = page_of(run[1], ["boundary", "loss"], others=["explorer.html"])
    assert len(page.images) == 3
    for words in ("1 How the boundary forms", "2 The same as a film", "3 The loss"):
        assert words in page.text
    picture = (run[1] / "boundary.svg").read_text(encoding="utf-8")
    for epoch in (*moons.MOMENTS, 40):
        assert f"epoch {epoch}, " in picture


def test_the_summary_is_short_and_ends_with_where_the_page_is(run):
    _, folder, printed = run
    lines = printed.splitlines()
    assert lines[-1] == f"Open {folder / 'index.html'}"
    assert len(lines) < 12
