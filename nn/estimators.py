"""scikit-learn's estimators around any model and `nn.fit`: pipelines, searches over parameters, calibration.

This module needs the extra ``sklearn`` and is imported by name: ``from nn.estimators import NetClassifier``.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from autograd import MissingExtraError, Value

from .callbacks import EarlyStopping
from .layers import MLP
from .module import Module
from .optimizers import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop
from .training import fit

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.model_selection import train_test_split
    from sklearn.utils import check_random_state, compute_sample_weight
    from sklearn.utils.multiclass import check_classification_targets, unique_labels
    from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
except ImportError:
    raise MissingExtraError("nn.estimators", "scikit-learn", "sklearn") from None

__all__ = ["NetClassifier", "NetRegressor"]

Array = npt.NDArray[np.float64]
Make = Callable[[int, int, int], Module]

_OPTIMIZERS = {each.__name__: each for each in (SGD, Adagrad, Adam, AdamW, RMSprop)}

_PARAMETERS = """
    Parameters
    ----------
    model : a function ``model(n_in, n_out, seed)`` that makes a `Module`; or a `Module`, a copy of which is
        trained; by default an `MLP`.
    hidden, activation : the hidden layers of that `MLP`, such as ``(16, 8)``, and their activation.
    optimizer : the name of an optimizer of `nn`, or a function of the parameters that makes one, such as
        ``functools.partial(SGD, lr=0.1)``.
    lr : the learning rate, where `optimizer` is a name.
    epochs, batch_size, backend : as for `nn.fit`.
    early_stopping : whether to keep the share `validation_fraction` of the data for validation, to stop when
        its loss has not improved for `patience` epochs, and to restore the best parameters.
    random_state : the seed of the initial parameters, the order of examples and the choice for validation.
"""


@dataclass(eq=False, repr=False)  # its fields are the arguments, which scikit-learn asks __init__ for
class _Net(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """The parameters of both estimators, and the training."""

    model: Module | Make | None = None
    _: KW_ONLY
    hidden: Sequence[int] = (16,)
    activation: str = "tanh"
    optimizer: str | Callable[[list[Value]], Optimizer] = "Adam"
    lr: float = 0.05
    epochs: int = 200
    batch_size: int | None = None
    early_stopping: bool = False
    validation_fraction: float = 0.2
    patience: int = 10
    backend: str = "auto"
    random_state: int | np.random.RandomState | None = None

    def _begin(self, n_out: int) -> None:
        """Make the model and its optimizer."""
        self._random = check_random_state(self.random_state)
        seed = int(self._random.randint(2**31 - 1))
        if isinstance(self.model, Module):
            self.model_ = copy.deepcopy(self.model)
        elif self.model is not None:
            self.model_ = self.model(self.n_features_in_, n_out, seed)
        else:
            sizes = [*self.hidden, n_out]
            self.model_ = MLP(self.n_features_in_, sizes, activation=self.activation, seed=seed)
        if isinstance(self.optimizer, str):
            if self.optimizer not in _OPTIMIZERS:
                raise ValueError(f"optimizer is one of {', '.join(_OPTIMIZERS)}, got {self.optimizer!r:.60}")
            self.optimizer_: Optimizer = _OPTIMIZERS[self.optimizer](self.model_.parameters(), lr=self.lr)
        else:
            self.optimizer_ = self.optimizer(self.model_.parameters())

    def _train(self, X: Array, y: Any, weight: Array, loss: str, epochs: int, labels: Any = None) -> None:
        """Train on X (N, D), y (N,) or (N, K), weight (N,); validation is stratified by `labels`."""
        kept: dict[str, Any] = {}
        if self.early_stopping and epochs > 1:
            X, held, y, targets, weight, weights = train_test_split(
                X, y, weight, test_size=self.validation_fraction, random_state=self._random, stratify=labels
            )
            kept["validation"] = (held, targets, weights)
            kept["callbacks"] = [EarlyStopping(self.model_, patience=self.patience)]
        counts = weight > 0  # scikit-learn: weight 0 is as good as no example
        X, y, weight = X[counts], y[counts], weight[counts]
        self.history_ = fit(
            self.model_,
            X,
            y,
            loss=loss,
            optimizer=self.optimizer_,
            epochs=epochs,
            batch_size=self.batch_size,
            seed=int(self._random.randint(2**31 - 1)),
            sample_weight=weight * (len(weight) / weight.sum()),  # a weight of 2 counts as two examples
            backend=self.backend,
            progress=False,
            **kept,
        )
        self.n_iter_ = self.history_.epochs

    def _outputs(self, X: Any) -> Array:
        """The outputs for X (N, D): (N,) or (N, K)."""
        check_is_fitted(self)
        return self.model_.predict(validate_data(self, X, dtype=np.float64, reset=False))


def _weights(given: Any, X: Array) -> Array:
    """A weight for each example (N,), at least 0; 1 by default."""
    weight = _check_sample_weight(given, X, dtype=np.float64)
    if (weight < 0).any() or not weight.any():
        raise ValueError(
            "sample_weight must be at least 0, and above 0 for one example: Negative values or zeros"
        )
    return weight  # type: ignore[no-any-return]  # an array, of a library without types


@dataclass(eq=False, repr=False, kw_only=True)
class NetClassifier(ClassifierMixin, _Net):  # type: ignore[misc]  # scikit-learn has no types
    __doc__ = f"""A neural network as a classifier: `nn.fit` minimises the cross-entropy.

    For two classes it has one output, the logit of the second; for K classes K outputs.
{_PARAMETERS}    class_weight : a weight for each label as a mapping, or ``"balanced"``.

    Attributes
    ----------
    classes_ : the labels (K,), sorted.
    model_, optimizer_, history_ : the trained model, its optimizer, and the `History` of the last training.

    Examples
    --------
    >>> from nn.estimators import NetClassifier
    >>> X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], ["no", "yes", "yes", "no"]
    >>> NetClassifier(hidden=(4,), random_state=0).fit(X, y).predict(X).tolist()
    ['no', 'yes', 'yes', 'no']
    """

    class_weight: dict[Any, float] | str | None = None

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> NetClassifier:
        """Train a new model on features X (N, D) and labels y (N,), with weights (N,) if given.

        Raises
        ------
        ValueError : if the data are not finite numbers, or y has one class only.
        """
        return self._learn(X, y, sample_weight, new=True)

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> NetClassifier:
        """Train for one epoch more, from where the last call ended.

        Parameters
        ----------
        classes : (K,), all labels of this and later calls; needed in the first call unless y has all.
        """
        return self._learn(X, y, sample_weight, new=not hasattr(self, "model_"), classes=classes, epochs=1)

    def _learn(
        self, X: Any, y: Any, sample_weight: Any, new: bool, classes: Any = None, epochs: int | None = None
    ) -> NetClassifier:
        X, y = validate_data(self, X, y, dtype=np.float64, reset=new)
        check_classification_targets(y)
        weight = _weights(sample_weight, X)
        if new:
            self.classes_ = unique_labels(y if classes is None else classes)
            if len(self.classes_) < 2:
                raise ValueError(f"the data have 1 class, a classifier needs two: {self.classes_[0]!r:.60}")
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(f"a label is not among the classes {self.classes_!r:.200}: {unknown[0]!r:.60}")
        if self.class_weight is not None:
            weight = weight * compute_sample_weight(self.class_weight, y)
        K = len(self.classes_)
        if new:
            self._begin(1 if K == 2 else K)
        numbers = np.searchsorted(self.classes_, y)
        loss = "binary_cross_entropy_with_logits" if K == 2 else "cross_entropy"
        self._train(X, numbers, weight, loss, epochs or self.epochs, labels=numbers)
        return self

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class (N, K) for X (N, D), in the order of `classes_`."""
        return np.exp(self.predict_log_proba(X))

    def predict_log_proba(self, X: Any) -> Array:
        """The logarithms of `predict_proba` (N, K), exact where a probability is too small for a float."""
        z = self._outputs(X)
        if z.ndim == 1:
            z = np.stack([np.zeros_like(z), z], axis=1)
        return z - np.logaddexp.reduce(z, axis=1, keepdims=True)

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """The most probable labels (N,) for X (N, D)."""
        probabilities = self.predict_log_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]  # type: ignore[no-any-return]  # an array, of a library without types


@dataclass(eq=False, repr=False, kw_only=True)
class NetRegressor(RegressorMixin, _Net):  # type: ignore[misc]  # scikit-learn has no types
    __doc__ = f"""A neural network as a regressor: `nn.fit` minimises a loss of its outputs.
{_PARAMETERS}    loss : a name of `nn.LOSSES`.

    Attributes
    ----------
    model_, optimizer_, history_ : the trained model, its optimizer, and the `History` of the last training.

    Examples
    --------
    >>> from nn.estimators import NetRegressor
    >>> X = [[0.0], [1.0], [2.0], [3.0]]
    >>> NetRegressor(hidden=(), epochs=500, random_state=0).fit(X, [1, 3, 5, 7]).predict([[4.0]]).round(2)
    array([9.])
    """

    loss: str = "mse_loss"

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> NetRegressor:
        """Train a new model on features X (N, D) and targets y (N,) or (N, K), with weights (N,) if given.

        Raises
        ------
        ValueError : if the data are not finite numbers.
        """
        return self._learn(X, y, sample_weight, new=True)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> NetRegressor:
        """Train for one epoch more, from where the last call ended."""
        return self._learn(X, y, sample_weight, new=not hasattr(self, "model_"), epochs=1)

    def _learn(
        self, X: Any, y: Any, sample_weight: Any, new: bool, epochs: int | None = None
    ) -> NetRegressor:
        X, y = validate_data(self, X, y, dtype=np.float64, multi_output=True, y_numeric=True, reset=new)
        weight = _weights(sample_weight, X)
        y = np.asarray(y, dtype=np.float64)
        flat = y.ndim == 1 or y.shape[1] == 1
        if new:
            self._begin(1 if flat else y.shape[1])
        self._train(X, y.reshape(-1) if flat else y, weight, self.loss, epochs or self.epochs)
        return self

    def predict(self, X: Any) -> Array:
        """The outputs for X (N, D): (N,) for one target, (N, K) for K."""
        return self._outputs(X)
