"""The demo of the GPT: each stage by another way, and the page of a short run."""

import functools
import math
import re
from itertools import pairwise

import numpy as np
import pytest

from autograd import grad, mean
from demos.gpt import counting, main
from demos.gpt.names import EDGE, LETTERS, read, spelled, tokens_of
from demos.gpt.plain import adam, losses
from demos.gpt.run import HEADS, attend, model_of, plain_matrices
from demos.gpt.training import gradient_norms, held_out_loss, train
from nn import SGD, Adam, cross_entropy, gradient_norm
from tests.support.browser import opened, overflow, violations

pytest.importorskip("names", reason="it has the names; it is in the extra demos")
TEXTS = list(map(tokens_of, ["ada", "bo", "cleo", "ada", "eve"]))


def test_the_names_are_those_of_the_census_and_the_held_out_ones_are_others():
    learn, held = read("", 0)
    assert {"mary", "james"} <= {*learn, *held}
    assert not {*learn} & {*held}
    assert len(learn) + len(held) == len({*learn, *held}) > 5000
    assert all(re.fullmatch("[a-z]{1,15}", name) for name in [*learn, *held])
    men, _ = read("male", 0)
    assert {*men} < {*learn, *held}
    assert spelled(tokens_of("mary")) == "mary"
    assert read("", 0) == (learn, held) != read("", 1)


def test_the_count_of_pairs_gives_the_shares_that_were_seen():
    """Of a's successors in these names d, the edge, d and the edge; one more for each of 27."""
    table = np.exp(counting.count(TEXTS))
    a, d = LETTERS.index("a"), LETTERS.index("d")
    assert table[a, [d, EDGE]].tolist() == pytest.approx([3.0, 3.0], rel=1e-15)
    logs = [math.log(table[i, j] / table[i].sum()) for text in TEXTS for i, j in pairwise(text)]
    assert counting.loss_of_pairs(counting.count(TEXTS), TEXTS) == pytest.approx(-np.mean(logs), rel=1e-12)


def test_the_gradient_by_hand_is_that_of_the_engine_and_of_differences():
    table, h = np.random.default_rng(0).normal(size=(27, 27)), 1e-6
    found = counting.by_hand(table, TEXTS[2])
    np.testing.assert_allclose(found, counting.by_the_engine(table, TEXTS[2]), atol=1e-15)
    for i, j in [(EDGE, 2), (2, 11), (2, 3), (5, 5)]:
        moved = np.zeros((27, 27))
        moved[i, j] = h
        ends = [counting.loss_of_pairs(table + side * moved, [TEXTS[2]]) for side in (1.0, -1.0)]
        assert (ends[0] - ends[1]) / (2.0 * h) == pytest.approx(found[i, j], abs=1e-8)


def test_the_plain_program_is_the_model():
    """Its loss and the gradients of all its matrices."""
    model = model_of({}, 3)
    matrices = plain_matrices(model)
    found = losses(matrices, TEXTS[2], HEADS)
    loss = sum(found) * (1.0 / len(found))
    loss.backward()
    right = model.loss(TEXTS[2])
    right.backward()
    assert loss.data == pytest.approx(right.data, rel=1e-13)
    for p in model.parameters():
        p.data = p.grad
    for name, slopes in plain_matrices(model).items():
        mine = [p.grad for row in matrices[name] for p in row]
        assert mine == pytest.approx([p.data for row in slopes for p in row], rel=1e-9, abs=1e-14)


@pytest.mark.parametrize("optimizer", [SGD, functools.partial(Adam, betas=(0.85, 0.99))], ids=["SGD", "Adam"])
def test_the_training_is_a_loop_of_the_engine(optimizer):
    """Over programs of all lengths at once, with a rate that falls; and Adam is that of the plain program."""
    ours, theirs = model_of({}, 0), model_of({}, 0)
    parameters = theirs.parameters()
    texts = TEXTS * 10  # enough for `fit` to compile
    history = train(ours, texts, optimizer, 0.05)
    own = optimizer(parameters, lr=0.05)
    plain, numbers = adam(len(parameters), 0.85, 0.99), np.array([p.data for p in parameters])
    expected = []
    for step, text in enumerate(texts):
        own.zero_grad()
        loss = theirs.loss(text)
        loss.backward()
        own.lr = 0.05 * (1.0 - step / len(texts))
        numbers -= plain([p.grad for p in parameters], own.lr)
        own.step()
        expected.append(loss.data)
        if type(own) is Adam:
            assert numbers == pytest.approx(np.array([p.data for p in parameters]), rel=1e-12)
    assert history.backend != "eager"
    assert history.batch_loss == pytest.approx(expected, rel=1e-9)
    assert [p.data for p in ours.parameters()] == pytest.approx([p.data for p in parameters], rel=1e-7)
    letters = [len(text) - 1 for text in TEXTS]
    whole = np.average([ours.loss(text).data for text in TEXTS], weights=letters)
    assert held_out_loss(ours, TEXTS) == pytest.approx(whole, rel=1e-12)


def test_the_norms_are_those_of_the_matrices():
    model = model_of({}, 0)
    mean([model.loss(text) for text in TEXTS[:2]]).backward()
    norms = gradient_norms(model, TEXTS[:2])
    assert len(norms) == 9
    assert sum(norm**2 for norm in norms.values()) == pytest.approx(gradient_norm(model.parameters()) ** 2)
    table = [p.grad for row in model.token_embedding.weight for p in row]
    assert norms["token_embedding"] == pytest.approx(math.hypot(*table), rel=1e-12)


def test_the_attention_is_what_the_model_computes():
    model, text = model_of({}, 1), TEXTS[2]
    weights, slopes = attend(model, text)
    T = len(text) - 1
    assert weights.shape == slopes.shape == (HEADS, T, T)
    assert np.nansum(weights, axis=-1) == pytest.approx(np.ones((HEADS, T)), rel=1e-12)
    assert np.nansum(slopes, axis=-1) == pytest.approx(np.zeros((HEADS, T)), abs=1e-15)
    caches = model.caches()
    scores = [model.step(token, caches) for token in text[:-1]]
    loss = mean([cross_entropy(row, target) for row, target in zip(scores, text[1:], strict=True)])
    assert weights[2, 3, 1] == caches[0].weights[3][2][1].data
    # Scores are linear in a key k: Σ score · ∂L/∂score over all that it is in is k · ∂L/∂k.
    for head, place in [(0, 0), (2, 1), (3, 3)]:
        key = caches[0].keys[place][head]
        by_key = sum(k.data * slope for k, slope in zip(key, grad(loss, key), strict=True))
        terms = [caches[0].scores[t][head][place].data * slopes[head, t, place] for t in range(place, T)]
        assert sum(terms) == pytest.approx(by_key, rel=1e-9, abs=1e-16)


@pytest.mark.slow
@pytest.mark.render
@pytest.mark.parametrize("extensions", [[], ["--gelu", "--rope"], ["--mixture", "--lora"]], ids=" ".join)
def test_a_short_run_writes_the_page(extensions, tmp_path, capsys):
    assert main(["--quick", "--out", str(tmp_path), *extensions]) == 0
    said = capsys.readouterr().out
    assert re.search("guessing +3.2958", said)
    assert "the plain program: " in said
    text = (tmp_path / "index.html").read_text()
    for title in ("Attention", "Descent, and Adam", "Names that it makes up", "The graph of one name"):
        assert f" {title}</h2>" in text
    assert ("A change of low rank</h2>" in text) is ("--lora" in extensions)
    assert {path.name for path in tmp_path.iterdir()} == {
        "index.html", "explorer.html", "attention.svg", "losses.svg", "norms.svg", "key.svg",
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.render
def test_the_page_keeps_nobody_out_and_fits_a_telephone(browser, tmp_path):
    assert main(["--quick", "--out", str(tmp_path)]) == 0
    with opened(browser, tmp_path / "index.html", width=360) as page:
        assert overflow(page) == 0
        assert violations(page) == []


def test_without_the_names_it_says_what_to_install(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("demos.gpt.names.find_spec", lambda name: None)
    assert main(["--quick", "--out", str(tmp_path)]) == 2
    assert "scalar-autograd[demos]" in capsys.readouterr().err
