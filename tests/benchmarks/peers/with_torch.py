"""The step in torch: eager, and with its loss through `torch.compile`."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch.nn import functional

from tests.benchmarks.tasks import Array, Task

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)
warnings.filterwarnings("ignore", message="dynamo_pgo force disabled")  # as `alone` wants it


def hinge_loss(z: Any, t: Any) -> Any:
    return torch.relu(1.0 - t * z).mean()


def half_squared_error(z: Any, t: Any) -> Any:
    return 0.5 * ((t - torch.sigmoid(z)) ** 2).sum() / len(z)


LOSSES = {
    "hinge_loss": hinge_loss,
    "half_squared_error": half_squared_error,
    "cross_entropy": functional.cross_entropy,
}


class Torch:
    """A list of weights and biases, their gradient by `torch.autograd.grad`, one fused update of all."""

    def __init__(self, task: Task, compiled: bool = False) -> None:
        self.task = task
        self.data = [torch.tensor(each) for each in task.data]
        self.loss = torch.compile(self.plain_loss, dynamic=False) if compiled else self.plain_loss
        self.start()

    def start(self) -> None:
        self.parameters: list[Any] = []
        for matrix in self.task.matrices(self.task.weights):
            parts = [matrix[:, :-1], matrix[:, -1]] if self.task.bias else [matrix]
            self.parameters += [torch.tensor(each, requires_grad=True) for each in parts]

    def plain_loss(self, parameters: list[Any], x: Any, t: Any) -> Any:
        activation = getattr(torch, self.task.activation)
        bias = self.task.bias
        each = iter(parameters)
        for depth in range(len(self.task.sizes) - 1):
            x = functional.linear(activation(x) if depth else x, next(each), next(each) if bias else None)
        loss = LOSSES[self.task.loss](x, t)
        if self.task.l2:
            loss = loss + self.task.l2 * sum(p.square().sum() for p in parameters)
        return loss

    def run(self, steps: int) -> float:
        for _ in range(steps):
            loss = self.loss(self.parameters, *self.data)
            self.gradients = torch.autograd.grad(loss, self.parameters)
            if self.task.updates:
                with torch.no_grad():
                    torch._foreach_add_(self.parameters, self.gradients, alpha=-self.task.rate)
        return float(loss.detach())

    def result(self) -> Array:
        parts = [p.detach() for p in (self.parameters if self.task.updates else self.gradients)]
        if self.task.bias:
            parts = [torch.cat([w, b[:, None]], 1) for w, b in zip(parts[::2], parts[1::2])]
        flat: Array = torch.cat([each.ravel() for each in parts]).numpy()
        return flat


def compiled(task: Task) -> Torch:
    torch._dynamo.reset()
    return Torch(task, compiled=True)
