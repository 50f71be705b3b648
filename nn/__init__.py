"""Neural networks on the scalar engine: neurons, layers, losses and gradient descent.

>>> from nn import MLP
>>> model = MLP(2, [2, 1], activation="tanh", seed=1)
>>> y = model([0.5, -1.0])
>>> y.backward()
>>> len(model.parameters())
9
"""

from .activations import ACTIVATIONS, Activation
from .batches import batches
from .diagram import diagram
from .initializers import INITIALIZERS
from .layers import MLP, Layer, Neuron
from .losses import (
    LOSSES,
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    half_squared_error,
    hinge_loss,
    huber_loss,
    l1_loss,
    mse_loss,
)
from .module import Module
from .optimizers import SGD, Optimizer
from .training import DivergenceError, History, fit

__all__ = [
    "ACTIVATIONS",
    "INITIALIZERS",
    "LOSSES",
    "MLP",
    "SGD",
    "Activation",
    "DivergenceError",
    "History",
    "Layer",
    "Module",
    "Neuron",
    "Optimizer",
    "batches",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "diagram",
    "fit",
    "half_squared_error",
    "hinge_loss",
    "huber_loss",
    "l1_loss",
    "mse_loss",
]
