"""Neural networks on the scalar engine: neurons, layers, losses and gradient descent.

>>> from nn import MLP
>>> model = MLP(2, [2, 1], activation="tanh", seed=1)
>>> y = model([0.5, -1.0])
>>> y.backward()
>>> len(model.parameters())
9
"""

from .activations import ACTIVATIONS, Activation
from .initializers import INITIALIZERS
from .layers import MLP, Layer, Neuron
from .module import Module

__all__ = [
    "ACTIVATIONS",
    "INITIALIZERS",
    "MLP",
    "Activation",
    "Layer",
    "Module",
    "Neuron",
]
