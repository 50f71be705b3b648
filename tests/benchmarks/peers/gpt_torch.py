"""The step of the GPT in torch: eager, and with its loss through `torch.compile`; Adam fused."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch.nn import functional

from tests.benchmarks.names import BETAS, EPS, LAYER, RATE, Array, Names, rates
from tests.benchmarks.peers import with_torch  # one thread, float64


class Torch:
    def __init__(self, names: Names, compiled: bool = False) -> None:
        assert with_torch
        self.names = names
        self.texts = torch.tensor(names.texts, dtype=torch.long)
        self.future = torch.triu(torch.full((names.positions,) * 2, -math.inf), 1)
        self.loss = torch.compile(self.plain_loss, dynamic=False) if compiled else self.plain_loss
        self.start()

    def start(self) -> None:
        matrices = self.names.matrices(self.names.weights)
        self.w = {name: torch.tensor(each, requires_grad=True) for name, each in matrices.items()}
        self.adam = torch.optim.Adam(self.w.values(), lr=RATE, betas=BETAS, eps=EPS, fused=True)
        self.taken = 0

    def plain_loss(self, w: dict[str, Any], texts: Any) -> Any:
        B, T, n, H = len(texts), self.names.positions, self.names.sizes.width, self.names.sizes.heads
        heads = lambda x: x.view(B, T, H, n // H).transpose(1, 2)
        x = rms_norm(w["tokens"][texts[:, :-1]] + w["places"][:T])
        for layer in range(self.names.sizes.layers):
            q, k, v, projection, up, down = (w[f"{name}{layer}"] for name in LAYER)
            normed = rms_norm(x)
            Q, K, V = (heads(functional.linear(normed, each)) for each in (q, k, v))
            a = torch.softmax(Q @ K.transpose(2, 3) / math.sqrt(n // H) + self.future, -1)
            x = functional.linear((a @ V).transpose(1, 2).reshape(B, T, n), projection) + x
            x = functional.linear(torch.relu(functional.linear(rms_norm(x), up)), down) + x
        scores = functional.linear(x, w["output"])
        return functional.cross_entropy(scores.view(B * T, -1), texts[:, 1:].reshape(-1))

    def run(self, steps: int) -> float:
        for rate in rates(self.taken, steps).tolist():
            self.adam.param_groups[0]["lr"] = rate
            self.adam.zero_grad(set_to_none=True)
            loss = self.loss(self.w, self.texts)
            loss.backward()
            self.adam.step()
        self.taken += steps
        return float(loss.detach())

    def result(self) -> Array:
        flat: Array = torch.cat([each.detach().ravel() for each in self.w.values()]).numpy()
        return flat


def rms_norm(x: Any) -> Any:
    return x * ((x * x).mean(-1, keepdim=True) + 1e-5) ** -0.5


def compiled(names: Names) -> Torch:
    torch._dynamo.reset()
    return Torch(names, compiled=True)
