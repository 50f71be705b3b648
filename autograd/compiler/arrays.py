"""The numpy back end: the array program as Python source, one call of numpy for each term.

The source is readable, and it is what `Program.source` shows. Arrays are planned: `prepare` allocates
them once for a size of batch, an array is used again as soon as nobody reads it any more, and a result
is written in place where an operand is read for the last time. Evenly spaced rows are a view, and a
matrix product is one call of BLAS. What depends on the batch alone is computed by `load`, once for all
updates from the same batch.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..primitives import TABLE
from .families import FORWARD
from .terms import Indices, Shape, Term, ancestry, rewrite
from .training import Training, descent

__all__ = ["ArrayProgram", "affine", "tiles"]

RELU, STEP = TABLE["relu"], TABLE["step"]

FEW = 4096
_NEAR = 1e-280, 1e280  # squares that have lost nothing

Loaded = tuple[Callable[..., Any], Callable[..., Any]]  # `load`, `run`

_OUTSIDE = ("parameters", "inputs")  # arrays of the caller
_NUMBERS = ("seed", "count", "whole_seed")  # arguments of `load` and `run`
# Rows whose array form is not one function of numpy, and can be written without new arrays.
_CLEAN = ("np.add({out}, 0.0, out={out})",) if np.signbit(np.maximum(np.full(65, -0.0), 0.0)).any() else ()
_IN_PLACE = {  # of −0 numpy's maximum with 0 is one of the two, as the machine has it
    "relu": ("np.maximum({0}, 0.0, out={out})", *_CLEAN),
    "step": ("np.maximum({0}, 0.0, out={out})", "np.sign({out}, out={out})"),
    "step of relu": ("np.sign({0}, out={out})",),
}


class ArrayProgram:
    """Terms as a function of parameters and batch.

    Parameters
    ----------
    terms : what to compute.
    mean : whether to take the mean over the batch, or else the sum.
    dtype : of all arrays.

    Attributes
    ----------
    source : the Python source.
    """

    def __init__(self, terms: Sequence[Term], mean: bool, dtype: Any) -> None:
        self.mean, self.dtype = mean, np.dtype(dtype)
        self._terms = rewrite(terms, functools.partial(_expanded, mean))
        self.source, self._prepare = self._written(own=False)
        self._prepared: dict[int, Loaded] = {}
        self._own: list[_Own] = []  # of trainings that are done

    def _written(self, own: bool) -> tuple[str, Callable[..., Loaded]]:
        """The source, and its `prepare`; see `_Writer`."""
        writer = _Writer(self._terms, self.dtype, own)
        source = writer.source()
        scope: dict[str, Any] = {"np": np, "dtype": self.dtype, "view": _view, **writer.constants}
        exec(compile(source, "<compiled by autograd>", "exec"), scope)
        return source, scope["prepare"]

    @functools.cached_property
    def _prepare_own(self) -> Callable[..., Loaded]:
        return self._written(own=True)[1]

    def __call__(self, parameters: Any, batch: Any) -> tuple[Any, ...]:
        """The arrays of the terms; one that is batched with the examples along its last axis."""
        B = len(batch)
        numbers = self._numbers(B)
        load, run = prepared = self._take(B)
        try:
            with np.errstate(all="ignore"):
                views = load(batch, *numbers)
                results: tuple[Any, ...] = run(parameters, views, *numbers)
        finally:
            self._put_back(B, prepared)
        return results

    def _numbers(self, B: int) -> tuple[float, float, float]:
        whole = 1.0 if self.mean else float(B)
        return whole / B, float(B), whole

    def _take(self, B: int) -> Loaded:
        """The functions for a size of batch, to be put back: another thread needs arrays of its own."""
        return self._prepared.pop(B, None) or self._prepare(B)

    def _put_back(self, B: int, prepared: Loaded) -> None:
        if len(self._prepared) > 7:
            self._prepared.clear()
        self._prepared[B] = prepared

    def train(self, training: Training) -> int:
        """Make the updates of a training; returns how many were made before a number was not finite."""
        t = training
        try:
            own = self._own.pop()
        except IndexError:
            own = _Own(np.empty(t.parameters, self.dtype), {})
        own.parameters[...] = t.state[: t.parameters]
        try:
            with np.errstate(all="ignore"):
                return self._updates(t, own)
        finally:
            t.state[: t.parameters] = own.parameters
            self._own.append(own)

    def _updates(self, t: Training, own: _Own) -> int:
        parameters, data = own.parameters, own.parameters[: t.updated]
        memory = {name: t.row(2 + number) for number, name in enumerate(t.names)}
        loaded = False
        for number, (first, end) in enumerate(t.bounds.tolist()):
            if not loaded:
                numbers = self._numbers(end - first)
                load, run = own.sized(end - first, self._prepare_own)
                views = load(t.batch[t.order[first:end]], *numbers)
                loaded = t.repeated
            value, slopes, *outputs = run(parameters, views, *numbers)
            t.values[number] = value[0]
            for k, column in enumerate(outputs):
                t.noted[first:end, k] = column
            gradient = slopes[: t.updated]
            if t.careful:
                t.norms[number] = _length(gradient)
                if not np.isfinite(t.values[number]):
                    return number
            if t.clip_value is not None:
                np.clip(gradient, -t.clip_value, t.clip_value, out=gradient)
            if t.clip_norm is not None:
                gradient *= min(1.0, t.clip_norm / (_length(gradient) + 1e-6))
            if t.rule is descent:  # in place
                gradient *= t.rates[number]
                data -= gradient
            else:
                changed = dict(memory)
                new = t.rule(data, gradient, t.rates[number], changed)
                for name, array in memory.items():
                    array[...] = changed[name]
                data[...] = new
            if t.careful and not np.isfinite(data).all():
                return number
        return len(t.rates)


@dataclass(frozen=True)
class _Own:
    """What a training has to itself: the parameters, and the functions that know where these lie."""

    parameters: Any
    prepared: dict[int, Loaded]

    def sized(self, B: int, prepare: Callable[..., Loaded]) -> Loaded:
        """The functions for a size of batch."""
        if B not in self.prepared:
            if len(self.prepared) > 7:
                self.prepared.clear()
            self.prepared[B] = prepare(B, self.parameters)
        return self.prepared[B]


def _length(gradient: Any) -> float:
    """√Σ g², by way of numbers near 1 where a square is beyond the range of floats, or below it."""
    gradient = gradient.astype(np.float64, copy=False)
    with np.errstate(all="ignore"):
        square = float(gradient @ gradient)
        largest = float(np.abs(gradient).max(initial=0.0))
        if _NEAR[0] < square < _NEAR[1] or not 0.0 < largest < math.inf:
            return math.sqrt(square) if square == square else math.nan
        scaled = gradient / largest
        return largest * math.sqrt(float(scaled @ scaled))


def _expanded(mean: bool, term: Term, args: list[Term]) -> Term | None:
    """Families written out; and step(x) as step(relu(x)), which is the same, where relu(x) is there."""
    if term.kind == "whole_seed" and mean:
        return args[0].block.constant(1.0)
    if term.kind == "joint":
        return FORWARD[term.row.name](*args)
    if term.kind == "apply" and term.row is STEP:
        rectified = args[0].block.find(RELU, args)
        return None if rectified is None else args[0].block.apply(STEP, [rectified])
    return None


def _view(base: Any, start: int, shape: Shape, steps: Shape) -> Any:
    """Rows of `base` that lie `steps` rows apart along each axis of `shape`."""
    row, *lane = base.strides
    return np.ndarray(
        (*shape, *base.shape[1:]),
        base.dtype,
        base if base.flags.c_contiguous else base.T,
        start * row,
        (*(step * row for step in steps), *lane),
    )


def affine(index: Indices) -> tuple[int, Shape] | None:
    """(start, steps) if the rows lie evenly spaced along each axis, otherwise None."""
    if index.size == 0:
        return None
    start = int(index.flat[0])
    steps = tuple(
        int(index.take([1], axis).flat[0]) - start if index.shape[axis] > 1 else 1
        for axis in range(index.ndim)
    )
    grid: Any = start
    for axis, (length, step) in enumerate(zip(index.shape, steps)):
        grid = grid + np.arange(length).reshape((-1,) + (1,) * (index.ndim - 1 - axis)) * step
    return (start, steps) if np.array_equal(grid, index) else None


def _distinct(index: Indices) -> bool:
    return index.size == 0 or int(np.bincount(index.reshape(-1)).max()) == 1


def tiles(term: Term) -> bool:
    """Whether each row of a "put" comes from exactly one piece."""
    every = np.concatenate([index.reshape(-1) for index in term.index] or [np.zeros(0, np.intp)])
    return len(every) == term.size and _distinct(every)


class _Writer:
    """Writes `prepare(B)`, which allocates arrays, and in it `load` and `run`, which compute.

    With `own`, `prepare(B, parameters)` is given the array in which the parameters will always be, and what
    `run` returns is overwritten by the next one: so nothing is copied in a training.
    """

    def __init__(self, outputs: Sequence[Term], dtype: Any, own: bool) -> None:
        self.outputs, self.dtype, self.own = outputs, dtype, own
        order = ancestry(outputs)
        self.early: set[Term] = set()  # what depends on the batch alone
        for term in order:
            moving = [arg for arg in term.args if arg.kind != "constant"]
            if term.kind in ("inputs", *_NUMBERS) or (moving and self.early.issuperset(moving)):
                self.early.add(term)
        # These come first, so that no array that they are in is one that `run` has used before.
        self.order = sorted(order, key=lambda term: term not in self.early)
        self.constants: dict[str, Any] = {"rows": {}}
        self.preparation: list[str] = []
        self.loading: list[str] = []
        self.running: list[str] = []
        self.lines = self.loading
        self.views: list[str] = []  # of the batch
        self.bound: dict[str, str] = {}  # by expression, the name that it was bound to
        self.shaped: set[Term] = set()  # of these it is in the term's own shape
        self.flat: dict[
            Term, str
        ] = {}  # of a term in an array of its own or in a view, all rows along one axis
        self.free: dict[tuple[int, bool], list[str]] = {}
        # Of few parameters a copy is quicker than views of the caller's array each time.
        self.few = self.order[0].block.parameters.size <= FEW
        # What `run` reads of `load`: in an array that both know, or a view that is handed on if it is read as
        # a matrix only, for BLAS takes the rows of a batch as they are.
        late = [term for term in self.order if term not in self.early]
        self.loaded = self.early & {*outputs, *[arg for term in late for arg in term.args]}
        self.entered = self.early & {
            *outputs,
            *[arg for term in late if term.kind not in ("product", "outer") for arg in term.args],
        }
        copied = {
            "parameters": self.few or own,
            "inputs": any(term.kind == "inputs" for term in self.entered),
        }
        self.outside = tuple(kind for kind in _OUTSIDE if not copied[kind])
        self.fresh: set[Term] = set()  # for the caller to keep
        if not self.few and not own:
            self.fresh |= {
                output
                for output in outputs
                if not output.batched and output.kind != "take" and output not in self.early
            }
        self._plan()

    def _plan(self) -> None:
        """Who lies in whose array, and how long each array is read."""
        self.matrices = {
            each
            for term in self.order
            if term.kind in ("product", "outer", "others")
            for each in (term, *term.args)
            if each.batched
        }
        self.owner: dict[Term, Term] = {}
        self.homes: dict[Term, tuple[Term, Indices]] = {}  # computed in its place in a "put"
        for term in self.order:
            if term.kind == "take" and self._is_view(term):
                self.owner[term] = self._owner(term.args[0])
        viewed = {term.args[0] for term in self.owner}
        for term in self.order:
            if term.kind == "put" and tiles(term):
                for index, arg in zip(term.index, term.args):
                    if (
                        arg.kind in ("product", "outer", "over_batch", "apply")
                        and arg not in self.homes
                        and arg not in self.outputs
                        and arg not in viewed
                        and (arg.shape, arg.batched) == (index.shape, term.batched)
                        and self._spaced(arg, index)
                    ):
                        self.homes[arg] = term, index
        # A constant in a "put" is written once; its array is then not used for anything else.
        self.lasting: set[Term] = set()
        held = set()
        for term in self.order:
            if term.kind == "put" and tiles(term):
                constant = [
                    arg
                    for arg, index in zip(term.args, term.index)
                    if arg.scalar is not None and affine(index)
                ]
                others = [arg for arg in term.args if arg not in constant and arg not in self.homes]
                if constant and not others:
                    self.lasting |= set(constant)
                    held.add(term)
        self.last: dict[Term, int] = dict.fromkeys(map(self._owner, self.outputs), len(self.order))
        for output in [output for output in self.fresh if output.kind == "apply"]:
            for arg in output.args:  # it is written into the array of what is read by nobody else
                if (
                    arg.kind == "put"
                    and sum(arg in term.args for term in self.order) == 1
                    and not arg.batched
                ):
                    self.fresh.add(arg)
        for number, term in enumerate(self.order):
            for each in (*term.args, term):
                owner = self._owner(each)
                self.last[owner] = max(self.last.get(owner, 0), number)
        held.update(map(self._owner, self.loaded))
        if self.own:
            held.update(term for term in self.order if term.kind == "parameters")
        self.last |= dict.fromkeys(held, len(self.order))
        self.held = held

    def _owner(self, term: Term) -> Term:
        """The term in whose array this one lies."""
        while term in self.homes or term in self.owner:
            term = self.homes[term][0] if term in self.homes else self.owner[term]
        return term

    def _is_view(self, term: Term) -> bool:
        (x,) = term.args
        if x.kind == "inputs" and "inputs" in self.outside and term in self.entered:
            return False
        return x.kind not in _NUMBERS and self._spaced(term, term.index)

    def _spaced(self, term: Term, index: Indices) -> bool:
        """Whether a term may lie in these rows of another: evenly spaced, and each line of a matrix as one
        stretch, or else its reshaping would be a copy."""
        spaced = affine(index)
        return spaced is not None and min(spaced[1]) > 0 and (term not in self.matrices or spaced[1][-1] == 1)

    # --- names

    def _bind(self, expression: str, inside: bool) -> str:
        """A name for a view: made once, in the preparation if it is of arrays that are there then."""
        if expression not in self.bound:
            name = f"v{len(self.bound)}"
            self.bound[expression] = name
            (self.preparation if inside else self.lines).append(f"{name} = {expression}")
            if not inside and self.lines is self.loading:
                self.views.append(name)
        return self.bound[expression]

    def _inside(self, term: Term) -> bool:
        owner = self._owner(term)
        return owner.kind not in self.outside and owner not in self.fresh

    def _shaped(self, term: Term, shape: str) -> str:
        """The array of a term in a shape."""
        return self._bind(f"{self.flat[term]}.reshape({shape})", self._inside(term))

    def _name(self, term: Term, batched: bool) -> str:
        """A term as an operand of what is batched, or not."""
        if term.kind in _NUMBERS:
            return term.kind
        if term.kind == "constant":
            if term.scalar is not None:
                return repr(term.scalar) if math.isfinite(term.scalar) else f"float('{term.scalar}')"
            return self._constant(term, term.data[..., None] if batched else term.data)
        lane = "B" if term.batched else "1" if batched else ""
        if (term.batched or not batched) and (len(term.shape) == 1 or term in self.shaped):
            return self.flat[term]
        return self._shaped(term, f"{', '.join(filter(None, [*map(str, term.shape), lane]))}")

    def _constant(self, term: Term, data: Any) -> str:
        name = f"c{term.number}{'b' if data.ndim > len(term.shape) else ''}"
        self.constants[name] = data.astype(self.dtype)
        return name

    def _matrix(self, term: Term, batched: bool) -> str:
        """A term as a matrix: its first axis, and all the others in one."""
        if not batched or not term.batched:
            return self._name(term, False)
        if term.shape[1:] in ((), (1,)):
            return self.flat[term]
        return self._shaped(term, f"{term.shape[0]}, -1")

    # --- arrays

    def _array(self, term: Term) -> str:
        """The array for a result: its home in another, a free one, or a new one."""
        if term in self.homes:
            put, index = self.homes[term]
            if put not in self.flat:
                self._allocate(put)
            self._lie_in(term, put, index)
        else:
            self._allocate(term)
        return self._name(term, term.batched)

    def _allocate(self, term: Term) -> None:
        if term in self.fresh:
            self.flat[term] = self._bind(f"np.empty({term.size}, dtype)  # t{term.number}", False)
            return
        free = self.free.get((term.size, term.batched))
        if free and term not in self.held:
            self.flat[term] = free.pop()
            return
        rows = f"({term.size}, B)" if term.batched else f"{term.size}"
        self.flat[term] = self._bind(f"np.empty({rows}, dtype)  # t{term.number}", True)

    def _in_place(self, term: Term, number: int) -> str | None:
        """The array of an operand that is read here for the last time, if it fits."""
        if term in self.homes:
            return None
        for arg in term.args:
            if (
                arg in self.flat
                and self._owner(arg) is arg
                and self.last[arg] == number
                and (arg in self.fresh) is (term in self.fresh)
                and arg.kind not in _OUTSIDE
                and (arg.shape, arg.batched) == (term.shape, term.batched)
            ):
                self.flat[term] = self.flat.pop(arg)
                return self._name(term, term.batched)
        return None

    def _lie_in(self, term: Term, owner: Term, index: Indices) -> None:
        self.flat[term] = self._part(owner, index)
        if affine(index.reshape(-1)) is None:
            self.shaped.add(term)

    def _part(self, term: Term, index: Indices) -> str:
        """Evenly spaced rows of an array, along one axis if they are so there."""
        start, steps = affine(index)  # type: ignore[misc]  # only rows that are evenly spaced come here
        inside = self._inside(term)
        flat = affine(index.reshape(-1))
        if flat is not None:
            step = flat[1][0]
            stop = start + step * index.size
            if start == 0 and step == 1 and stop == term.size:
                return self.flat[term]
            return self._bind(f"{self.flat[term]}[{start}:{stop}{'' if step == 1 else f':{step}'}]", inside)
        return self._bind(f"view({self.flat[term]}, {start}, {index.shape}, {steps})", inside)

    # --- lines

    def source(self) -> str:
        for number, term in enumerate(self.order):
            self.lines = self.loading if term in self.early else self.running
            if term.kind in _OUTSIDE:
                self._given(term)
            elif term.kind not in (*_NUMBERS, "constant"):
                getattr(self, f"_{term.kind}")(term, number)
            for done in [done for done in self.flat if self.last.get(done, number + 1) <= number]:
                name = self.flat.pop(done)
                if self._inside(done):
                    self.free.setdefault((done.size, done.batched), []).append(name)
        results = [self._result(output) for output in self.outputs]
        used = set(re.findall(r"\bv\d+\b", "\n".join([*self.running, *results])))
        views = "".join(f"{name}, " for name in self.views if name in used)
        if views:
            self.running.insert(0, f"{views}= views")
        self.loading.append(f"return {views.rstrip() or '()'}")
        return "\n".join(
            [
                f"def prepare(B{', parameters' if self.own else ''}):",
                *[f"    {line}" for line in self.preparation],
                "",
                "    def load(batch, seed, count, whole_seed):",
                *[f"        {line}" for line in self.loading],
                "",
                "    def run(parameters, views, seed, count, whole_seed):",
                *[f"        {line}" for line in self.running],
                f"        return {', '.join(results)},",
                "",
                "    return load, run",
                "",
            ]
        )

    def _given(self, term: Term) -> None:
        """The caller's arrays, or copies of them."""
        given = "parameters" if term.kind == "parameters" else "batch.T"
        if term.kind == "parameters" and self.own:
            self.flat[term] = given
        elif term.kind not in self.outside:
            self._allocate(term)
            self._write(f"np.copyto({self.flat[term]}, {given})")
        else:
            self.flat[term] = given if term.kind == "parameters" else self._bind(given, False)

    def _result(self, output: Term) -> str:
        if output.kind in (*_NUMBERS, "constant"):
            return f"np.full({output.shape}, {self._name(output, False)}, dtype)"
        name = self._name(output, output.batched)
        passing = self.own and self._owner(output) not in self.held  # it is computed anew each time
        return name if passing or output in self.fresh else f"{name}.copy()"

    def _write(self, line: str) -> None:
        self.lines.append(line)

    def _apply(self, term: Term, number: int) -> None:
        row = term.row
        operands = [self._name(arg, term.batched) for arg in term.args]
        out = None if row.vectors else self._in_place(term, number)
        out = out or self._array(term)
        rectified = row is STEP and term.args[0].kind == "apply" and term.args[0].row is RELU
        forms = _IN_PLACE.get("step of relu" if rectified else row.name)
        if forms:
            for form in forms:
                self._write(form.format(*operands, out=out))
        elif isinstance(row.array, np.ufunc):
            self._write(f"np.{row.array.__name__}({', '.join(operands)}, out={out})")
        else:
            self.constants["rows"][row.name] = row.array
            self._write(f"{out}[...] = rows[{row.name!r}]({', '.join(operands)})")

    def _take(self, term: Term, number: int) -> None:
        (x,) = term.args
        if term in self.owner:
            self._lie_in(term, x, term.index)
            return
        out = self._array(term)
        if x.kind in _NUMBERS:
            self._write(f"{out}.fill({x.kind})")
            return
        if x.kind == "inputs" and self._spaced(term, term.index):
            in_line = affine(term.index.reshape(-1)) is not None
            self._write(f"np.copyto({self.flat[term] if in_line else out}, {self._part(x, term.index)})")
            return
        name = f"i{term.number}"
        self.constants[name] = term.index
        if x.kind == "inputs":
            self._write(f"{out}[...] = {self.flat[x]}[{name}]")
        else:
            self._write(f"np.take({self.flat[x]}, {name}, axis=0, out={out}, mode='clip')")

    def _put(self, term: Term, number: int) -> None:
        if term not in self.flat:
            self._array(term)
        whole = tiles(term)
        rows = self.flat[term]
        if not whole:
            self._write(f"{rows}.fill(0.0)")
        for piece_number, (index, arg) in enumerate(zip(term.index, term.args)):
            if self.homes.get(arg, (None, None))[1] is index:
                continue
            piece = self._name(arg, term.batched)
            if arg in self.lasting and self._inside(term):
                self.preparation.append(f"np.copyto({self._part(term, index)}, {piece})")
                continue
            spaced = affine(index)
            if _distinct(index) and spaced is not None and min(spaced[1]) > 0:
                part = self._part(term, index)
                if affine(index.reshape(-1)) is not None and index.ndim > 1:
                    part = self._bind(
                        f"{part}.reshape({', '.join(map(str, index.shape))}{', B' if term.batched else ''})",
                        self._inside(term),
                    )
                self._write(
                    f"np.copyto({part}, {piece})" if whole else f"np.add({part}, {piece}, out={part})"
                )
                continue
            name = f"i{term.number}x{piece_number}"
            self.constants[name] = index
            if _distinct(index):
                self._write(f"{rows}[{name}] {'=' if whole else '+='} {piece}")
            else:
                self._write(f"np.add.at({rows}, {name}, {piece})")

    def _total(self, term: Term, number: int) -> None:
        self._reduction(term, "add", 0)

    def _across(self, term: Term, number: int) -> None:
        self._reduction(term, "add", 1)

    def _largest(self, term: Term, number: int) -> None:
        self._reduction(term, "maximum", 0)

    def _reduction(self, term: Term, ufunc: str, axis: int) -> None:
        operand = self._name(term.args[0], term.batched)
        self._write(f"np.{ufunc}.reduce({operand}, axis={axis}, keepdims=True, out={self._array(term)})")

    def _others(self, term: Term, number: int) -> None:
        name = f"c{term.number}"
        self.constants[name] = (1.0 - np.eye(term.shape[0])).astype(self.dtype)
        operand = self._matrix(term.args[0], term.batched)
        self._array(term)
        self._write(f"np.matmul({name}, {operand}, out={self._matrix(term, term.batched)})")

    def _product(self, term: Term, number: int) -> None:
        a, b = term.args
        left, right = self._name(a, False) + (".T" if term.flag else ""), self._matrix(b, b.batched)
        self._array(term)
        self._write(f"np.matmul({left}, {right}, out={self._matrix(term, term.batched)})")

    def _outer(self, term: Term, number: int) -> None:
        left, right = (self._matrix(arg, arg.batched) for arg in term.args)
        self._write(f"np.matmul({left}, {right}.T, out={self._array(term)})")

    def _over_batch(self, term: Term, number: int) -> None:
        operand = self._name(term.args[0], True)
        self._write(f"np.add.reduce({operand}, axis=-1, out={self._array(term)})")

    def _broadcast(self, term: Term, number: int) -> None:
        operand = self._name(term.args[0], term.batched)
        self._write(f"np.copyto({self._array(term)}, {operand})")
