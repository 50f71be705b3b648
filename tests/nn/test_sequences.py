"""`fit` on sequences of different lengths: in every back end the numbers of a loop over single examples."""

import functools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value, dot, exp, mean, take, tanh
from nn import (
    GPT,
    MLP,
    SGD,
    Adam,
    AdamW,
    DivergenceError,
    Dropout,
    EarlyStopping,
    Embedding,
    Linear,
    Module,
    StepLR,
    cross_entropy,
    fit,
    huber_loss,
)
from nn.padding import WASTE, _padded_lengths, is_causal
from nn.recording import NotCompiledError
from tests.support.compiled import backends, slowly_in_native_code
from tests.support.profiles import tries

VOCABULARY = 4
routes = pytest.mark.parametrize("backend", ["eager", *slowly_in_native_code.args[1]])


class Recurrent(Module):
    """Scores for the next token from a sum over all tokens so far; of a sequence a row for each position."""

    def __init__(self, p=0.0, whole=False):
        rng = np.random.default_rng(4)
        self.table = [list(map(Value, row)) for row in rng.normal(0.0, 0.5, (2, VOCABULARY))]
        self.output = [list(map(Value, row)) for row in rng.normal(0.0, 0.5, (VOCABULARY, 2))]
        self.dropout = Dropout(p, seed=3) if p else None
        self.whole = whole

    def __call__(self, tokens):
        state, rows = [0.0, 0.0], []
        for token in tokens:
            state = [tanh(take(column, token) + 0.5 * s) for column, s in zip(self.table, state)]
            if self.dropout is not None and self.training:
                state = self.dropout(state)
            rows.append([dot(row, state) for row in self.output])
        return rows[-1] if self.whole else rows


def sequences(lengths, seed=0):
    """Tokens, and for each the token that follows."""
    rng = np.random.default_rng(seed)
    whole = [rng.integers(0, VOCABULARY, n + 1).tolist() for n in lengths]
    return [row[:-1] for row in whole], [row[1:] for row in whole]


def numbers(model):
    return [p.data for p in model.parameters()]


def by_hand(model, X, y, lr, epochs, batches):
    """Adam by its formulas, on the gradients of a loop over the examples."""
    parameters = model.parameters()
    m, v, losses, t = np.zeros(len(parameters)), np.zeros(len(parameters)), [], 0
    for _ in range(epochs):
        total = 0.0
        for batch in batches:
            gradient, value = np.zeros(len(parameters)), 0.0
            for i in batch:
                for p in parameters:
                    p.grad = 0.0
                loss = mean([cross_entropy(row, target) for row, target in zip(model(X[i]), y[i])])
                loss.backward()
                gradient += np.array([p.grad for p in parameters]) / len(batch)
                value += loss.data / len(batch)
            total += value * len(batch)
            t += 1
            m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
            for p, step in zip(parameters, (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)):
                p.data -= lr * step
        losses.append(total / len(X))
    return losses


@routes
@pytest.mark.parametrize("batch_size", [1, 3, None])
def test_the_numbers_are_those_of_a_loop(backend, batch_size):
    X, y = sequences([3, 1, 2, 3, 5, 2, 2])
    ours, theirs = Recurrent(), Recurrent()
    size = batch_size or len(X)
    batches = [range(i, min(i + size, len(X))) for i in range(0, len(X), size)]
    expected = by_hand(theirs, X, y, 0.05, 3, batches)
    history = fit(
        ours, X, y, loss="cross_entropy", optimizer=Adam(ours.parameters(), lr=0.05), epochs=3,
        batch_size=batch_size, shuffle=False, backend=backend, progress=False,
    )  # fmt: skip
    assert history.backend == backend
    assert history.loss == pytest.approx(expected, rel=1e-12)
    assert numbers(ours) == pytest.approx(numbers(theirs), rel=1e-11)


SETTINGS = [
    {"batch_size": 1, "metrics": ["accuracy"]},
    {"batch_size": 2, "metrics": ["accuracy"], "clip_norm": 0.1},
    {"batch_size": 4, "sample_weight": [1.0, 0.0, 2.0, 1.0, 0.5, 1.0, 3.0, 1.0]},
    {"batch_size": 1, "clip_value": 0.05, "sample_weight": [1.0, 0.0, 2.0, 1.0, 0.5, 1.0, 3.0, 1.0]},
    {"batch_size": None},
]


@slowly_in_native_code
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("p", [0.0, 0.4])
def test_shuffled_with_everything_around(backend, settings, p):
    """Dropout draws in the order of the visits, whatever the lengths; validation has lengths of its own."""
    X, y = sequences([3, 1, 2, 3, 5, 2, 2, 3])
    found = []
    for each in ("eager", backend):
        model = Recurrent(p)
        optimizer = AdamW(model.parameters(), lr=0.05)
        history = fit(
            model, X, y, loss="cross_entropy", optimizer=optimizer, epochs=4, seed=7, backend=each,
            validation=sequences([4, 1, 6, 4], seed=1)[:2] if "sample_weight" not in settings else None,
            schedule=functools.partial(StepLR, step_size=2), progress=False, **settings,
        )  # fmt: skip
        assert history.backend == each
        memory = np.concatenate(list(optimizer.state_dict()["memory"].values()))
        found.append(
            [history.loss, history.gradient_norm, history.validation_loss, numbers(model), memory.tolist()]
            + list(history.metrics.values())
        )
    for eager, compiled in zip(*found, strict=True):
        assert compiled == pytest.approx(eager, rel=1e-10, abs=1e-13)
    if settings.get("metrics"):
        assert 0.0 < found[0][-1][0] <= 1.0


@backends
def test_one_target_for_a_sequence(backend):
    """A class of its own for the whole; and rows of targets that are not as long as the sequence."""
    X, _ = sequences([3, 1, 2, 3, 4])
    histories = []
    for each in ("eager", backend):
        model = Recurrent(whole=True)
        histories.append(
            fit(model, X, [0, 3, 1, 2, 2], loss="cross_entropy", optimizer=SGD(model.parameters(), lr=0.1),
                epochs=2, batch_size=2, seed=1, backend=each, progress=False).loss
        )  # fmt: skip
    assert histories[1] == pytest.approx(histories[0], rel=1e-12)


@slowly_in_native_code
@tries(6)
@given(data=st.data(), batch_size=st.sampled_from([1, 2, None]))
def test_padded_targets_do_not_count(backend, data, batch_size):
    """Rows of one length, padded with the class that is ignored: as good as rows of different lengths."""
    lengths = data.draw(st.lists(st.integers(1, 4), min_size=2, max_size=6))
    X, y = sequences(lengths, seed=data.draw(st.integers(0, 9)))
    padded = [row + [0] * (4 - len(row)) for row in X], [row + [-100] * (4 - len(row)) for row in y]
    found = []
    for (features, targets), each in (((X, y), "eager"), (padded, "eager"), (padded, backend)):
        model = Recurrent()
        history = fit(
            model, features, targets, loss="cross_entropy", optimizer=Adam(model.parameters(), lr=0.05),
            epochs=2, batch_size=batch_size, seed=2, backend=each, progress=False,
        )  # fmt: skip
        found.append([*history.loss, *numbers(model)])
    assert found[1] == pytest.approx(found[0], rel=1e-10)
    assert found[2] == pytest.approx(found[0], rel=1e-10)


@backends
@pytest.mark.parametrize("batch_size", [1, 3])
def test_a_training_that_diverges_keeps_the_last_finite_parameters(backend, batch_size):
    """In the middle of an epoch, between sequences of different lengths."""
    X, y = sequences([3, 1, 2, 3, 5, 2, 2])
    found = []
    for each in ("eager", backend):
        model = Recurrent()
        model.output[0][0].data = 1e306
        with pytest.raises(DivergenceError, match=r"epoch 1, batch \d") as error:
            fit(model, X, y, loss="cross_entropy", optimizer=SGD(model.parameters(), lr=1e4), epochs=5,
                batch_size=batch_size, seed=1, backend=each, progress=False)  # fmt: skip
        assert all(map(math.isfinite, numbers(model)))
        found.append((str(error.value).partition(";")[0], numbers(model)))
    assert found[0][0] == found[1][0]
    assert found[1][1] == pytest.approx(found[0][1], rel=1e-9)


@pytest.mark.parametrize("model", [Recurrent, lambda: GPT(VOCABULARY, 6, 1, 1, 2, seed=0)])
def test_a_loss_that_is_another_one_for_a_rare_length_is_not_compiled(model):
    """Each length is looked at, unless all that computes is a part of nn."""

    def doubled(rows, target):
        recorded = len(target) == 2 and isinstance(target[0], Value)
        return cross_entropy(rows, target) * (2.0 if recorded else 1.0)

    X, y = sequences([3] * 40 + [2] + [3] * 40)
    model = model()
    settings = {"optimizer": SGD(model.parameters(), lr=0.1), "epochs": 1, "progress": False}
    with pytest.raises(NotCompiledError, match="a different computation for other examples"):
        fit(model, X, y, loss=doubled, backend="numpy", **settings)


@backends
def test_it_is_resumed_and_stopped(backend, tmp_path):
    X, y = sequences([3, 1, 2, 3, 5, 2])
    settings = {"loss": "cross_entropy", "batch_size": 2, "backend": backend, "progress": False}

    def trained(model, epochs, **more):
        optimizer = Adam(model.parameters(), lr=0.05)
        return fit(model, X, y, optimizer=optimizer, epochs=epochs, seed=3, **settings, **more)

    whole, parts = Recurrent(0.3), Recurrent(0.3)
    trained(whole, 4)
    first = trained(parts, 2)
    trained(parts, 4, resume=first)
    assert numbers(parts) == numbers(whole)
    history = trained(Recurrent(), 50, validation=(X, y), callbacks=[EarlyStopping(patience=1)])
    assert len(history) <= 50


@slowly_in_native_code
def test_a_gpt_learns_names(backend):
    """Karpathy's, small, one name a step; its embeddings take tokens that are inputs."""
    names = [[3, 0, 1, 2], [3, 2, 0], [3, 1, 1, 0, 2], [3, 0, 1]]
    losses = []
    for each in ("eager", backend):
        model = GPT(VOCABULARY, block_size=6, n_layer=1, n_head=2, n_embd=4, seed=0)
        history = fit(
            model, [name[:-1] for name in names], [name[1:] for name in names], loss="cross_entropy",
            optimizer=Adam(model.parameters(), lr=0.02, betas=(0.85, 0.99)), epochs=6, batch_size=1, seed=0,
            backend=each, progress=False,
        )  # fmt: skip
        assert history.backend == each
        losses.append(history.loss)
    assert losses[1] == pytest.approx(losses[0], rel=1e-9)
    assert losses[0][-1] < losses[0][0]


# --- padding -----------------------------------------------------------------------------------------


class Scores(Module):
    """A number at each position, or V of them: w · features of the positions that a rule lets it see."""

    def __init__(self, sees, width=0, scale=lambda T: 1.0):
        self.sees, self.width, self.scale = sees, width, scale
        self.w = [[Value(math.sin(3.0 * i + j)) for j in range(9)] for i in range(max(width, 1))]

    def __call__(self, x):
        T, rows = len(x), []
        for t in range(T):
            seen = [j for j in range(T) if self.sees(t, j, T)]
            scores = [
                tanh(self.scale(T) * dot([row[(t - j) % 9] for j in seen], [x[j] for j in seen]))
                for row in self.w
            ]
            rows.append(scores if self.width else scores[0])
        return rows


def numbers_of(lengths, seed=0, classes=VOCABULARY):
    rng = np.random.default_rng(seed)
    X = [rng.normal(size=n).tolist() for n in lengths]
    return X, [rng.integers(0, classes, n).tolist() for n in lengths]


def causal(t, j, T):
    return j <= t


def agrees(make, X, y, backend="numpy", rel=1e-12, **options):
    """The training compiled and eagerly; how many programs it took."""
    options = {"epochs": 2, "seed": 1, "progress": False} | options
    found = []
    for each in ("eager", backend):
        model = make()
        history = fit(model, X, y, optimizer=Adam(model.parameters(), lr=0.05), backend=each, **options)
        found.append(np.concatenate([numbers(model), *history.columns.values()]))
    np.testing.assert_allclose(found[1], found[0], rtol=rel, atol=rel)
    return len(history.run.compiled.recordings)


LENGTHS = [3, 1, 2, 3, 5, 2, 4]
SEEN = {
    "earlier positions": (causal, lambda T: 1.0, 1),
    "one position back": (lambda t, j, T: j == max(t - 1, 0), lambda T: 1.0, 1),
    "all positions": (lambda t, j, T: True, lambda T: 1.0, 5),
    "the next position": (lambda t, j, T: j in (t, t + 1), lambda T: 1.0, 5),
    "from the end": (lambda t, j, T: j >= T - 1 - t, lambda T: 1.0, 5),
    "earlier positions, by the length": (causal, lambda T: 1.0 / T, 5),
}


@pytest.mark.parametrize("batch_size", [1, 3, None])
@pytest.mark.parametrize("name", SEEN)
def test_lengths_are_padded_only_where_no_output_depends_on_later_positions(name, batch_size):
    sees, scale, programs = SEEN[name]
    X, y = numbers_of(LENGTHS)
    make = lambda: Scores(sees, VOCABULARY, scale)
    options = {"metrics": ["accuracy"], "validation": numbers_of([4, 2, 5], seed=1)}
    assert agrees(make, X, y, loss="cross_entropy", batch_size=batch_size, **options) == programs


@given(data=st.data(), T=st.integers(1, 5))
@tries(30)
def test_a_model_is_causal_if_no_later_input_is_reached(data, T):
    sees = np.array(
        data.draw(st.lists(st.lists(st.booleans(), min_size=T, max_size=T), min_size=T, max_size=T))
    )
    inputs = [Value(0.5) for _ in range(T)]
    hidden = [exp(x) for x in inputs]
    outputs = [[dot([1.0] * T, [h if seen else 2.0 for h, seen in zip(hidden, row)]), 1.0] for row in sees]
    assert is_causal(inputs, outputs) is not np.triu(sees, 1).any().item()


@given(st.lists(st.integers(1, 300), min_size=1))
@tries(100)
def test_padding_wastes_little(lengths):
    padded = _padded_lengths(lengths)
    assert set(padded) == set(lengths)
    for longest in set(padded.values()):
        group = [n for n in lengths if padded[n] == longest]
        assert max(group) == longest
        assert longest * len(group) <= WASTE * sum(group) or min(group) > longest // WASTE
    assert len(set(padded.values())) <= 1 + math.log(max(lengths), WASTE)


OVER_POSITIONS = {
    "classes": ("cross_entropy", VOCABULARY),
    "sum": (functools.partial(cross_entropy, reduction="sum"), VOCABULARY),
    "weights": (
        functools.partial(cross_entropy, weight=[1.0, 0.0, 2.0, 0.5], label_smoothing=0.1),
        VOCABULARY,
    ),
    "weights, sum": (
        functools.partial(cross_entropy, weight=[1.0, 0.0, 2.0, 0.5], reduction="sum"),
        VOCABULARY,
    ),
    "ignored": (functools.partial(cross_entropy, ignore_index=1), VOCABULARY),
    "squares": ("mse_loss", 0),
    "huber, sum": (functools.partial(huber_loss, delta=0.5, reduction="sum"), 0),
    "logits": ("binary_cross_entropy_with_logits", 0),
}


@slowly_in_native_code
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", OVER_POSITIONS)
def test_every_loss_over_positions_is_the_mean_over_examples(name, weighted, backend):
    """Not over positions: a short sequence counts as much as a long one."""
    loss, width = OVER_POSITIONS[name]
    X, y = numbers_of(LENGTHS, seed=3, classes=VOCABULARY if width else 2)
    y = [[0, *row[1:]] for row in y]  # a target that counts in each
    options = (
        {"sample_weight": [1.0, 0.0, 2.0, 1.0, 0.5, 1.0, 3.0]} if weighted else {"metrics": ["accuracy"]}
    )
    make = lambda: Scores(causal, width)
    assert agrees(make, X, y, backend, loss=loss, batch_size=3, **options) == 1


def test_a_loss_of_the_users_has_a_program_for_each_length():
    X, y = numbers_of(LENGTHS)
    loss = lambda rows, target: 2.0 * cross_entropy(rows, target)
    assert agrees(lambda: Scores(causal, VOCABULARY), X, y, loss=loss, batch_size=2) == 5


@pytest.mark.parametrize(("ahead", "programs"), [(0, 2), (10, 5)])
def test_few_long_sequences_are_padded_apart(ahead, programs):
    """Not if the short ones look ahead: each group is looked at."""
    X, y = numbers_of([40, 33, *[3, 2, 4] * 9])
    make = lambda: Scores(lambda t, j, T: j <= t + (ahead > T), VOCABULARY)
    assert agrees(make, X, y, loss="cross_entropy", epochs=1) == programs


@backends
def test_what_padding_computes_beyond_a_sequence_counts_nothing(backend):
    """The state grows a billionfold at each position, and is infinite where a short sequence has ended."""

    class Growing(Module):
        def __init__(self):
            self.w = Value(0.5)

        def __call__(self, x):
            state, rows = 1.0, []
            for each in x:
                state = state * (1e9 * each)
                rows.append(1e-9 * self.w * state)
            return rows

    X = [[1.0], [1.0, 1e-9], [1.0, *[1e-9] * 40], [0.5, 2e-9, 1.0]]
    y = [[1.0] * len(x) for x in X]
    X[0] = [1e150]
    y[0] = [1e150]
    assert agrees(Growing, X, y, backend, loss="l1_loss", batch_size=1, rel=1e-9) == 1


def test_the_loss_of_each_update_is_noted():
    """For the epochs of one call."""
    X, y = sequences([3, 1, 2, 3, 5])
    for backend in ("eager", "numpy"):
        model = Recurrent()
        settings = {"loss": "cross_entropy", "batch_size": 2, "backend": backend, "progress": False}
        optimizer = Adam(model.parameters(), lr=0.05)
        history = fit(model, X, y, optimizer=optimizer, epochs=3, **settings)
        means = np.average(np.reshape(history.batch_loss, (3, 3)), axis=1, weights=[2, 2, 1])
        assert means.tolist() == pytest.approx(history.loss, rel=1e-12)
        more = fit(model, X, y, optimizer=optimizer, epochs=5, resume=history, **settings)
        means = np.average(np.reshape(more.batch_loss, (2, 3)), axis=1, weights=[2, 2, 1])
        assert means.tolist() == pytest.approx(more.loss[3:], rel=1e-12)


# --- what is refused ---------------------------------------------------------------------------------


def fitted(X, y, **options):
    model = Recurrent()
    settings = {"loss": "cross_entropy", "epochs": 1, "progress": False} | options
    return fit(model, X, y, optimizer=SGD(model.parameters(), lr=0.1), **settings)


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda: fitted([[0], [1, 2]], [[1], [1]]), ValueError, "row 1 of y: .*got 2 rows and 1 targets"),
        (lambda: fitted([[0], [1, 2]], [[1], [1, 9]]), ValueError, "row 1 of y: .*from 0 to 3, got 9"),
        (lambda: fitted([[0], []], [[1], [1]]), ValueError, r"X with rows .* got the shape \(0,\) in row 1"),
        (lambda: fitted([[0], [1, [2]]], [[1], [1, 1]]), ValueError, "row 1 of X"),
        (lambda: fitted([[0], [1, math.nan]], [[1], [1, 1]]), ValueError, "row 1 of X"),
        (lambda: fitted([[0], [1, "a"]], [[1], [1, 1]]), (TypeError, ValueError), "row 1 of X"),
        (lambda: fitted([[0], [1, 2]], [[1], [1, 1], [2]]), ValueError, "got 2 and 3 rows"),
        (lambda: fitted([[0], [1, 9]], [[1], [1, 1]], backend="numpy"), (IndexError, ValueError), "9"),
    ],
)
def test_bad_rows_are_named(act, error, message):
    with pytest.raises(error, match=message):
        act()


def test_a_model_of_so_many_features_refuses_rows_of_different_lengths():
    model = MLP(2, [1])
    with pytest.raises(ValueError, match=r"row 1 of X has 3 features, and the model takes 2"):
        fit(model, [[1.0, 2.0], [1.0, 2.0, 3.0]], [1.0, 2.0], loss="mse_loss",
            optimizer=SGD(model.parameters(), lr=0.1), epochs=1)  # fmt: skip


def test_arrays_of_rows_are_rows():
    """Lists of arrays, tuples and arrays of objects are the same as lists of lists."""
    X, y = sequences([3, 1, 2])
    expected = fitted(X, y).loss
    rows = np.empty(3, dtype=object)
    rows[:] = [np.array(row, dtype=np.uint8) for row in X]
    assert fitted(rows, [np.array(row) for row in y]).loss == expected
    assert fitted(tuple(map(tuple, X)), y).loss == expected
    share = fitted(X + X[:1], y + y[:1], validation_split=0.25)
    assert share.loss == expected
    assert len(share.validation_loss) == 1


@routes
@given(data=st.data(), wrong=st.sampled_from([(VOCABULARY, IndexError), (-1, IndexError), (0.5, ValueError)]))
@tries(4)
def test_a_token_that_is_none_is_found_before_the_first_update(backend, data, wrong):
    X, y = sequences([2, 3, 2, 2, 3])
    held_out = sequences([2, 3, 2], seed=1)
    which = data.draw(st.sampled_from(["X", "validation X"]))
    rows = X if which == "X" else held_out[0]
    i = data.draw(st.integers(1, len(rows) - 1))
    j = data.draw(st.integers(0, len(rows[i]) - 1))
    rows[i][j] = wrong[0]
    model = GPT(VOCABULARY, 3, n_head=1, n_embd=2, seed=0)
    before = numbers(model)
    with pytest.raises(wrong[1], match=f"row {i}, column {j} of {which} takes whole numbers"):
        fit(model, X, y, loss="cross_entropy", optimizer=SGD(model.parameters(), 0.1), epochs=1, batch_size=1,
            shuffle=False, validation=held_out, backend=backend, progress=False)  # fmt: skip
    assert numbers(model) == before


class TwoTables(Module):
    """Your own: a line in rows of two tables; the first may be read with Python's integers."""

    def __init__(self, opaque):
        self.colours, self.sizes = Embedding(3, 2, seed=0), Embedding(5, 2, seed=1)
        self.line, self.opaque = Linear(5, 1, seed=2), opaque

    def __call__(self, x):
        colour = int(x[0]) if self.opaque else x[0]
        return self.line([*self.colours(colour), *self.sizes(x[2]), x[1]])[0]


@routes
@given(
    opaque=st.booleans(), place=st.sampled_from([0, 2]), i=st.integers(0, 3), validating=st.booleans(),
    wrong=st.sampled_from([(5, IndexError), (-1, IndexError), (0.5, ValueError)]),
)  # fmt: skip
@tries(8)
def test_a_bad_token_of_your_own_module_names_row_and_table(backend, opaque, place, i, validating, wrong):
    rows = [[2, 0.5, 4], [0, -1.0, 3], [1, 2.0, 0], [2, 0.0, 1]]
    bad = [row[:] for row in rows]
    bad[i][place] = wrong[0]
    model, y = TwoTables(opaque), [0.0, 1.0, 2.0, 3.0]
    before = numbers(model)
    settings = {"epochs": 1, "batch_size": 1, "shuffle": False, "progress": False, "loss": "mse_loss"}
    which, X, held_out = ("validation X", rows, (bad, y)) if validating else ("X", bad, None)
    if opaque:  # it cannot be recorded: the bad row itself is refused, and those before it are learned
        if wrong[0] == 0.5 or place == 2:
            return
        settings |= {"validation": held_out, "backend": "eager"}
        message = f"row {i} of {which}.*: Embedding takes whole numbers from 0 to 2"
        optimizer = SGD(model.parameters(), 0.1)
        with pytest.raises(IndexError, match=message):
            fit(model, X, y, optimizer=optimizer, **settings)
        if validating:
            return
        other = TwoTables(opaque)
        if i:
            optimizer = SGD(other.parameters(), 0.1)
            fit(other, rows[:i], y[:i], optimizer=optimizer, **settings)
        assert numbers(model) == numbers(other)
        return
    table, count = {0: ("colours", 2), 2: ("sizes", 4)}[place]
    message = f"row {i}, column {place} of {which}: {table} takes whole numbers from 0 to {count}"
    optimizer = SGD(model.parameters(), 0.1)
    with pytest.raises(wrong[1], match=message):
        fit(model, X, y, optimizer=optimizer, validation=held_out, backend=backend, **settings)
    assert numbers(model) == before


@routes
@pytest.mark.parametrize("batch_size", [1, 2, None])
def test_a_sequence_in_which_no_target_counts_costs_nothing(backend, batch_size):
    X, y = [[0, 1], [1, 2], [2, 3], [1, 1]], [[1, 3], [-100, -100], [3, 3], [3, -100]]
    loss = functools.partial(cross_entropy, weight=[1.0, 2.0, 1.0, 0.0], reduction="sum")
    model = GPT(VOCABULARY, 3, n_head=1, n_embd=2, seed=0)
    other = GPT(VOCABULARY, 3, n_head=1, n_embd=2, seed=0)
    settings = {"epochs": 1, "batch_size": batch_size, "shuffle": False, "progress": False}
    optimizer = SGD(model.parameters(), 0.1)
    history = fit(model, X, y, loss=loss, optimizer=optimizer, backend=backend, **settings)
    total = cross_entropy(other(X[0]), y[0], weight=[1.0, 2.0, 1.0, 0.0], reduction="sum")
    total.backward()
    share = {1: 1.0, 2: 0.5, None: 0.25}[batch_size]
    assert history.loss == pytest.approx([total.data / 4.0], rel=1e-12)
    for parameter, expected in zip(model.parameters(), other.parameters()):
        assert parameter.data == pytest.approx(expected.data - 0.1 * share * expected.grad, rel=1e-12)


def test_a_sequence_without_a_mean_is_refused_before_the_first_update():
    X, y = [[0, 1], [1, 2], [2, 3]], [[1, 3], [0, 0], [3, 3]]
    loss = functools.partial(cross_entropy, weight=[1.0, 2.0, 1.0, 0.0])
    model = GPT(VOCABULARY, 3, n_head=1, n_embd=2, seed=0)
    before = numbers(model)
    with pytest.raises(ValueError, match=r"row 2 of y: .*no mean over 2 targets"):
        fit(model, X, y, loss=loss, optimizer=SGD(model.parameters(), 0.1), epochs=1, batch_size=1,
            shuffle=False, progress=False)  # fmt: skip
    assert numbers(model) == before
