"""The step of the GPT with this engine: a name is recorded with its tokens as inputs."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd import Program, Training, Value, compile, dot, log_softmax, mean, take
from tests.benchmarks import gpt
from tests.benchmarks.names import BETAS, EPS, STEPS, Array, Names, rates
from tests.benchmarks.peers import plain


def names_of(length: int, sizes: gpt.Sizes) -> Names:
    """A task for names with so many tokens."""
    return Names(1, min(length - 1, sizes.block), sizes)


class Model(gpt.GPT):
    """The same, with the embedding and the loss of a token that is an input."""

    def __init__(self, names: Names) -> None:
        super().__init__(Value, names.sizes)
        self.columns = [tuple(column) for column in zip(*self.tokens)]
        self.tokens = self

    def __getitem__(self, token: Value) -> list[Value]:
        return [take(column, token) for column in self.columns]

    def loss(self, text: list[Value]) -> Value:
        return mean(self.surprises(text))

    def surprises(self, text: list[Value]) -> list[Value]:
        """Of each position −ln p of the token that follows it."""
        earlier: list[tuple[list[Any], list[Any]]] = [([], []) for _ in self.layers]
        scores = [self.scores(token, t, earlier) for t, token in enumerate(text[:-1])]
        return [-take(log_softmax(each), following) for each, following in zip(scores, text[1:])]


class Scalars:
    """The program as it is written, on a class of scalars: its graph recorded anew for each name."""

    def __init__(self, names: Names, value: Any) -> None:
        self.names, self.value = names, value
        self.start()

    def start(self) -> None:
        self.model = gpt.GPT(self.value, self.names.sizes)
        self.adam = gpt.Adam(self.model.parameters, STEPS)

    def run(self, steps: int) -> float:
        for _ in range(steps):
            losses = [loss for text in self.names.texts.tolist() for loss in self.model.losses(text)]
            total = sum(losses) / len(losses)
            total.backward()
            self.adam.step()
        return float(total.data)

    def result(self) -> Array:
        return np.array([parameter.data for parameter in self.model.parameters])


def eager(names: Names) -> Scalars:
    return Scalars(names, Value)


def plainly(names: Names) -> Scalars:
    return Scalars(names, plain.Value)


# --- compiled ----------------------------------------------------------------------------------------


def recorded(names: Names) -> tuple[Value, list[Value], list[Value]]:
    model, text = Model(names), [Value(1.0) for _ in range(names.positions + 1)]
    return model.loss(text), model.parameters, text


def program(names: Names, backend: str) -> Program:
    loss, parameters, text = recorded(names)
    return compile(loss, parameters, inputs=text, backend=backend)


def padded_program(names: Names, backend: str) -> Program:
    """One for names of up to so many positions: each surprise has a weight, which is 0 behind a name's end.

    No position looks at later ones, so what stands there changes nothing.
    """
    model = Model(names)
    text = [Value(1.0) for _ in range(names.positions + 1)]
    weights = [Value(0.0) for _ in range(names.positions)]
    loss = dot(weights, model.surprises(text))
    return compile(loss, model.parameters, inputs=[*text, *weights], backend=backend)


def padded(texts: list[list[int]], positions: int) -> Array:
    """Their tokens and weights, (N, 2 T + 1)."""
    batch = np.zeros((len(texts), 2 * positions + 1))
    for row, text in zip(batch, texts):
        row[: len(text)] = text
        row[positions + 1 :][: len(text) - 1] = 1.0 / (len(text) - 1)
    return batch


def first_memory(parameters: int) -> dict[str, Array]:
    """What Adam remembers before the first step."""
    return {"first": np.zeros(parameters), "second": np.zeros(parameters)} | {
        name: np.ones(parameters) for name in ("b1", "b2")
    }


def adam(data: Any, gradient: Any, rate: Any, memory: dict[str, Any]) -> Any:
    """As `nn.Adam` has it. What makes up for the first steps is kept as numbers of each parameter."""
    b1, b2 = BETAS
    memory["first"] = b1 * memory["first"] + (1.0 - b1) * gradient
    memory["second"] = b2 * memory["second"] + (1.0 - b2) * gradient * gradient
    memory["b1"], memory["b2"] = b1 * memory["b1"], b2 * memory["b2"]
    scale = np.sqrt(memory["second"] / (1.0 - memory["b2"])) + EPS
    return data - rate / (1.0 - memory["b1"]) * memory["first"] / scale


class Ours:
    def __init__(self, names: Names, backend: str) -> None:
        self.names, self.program = names, program(names, backend)
        self.batch = names.texts.astype(np.float64)
        self.start()

    def start(self) -> None:
        self.flat, self.taken = self.names.weights.copy(), 0
        self.memory = first_memory(len(self.flat))

    def run(self, steps: int) -> float:
        training = Training.of(
            self.flat,
            self.batch,
            [np.arange(self.names.batch)] * steps,
            rates(self.taken, steps),
            self.memory,
            rule=adam,
        )
        self.program.train(training)
        self.flat, self.taken = training.row(0).copy(), self.taken + steps
        self.memory = {name: array.copy() for name, array in training.memory.items()}
        return float(training.values[-1])

    def result(self) -> Array:
        return self.flat.copy()


def llvm(names: Names) -> Ours:
    return Ours(names, "llvm")


def numpy(names: Names) -> Ours:
    return Ours(names, "numpy")


def with_jax(names: Names) -> Ours:
    return Ours(names, "jax")
