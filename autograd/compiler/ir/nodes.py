"""The array program: what a compiled graph computes, as terms on rows of numbers.

A term is an array of one or two axes, its rows, and if it is `batched` it has them for each example of a
batch. There are few kinds of terms: the elementwise rows of the table, a choice of rows (`take`) and its
inverse (`put`), sums, and matrix products. Rules of the table run on terms as they do on floats, since
terms have operators and `__primitive__`: that is how the adjoint program comes from the table's partials.

Terms are made by a `Block`, which folds constants and gives the same term for the same computation.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ...engine.primitives import TABLE, Primitive

__all__ = ["Block", "Term", "ancestry", "rewrite"]

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]
Shape = tuple[int, ...]

ADD, SUB, MUL, DIV, NEG = (TABLE[name] for name in ("add", "sub", "mul", "div", "neg"))
SUM, MEAN, DOT, POW, POWER, MONOMIAL = (
    TABLE[name] for name in ("sum", "mean", "dot", "pow", "power", "monomial")
)


class Term:
    """One array of the program; see `Block` for the kinds.

    Attributes
    ----------
    kind : what computes it, the name of the method of `Block` that made it, or ``"apply"``.
    args : the terms that it is computed from.
    shape : its rows, without the batch.
    batched : whether it is different for each example.
    row : of an "apply" the row of the table.
    index : of a "take" the row numbers; of a "put" one array of them for each argument.
    data : of a constant its numbers.
    flag : of a "product" whether the left matrix is transposed.
    """

    __slots__ = ("args", "batched", "block", "data", "flag", "index", "kind", "number", "row", "shape")

    args: tuple[Term, ...]
    shape: Shape
    row: Primitive
    index: Any
    data: Array
    flag: bool

    def __init__(self, block: Block, kind: str, args: tuple[Term, ...], shape: Shape, batched: bool) -> None:
        self.block, self.kind, self.args, self.shape, self.batched = block, kind, args, shape, batched
        self.number = len(block.terms)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def is_number(self) -> bool:
        """Whether it is a single number for all examples."""
        return self.shape == (1,) and not self.batched

    @property
    def scalar(self) -> float | None:
        """The number of a constant that is the same everywhere, otherwise None."""
        return float(self.data.flat[0]) if self.kind == "constant" and self.data.size == 1 else None

    def __repr__(self) -> str:
        name = self.row.name if self.kind == "apply" else self.kind
        across = " x batch" if self.batched else ""
        return (
            f"t{self.number}: {name}({', '.join(f't{arg.number}' for arg in self.args)}) {self.shape}{across}"
        )

    @staticmethod
    def __primitive__(row: Primitive, args: tuple[Any, ...]) -> Any:
        """A row of the table applied to terms, numbers and lists of them, as in a rule."""
        block = next(each.block for arg in args for each in _each(arg) if isinstance(each, Term))
        return block.rule(row, args)

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **named: Any) -> Any:
        row = _ROWS.get(ufunc)
        if row is None or method != "__call__" or named:
            return NotImplemented
        return row(*[float(arg) if isinstance(arg, np.generic) else arg for arg in args])

    def __array_function__(self, function: Any, types: Any, args: Any, named: Any) -> Any:
        if function is np.where and not named and len(args) == 3:
            return TABLE["where"](*args)
        return NotImplemented

    def __float__(self, *other: Any) -> float:
        raise TypeError("this is a term of a compiled program: its number is not known yet")

    __bool__ = __int__ = __index__ = __lt__ = __le__ = __gt__ = __ge__ = __float__


# numpy's functions on terms, as the rules of optimizers use them
_ROWS = {row.ufunc: row for row in TABLE.values() if row.ufunc is not None}


def _each(arg: Any) -> Sequence[Any]:
    return arg if isinstance(arg, (list, tuple)) else (arg,)


def _attach(name: str, row: Primitive) -> None:
    if len(row.domain) == 1:
        setattr(Term, name, lambda self: row(self))
        return
    setattr(Term, name, lambda self, other: row(self, other))
    setattr(Term, name.replace("__", "__r", 1), lambda self, other: row(other, self))


for _row in TABLE.values():
    if _row.method and hasattr(operator, f"__{_row.method}__"):
        _attach(f"__{_row.method}__", _row)
_attach("__pow__", POW)


class Block:
    """A growing array program.

    Parameters
    ----------
    parameters, inputs : how many numbers there are of each.

    Attributes
    ----------
    terms : all terms in the order in which they can be computed.
    """

    def __init__(self, parameters: int, inputs: int) -> None:
        self.terms: list[Term] = []
        self._known: dict[Any, Term] = {}
        self.parameters = self._make("parameters", (), (parameters,), False)
        self.inputs = self._make("inputs", (), (inputs,), True)
        self.seed = self._make("seed", (), (1,), False)  # the adjoint of each example's output
        self.count = self._make("count", (), (1,), False)  # the number of examples
        self.rate = self._make("rate", (), (1,), False)  # of an update

    def _make(
        self, kind: str, args: tuple[Term, ...], shape: Shape, batched: bool, key: Any = None, **fields: Any
    ) -> Term:
        key = (kind, *[arg.number for arg in args], key)
        term = self._known.get(key)
        if term is None:
            term = self._known[key] = Term(self, kind, args, shape, batched)
            for name, value in fields.items():
                setattr(term, name, value)
            self.terms.append(term)
        return term

    def constant(self, data: Any) -> Term:
        array = np.array(data, dtype=np.float64)
        array = array.reshape(array.shape or (1,))
        return self._make("constant", (), array.shape, False, (array.shape, array.tobytes()), data=array)

    def term(self, value: Any) -> Term:
        return value if isinstance(value, Term) else self.constant(value)

    def rule(self, row: Primitive, args: Sequence[Any]) -> Term:
        """A row as a rule applies it: sequences are lists of terms and numbers."""
        if not row.vectors:
            return self.apply(row, list(map(self.term, args)))
        lists: list[Any] = [
            list(map(self.term, arg)) if i in row.vectors else self.term(arg) for i, arg in enumerate(args)
        ]
        if row in (SUM, MEAN):
            (values,) = lists
            total: Any = functools.reduce(operator.add, values) if values else self.constant(0.0)
            return self.term(total if row is SUM else total / float(len(values)))
        if row is DOT:
            left, right, *bias = lists
            return self.rule(SUM, [[*map(operator.mul, left, right), *bias]])
        return self.apply(row, [self.stack(arg) if i in row.vectors else arg for i, arg in enumerate(lists)])

    def stack(self, values: Sequence[Term]) -> Term:
        """Terms as the rows of one more axis, the first."""
        shape = np.broadcast_shapes(*[value.shape for value in values])
        size = math.prod(shape)
        whole = [self.broadcast(value, shape) for value in values]
        index = np.arange(len(values) * size).reshape(len(values), *shape)
        return self.put((len(values), *shape), list(zip(index, whole)))

    # --- the kinds of terms

    def apply(self, row: Primitive, args: Sequence[Term]) -> Term:
        """A row of the table, element by element; arguments are broadcast against each other."""
        if all(arg.kind == "constant" for arg in args):
            with np.errstate(all="ignore"):
                return self.constant(row.array(*[arg.data for arg in args]))
        if row is MUL:
            a, b = args
            if a.scalar == 1.0:
                return b
            if b.scalar == 1.0:
                return a
            if a.scalar == -1.0 or b.scalar == -1.0:
                return self.apply(NEG, [b if a.scalar == -1.0 else a])
            if b.is_number and not a.is_number:
                return self.apply(MUL, [b, a])
            if a.is_number and b.kind == "apply" and b.row is MUL and b.args[0].is_number:
                return self.apply(MUL, [self.apply(MUL, [a, b.args[0]]), b.args[1]])
        elif row is ADD and args[0] is args[1]:
            return self.apply(MUL, [self.constant(2.0), args[0]])
        elif row is NEG and args[0].kind == "apply" and args[0].row is NEG:
            return args[0].args[0]
        elif row in (POW, POWER) or (row is MONOMIAL and args[2].scalar is not None):
            whole = self._whole_power(row, args)
            if whole is not None:
                return whole
        shape = np.broadcast_shapes(
            *[arg.shape[1:] if i in row.vectors else arg.shape for i, arg in enumerate(args)]
        )
        batched = any(arg.batched for arg in args)
        return self._make("apply", tuple(args), shape, batched, row, row=row)

    def find(self, row: Primitive, args: Sequence[Term]) -> Term | None:
        """The term that applies a row to these terms, if there is one."""
        return self._known.get(("apply", *[arg.number for arg in args], row))

    def _whole_power(self, row: Primitive, args: Sequence[Term]) -> Term | None:
        """A power with a small whole exponent as products; c · aⁿ⁻ᵏ likewise."""
        c, (a, n), k = (args[0], args[1:3], args[3].scalar) if row is MONOMIAL else (None, args, 0.0)
        if n.scalar is None or k is None:
            return None
        exponent = n.scalar - k
        if exponent not in (-2.0, -1.0, 0.0, 1.0, 2.0, 3.0) or exponent + k != n.scalar:  # it was rounded
            return None
        if c is not None and k > 0.0 and not c.scalar:  # it is 0 where c is, whatever a is
            return None
        factor: Any = self.constant(1.0) if c is None else c
        if exponent < 0:
            for _ in range(-int(exponent)):
                factor = factor / a
            return self.term(factor)
        if exponent == 0:
            return self.term(factor)
        power: Any = functools.reduce(operator.mul, [a] * int(exponent))
        return self.term(factor * power)

    def joint(self, row: Primitive, values: Term) -> Term:
        """A row of a family for all of its arguments at once, which are the first axis; see `families`."""
        shape = values.shape if len(row.domain) > 1 else values.shape[1:]
        return self._make("joint", (values,), shape, values.batched, row, row=row)

    def take(self, x: Term, index: Indices) -> Term:
        """The rows of x that `index` names, counted along all axes, in the shape of `index`."""
        if index.shape == x.shape and np.array_equal(index.reshape(-1), np.arange(x.size)):
            return x
        if x.kind == "constant":
            return self.constant(x.data.reshape(-1)[index])
        if x.kind == "take":
            return self.take(x.args[0], x.index.reshape(-1)[index])
        return self._make("take", (x,), index.shape, x.batched, (index.shape, index.tobytes()), index=index)

    def reshape(self, x: Term, shape: Shape) -> Term:
        return self.take(x, np.arange(x.size).reshape(shape))

    def put(self, shape: Shape, pieces: Sequence[tuple[Indices, Term]]) -> Term:
        """An array of zeros with each piece added at the rows that its index names."""
        indices = [index for index, _ in pieces]
        key = (shape, *[(index.shape, index.tobytes()) for index in indices])
        args = tuple(piece for _, piece in pieces)
        return self._make("put", args, shape, any(arg.batched for arg in args), key, index=indices)

    def total(self, x: Term) -> Term:
        """The sum over the first axis, which stays with length 1."""
        return x if x.shape[0] == 1 else self._make("total", (x,), (1, *x.shape[1:]), x.batched)

    def across(self, x: Term) -> Term:
        """The sum over the second axis, which stays with length 1."""
        return x if x.shape[1] == 1 else self._make("across", (x,), (x.shape[0], 1), x.batched)

    def largest(self, x: Term) -> Term:
        """The maximum over the first axis, which stays with length 1."""
        return x if x.shape[0] == 1 else self._make("largest", (x,), (1, *x.shape[1:]), x.batched)

    def smallest(self, x: Term) -> Term:
        """The minimum over the first axis, which stays with length 1, and that length: nan is left out."""
        return x if x.shape[0] == 1 else self._make("smallest", (x,), (1, *x.shape[1:]), x.batched)

    def others(self, x: Term) -> Term:
        """For each row along the first axis the sum of the others, without subtraction."""
        if x.shape[0] == 1:
            return self.constant(np.zeros(x.shape))
        return self._make("others", (x,), x.shape, x.batched)

    def product(self, a: Term, b: Term, transposed: bool = False) -> Term:
        """The matrix product of (l, n), which is not batched, and (n, r); `transposed`, of (n, l)."""
        shape = a.shape[1 if transposed else 0], b.shape[1]
        if a.scalar is not None:
            return self.apply(MUL, [self.reshape(a, (1,)), b])
        if b.size == 1 and not b.batched:
            return self.reshape(self._scaled(a, b), shape)
        return self._make("product", (a, b), shape, b.batched, transposed, flag=transposed)

    def _scaled(self, x: Term, factor: Term) -> Term:
        return self.apply(MUL, [self.reshape(factor, (1,)), self.reshape(x, (x.size,))])

    def outer(self, a: Term, b: Term) -> Term:
        """a · bᵀ of (l, r) and (n, r), added up over r and over the batch."""
        if a.size == 1 and not a.batched and not b.batched:
            return self.reshape(self._scaled(b, a), (1, b.shape[0]))
        return self._make("outer", (a, b), (a.shape[0], b.shape[0]), False)

    def over_batch(self, x: Term) -> Term:
        """The sum over the examples."""
        if x.batched:
            return self._make("over_batch", (x,), x.shape, False)
        if x is self.seed:
            return self._make("whole_seed", (x,), (1,), False)
        return self.apply(MUL, [x, self.count])

    def broadcast(self, x: Term, shape: Shape, batched: bool = False) -> Term:
        """x with all its rows written out, for each example if that is asked for."""
        if x.shape == shape and (x.batched or not batched):
            return x
        if x.kind == "constant" and not batched:
            return self.constant(np.broadcast_to(x.data, shape))
        return self._make("broadcast", (x,), shape, x.batched or batched, (shape, batched))

    def remade(self, term: Term, args: list[Term]) -> Term:
        """A term of another block made here, of these arguments."""
        kind = term.kind
        if kind == "constant":
            return self.constant(term.data)
        if kind in ("apply", "joint"):
            return self.apply(term.row, args) if kind == "apply" else self.joint(term.row, *args)
        if kind == "take":
            return self.take(args[0], term.index)
        if kind == "put":
            return self.put(term.shape, list(zip(term.index, args)))
        if kind == "broadcast":
            return self.broadcast(args[0], term.shape, term.batched)
        if kind == "product":
            return self.product(args[0], args[1], term.flag)
        if kind == "whole_seed":
            return self.over_batch(self.seed)
        made: Term = getattr(self, kind)(*args)
        return made


def ancestry(terms: Iterable[Term]) -> list[Term]:
    """The terms and all that they are computed from, in the order in which they can be computed."""
    found: dict[int, Term] = {}
    pending = list(terms)
    while pending:
        term = pending.pop()
        if term.number not in found:
            found[term.number] = term
            pending += term.args
    return [found[number] for number in sorted(found)]


def rewrite(outputs: Sequence[Term], rule: Callable[[Term, list[Term]], Term | None]) -> list[Term]:
    """The outputs in a new block, where `rule` may put another term in the place of one.

    Parameters
    ----------
    rule : given a term and its arguments in the new block, the term to be there, or None for the same.
    """
    old = outputs[0].block
    block = Block(old.parameters.size, old.inputs.size)
    new: dict[Term, Term] = {getattr(old, name): getattr(block, name) for name in _GIVEN}
    for term in ancestry(outputs):
        if term not in new:
            args = [new[arg] for arg in term.args]
            replaced = rule(term, args)
            new[term] = block.remade(term, args) if replaced is None else replaced
    return [new[output] for output in outputs]


_GIVEN = ("parameters", "inputs", "seed", "count", "rate")
