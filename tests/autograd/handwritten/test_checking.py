"""Passes written by hand: what is right is never called wrong, and what is wrong is named, with its slip."""

import collections
import dataclasses
import functools
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd import Value, check_gradients, check_values, sigmoid
from autograd.spreadsheet import assignment
from tests.support import planted
from tests.support.profiles import scaled, slow
from tests.support.two_layers import REFERENCES, RIGHT, SLIPS, by_numpy, inputs, student, with_slip

# Other ways to write the same passes.
STYLES = {
    "as it is": lambda f: f,
    "single precision": lambda f: _converted(f, lambda each: each.astype(np.float32)),
    "columns first": lambda f: _converted(f, np.asfortranarray),
    "lists": lambda f: _returned(f, lambda each: each.tolist()),
    "single precision as lists": lambda f: _returned(f, lambda each: each.astype(np.float32).tolist()),
    "a row for a vector": lambda f: _returned(f, lambda each: each[None] if each.ndim == 1 else each),
    "a column for a vector": lambda f: _returned(f, lambda each: each[:, None] if each.ndim == 1 else each),
    "five decimals": lambda f: _returned(f, lambda each: np.round(each, 5)),
    "names with d": lambda f: lambda **given: {f"d{name}": each for name, each in f(**given)[1].items()},
    "names as fractions": lambda f: (
        lambda **given: {f"dL/d{name}": each for name, each in f(**given)[1].items()}
    ),
}  # fmt: skip


def _converted(function, convert):
    def converted(**given):
        return function(**{
            name: convert(each) if getattr(each, "dtype", np.dtype(int)).kind == "f" else each
            for name, each in given.items()
        })  # fmt: skip

    return converted


def _returned(function, convert):
    def returned(**given):
        loss, gradients = function(**given)
        return float(loss), {name: convert(each) for name, each in gradients.items()}

    return returned


def kinds(report):
    return {each.kind for each in report.mistakes}


def values(names):
    return {name.removeprefix("d") for name in names}


# --- what is right -------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("reference", REFERENCES)
def test_right_passes_of_any_style_are_right(style, reference):
    report = check_gradients(STYLES[style](student(RIGHT)), REFERENCES[reference], inputs())
    assert report, str(report)
    assert {"dW1", "db1", "dW2", "db2"} <= set(report.right)


@given(st.integers(0, 10**6), st.sampled_from([*planted.NETWORKS]), st.floats(-6, 4))
def test_right_passes_of_any_network_are_right(seed, network, magnitude):
    """Also where outputs saturate, so that most of the digits cancel."""
    text, reference, make = planted.NETWORKS[network]
    given = make(np.random.default_rng(seed))
    for name in given:
        if name[0] in "VWw":
            given[name] = given[name] * 10.0 ** (magnitude / 4)
    report = check_gradients(planted.whole(text), reference, given)
    assert report, str(report)


def test_a_column_of_other_axes_is_a_vector_but_a_matrix_is_not():
    given = {"w": np.array([1.0, 2.0, 3.0])}
    reference = lambda w: (w * w).sum()
    assert check_gradients(lambda w: (2 * w).reshape(3, 1), reference, given)
    assert not check_gradients(lambda w: np.diag(2 * w), reference, given)


@pytest.mark.parametrize("returned", [
    lambda x, y: (y, x), lambda x, y: [y, x], lambda x, y: {"x": y, "y": x}, lambda x, y: (x * y, (y, x)),
    lambda x, y: (x * y, {"dy": x}), lambda x, y: {"grad_x": y, "y_grad": x}, lambda x, y: {"∂L/∂x": y},
])  # fmt: skip
def test_gradients_may_be_returned_in_many_forms(returned):
    for numbers in ([2.0, 3.0], {"x": 2.0, "y": 3.0}, [2, 3]):
        assert check_gradients(returned, lambda x, y: x * y, numbers)


@dataclasses.dataclass
class Gradients:
    W1: Any
    b1: Any
    W2: Any
    b2: Any


OF_THE_TRAINED = {  # and none for X and reg, which are floats too
    "a tuple": lambda loss, g: tuple(g.values()),
    "the loss before them": lambda loss, g: (loss, *g.values()),
    "the loss and a list": lambda loss, g: (loss, list(g.values())),
    "an iterator": lambda loss, g: iter(g.values()),
    "a pair for each layer": lambda loss, g: [(g["W1"], g["b1"]), (g["W2"], g["b2"])],
    "the loss and pairs": lambda loss, g: (loss, [(g["W1"], g["b1"]), (g["W2"], g["b2"])]),
    "a mapping for each layer": lambda loss, g: [{"W": g["W1"], "b": g["b1"]}, {"W": g["W2"], "b": g["b2"]}],
    "a named tuple": lambda loss, g: collections.namedtuple("G", g)(**g),
    "a data class": lambda loss, g: Gradients(**g),
    "a mapping in a mapping": lambda loss, g: {"loss": loss, "grads": g},
    "lists of lists": lambda loss, g: tuple(each.tolist() for each in g.values()),
}


@pytest.mark.parametrize("form", OF_THE_TRAINED)
def test_gradients_of_what_is_trained_alone_are_told_by_their_shapes(form):
    def returned(function):
        return lambda **given: OF_THE_TRAINED[form](*function(**given))

    report = check_gradients(returned(student(RIGHT)), REFERENCES["by_dot"], inputs())
    assert report, str(report)
    assert {"dW1", "db1", "dW2", "db2"} <= set(report.right)
    report = check_gradients(returned(with_slip("mask left out")), REFERENCES["by_dot"], inputs())
    assert values(report.wrong) == {"W1", "b1"}


# --- what is wrong -------------------------------------------------------------------------------------


# These take as long as all others together: almost every candidate is tried.
LONG = (
    "bias left out",
    "linear hidden layer",
    "softmax along the wrong axis",
    "softmax of all examples at once",
)
FUSED = ("missing 1/N", "one not subtracted", "off-diagonal left out", "pre-activation for activation")


@pytest.mark.parametrize(
    ("slip", "reference"),
    [
        *((slip, "by_numpy") for slip in SLIPS if slip not in LONG),
        *slow([(slip, "by_numpy") for slip in LONG]),
        *((slip, "by_rows") for slip in FUSED),
        *((slip, "by_dot") for slip in SLIPS if "bias" in slip or "softmax" in slip),
    ],
)
def test_the_usual_slips_of_a_two_layer_net_are_named(slip, reference):
    _, _, names, expected = SLIPS[slip]
    report = check_gradients(with_slip(slip), REFERENCES[reference], inputs())
    assert values(report.wrong) == set(names.split())
    assert len(report.mistakes) == 1, str(report)
    assert report.mistakes[0].words
    assert report.mistakes[0].kind in (expected.split() if expected else kinds(report))


def test_a_division_by_the_number_of_examples_that_one_gradient_lacks_is_named():
    """As where each gradient is divided by m of its own, and the features stand in columns."""

    def reference(X, W, b, t):
        A = 1 / (1 + np.exp(-(np.dot(W, X) + b)))
        return ((A - t) ** 2).sum() / X.shape[1]

    def by_hand(X, W, b, t):
        A = 1 / (1 + np.exp(-(np.dot(W, X) + b)))
        dZ = 2 * (A - t) * A * (1 - A)
        return {"W": np.dot(dZ, X.T) / X.shape[1], "b": dZ.sum(axis=1, keepdims=True)}

    chance = np.random.default_rng(1)
    shapes = {"X": (2, 7), "W": (3, 2), "b": (3, 1), "t": (3, 7)}
    report = check_gradients(by_hand, reference, {name: chance.random(each) for name, each in shapes.items()})
    assert report.wrong == ["db"]
    assert "a division by 7 is left out" in report.mistakes[0].words


def _rate(seeds):
    """Of planted slips: how many, how many were named, and of how many other arrays were told."""
    named = wrong = 0
    for network in planted.NETWORKS:
        for seed in seeds:
            _, function, given, names = planted.planted(network, seed)
            report = check_gradients(function, planted.NETWORKS[network][1], given)
            wrong += values(report.wrong) != set(names)
            named += bool(kinds(report)) and not kinds(report) & {"", "shape"}
    return len(planted.NETWORKS) * len(seeds), named, wrong


def test_random_slips_are_seen_and_named():
    count, named, wrong = _rate(range(3))
    assert wrong == 0
    assert named >= 0.9 * count


@pytest.mark.slow
def test_of_many_random_slips_nine_in_ten_are_named():
    """Of 120, or as many times more as the profile draws: 2,400 in long."""
    count, named, wrong = _rate(range(1000, 1000 + scaled(40)))
    assert wrong == 0
    assert named >= 0.9 * count


def test_two_slips_are_two_mistakes():
    text = RIGHT.replace("    dscores /= N\n", "").replace("db1 = dz1.sum(axis=0)", "db1 = dz1.sum(axis=1)")
    report = check_gradients(student(text), by_numpy, inputs())
    assert kinds(report) == {"factor", "axis"}
    assert report.wrong[-1] == "db1"


def test_what_follows_from_a_wrong_array_counts_once():
    text = RIGHT.replace("    dscores /= N\n", "").replace('"b2": db2}', '"b2": db2, "dscores": dscores}')
    report = check_gradients(student(text), by_numpy, inputs())
    assert [each.names for each in report.mistakes] == [("dscores",)]
    assert set(report.consequential) == {"dW1", "db1", "dW2", "db2"}


def test_the_students_own_arrays_are_checked_where_the_reference_names_them():
    text = RIGHT.replace('"b2": db2}', '"b2": db2, "h1": h1, "probs": probs, "dz1": dz1}')
    assert {"h1", "probs", "dz1"} <= set(check_gradients(student(text), by_numpy, inputs()).right)
    text = text.replace("np.maximum(0, z1)", "z1")
    report = check_gradients(student(text), by_numpy, inputs())
    assert report.mistakes[0].names == ("h1",)
    assert report.mistakes[0].kind == "function"
    assert "probs" in report.consequential


# --- numbers against a recorded graph ------------------------------------------------------------------


def scalars(data=0.5):
    w, x, t = Value(data, "w"), Value(2.0, "x"), Value(1.0, "t")
    h = w * x
    a = sigmoid(h)
    return {"w": w, "x": x, "t": t, "h": h, "a": a, "E": 0.5 * (t - a) ** 2}


def by_hand():
    a = 1 / (1 + np.exp(-1.0))
    return {"h": 1.0, "a": a, "E": 0.5 * (1 - a) ** 2, "da": a - 1, "dh": (a - 1) * a * (1 - a)}


def test_scalars_of_a_mapping_of_a_labelled_loss_and_of_a_problem():
    graph = scalars()
    for name, node in graph.items():
        node.label = name
    for problem in (graph, graph["E"]):
        report = check_values({**by_hand(), "dw": 2 * by_hand()["dh"]}, problem)
        assert report, str(report)
        report = check_values({**by_hand(), "dw": 0.5 * by_hand()["dh"]}, problem)
        assert report.wrong == ["dw"]
        assert report.mistakes[0].kind == "operand"
    right = {"h1": 0.0275, "a_h1": 1 / (1 + np.exp(-0.0275)), "∂E_total/∂w1": 0.0}
    report = check_values(right, assignment())
    assert report.right == ["h1", "a_h1"]
    assert report.wrong == ["∂E_total/∂w1"]


def test_updates_and_the_step_before():
    graph, rate = scalars(), 0.5
    dw = 2 * by_hand()["dh"]
    assert check_values({"w_new": 0.5 - rate * dw}, graph, rate=rate)
    added = check_values({"dw": dw, "w_new": 0.5 + rate * dw}, graph, rate=rate)
    assert kinds(added) == {"rate"}
    assert "increased" in str(added)
    follows = check_values({"dw": 3 * dw, "w_new": 0.5 - rate * 3 * dw}, graph, rate=rate)
    assert list(follows.consequential) == ["w_new"]
    before = check_values({"dw": 7.0 * by_hand()["dh"]}, graph, previous={"x": 7.0})
    assert kinds(before) == {"stale"}
    assert "rate" in str(check_values({"w_new": 1.0}, graph))


def test_decimals_that_were_printed_are_right_to_these():
    report = check_values({"a": 0.7311, "dh": -0.05288}, scalars())
    assert report
    assert "4 decimals" in str(report)
    assert not check_values({"a": 0.7312}, scalars())


def test_of_too_few_decimals_is_said_that_they_are_too_few():
    graph = scalars()
    numbers = by_hand()
    for decimals in (1, 2):
        rounded = {name: round(each, decimals) for name, each in numbers.items()}
        report = check_values(rounded, graph)
        few = [each for each in report.mistakes if each.kind == "rounded"]
        assert few
        assert all(f"{decimals} decimal" in each.words for each in few)


def test_a_slip_below_single_precision_is_said_not_to_be_seen():
    report = check_values({"a": by_hand()["a"] * (1 + 1e-8)}, scalars())
    assert report
    assert "7 digits" in str(report)


def test_at_a_kink_any_value_between_is_right():
    z = Value(0.0)
    graph = {"z": z, "L": z.relu() * 3.0}  # there also tanh(z)
    for slope in (0.0, 3.0):
        assert check_values({"dz": slope}, graph)
    assert not check_values({"dz": 4.0}, graph)


# --- whatever a student does makes a report ------------------------------------------------------------


@pytest.mark.parametrize(("function", "kind"), [
    (lambda x, y: 1 / 0, "error"),
    (lambda x, y: None, "shape"),
    (lambda x, y: (1, 2, 3, 4, 5), "shape"),
    (lambda x, y: {"x": "three"}, "not a number"),
    (lambda x, y: {"x": float("nan")}, "not a number"),
    (lambda x, y: {"x": [[1.0], [2.0, 3.0]]}, "not a number"),
    (lambda x, y: {"x": np.zeros((2, 3))}, "shape"),
    (lambda: 3, "error"),
    (lambda x, y: sys.exit(3), "error"),
    (lambda x, y: [(1.0, [2.0]), {}], "not a number"),
])  # fmt: skip
def test_whatever_a_student_returns_makes_a_report(function, kind):
    report = check_gradients(function, lambda x, y: x * y, [2.0, 3.0])
    assert not report
    assert kinds(report) == {kind}


def test_what_is_kept_between_calls_is_seen():
    kept = np.zeros(2)

    def by_hand(w):
        nonlocal kept
        kept = kept + 2 * w
        return kept

    report = check_gradients(by_hand, lambda w: (w * w).sum(), {"w": np.array([1.0, 2.0])})
    assert kinds(report) == {"state"}


def test_a_changed_argument_is_noted():
    def by_hand(w):
        gradient = 2 * w
        w -= 0.1 * gradient
        return gradient

    report = check_gradients(by_hand, lambda w: (w * w).sum(), {"w": np.array([1.0, 2.0])})
    assert report
    assert "in place" in str(report)


def test_nothing_checked_is_not_right():
    report = check_values({"q": 1.0}, scalars())
    assert not report
    assert "nothing was checked" in str(report)
    assert "q: not checked" in str(report)


def test_a_report_says_more_in_one_line_than_pytest_shows():
    report = check_gradients(with_slip("mask left out"), by_numpy, inputs())
    assert "\n" not in repr(report)
    assert len(repr(report)) < 240
    assert report.mistakes[0].words.split(",")[0] in repr(report)


@pytest.mark.slow
@given(st.data())
@settings(max_examples=4)
def test_a_mistake_is_found_wherever_it_is(data):
    """One number of one array: the array and the place are told, and all others are right."""
    given = inputs(data.draw(st.integers(0, 100)))
    _, right = student(RIGHT)(**given)
    name = data.draw(st.sampled_from(sorted(right)))
    place = tuple(data.draw(st.integers(0, length - 1)) for length in right[name].shape)
    off = data.draw(st.floats(1e-4, 10.0)) * data.draw(st.sampled_from([-1, 1]))
    wrong = {key: each.copy() for key, each in right.items()}
    wrong[name][place] += off
    report = check_gradients(lambda **_: wrong, by_numpy, given)
    assert report.wrong == [f"d{name}"]
    assert report.mistakes[0].place == place
    assert report.mistakes[0].count == 1
    assert report.mistakes[0].expected == pytest.approx(right[name][place])


@functools.cache
def _loss(seed):
    return by_numpy(**inputs(seed))


def test_the_tape_gives_the_numbers_of_numpy():
    """The reference run on numbers is the oracle of what the reference recorded gives."""
    found = _loss(3)
    report = check_values(
        {name: found[name] for name in ("z1", "h1", "scores", "probs", "loss")}, _recorded(inputs(3))
    )
    assert report
    assert len(report.right) == 5


def _recorded(given):
    from autograd.handwritten.recording import record

    return record(by_numpy, given, True)
