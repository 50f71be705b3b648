"""`GPT`, a model that predicts the next token, and its `TransformerBlock`s."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from autograd import Value, mean, no_grad, sequence

from .arguments import (
    Described,
    index_of,
    random_generator,
    require_count,
    require_flag,
    require_number,
    require_text,
)
from .array_forward import Operations, Sub
from .attention import CausalSelfAttention, KeyValueCache, vectors_of
from .feed_forward import FeedForward, MixtureOfExperts, SwiGLU, make_feed_forward
from .initializers import Initializer, normal
from .layers import Function, Seed, inputs_of, listed, make_dropout
from .linear import Embedding, Linear, OneWidth, Vector, all_in_scope, in_scope
from .losses import cross_entropy
from .module import Module, mode
from .normalization import make_norm

__all__ = ["GPT", "TransformerBlock"]


class TransformerBlock(OneWidth, Described, Module):
    """Attention and a feed-forward layer, each applied to the normalized x and added to x.

        x ← x + attention(norm1(x)),  x ← x + feed_forward(norm2(x))

    Parameters
    ----------
    n_embd, n_head, bias, rotary : as for `CausalSelfAttention`; `bias` holds for all linear maps and norms.
    n_hidden, activation : as for `FeedForward`; ``"swiglu"`` makes it a `SwiGLU`.
    norm : ``"rms"`` or ``"layer"``, with this `eps`, and with gains and biases if `affine`.
    n_expert, top_k : if n_expert is above 0, the feed-forward layer is a `MixtureOfExperts`.
    dropout : p of a `Dropout` of the attention's weights, and of both results before the addition.
    initializer, seed, name : as for `Neuron`.

    Attributes
    ----------
    norm1, attention, norm2, feed_forward : the parts.

    Raises
    ------
    TypeError, ValueError : if an argument is not as described; on a call, if a vector has not n_embd numbers.

    Source: Vaswani et al. 2017, "Attention is all you need", with the norms first, as in GPT-2 (Radford et
    al. 2019) and `torch.nn.TransformerEncoderLayer` with ``norm_first=True``.

    Examples
    --------
    >>> from nn import TransformerBlock
    >>> block = TransformerBlock(4, n_head=2, seed=0)
    >>> [len(y) for y in block([[1.0, 2.0, 3.0, 4.0], [0.5, 0.0, -0.5, 1.0]])]
    [4, 4]
    """

    def __init__(
        self,
        n_embd: int,
        n_head: int,
        *,
        n_hidden: int | None = None,
        activation: Function = "relu",
        norm: str = "rms",
        eps: float = 1e-5,
        affine: bool = False,
        bias: bool = False,
        rotary: bool = False,
        n_expert: int = 0,
        top_k: int = 2,
        dropout: float = 0.0,
        initializer: str | Initializer | None = None,
        seed: Seed = None,
        name: str = "",
    ) -> None:
        self._name = require_text("name", name)
        rng = random_generator(seed)
        self.n_embd, self.n_head = require_count("n_embd", n_embd), require_count("n_head", n_head)
        self._norm = {"norm": norm, "eps": eps, "affine": affine, "bias": bias}
        self.norm1 = make_norm(norm, n_embd, eps, affine, bias, f"{self._prefix}norm1")
        self.attention = CausalSelfAttention(
            n_embd, n_head, bias, rotary, dropout=dropout, initializer=initializer, seed=rng,
            name=f"{self._prefix}attention",
        )  # fmt: skip
        self.norm2 = make_norm(norm, n_embd, eps, affine, bias, f"{self._prefix}norm2")
        place = f"{self._prefix}feed_forward"
        self.feed_forward: FeedForward | SwiGLU | MixtureOfExperts
        if require_count("n_expert", n_expert, least=0):
            self.feed_forward = MixtureOfExperts(
                n_embd, n_expert, top_k, n_hidden, activation, bias, None, initializer, rng, place
            )
        else:
            self.feed_forward = make_feed_forward(n_embd, n_hidden, activation, bias, initializer, rng, place)
        self.dropout = make_dropout(dropout, rng)

    def __call__(self, x: Any) -> list[Vector]:
        cache = KeyValueCache()
        return [self.step(each, cache) for each in vectors_of(x, self)]

    def step(self, x: Any, cache: KeyValueCache) -> Vector:
        """The output at the next position, whose key and value are added to the cache."""
        x = inputs_of(x, self)
        x = self._added(x, self.attention.step(self.norm1(x), cache), "residual1")
        return self._added(x, self.feed_forward(self.norm2(x)), "residual2")

    def _array_forward(self, ops: Operations, sub: Sub, x: Any) -> Any:
        x = x + sub("dropout", sub("attention", sub("norm1", x)))
        return x + sub("dropout", sub("feed_forward", sub("norm2", x)))

    def _added(self, x: Vector, change: Any, place: str) -> Vector:
        scope = f"{self._prefix}{place}"
        if self.dropout is not None and self.training:
            change = in_scope(sequence(self.dropout(change)), scope, constants=True)
        return in_scope(tuple([a + b for a, b in zip(x, change)]), scope)

    def _settings(self) -> dict[str, Any]:
        inner, dropout = self.feed_forward, self.dropout.p if self.dropout else 0.0
        settings = {"n_hidden": inner.n_hidden, "activation": getattr(inner, "activation", "swiglu")}
        settings |= {**self._norm, "rotary": self.attention.rotary, "dropout": dropout}
        if isinstance(inner, MixtureOfExperts):
            settings |= {"n_expert": inner.n_expert, "top_k": inner.top_k}
        return super()._settings() | settings


class GPT(Described, Module):
    """A decoder-only transformer: from the tokens so far, a score for every possible next token.

    The embeddings of each token and its position are added; blocks of attention and feed-forward layers
    follow; a linear map gives the scores. The defaults are Karpathy's microgpt: RMSNorm without gains, also
    of the sum of the embeddings, ReLU, no biases, an untied output map, and weights of standard deviation
    0.08.

    Parameters
    ----------
    vocab_size : V, the number of tokens, at least 1.
    block_size : the largest number of positions, at least 1.
    n_layer, n_head, n_embd : the number of blocks, of heads in each, and the length of the vectors.
    n_hidden, activation, norm, eps, affine, bias, n_expert, top_k : as for `TransformerBlock`.
    tied : whether the output map shares the weights of the token embedding.
    rotary : whether positions are rotary in the attention, instead of an embedding.
    embedding_norm, final_norm : whether there is a norm before the first block, and after the last.
    dropout : as for `TransformerBlock`, and of the embeddings.
    initializer : of all weights, as for `Neuron`; by default normal with a standard deviation of 0.08.
    seed : as for `Neuron`.

    Attributes
    ----------
    token_embedding, position_embedding : `Embedding`s; the second is None if positions are rotary.
    embedding_norm, final_norm : norms, or None.
    blocks : a list of `TransformerBlock`.
    output : a `Linear` map to V scores, without bias.

    Raises
    ------
    TypeError, ValueError : if an argument is not as described; on a call, if there are no tokens or more than
        `block_size`, or one is no whole number.
    IndexError : on a call, if a token is not from 0 to V − 1.

    Source: Karpathy 2026, microgpt; Radford et al. 2019, "Language models are unsupervised multitask
    learners": ``norm="layer"``, ``affine=True``, ``bias=True``, ``activation="gelu_tanh"``, ``tied=True``,
    ``embedding_norm=False``, ``final_norm=True``.

    Examples
    --------
    >>> from nn import GPT
    >>> model = GPT(27, block_size=16, n_layer=1, n_head=4, n_embd=16, seed=0)
    >>> len(model.parameters()), [len(scores) for scores in model([26, 0, 1])]
    (4192, [27, 27, 27])
    >>> loss = model.loss([26, 0, 1, 26])
    >>> loss.backward()
    >>> round(loss.data, 1)
    3.6
    """

    def __init__(
        self,
        vocab_size: int,
        block_size: int,
        n_layer: int = 1,
        n_head: int = 4,
        n_embd: int = 16,
        *,
        n_hidden: int | None = None,
        activation: Function = "relu",
        norm: str = "rms",
        eps: float = 1e-5,
        affine: bool = False,
        bias: bool = False,
        tied: bool = False,
        rotary: bool = False,
        embedding_norm: bool = True,
        final_norm: bool = False,
        n_expert: int = 0,
        top_k: int = 2,
        dropout: float = 0.0,
        initializer: str | Initializer | None = None,
        seed: Seed = None,
    ) -> None:
        rng, initializer = random_generator(seed), initializer or normal(0.0, 0.08)
        self.vocab_size = require_count("vocab_size", vocab_size)
        self.block_size = require_count("block_size", block_size)
        self.n_layer = require_count("n_layer", n_layer)
        self.n_head, self.n_embd = require_count("n_head", n_head), require_count("n_embd", n_embd)
        self.tied, self.rotary = require_flag("tied", tied), require_flag("rotary", rotary)

        def norm_of(name: str, wanted: bool) -> Any:
            return make_norm(norm, n_embd, eps, affine, bias, name) if require_flag(name, wanted) else None

        self.token_embedding = Embedding(vocab_size, n_embd, initializer, rng, "token_embedding")
        self.position_embedding = (
            None if rotary else Embedding(block_size, n_embd, initializer, rng, "position_embedding")
        )
        self.embedding_norm = norm_of("embedding_norm", embedding_norm)
        self.blocks = [
            TransformerBlock(
                n_embd, n_head, n_hidden=n_hidden, activation=activation, norm=norm, eps=eps, affine=affine,
                bias=bias, rotary=rotary, n_expert=n_expert, top_k=top_k, dropout=dropout,
                initializer=initializer, seed=rng, name=f"block{i}",
            )
            for i in range(n_layer)
        ]  # fmt: skip
        self.final_norm = norm_of("final_norm", final_norm)
        self.output = Linear(n_embd, vocab_size, False, initializer, rng, "output")
        if tied:
            self.output.weight = self.token_embedding.weight
        self.dropout = make_dropout(dropout, rng)

    def __call__(self, tokens: Any) -> list[Vector]:
        """The scores of the next token after each of these: T tuples of V `Value`s.

        Parameters
        ----------
        tokens : T whole numbers, T from 1 to `block_size`; or `Value`s, such as the inputs of a program.
        """
        tokens, caches = self._tokens(tokens), self.caches()
        return [self.step(token, caches) for token in tokens]

    def caches(self) -> list[KeyValueCache]:
        """An empty cache for each block, for `step`."""
        return [KeyValueCache() for _ in self.blocks]

    def step(self, token: Any, caches: Sequence[KeyValueCache]) -> Vector:
        """The V scores of the token after this one, which is added to the caches.

        Parameters
        ----------
        token : a whole number.
        caches : one for each block, from `caches`.

        Raises
        ------
        ValueError : if no position is left, or there is not one cache for each block.
        """
        if len(caches) != len(self.blocks):
            raise ValueError(f"step takes {len(self.blocks)} caches, one for each block, got {len(caches)}")
        place = len(caches[0])
        if place >= self.block_size:
            raise ValueError(f"the model has block_size={self.block_size} positions, and they are all taken")
        x: Vector = self.token_embedding(token)
        if self.position_embedding is not None:
            there = self.position_embedding(place)
            x = in_scope(tuple([a + b for a, b in zip(x, there)]), "embedding")
        if self.embedding_norm is not None:
            x = self.embedding_norm(x)
        if self.dropout is not None and self.training:
            x = in_scope(sequence(self.dropout(x)), "embedding", constants=True)
        for block, cache in zip(self.blocks, caches):
            x = block.step(x, cache)
        if self.final_norm is not None:
            x = self.final_norm(x)
        scores: Vector = self.output(x)
        return scores

    def _array_forward(self, ops: Operations, sub: Sub, tokens: Any) -> Any:
        x = sub("token_embedding", tokens)
        if self.position_embedding is not None:
            x = x + sub("position_embedding", ops.positions(tokens))
        x = sub("dropout", sub("embedding_norm", x))
        for i in range(self.n_layer):
            x = sub(f"blocks.{i}", x)
        return sub("output", sub("final_norm", x))

    def loss(self, tokens: Any, targets: Any = None) -> Value:
        """The mean over positions of the cross-entropy of the token that follows.

        Parameters
        ----------
        tokens : T tokens, T from 1 to `block_size`; without `targets` T + 1, of which each predicts the next.
        targets : the T tokens that follow these.

        Raises
        ------
        TypeError, ValueError, IndexError : as for a call, or if there are not T targets.
        """
        tokens = listed(tokens)
        if targets is None:
            if not isinstance(tokens, (list, tuple)) or len(tokens) < 2:
                raise ValueError(
                    f"loss needs at least 2 tokens, one to predict the other, got {tokens!r:.60}"
                )
            tokens, targets = tokens[:-1], tokens[1:]
        scores, targets = self(tokens), listed(targets)
        if not hasattr(targets, "__len__") or len(targets) != len(scores):
            raise ValueError(f"loss needs a target for each of {len(scores)} tokens, got {targets!r:.60}")
        total: Value = mean(list(map(cross_entropy, scores, targets)))
        all_in_scope((total,), "loss")
        total.label = "loss"
        return total

    def generate(
        self,
        tokens: int | Iterable[int],
        max_new_tokens: int | None = None,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        seed: Seed = None,
        stop: int | None = None,
    ) -> list[int]:
        """Continue these tokens with new ones, each drawn with the probabilities of the model.

        Keys and values of earlier tokens are cached. Beyond `block_size` tokens the model sees the last
        `block_size`, and computes them anew for each new token.

        Parameters
        ----------
        tokens : one token or more.
        max_new_tokens : the number of new tokens; None for as many as fit the block.
        temperature : divides the scores: below 1 likely tokens become likelier. 0 takes the likeliest token,
            of equal ones the first.
        top_k : draw from the k tokens with the highest scores only; None for all.
        seed : an integer, or a generator to draw from; None for other tokens each time.
        stop : a token that ends the sequence.

        Returns
        -------
        The given and the new tokens, `stop` included.

        Raises
        ------
        TypeError, ValueError, IndexError : if an argument is not as described, or if a score is not finite.

        Examples
        --------
        >>> from nn import GPT
        >>> model = GPT(5, block_size=8, seed=0)
        >>> model.generate([0], 4, seed=1) == model.generate([0], 4, seed=1)
        True
        >>> len(model.generate([0, 1], 20, temperature=0))
        22
        """
        given = listed(tokens)
        given = list(given) if hasattr(given, "__iter__") else [given]
        if not given:
            raise ValueError("generate needs at least one token to go on from, got none")
        found = [index_of(token, self.vocab_size, "generate") for token in given]
        if max_new_tokens is None:
            max_new_tokens = max(0, self.block_size - len(found))
        limit = len(found) + require_count("max_new_tokens", max_new_tokens, least=0)
        temperature = require_number("temperature", temperature, least=0.0)
        top_k = None if top_k is None else require_count("top_k", top_k)
        stop = None if stop is None else index_of(stop, self.vocab_size, "generate: stop")
        rng = random_generator(seed)
        with mode(self, training=False), no_grad():
            caches, ahead = self.caches(), found[-self.block_size :]
            while len(found) < limit:
                if len(caches[0]) + len(ahead) > self.block_size:
                    caches, ahead = self.caches(), found[-self.block_size :]
                for token in ahead:
                    scores = self.step(token, caches)
                found.append(_drawn([score.data for score in scores], temperature, top_k, rng))
                ahead = found[-1:]
                if found[-1] == stop:
                    break
        return found

    def _tokens(self, tokens: Any) -> list[Any]:
        tokens = listed(tokens)
        if not isinstance(tokens, (list, tuple)) or not tokens:
            raise TypeError(f"GPT takes a sequence of tokens, got {type(tokens).__name__}: {tokens!r:.60}")
        if len(tokens) > self.block_size:
            raise ValueError(f"GPT takes up to block_size={self.block_size} tokens, got {len(tokens)}")
        return list(tokens)

    @property
    def n_out(self) -> int:
        return self.vocab_size

    def _settings(self) -> dict[str, Any]:
        norms = {name: getattr(self, name) is not None for name in ("embedding_norm", "final_norm")}
        found = super()._settings() | self.blocks[0]._settings() | norms
        return {name: found[name] for name in inspect.signature(GPT).parameters if name in found}

    def _indices(self) -> int:
        return self.vocab_size if type(self).__call__ is GPT.__call__ else 0


def _drawn(scores: list[float], temperature: float, top_k: int | None, rng: np.random.Generator) -> int:
    """A token drawn by the softmax of the k highest scores."""
    if not np.all(np.isfinite(scores)):
        raise ValueError(f"the model's scores are not finite, so no token can be drawn: {scores!r:.60}")
    order = np.argsort(-np.array(scores), kind="stable")[:top_k]
    if temperature == 0.0:
        return int(order[0])
    highest = np.array(scores)[order]
    powers = np.exp((highest - highest[0]) / temperature)
    return int(rng.choice(order, p=powers / powers.sum()))
