"""scikit-learn's own checks of the estimators, and what they are for: pipelines, searches, calibration."""

import functools
import pickle
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.6")
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


@pytest.mark.filterwarnings("default")
@parametrize_with_checks([NetClassifier(random_state=0), NetRegressor(random_state=0)])
def test_scikit_learn_has_no_complaint(estimator, check):
    check(estimator)
