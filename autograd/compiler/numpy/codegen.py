"""The source of the numpy back end: Python with one call of numpy for each term.

Arrays are planned: `prepare` allocates them once for a size of batch, an array is used again as soon as
nobody reads it any more, and a result is written in place where an operand is read for the last time.
Evenly spaced rows are a view, and a matrix product is one call of BLAS. What depends on the batch alone is
computed by `load`, once for all updates from the same batch.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...engine.primitives import TABLE
from ..ir.index_maps import affine, distinct, tiles
from ..ir.nodes import Indices, Shape, Term, ancestry

__all__ = ["Listing", "view"]

RELU, STEP = TABLE["relu"], TABLE["step"]

FEW = 4096
_MANY = 256  # rows: a square matrix of so many takes longer than going through them twice

_OUTSIDE = ("parameters", "inputs")  # arrays of the caller
_NUMBERS = ("seed", "count", "whole_seed")  # arguments of `load` and `run`
_OPERATORS = {"add": "{} + {}", "sub": "{} - {}", "mul": "{} * {}", "neg": "-{}"}
# Rows whose array form is not one function of numpy, and can be written without new arrays.
_NEGATIVE = bool(np.signbit(np.maximum(np.full(65, -0.0), np.zeros(65))).any())
_CLEAN = ("np.add({out}, 0.0, out={out})",) if _NEGATIVE else ()
# Of −0 numpy's maximum with 0 is one of the two, as the machine has it; with one 0 it takes twice as long.
_IN_PLACE = {
    "relu": ("np.maximum({0}, {zeros}, out={out})", *_CLEAN),
    "step": ("np.maximum({0}, {zeros}, out={out})", "np.sign({out}, out={out})"),
    "step of relu": ("np.sign({0}, out={out})",),
}


class Listing:
    """Writes `prepare(B)`, which allocates arrays, and in it `load` and `run`, which compute.

    With `own`, `prepare(B)` gives `bind`, which is told in which array the parameters will be and gives
    those two; what `run` returns is overwritten by the next one. So nothing is copied in a training.
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
        self.binding: list[str] = []  # views of the parameters, with `own`
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
        self.number: dict[Term, str] = {}  # of `numbers` the variable
        self._plan_numbers()
        # Of few parameters a copy is quicker than views of the caller's array each time.
        self.few = self.order[0].block.parameters.size <= FEW
        # What `run` reads of `load`: in an array that both know, or a view that is handed on if it is read as
        # a matrix only, for BLAS takes the rows of a batch as they are.
        late = [term for term in self.order if term not in self.early]
        self.loaded = self.early & {*outputs, *[arg for term in late for arg in term.args]}
        self.entered = self.early & {
            *outputs,
            *[arg for term in late if term in self.numbers or not _is_product(term) for arg in term.args],
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

    def _plan_numbers(self) -> None:
        """What is a number of Python in `run`, since arrays of one number take ten times as long."""
        self.numbers: set[Term] = set()
        in_arrays = set(self.outputs)  # those of them that are also read as arrays
        for term in self.order:
            if term.size == 1 and not term.batched and term not in self.early and self._is_number(term):
                self.numbers.add(term)
        for term in reversed(self.order):
            scalar = term in self.numbers and term not in in_arrays
            if not (scalar and term.kind == "take") and (term.kind != "apply" or term.row.vectors):
                in_arrays.update(term.args)
        self.in_arrays = self.numbers & in_arrays

    def _is_number(self, term: Term) -> bool:
        if term.kind == "over_batch":
            return True
        if _is_product(term):
            a, b = term.args
            return a.batched == b.batched
        known = [arg in self.numbers or arg.kind in _NUMBERS or arg.scalar is not None for arg in term.args]
        return all(known) and (term.kind == "take" or (term.kind == "apply" and term.row.name in _OPERATORS))

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
            if term.kind == "take" and term not in self.numbers and self._is_view(term):
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
        # A constant in a "put" is written once, if its array is not used for anything else.
        self.lasting: set[tuple[Term, Term]] = set()
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
                    self.lasting |= {(term, arg) for arg in constant}
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

    def _bind(self, expression: str, lines: list[str]) -> str:
        """A name for a view, which is made once in these lines."""
        if expression not in self.bound:
            name = f"v{len(self.bound)}"
            self.bound[expression] = name
            lines.append(f"{name} = {expression}")
            if lines is self.loading:
                self.views.append(name)
        return self.bound[expression]

    def _known(self, term: Term) -> list[str]:
        """The lines where the array of a term is there first, so that views of it are made there."""
        owner = self._owner(term)
        if owner.kind == "parameters" and self.own:
            return self.binding
        return self.lines if owner.kind in self.outside or owner in self.fresh else self.preparation

    def _shaped(self, term: Term, shape: str) -> str:
        """The array of a term in a shape."""
        return self._bind(f"{self.flat[term]}.reshape({shape})", self._known(term))

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

    def _transposed(self, term: Term, matrix: str) -> str:
        return self._bind(f"{matrix}.T", self._known(term))

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
            self.flat[term] = self._bind(f"np.empty({term.size}, dtype)  # t{term.number}", self.lines)
            return
        free = self.free.get((term.size, term.batched))
        if free and term not in self.held:
            self.flat[term] = free.pop()
            return
        rows = f"({term.size}, B)" if term.batched else f"{term.size}"
        self.flat[term] = self._bind(f"np.empty({rows}, dtype)  # t{term.number}", self.preparation)

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
        known = self._known(term)
        flat = affine(index.reshape(-1))
        if flat is not None:
            step = flat[1][0]
            stop = start + step * index.size
            if start == 0 and step == 1 and stop == term.size:
                return self.flat[term]
            return self._bind(f"{self.flat[term]}[{start}:{stop}{'' if step == 1 else f':{step}'}]", known)
        return self._bind(f"view({self.flat[term]}, {start}, {index.shape}, {steps})", known)

    # --- lines

    def source(self) -> str:
        for number, term in enumerate(self.order):
            self.lines = self.loading if term in self.early else self.running
            if term.kind in _OUTSIDE:
                self._given(term)
            elif term in self.numbers:
                self._compute(term)
            elif term.kind not in (*_NUMBERS, "constant"):
                getattr(self, f"_{term.kind}")(term, number)
            for done in [done for done in self.flat if self.last.get(done, number + 1) <= number]:
                name = self.flat.pop(done)
                if self._known(done) is self.preparation:
                    self.free.setdefault((done.size, done.batched), []).append(name)
        results = [self._result(output) for output in self.outputs]
        used = set(re.findall(r"\bv\d+\b", "\n".join([*self.running, *results])))
        views = "".join(f"{name}, " for name in self.views if name in used)
        if views:
            self.running.insert(0, f"{views}= views")
        self.loading.append(f"return {views.rstrip() or '()'}")
        functions = [
            "",
            "def load(batch, seed, count, whole_seed):",
            *[f"    {line}" for line in self.loading],
            "",
            "def run(parameters, views, seed, count, whole_seed):",
            *[f"    {line}" for line in self.running],
            f"    return {', '.join(results)},",
            "",
            "return load, run",
        ]
        if self.own:
            body = [*self.binding, *functions]
            functions = ["", "def bind(parameters):", *[f"    {line}" for line in body], "", "return bind"]
        body = [*self.preparation, *functions]
        return "\n".join(["def prepare(B):", *[f"    {line}".rstrip() for line in body], ""])

    def _given(self, term: Term) -> None:
        """The caller's arrays, or copies of them."""
        given = "parameters" if term.kind == "parameters" else "batch.T"
        if term.kind == "parameters" and self.own:
            self.flat[term] = given
        elif term.kind not in self.outside:
            self._allocate(term)
            self._write(f"np.copyto({self.flat[term]}, {given})")
        else:
            self.flat[term] = given if term.kind == "parameters" else self._bind(given, self.lines)

    def _result(self, output: Term) -> str:
        if output.kind in (*_NUMBERS, "constant"):
            return f"np.full({output.shape}, {self._name(output, False)}, dtype)"
        name = self._name(output, output.batched)
        passing = self.own and self._owner(output) not in self.held  # it is computed anew each time
        return name if passing or output in self.fresh else f"{name}.copy()"

    def _write(self, line: str) -> None:
        self.lines.append(line)

    def _compute(self, term: Term) -> None:
        """A number."""
        if term.kind == "take":
            self.number[term] = self._operand(term.args[0], False)
        else:
            self.number[term] = f"n{term.number}"
            if term.kind == "apply":
                operands = [self._operand(arg, False) for arg in term.args]
                expression = _OPERATORS[term.row.name].format(*operands)
            else:
                a, b = *map(self._line, term.args), *([self._ones()] if term.kind == "over_batch" else [])
                expression = f"{a}.dot({b})"
            self._write(f"n{term.number} = {expression}")
        if term in self.in_arrays:
            self._write(f"{self._array(term)}.fill({self.number[term]})")

    def _line(self, term: Term) -> str:
        """All numbers of a term along one axis."""
        if term.kind != "constant" and not term.batched:
            return self.flat[term]
        name = self.flat[term] if term.batched else self._name(term, False)
        return self._bind(f"{name}.reshape(-1)", self._known(term))

    def _operand(self, term: Term, batched: bool) -> str:
        """A term as an operand of what is batched, or not: a number where it is one."""
        return self.number.get(term) or self._name(term, batched)

    def _apply(self, term: Term, number: int) -> None:
        row = term.row
        operands = [
            # A vector of one constant is an array too.
            self._constant(arg, arg.data[..., None] if term.batched else arg.data)
            if i in row.vectors and arg.kind == "constant"
            else (self._name if row.vectors else self._operand)(arg, term.batched)
            for i, arg in enumerate(term.args)
        ]
        out = None if row.vectors else self._in_place(term, number)
        out = out or self._array(term)
        rectified = row is STEP and term.args[0].kind == "apply" and term.args[0].row is RELU
        forms = _IN_PLACE.get("step of relu" if rectified else row.name)
        if forms:
            zeros = "" if rectified else self._bind(f"np.zeros_like({out})", self._known(term))
            for form in forms:
                self._write(form.format(*operands, out=out, zeros=zeros))
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
            if (term, arg) in self.lasting and self._known(term) is self.preparation:
                self.preparation.append(f"np.copyto({self._part(term, index)}, {piece})")
                continue
            spaced = affine(index)
            if distinct(index) and spaced is not None and min(spaced[1]) > 0:
                part = self._part(term, index)
                if affine(index.reshape(-1)) is not None and index.ndim > 1:
                    part = self._bind(
                        f"{part}.reshape({', '.join(map(str, index.shape))}{', B' if term.batched else ''})",
                        self._known(term),
                    )
                self._write(
                    f"np.copyto({part}, {piece})" if whole else f"np.add({part}, {piece}, out={part})"
                )
                continue
            name = f"i{term.number}x{piece_number}"
            self.constants[name] = index
            if distinct(index):
                self._write(f"{rows}[{name}] {'=' if whole else '+='} {piece}")
            else:
                self._write(f"np.add.at({rows}, {name}, {piece})")

    def _total(self, term: Term, number: int) -> None:
        self._reduction(term, "add", 0)

    def _across(self, term: Term, number: int) -> None:
        self._reduction(term, "add", 1)

    def _largest(self, term: Term, number: int) -> None:
        self._reduction(term, "maximum", 0)

    def _smallest(self, term: Term, number: int) -> None:
        self._reduction(term, "fmin", 0, f", initial={term.args[0].shape[0]}.0")

    def _reduction(self, term: Term, ufunc: str, axis: int, more: str = "") -> None:
        operand, out = self._name(term.args[0], term.batched), self._array(term)
        self._write(f"np.{ufunc}.reduce({operand}, axis={axis}, keepdims=True{more}, out={out})")

    def _others(self, term: Term, number: int) -> None:
        """By a matrix without its diagonal; of many rows the sums of those before and of those after."""
        (x,) = term.args
        if term.shape[0] > _MANY:
            rows, out = self._name(x, term.batched), self._array(term)
            self._write(f"{out}[0] = 0.0")
            self._write(f"np.add.accumulate({rows}[:-1], axis=0, out={out}[1:])")
            self._write(f"{out}[:-1] += np.add.accumulate({rows}[:0:-1], axis=0)[::-1]")
            return
        name = f"c{term.number}"
        self.constants[name] = (1.0 - np.eye(term.shape[0])).astype(self.dtype)
        operand = self._matrix(x, term.batched)
        self._array(term)
        self._write(f"np.matmul({name}, {operand}, out={self._matrix(term, term.batched)})")

    def _product(self, term: Term, number: int) -> None:
        a, b = term.args
        left = self._transposed(a, self._name(a, False)) if term.flag else self._name(a, False)
        right = self._matrix(b, b.batched)
        self._array(term)
        self._write(f"np.matmul({left}, {right}, out={self._matrix(term, term.batched)})")

    def _outer(self, term: Term, number: int) -> None:
        a, b = term.args
        left, right = self._matrix(a, a.batched), self._transposed(b, self._matrix(b, b.batched))
        self._write(f"np.matmul({left}, {right}, out={self._array(term)})")

    def _over_batch(self, term: Term, number: int) -> None:
        """By BLAS, which adds up several times as fast as numpy."""
        operand = self._name(term.args[0], True)
        self._write(f"np.matmul({operand}, {self._ones()}, out={self._array(term)})")

    def _ones(self) -> str:
        return self._bind("np.ones(B, dtype)", self.preparation)

    def _broadcast(self, term: Term, number: int) -> None:
        operand = self._name(term.args[0], term.batched)
        self._write(f"np.copyto({self._array(term)}, {operand})")


def _is_product(term: Term) -> bool:
    return term.kind in ("product", "outer")


def view(base: Any, start: int, shape: Shape, steps: Shape) -> Any:
    """Rows of `base` that lie `steps` rows apart along each axis of `shape`."""
    row, *lane = base.strides
    return np.ndarray(
        (*shape, *base.shape[1:]),
        base.dtype,
        base if base.flags.c_contiguous else base.T,
        start * row,
        (*(step * row for step in steps), *lane),
    )
