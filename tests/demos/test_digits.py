"""The digits demo: its claims recomputed with arrays, its files and options."""

from __future__ import annotations

import importlib
import math
import re
import sys
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from sklearn.datasets import load_digits

from autograd import Program
from demos import __main__ as runner
from demos import digits
from demos.shared import datasets
from tests.support.galleries import page_of, run_quick

PICTURES = ["digits", "training", "confusion", "mistakes", "neurons"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The demo, run once: the answers, the folder and what was printed."""
    folder = tmp_path_factory.mktemp("digits") / "with spaces" / "out"
    kept = []

    def keep(*given):
        kept.append(answer(*given))
        return kept[0]

    answer = digits.answer
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(digits, "answer", keep)
        printed = run_quick(digits, folder)
    return kept[0], folder, printed


@pytest.fixture(scope="module")
def answers(run):
    return run[0]


@pytest.fixture(scope="module")
def shown(run):
    return page_of(run[1], PICTURES)


# --- the data -----------------------------------------------------------------------------------------


def rows(X):
    return [tuple(x) for x in X.tolist()]


def test_all_the_digits_are_used_once_and_a_quarter_is_held_out():
    data = datasets.digits(1797, seed=3)
    X, y = load_digits(return_X_y=True)
    together = zip(rows(data.X) + rows(data.X_unseen), [*data.y, *data.y_unseen])
    assert sorted(together) == sorted(zip(rows(X / 16.0), y))
    assert (len(data.y), len(data.y_unseen)) == (1347, 450)
    assert (data.X.min(), data.X.max()) == (0.0, 1.0)


def test_some_of_the_digits_are_of_all_ten(answers):
    data = answers.data
    assert (len(data.y), len(data.y_unseen)) == (225, 75)
    assert set(data.y) == set(data.y_unseen) == set(range(10))
    assert not set(rows(data.X)) & set(rows(data.X_unseen))


def test_a_seed_gives_the_same_split_again_and_another_seed_another():
    first, again, other = (datasets.digits(200, seed) for seed in (1, 1, 2))
    assert (first.X == again.X).all()
    assert (first.X != other.X).any()


# --- the claims ---------------------------------------------------------------------------------------


def test_what_is_read_is_what_the_weights_say(answers):
    """The forward pass once more, of all pictures at once."""
    hidden, output = digits.weights_of(answers.model)
    first, last = ([neuron.b.data for neuron in layer.neurons] for layer in answers.model.layers)
    scores = np.tanh(answers.data.X_unseen @ hidden.T + first) @ output.T + last
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    expected = powers / powers.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(answers.reading.probabilities, expected, rtol=1e-12)
    assert answers.reading.accuracy == np.mean(scores.argmax(axis=1) == answers.data.y_unseen) >= 0.8


def test_the_pictures_held_out_play_no_part_in_the_training(answers):
    data = replace(answers.data, X_unseen=0.0 * answers.data.X_unseen)
    model, history = digits.train(data, 1, seed=0)
    assert history.loss[0] == answers.history.loss[0]
    assert answers.history.validation_loss == []
    assert model.n_in == 64


def test_both_networks_have_equal_settings(answers):
    ours, theirs = answers.history.run.optimizer, answers.theirs
    assert theirs.hidden_layer_sizes == [layer.n_out for layer in answers.model.layers[:-1]]
    assert theirs.activation == answers.model.layers[0].activation.name == "tanh"
    assert theirs.out_activation_ == "softmax"
    assert (theirs.solver, type(ours).__name__) == ("adam", "Adam")
    assert (theirs.learning_rate_init, theirs.batch_size) == (ours.lr, digits.BATCH)
    assert (theirs.beta_1, theirs.beta_2, theirs.epsilon) == (*ours.betas, ours.eps)
    assert (theirs.n_iter_, theirs.alpha) == (len(answers.history), 0.0)


def test_with_scikit_learns_weights_ours_gives_scikit_learns_probabilities(answers):
    model = digits.copied(answers.theirs)
    found = digits.read(model, answers.data.X[:20])
    np.testing.assert_allclose(found, answers.theirs.predict_proba(answers.data.X[:20]), atol=1e-13)


def test_a_reading_counted_by_hand():
    rows_of = {0: 7, 1: 1, 2: 1}  # which digit each row finds most probable
    beliefs = np.full((3, 10), 0.05)
    for row, taken in rows_of.items():
        beliefs[row, taken] = 0.55
    reading = digits.Reading(beliefs, np.array([7, 1, 9]))
    assert reading.answers.tolist() == [7, 1, 1]
    assert reading.accuracy == 2 / 3
    assert {place: int(count) for place, count in np.ndenumerate(reading.confusion) if count} == {
        (7, 7): 1, (1, 1): 1, (9, 1): 1,
    }  # fmt: skip
    assert reading.hardest[0] == 2


@pytest.mark.parametrize(
    ("written", "taken", "said"),
    [
        ([1, 2], [1, 2], "There is no mistake at all."),
        ([1, 2], [1, 8], "1 of 2 pictures are read wrong. No mistake is made more than once."),
        ([8, 8, 8, 2], [1, 1, 1, 1], "The most common mistake, 3 times: an 8 taken for a 1."),
        ([8, 8, 9, 9], [1, 1, 3, 3], "mistakes, twice: an 8 taken for a 1, a 9 taken for a 3."),
    ],
)
def test_the_most_common_mistakes_are_named(written, taken, said):
    assert digits.most_confused(digits.Reading(np.eye(10)[taken], np.array(written))).endswith(said)


def test_the_weights_of_empty_pixels_never_move(answers):
    empty = [pixel for pixel in range(64) if max(answers.data.X[:, pixel]) == 0.0]
    assert empty
    assert np.flatnonzero(answers.empty).tolist() == empty
    for before, after in zip(answers.start.layers[0].neurons, answers.model.layers[0].neurons):
        same = [i for i, (a, b) in enumerate(zip(before.w, after.w)) if a.data == b.data]
        assert same == empty


def test_a_claim_that_does_not_hold_is_noticed(answers):
    digits.check(answers, 0.8)
    wrong = replace(answers.reading, labels=(answers.reading.labels + 1) % 10)
    for slip in (
        {"reading": wrong},
        {"copied_reading": answers.reading},
        {"start": digits.MLP(64, [32, 10], activation="tanh", seed=1)},
        {"start": answers.model},
    ):
        with pytest.raises(AssertionError):
            digits.check(replace(answers, **slip), 0.8)


# --- the files ----------------------------------------------------------------------------------------


def test_the_page_tells_the_numbers(answers, shown):
    text = shown.text
    right = round(answers.reading.accuracy * 75)
    assert f"Of 75 that it has never seen it reads {right} right: {right / 75:.1%}." in text
    assert f"scikit-learn's network with equal settings reads {answers.their_reading.accuracy:.1%}" in text
    assert f"{75 - right} of 75 pictures are read wrong." in text
    assert "MLP 64-32-10 with tanh and softmax cross-entropy; 8 epochs" in text
    assert f"The {answers.empty.sum()} white pixels" in text
    ours, theirs = answers.seconds.values()
    factor = re.search(r"scikit-learn takes (\d+) times less", text)
    assert float(factor[1]) == pytest.approx(ours / theirs, abs=0.5)


def words_of(run, name):
    root = ElementTree.parse(run[1] / f"{name}.svg").getroot()
    return [element.text.strip() for element in root.iter() if element.tag.endswith("}text") and element.text]


def test_the_confusion_matrix_has_the_counts(run, answers):
    """After the ten digits on each of the two axes and their labels."""
    counts = [str(count) for count in answers.reading.confusion.ravel() if count]
    words = words_of(run, "confusion")
    for count in set(counts):
        assert words.count(count) - 2 * (int(count) < 10) == counts.count(count)


def test_the_hardest_pictures_are_those_of_the_largest_loss(run, answers):
    losses = [-math.log(p[label]) for p, label in zip(answers.reading.probabilities, answers.reading.labels)]
    worst = sorted(range(75), key=lambda i: -losses[i])[:10]
    titles = []
    for i in worst:
        label, taken = answers.reading.labels[i], answers.reading.answers[i]
        titles.append(f"✗ {label}, read as {taken}" if label != taken else f"✓ {label}, but barely")
    assert [word for word in words_of(run, "mistakes") if word[0] in "✗✓"] == titles


def test_each_neuron_says_what_it_speaks_for_and_against(run, answers):
    expected = []
    for j in range(32):
        heard = [neuron.w[j].data for neuron in answers.model.layers[1].neurons]
        expected.append(f"▲{heard.index(max(heard))}  ▼{heard.index(min(heard))}")
    found = [word for word in words_of(run, "neurons") if word.startswith("▲")]
    assert [word.split() for word in found] == [word.split() for word in expected]


def test_the_summary_is_short_and_ends_with_the_page(run):
    _, folder, printed = run
    lines = printed.splitlines()
    assert lines[-1] == f"Open {folder / 'index.html'}"
    assert len(lines) < 15
    assert max(map(len, lines[:-1])) < 80


# --- the options --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["digits", "regression"])
def test_an_interrupted_training_ends_the_demo(name, tmp_path, monkeypatch, capsys):
    """Ctrl-C after some batches."""
    stretches = []

    def interrupt(self, training):
        stretches.append(train(self, training))
        if len(stretches) == 2:
            raise KeyboardInterrupt
        return stretches[-1]

    train = Program.train
    monkeypatch.setattr(Program, "train", interrupt)
    assert runner.main([name, "--quick", "--out", str(tmp_path)]) == 130
    assert capsys.readouterr().err == f"python -m demos {name}: interrupted\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["digits", "regression"])
def test_without_scikit_learn_the_extra_is_named(name, tmp_path, monkeypatch, capsys):
    for module in [module for module in sys.modules if module.split(".")[0] == "sklearn"]:
        monkeypatch.setitem(sys.modules, module, None)
    assert importlib.import_module(f"demos.{name}").main(["--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        f"python -m demos {name}: error: a demo on real data needs scikit-learn, which is not installed: "
        'run pip install "scalar-autograd[demos]"\n'
    )
