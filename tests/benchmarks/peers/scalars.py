"""The moons' network as it is written for scalars, whatever class they are of."""

from __future__ import annotations

from typing import Any


def scalar_loss(sizes: tuple[int, ...], relu: Any, parameters: Any, x: Any, t: Any) -> Any:
    """The hinge loss of one example; of each neuron the weights come first, then the bias."""
    p = iter(parameters)
    for depth, rows in enumerate(sizes[1:]):
        x = [relu(each) for each in x] if depth else list(x)
        x = [sum(next(p) * each for each in x) + next(p) for _ in range(rows)]
    return relu(1.0 - t * x[0])
