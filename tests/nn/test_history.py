"""`History`: its columns, its file, its table and its plot."""

import copy
import csv
import pickle
import re

import pytest

from autograd import MissingExtraError
from nn import MLP, SGD, History, fit
from tests.support.compiled import needs_llvmlite

NAN, INF = float("nan"), float("inf")


def full():
    return History(
        [4.0, 2.0, 1.0],
        [3.0, 2.5, 2.75],
        metrics={"accuracy": [0.5, 0.75, 1.0]},
        validation_metrics={"accuracy": [0.25, 0.5, 0.5]},
        gradient_norm=[9.0, 8.0, 7.0],
        learning_rate=[0.1, 0.1, 0.01],
    )


def test_columns_have_what_was_measured():
    columns = full().columns
    assert list(columns) == [
        "loss",
        "validation_loss",
        "accuracy",
        "validation_accuracy",
        "gradient_norm",
        "learning_rate",
    ]
    assert columns["validation_accuracy"] == [0.25, 0.5, 0.5]
    assert list(History([1.0]).columns) == ["loss"]


@pytest.mark.parametrize("backend", ["eager", "numpy", pytest.param("llvm", marks=needs_llvmlite)])
def test_it_is_copied_and_pickled_whatever_it_was_trained_with(backend):
    """A copy is gone on with as itself; a pickle has the numbers, and says where the rest is."""

    def train(epochs, resume=None):
        model = MLP(1, [2, 1], seed=0)
        loss = lambda prediction, target: (prediction - target) ** 2
        options = {"loss": loss, "optimizer": SGD(model.parameters(), 0.1), "epochs": epochs, "seed": 0}
        return fit(model, [[1.0], [2.0]], [1.0, 0.0], backend=backend, resume=resume, **options)

    history = train(3)
    whole = train(5)
    for copied in (copy.copy(history), copy.deepcopy(history)):
        assert (copied, copied.backend_reason) == (history, history.backend_reason)
        assert train(5, copied) == whole
    assert copied.loss is not history.loss
    loaded = pickle.loads(pickle.dumps(history))
    assert (loaded, loaded.backend, loaded.backend_reason) == (history, backend, history.backend_reason)
    with pytest.raises(ValueError, match="give the path of a checkpoint"):
        train(5, loaded)


def test_the_best_epoch_is_counted_from_1():
    history = full()
    assert history.best("validation_loss") == 2
    assert history.best("accuracy", largest=True) == 3
    assert history.best("validation_accuracy", largest=True) == 2  # the first of those alike
    with pytest.raises(ValueError, match="no column is named 'f1': there are loss, validation_loss"):
        history.best("f1")


@pytest.mark.parametrize(
    ("numbers", "least", "largest"),
    [([NAN, 3.0, 1.0, 2.0], 3, 2), ([3.0, NAN, 3.0], 1, 1), ([1.0, NAN], 1, 1), ([NAN, -INF, INF], 2, 3)],
)
def test_a_number_that_is_nan_is_never_the_best(numbers, least, largest):
    history = History([1.0] * len(numbers), metrics={"score": numbers})
    assert history.best("score") == least
    assert history.best("score", largest=True) == largest
    with pytest.raises(ValueError, match="loss is nan in every epoch, so no epoch is the best"):
        History([NAN, NAN]).best("loss")


def test_csv_has_a_row_per_epoch_at_full_precision(tmp_path):
    history = full()
    history.loss[0] = 0.1 + 0.2
    history.to_csv(tmp_path / "history.csv")
    rows = list(csv.DictReader((tmp_path / "history.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    for name, numbers in history.columns.items():
        assert [float(row[name]) for row in rows] == numbers


def test_epochs_are_there_whole_or_not_at_all():
    history = full()
    history.validation_loss.append(2.0)  # what an interrupt left
    history.metrics["accuracy"].append(1.0)
    history.add(
        {
            "loss": [0.75, 0.5],
            "validation_loss": [0.5, 0.25],
            "metrics": {"accuracy": [0.5, 0.875]},
            "validation_metrics": {"accuracy": [0.5, 0.625]},
            "gradient_norm": [7.0, 6.0],
            "learning_rate": [0.01, 0.01],
        }
    )
    assert {len(numbers) for numbers in history.columns.values()} == {5}
    assert history.validation_loss[-2:] == [0.5, 0.25]
    assert history.metrics["accuracy"][-1] == 0.875


def test_it_shows_itself_in_one_line_and_as_a_table():
    history = full()
    assert repr(history) == (
        "History(3 epochs, loss 4 → 1, validation_loss 3 → 2.75, accuracy 0.5 → 1, "
        "validation_accuracy 0.25 → 0.5)"
    )
    table = history._repr_html_()
    assert re.findall("<th>(.*?)</th>", table)[:3] == ["epoch", "loss", "validation loss"]
    assert table.count("<tr>") == 4
    long = History([1.0 / (i + 1) for i in range(100)], metrics={"<b>": [0.0] * 100})._repr_html_()
    assert long.count("<tr>") == 12
    assert "<td>…</td>" in long
    assert "<td>100</td><td>0.01</td>" in long
    assert "<th>&lt;b&gt;</th>" in long


def test_the_plot_has_a_panel_for_the_losses_and_one_for_each_metric(tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is in the extra plots")
    figure = full().plot(tmp_path / "history.png")
    assert (tmp_path / "history.png").read_bytes().startswith(b"\x89PNG")
    assert figure._repr_png_().startswith(b"\x89PNG")  # for notebooks
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "accuracy"]
    assert figure.axes[-1].get_xlabel() == "epoch"
    first = figure.axes[0]
    assert [list(line.get_ydata()) for line in first.lines] == [[4.0, 2.0, 1.0], [3.0, 2.5, 2.75]]
    assert [text.get_text() for text in first.get_legend().get_texts()] == ["training", "validation"]
    assert History([1000.0, 1.0]).plot().axes[0].get_yscale() == "log"
    assert History([2.0, 1.0]).plot().axes[0].get_yscale() == "linear"
    with pytest.raises(ValueError, match="there is nothing to plot"):
        History().plot()


@pytest.mark.slow
def test_the_suffix_of_a_plot_says_what_it_is(tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is in the extra plots")
    for name, written, start in (
        ("a.SVG", "a.SVG", b"<?xml"),
        ("b.pdf", "b.pdf", b"%PDF"),
        ("c", "c.png", b"\x89"),
    ):
        full().plot(tmp_path / name)
        assert (tmp_path / written).read_bytes().startswith(start)
    assert len(list(tmp_path.iterdir())) == 3
    with pytest.raises(ValueError, match=r"suffix must be one of .*png.*svg.*, got"):
        full().plot(tmp_path / "loss.csv")
    with pytest.raises(TypeError, match=r"plot takes a path such as 'loss\.svg', got int: 3"):
        full().plot(3)


def test_without_matplotlib_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"scalar-autograd\[plots\]"):
        full().plot()


def test_only_a_history_of_fit_can_be_saved_or_resumed(tmp_path):
    with pytest.raises(ValueError, match="only a history that fit made in this session can be saved"):
        full().save(tmp_path / "checkpoint.json")
    model = MLP(1, [1], seed=0)
    with pytest.raises(ValueError, match="only a history that fit made in this session can be resumed"):
        fit(
            model,
            [[1.0]],
            [1.0],
            loss="mse_loss",
            optimizer=SGD(model.parameters(), 0.1),
            epochs=1,
            resume=full(),
        )
