"""The regression demo: its claims recomputed, that nothing of the held-out patients is used, its files."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from sklearn.datasets import load_diabetes

from demos import regression
from demos.shared import datasets
from tests.support.galleries import page_of, run_quick
from tests.support.pages import Page

PICTURES = ["losses", "predictions", "residuals"]
NETWORK, LINE = regression.NETWORK, regression.LINE


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The demo, run once: the answers, the folder, what was printed, and what was trained with."""
    folder = tmp_path_factory.mktemp("regression") / "with spaces" / "out"
    answer, train = regression.answer, regression.train
    kept = {}

    def keep_answers(*given):
        kept["answers"] = answer(*given)
        return kept["answers"]

    def keep_training(data, *given):
        kept["data"] = data
        kept["model"], *rest = train(data, *given)
        return kept["model"], *rest

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(regression, "answer", keep_answers)
        patch.setattr(regression, "train", keep_training)
        printed = run_quick(regression, folder)
    return kept, folder, printed


@pytest.fixture(scope="module")
def answers(run):
    return run[0]["answers"]


@pytest.fixture(scope="module")
def shown(run):
    return page_of(run[1], PICTURES)


# --- the data -----------------------------------------------------------------------------------------


def test_every_patient_is_either_learned_from_or_held_out(answers):
    data, whole = answers.data, load_diabetes(scaled=False)
    assert (len(data.y), len(data.y_unseen)) == (331, 111)
    found = np.column_stack([np.vstack([data.X, data.X_unseen]), [*data.y, *data.y_unseen]]).tolist()
    assert sorted(found) == sorted(np.column_stack([whole.data, whole.target]).tolist())
    assert answers.features == whole.feature_names


def test_what_is_learned_from_is_standardised_by_itself(run):
    data = run[0]["data"]
    assert (len(data.y), len(data.y_unseen)) == (264, 67)
    for numbers in (data.X, data.y):
        np.testing.assert_allclose(numbers.mean(axis=0), 0.0, atol=1e-12)
        np.testing.assert_allclose(numbers.std(axis=0), 1.0, rtol=1e-12)


def test_the_held_out_patients_play_no_part_in_the_training(run, monkeypatch):
    """With other numbers in their place the training is the same."""

    def spoiled(seed):
        data, features = datasets.diabetes(seed)
        return replace(data, X_unseen=data.X_unseen + 1.0, y_unseen=data.y_unseen[::-1]), features

    monkeypatch.setattr(regression, "diabetes", spoiled)
    history = regression.answer(2, 0).history
    assert history.loss == pytest.approx(run[0]["answers"].history.loss[:2], rel=1e-12)
    validation = run[0]["answers"].history.validation_loss
    assert history.validation_loss == pytest.approx(validation[:2], rel=1e-12)


# --- the claims ---------------------------------------------------------------------------------------


def r2(predicted, true):
    return 1.0 - np.sum((true - predicted) ** 2) / np.sum((true - np.mean(true)) ** 2)


def by_least_squares(data):
    """The linear model again, by the normal equations."""
    A = np.column_stack([np.ones(len(data.X)), data.X])
    weights = np.linalg.solve(A.T @ A, A.T @ data.y)
    return np.column_stack([np.ones(len(data.X_unseen)), data.X_unseen]) @ weights


def test_the_network_is_not_below_the_linear_model(answers):
    true = answers.data.y_unseen
    line = r2(by_least_squares(answers.data), true)
    assert answers.scores[LINE] == pytest.approx(line, rel=1e-9)
    assert answers.scores[NETWORK] == pytest.approx(r2(answers.found[NETWORK], true), rel=1e-12)
    assert answers.scores[NETWORK] >= line


def test_the_network_s_predictions_are_those_of_its_weights(run, answers):
    """In the patients' own units, with the scale written out."""
    (first, last), data = run[0]["model"].layers, answers.data
    inner = regression.split(data.X, data.y, 0, share=0.2)
    a = (data.X_unseen - inner.X.mean(axis=0)) / inner.X.std(axis=0)
    for layer in (first, last):
        w = np.array([[weight.data for weight in neuron.w] for neuron in layer.neurons])
        a = a @ w.T + [neuron.b.data for neuron in layer.neurons]
        a = np.maximum(a, 0.0) if layer is first else a
    np.testing.assert_allclose(answers.found[NETWORK], a[:, 0] * inner.y.std() + inner.y.mean(), rtol=1e-12)


def test_the_parameters_are_those_of_the_best_epoch(run, answers):
    data = run[0]["data"]
    loss = np.mean((run[0]["model"].predict(data.X_unseen) - data.y_unseen) ** 2)
    assert loss == pytest.approx(min(answers.history.validation_loss), rel=1e-12)


def test_the_bootstrap_one_resample_after_the_other(monkeypatch):
    monkeypatch.setattr(regression, "RESAMPLES", 50)
    rng = np.random.default_rng(1)
    true = rng.normal(size=30)
    first, second = true + 0.5 * rng.normal(size=30), true + rng.normal(size=30)
    found = regression.differences(first, second, true, seed=7)
    drawn = np.random.default_rng(7).integers(30, size=(50, 30))
    expected = [r2(first[rows], true[rows]) - r2(second[rows], true[rows]) for rows in drawn]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_a_claim_that_does_not_hold_is_noticed(answers):
    regression.check(answers, standard=True)
    line, true = answers.found[LINE], answers.data.y_unseen
    for slip in (
        {"found": {NETWORK: line, LINE: true}},
        {"found": {NETWORK: np.full(111, true.mean()), LINE: line}},
        {"interval": (0.01, 0.1)},
        {"best": answers.best + 1},
    ):
        with pytest.raises(AssertionError):
            regression.check(replace(answers, **slip), standard=True)


def test_with_another_seed_the_line_may_win(answers):
    swapped = {NETWORK: answers.found[LINE], LINE: answers.found[NETWORK]}
    regression.check(replace(answers, found=swapped), standard=False)


@pytest.mark.parametrize(
    ("interval", "said"),
    [
        ((-0.01, 0.02), "nothing shows that one of the two is better"),
        ((0.01, 0.02), "here the network is better"),
        ((-0.02, -0.01), "here the linear model is better"),
    ],
)
def test_the_verdict_follows_the_interval(answers, interval, said, tmp_path):
    regression.present(replace(answers, interval=interval), tmp_path)
    assert said in Page((tmp_path / "index.html").read_text(encoding="utf-8")).text


# --- the files ----------------------------------------------------------------------------------------


def test_the_page_tells_the_numbers(answers, shown):
    text, scores = shown.text, answers.scores
    assert f"the network explains R² = {scores[NETWORK]:.3f}" in text
    assert f"linear regression {scores[LINE]:.3f}." in text
    assert f"The best epoch was {answers.best} of {len(answers.history)}." in text
    assert "From 264 of the others" in text
    assert "The remaining 67 say when to stop" in text


def test_the_predictions_are_titled_with_their_scores(run, answers):
    text = "".join(ElementTree.parse(run[1] / "predictions.svg").getroot().itertext())
    for name, score in answers.scores.items():
        assert f"{name}: R² = {score:.3f}" in text


def test_the_summary_is_short_and_ends_with_the_page(run):
    _, folder, printed = run
    lines = printed.splitlines()
    assert lines[-1] == f"Open {folder / 'index.html'}"
    assert len(lines) < 15
    assert max(map(len, lines[:-1])) < 80


@pytest.mark.slow
def test_a_second_run_gives_the_same_files(run, tmp_path, capsys):
    assert regression.main(["--quick", "--out", str(tmp_path)]) == 0
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (run[1] / path.name).read_bytes()
