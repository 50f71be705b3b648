"""Neural networks on the scalar engine: neurons, layers, losses and gradient descent.

>>> from nn import MLP
>>> model = MLP(2, [2, 1], activation="tanh", seed=1)
>>> y = model([0.5, -1.0])
>>> y.backward()
>>> len(model.parameters())
9
"""

from typing import TYPE_CHECKING

from autograd import on_first_use

from .activations import ACTIVATIONS, Activation
from .batches import batches
from .initializers import INITIALIZERS
from .layers import MLP, Dropout, Layer, Neuron, Sequential
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
from .optimizers import (
    SGD,
    Adagrad,
    Adam,
    AdamW,
    Optimizer,
    RMSprop,
    clip_grad_norm_,
    clip_grad_value_,
    gradient_norm,
)
from .schedules import (
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    LinearWarmup,
    MultiStepLR,
    ReduceLROnPlateau,
    Schedule,
    StepLR,
)

if TYPE_CHECKING:
    from .attention import CausalSelfAttention, KeyValueCache
    from .callbacks import Checkpoint, EarlyStopping, Watch
    from .curves import LossCurve
    from .diagrams import diagram
    from .exchange import from_torch, to_torch
    from .exploration import explore_model
    from .feed_forward import GELU, FeedForward, MixtureOfExperts, SwiGLU
    from .gpt import GPT, TransformerBlock
    from .history import History
    from .linear import Embedding, Linear
    from .lora import LoRA, add_lora, merge_lora
    from .metrics import METRICS, accuracy, mean_absolute_error, of_labels, r2_score
    from .normalization import LayerNorm, RMSNorm
    from .onnx_graph import to_onnx
    from .plots import Panel
    from .storage import load, save
    from .training import DivergenceError, fit
else:
    __getattr__, __dir__ = on_first_use(
        __name__,
        {
            "attention": ["CausalSelfAttention", "KeyValueCache"],
            "callbacks": ["Checkpoint", "EarlyStopping", "Watch"],
            "curves": ["LossCurve"],
            "diagrams": ["diagram"],
            "exchange": ["from_torch", "to_torch"],
            "exploration": ["explore_model"],
            "feed_forward": ["GELU", "FeedForward", "MixtureOfExperts", "SwiGLU"],
            "gpt": ["GPT", "TransformerBlock"],
            "history": ["History"],
            "linear": ["Embedding", "Linear"],
            "lora": ["LoRA", "add_lora", "merge_lora"],
            "metrics": ["METRICS", "accuracy", "mean_absolute_error", "of_labels", "r2_score"],
            "normalization": ["LayerNorm", "RMSNorm"],
            "onnx_graph": ["to_onnx"],
            "plots": ["Panel"],
            "storage": ["load", "save"],
            "training": ["DivergenceError", "fit"],
        },
    )

__all__ = [
    "ACTIVATIONS", "GELU", "GPT", "INITIALIZERS", "LOSSES", "METRICS", "MLP", "SGD", "Activation", "Adagrad",
    "Adam", "AdamW", "CausalSelfAttention", "Checkpoint", "CosineAnnealingLR", "DivergenceError", "Dropout",
    "EarlyStopping", "Embedding", "ExponentialLR", "FeedForward", "History", "KeyValueCache", "LambdaLR",
    "Layer", "LayerNorm", "Linear", "LinearLR", "LinearWarmup", "LoRA", "LossCurve", "MixtureOfExperts",
    "Module", "MultiStepLR", "Neuron", "Optimizer", "RMSNorm", "RMSprop", "ReduceLROnPlateau", "Schedule",
    "Sequential", "StepLR", "SwiGLU", "TransformerBlock", "Watch", "accuracy", "add_lora", "batches",
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "clip_grad_norm_", "clip_grad_value_",
    "cross_entropy", "diagram", "explore_model", "fit", "from_torch", "gradient_norm", "half_squared_error",
    "hinge_loss", "huber_loss", "l1_loss", "load", "mean_absolute_error", "merge_lora", "mse_loss",
    "of_labels", "r2_score", "save", "to_onnx", "to_torch",
]  # fmt: skip
