"""scikit-learn's own checks of the estimators, and what they are for: pipelines, searches, calibration."""

import functools
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.6", reason="scikit-learn is in the extra sklearn")
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris, make_moons
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from autograd import MissingExtraError
from nn import MLP, SGD
from nn.estimators import NetClassifier, NetRegressor

ROOT = Path(__file__).parents[2]


CHECKS = parametrize_with_checks([NetClassifier(random_state=0), NetRegressor(random_state=0)]).mark


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # some of its checks warn themselves
@pytest.mark.parametrize(CHECKS.args[0], [*CHECKS.args[1]], **CHECKS.kwargs)  # old versions have a generator
def test_scikit_learn_has_no_complaint(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def moons():
    return make_moons(80, noise=0.1, random_state=0)


def test_classes_are_labels_and_probabilities_follow_the_logits(moons):
    X, y = moons
    names = np.array(["lower", "upper"])[y]
    net = NetClassifier(hidden=(8,), random_state=0).fit(X, names)
    assert net.score(X, names) > 0.95
    assert net.classes_.tolist() == ["lower", "upper"]
    z = net.model_.predict(X)
    np.testing.assert_allclose(net.predict_proba(X)[:, 1], 1 / (1 + np.exp(-z)), rtol=1e-12)
    np.testing.assert_array_equal(net.predict(X) == "upper", z > 0)


def test_three_classes():
    X, y = load_iris(return_X_y=True)
    net = make_pipeline(StandardScaler(), NetClassifier(hidden=(6,), random_state=0)).fit(X, y)
    assert net.score(X, y) > 0.95
    np.testing.assert_allclose(net.predict_proba(X).sum(axis=1), 1.0, rtol=1e-12)


def test_logarithms_of_probabilities_are_exact_in_the_tails():
    net = NetClassifier(hidden=(), epochs=1, random_state=0).fit([[0.0], [1.0]], [0, 1])
    net.model_.load_state_dict({name: 1000.0 if "w" in name else 0.0 for name in net.model_.state_dict()})
    assert net.predict_log_proba([[1.0]]).tolist() == [[-1000.0, 0.0]]
    assert net.predict_proba([[1.0]]).tolist() == [[0.0, 1.0]]


def test_a_linear_regression_is_least_squares():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(50, 3)), rng.normal(size=(50, 2))
    expected = np.c_[X, np.ones(50)] @ np.linalg.lstsq(np.c_[X, np.ones(50)], y, rcond=None)[0]
    net = NetRegressor(hidden=(), optimizer=functools.partial(SGD, lr=0.2), epochs=1500).fit(X, y)
    np.testing.assert_allclose(net.predict(X), expected, atol=1e-8)
    single = NetRegressor(hidden=(), optimizer=functools.partial(SGD, lr=0.2), epochs=1500).fit(X, y[:, 0])
    np.testing.assert_allclose(single.predict(X), expected[:, 0], atol=1e-8)


def test_any_model_and_any_loss():
    X, y = np.linspace(-1, 1, 20).reshape(-1, 1), np.linspace(-1, 1, 20)
    given = MLP(1, [4, 1], activation="tanh", seed=3)
    before = given.state_dict()
    assert NetRegressor(given, loss="huber_loss").fit(X, y).score(X, y) > 0.9
    assert given.state_dict() == before
    made = []

    def make(n_in, n_out, seed):
        made.append((n_in, n_out))
        return MLP(n_in, [3, n_out], activation="relu", seed=seed)

    NetClassifier(make, epochs=2).fit(X, [0, 1, 2, 3] * 5)
    assert made == [(1, 4)]


def test_weights_are_repetitions_and_classes_have_weights(moons):
    X, y = moons[0][:20], moons[1][:20]
    weight = np.arange(20) % 3
    options = {"hidden": (3,), "epochs": 30, "random_state": 0}
    weighted = NetClassifier(**options).fit(X, y, sample_weight=weight)
    repeated = NetClassifier(**options).fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    np.testing.assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), rtol=1e-9)
    by_class = NetClassifier(**options, class_weight={0: 3.0, 1: 1.0}).fit(X, y)
    by_hand = NetClassifier(**options).fit(X, y, sample_weight=np.where(y == 0, 3.0, 1.0))
    np.testing.assert_allclose(by_class.predict_proba(X), by_hand.predict_proba(X), rtol=1e-12)


def test_early_stopping_keeps_the_best(moons):
    net = NetClassifier(hidden=(8,), early_stopping=True, patience=3, epochs=2000, random_state=0).fit(*moons)
    assert net.n_iter_ < 2000
    held = net.history_.validation_loss
    assert min(held) == held[-4]


def test_partial_fit_goes_on_where_it_was(moons):
    X, y = moons
    whole = NetClassifier(hidden=(4,), epochs=5, random_state=0).fit(X, y)
    parts = NetClassifier(hidden=(4,), random_state=0)
    for _ in range(5):
        parts.partial_fit(X, y)
    np.testing.assert_allclose(parts.predict_proba(X), whole.predict_proba(X), rtol=1e-9)
    few = NetClassifier().partial_fit(X[:1], y[:1], classes=[0, 1])
    with pytest.raises(ValueError, match="a label is not among the classes"):
        few.partial_fit(X[:1], [7])


def test_clones_and_pickles(moons):
    X, y = moons
    net = NetClassifier(MLP(2, [3, 1], seed=0), epochs=5, random_state=0).fit(X, y)
    again = clone(net).fit(X, y)
    read = pickle.loads(pickle.dumps(net))
    for other in (again, read):
        np.testing.assert_array_equal(other.predict_proba(X), net.predict_proba(X))
    assert read.partial_fit(X, y).n_iter_ == 1


@pytest.mark.slow
def test_searches_and_calibration(moons):
    X, y = moons
    grid = {"netclassifier__hidden": [(2,), (6,)], "netclassifier__lr": [0.001, 0.1]}
    pipeline = make_pipeline(StandardScaler(), NetClassifier(epochs=40, random_state=0))
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, y)
    assert search.best_params_["netclassifier__lr"] == 0.1
    calibrated = CalibratedClassifierCV(NetClassifier(epochs=40, random_state=0), cv=3).fit(X, y)
    assert calibrated.score(X, y) > 0.8


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the cluster's ports and clocks
def test_a_search_runs_on_dask(moons):
    """Each fit in a process of a local cluster, to the same numbers as here."""
    distributed = pytest.importorskip("distributed", reason="dask is in the extra test")
    import joblib

    X, y = moons
    grid = {"hidden": [(2,), (6,)], "lr": [0.001, 0.1]}
    search = GridSearchCV(NetClassifier(epochs=20, random_state=0), grid, cv=2)
    here = clone(search).fit(X, y)
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    )
    with cluster, distributed.Client(cluster), joblib.parallel_backend("dask"):
        there = clone(search).fit(X, y)
    np.testing.assert_array_equal(here.cv_results_["mean_test_score"], there.cv_results_["mean_test_score"])


@pytest.mark.parametrize(
    ("arguments", "data", "match"),
    [
        ({}, ([[0.0], [1.0]], [1, 1]), "the data have 1 class, a classifier needs two: "),
        ({}, ([[0.0], [np.nan]], [0, 1]), "NaN"),
        ({"optimizer": "Lion"}, ([[0.0], [1.0]], [0, 1]), "optimizer is one of SGD, Adagrad"),
        ({}, ([[0.0], [1.0]], [0, 1], [1.0, -1.0]), "sample_weight must be at least 0"),
        ({}, ([[0.0], [1.0]], [0, 1], [0.0, 0.0]), "above 0 for one example|at least one non-zero"),
    ],
)
def test_what_cannot_be_learned_is_an_error(arguments, data, match):
    with pytest.raises(ValueError, match=match):
        NetClassifier(**arguments).fit(*data)


def test_without_the_extra_the_message_names_it():
    program = "import sys; sys.modules['sklearn'] = None\nimport nn.estimators"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert "scalar-autograd[sklearn]" in done.stderr.splitlines()[-1]
    assert MissingExtraError.__name__ in done.stderr
