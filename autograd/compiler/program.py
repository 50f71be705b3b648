"""`compile`: a recorded graph as a function of arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..engine.anomaly import not_watching
from ..engine.arguments import integer
from ..engine.differentiation import hessian, hvp, jacobian, jvp, value_and_grad
from ..engine.modes import recording
from ..engine.numerics import are_places, place_in
from ..engine.replay import replay
from ..engine.value import Value
from ..errors import GraphError, MissingExtraError
from ..locks import BUILDING
from .backends import automatic_backends, find_backend, refuse
from .frontend.capture import capture
from .frontend.sparsity import interactions, together
from .frontend.vectorize import vectorize
from .ir.adjoint import gradient, gradient_by_inputs
from .ir.nodes import ADD, MUL, Apply, Node, ancestry
from .ir.passes import text
from .ir.tangent import tangents
from .selection import rank_backends
from .update_loop import Training

__all__ = ["Program", "compile"]

UNROLLED = 20_000  # nodes of the trace times leaves; a larger Hessian is computed column by column

KINDS = "gradient", "evaluate", "jacobian", "hessian", "jvp", "hvp"
DIRECTED = KINDS[4:]  # derivatives along a direction

Purpose = tuple[str, str]
"""One of `KINDS` or ``"training"``, and what it differentiates by, ``"parameters"`` or ``"inputs"``."""
GRADIENT, EVALUATE, TRAINING = ((kind, "parameters") for kind in ("gradient", "evaluate", "training"))


def compile(
    output: Value | Iterable[Value],
    wrt: Value | Iterable[Value],
    inputs: Value | Iterable[Value] = (),
    reduce: str = "mean",
    backend: str = "auto",
    dtype: Any = np.float64,
) -> Program:
    """A recorded graph as a program on arrays: its value and gradient over a batch of examples.

    The graph is recorded once, for one example; the program computes it for any parameters and any batch,
    L(w) = (1/B) Σ f(w, xᵢ), and ∂L/∂w by the partials of the same table. Similar nodes are computed together:
    nodes of one kind become array operations, and dot products matrix products.

    Decisions that Python made during recording are frozen: an ``if`` took one branch, and the program
    always takes that one. `where`, `maximum` and `relu` are recorded with both branches. Recording within
    ``with warn_on_comparison():`` warns of each comparison.

    Where a result is not finite, the engine computes its examples again: the order of a sum decides
    whether it overflows on the way, and arrays add up in another order.

    Parameters
    ----------
    output : the `Value` to compute and differentiate, or several: the gradient is that of the first, and
        `Program.evaluate` returns all.
    wrt : the P leaves to differentiate by, in the order of the program's parameters. Any other frozen leaf
        (see `Value.requires_grad_`) is a constant of the program, the number it has now.
    inputs : the I leaves that differ from example to example, such as features and targets, in the order of
        the batch's columns.
    reduce : ``"mean"`` or ``"sum"``, over the examples of the batch.
    backend : ``"numpy"``; ``"llvm"``, native code, with the extra ``jit``; ``"jax"``, with the extra ``jax``,
        for a `Program.function` on its devices; or ``"auto"``: numpy at first, and native code once the
        number and sizes of the calls make it pay (see `rank_backends`).
    dtype : float64 or float32, of all numbers in the program.

    Returns
    -------
    A `Program`.

    Raises
    ------
    TypeError, ValueError : if an argument is not as described; if the output depends on a leaf that is
        neither in `wrt` nor in `inputs`: the message names it.
    ImportError : for ``"llvm"`` without llvmlite and ``"jax"`` without jax; the message names the extra.
    GraphError : for both, if a primitive of the user has no form for native code; the message says what to
        add. Also if the graph is so large that LLVM would run out of memory and end the process.

    Source: Griewank and Walther 2008, Evaluating Derivatives, section 3.2, for the adjoint program.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd import Value, compile
    >>> w, x, y = Value(0.0, "w"), Value(0.0, "x"), Value(0.0, "y")
    >>> program = compile((w * x - y) ** 2, [w], inputs=[x, y], backend="numpy")
    >>> value, gradient = program(np.array([2.0]), np.array([[1.0, 0.0], [3.0, 6.0]]))
    >>> value, gradient
    (2.0, array([2.]))
    """
    outputs = _leaves("output", output, computed=True)
    parameters, variables = _leaves("wrt", wrt), _leaves("inputs", inputs)
    if not outputs:
        raise ValueError("compile needs at least one output, got none")
    twice = len(parameters) + len(variables) - len({*parameters, *variables})
    if twice:
        raise ValueError(f"compile: {twice} of wrt and inputs are given twice: each leaf has one place")
    if reduce not in ("mean", "sum"):
        raise ValueError(f"reduce must be 'mean' or 'sum', got {reduce!r}")
    if backend != "auto":
        find_backend(backend, besides=["auto"])
    try:
        dtype = np.dtype(dtype)
    except TypeError:
        raise TypeError(f"dtype must be float64 or float32, got {dtype!r:.60}") from None
    if dtype not in (np.dtype(np.float64), np.dtype(np.float32)):
        raise ValueError(f"dtype must be float64 or float32, got {dtype}")
    with BUILDING:  # another thread must not fork while modules are half imported
        return Program(outputs, parameters, variables, reduce, backend, dtype)


def _leaves(what: str, values: Any, computed: bool = False) -> list[Value]:
    """The `Value`s of an argument; leaves unless they may be computed."""
    if isinstance(values, Value):
        values = [values]
    if not isinstance(values, Iterable) or isinstance(values, str):
        raise TypeError(f"compile: {what} must be Values, got {type(values).__name__}: {values!r:.60}")
    nodes = list(values)
    for node in nodes:
        if not isinstance(node, Value):
            raise TypeError(f"compile: {what} must be Values, got {type(node).__name__}: {node!r:.60}")
        if not computed and node.primitive is not None:
            raise ValueError(f"compile: {what} must be leaves, and {node!r} was computed by {node.op}")
    return nodes


class Program:
    """What `compile` makes: value and gradient of a recorded graph, as functions of arrays.

    Attributes
    ----------
    parameters, inputs, outputs : how many there are: P, I and K.
    reduce, dtype : as they were given.
    """

    def __init__(
        self,
        outputs: Sequence[Value],
        parameters: Sequence[Value],
        inputs: Sequence[Value],
        reduce: str,
        backend: str,
        dtype: np.dtype[Any],
    ) -> None:
        self.parameters, self.inputs, self.outputs = len(parameters), len(inputs), len(outputs)
        self.reduce, self.dtype = reduce, dtype
        self._graph = list(outputs), [*parameters, *inputs]
        self._trace = capture(outputs, parameters, inputs)
        # By column of the batch, or below 0 for parameters, the length that an index of `take` indexes.
        self._indices = {leaf - len(parameters): length for leaf, length in self._trace.indices().items()}
        self._outputs_for: dict[tuple[str, str, str], list[Node]] = {}  # by back end and purpose
        self._made: dict[tuple[str, str, str], Any] = {}
        self._asked: dict[Purpose, tuple[int, int]] = {}  # how many passes so far, and the examples in them
        self._sizes: dict[Purpose, int] = {}
        self._kept: dict[tuple[str, Purpose], bool] = {}  # whether a back end's code was in the kernel cache
        self._enter = _no_entries()
        names = automatic_backends() if backend == "auto" else [backend]
        self._backends = [name for name in names if find_backend(name).installed]
        if not self._backends:
            raise MissingExtraError(f"{backend=}", find_backend(backend).library, find_backend(backend).extra)
        self._backend = self._backends[0]
        self._nodes(self._backend, *TRAINING)  # a wrong rule says so now
        if find_backend(self._backend).refuses:  # and a row without a form for it
            self._program(self._backend, *TRAINING)

    def __getstate__(self) -> dict[str, Any]:
        """All but compiled code, which belongs to this process and is made again on demand."""
        return {**vars(self), "_outputs_for": {}, "_made": {}, "_enter": _no_entries()}

    @property
    def backend(self) -> str:
        """The back end that was chosen last, or will run first; ``"auto"`` begins with numpy."""
        return self._backend

    @property
    def source(self) -> str:
        """The program that runs, as text: Python with numpy or JAX, or array program and LLVM code."""
        return str(self._program(self.backend, "gradient").source)

    @property
    def function(self) -> Any:
        """With ``backend="jax"``: value and gradient as a pure function on arrays of JAX.

        ``value, gradient = program.function(parameters, batch)``; ``program.function.value`` and
        ``program.function.evaluate`` give the value alone and the outputs (B, K). ``jax.jit``, ``jax.vmap``
        and ``jax.grad`` take them, on any device, and on arrays that are sharded over several.

        Raises
        ------
        AttributeError : on another back end.

        Examples
        --------
        >>> from autograd import Value, compile
        >>> w = Value(0.0)
        >>> hasattr(compile(w * w, w, backend="numpy"), "function")
        False
        """
        name = self.backend
        return self._program(name, "gradient").function(lambda kind, wrt: self._program(name, kind, wrt))

    @property
    def stages(self) -> dict[str, str]:
        """The gradient program after each stage of the compiler, as text, from the graph to the source.

        Examples
        --------
        >>> from autograd import Value, compile
        >>> w, x = Value(0.0), Value(0.0)
        >>> program = compile(w * x, [w], inputs=[x], backend="numpy")
        >>> list(program.stages)[:3], list(program.stages)[-2:]
        (['capture', 'vectorize', 'adjoint'], ['schedule', 'source'])
        >>> print(program.stages["vectorize"])
        n0: Parameters(count=1)  1
        n1: Inputs(count=1)  1 x B
        n7: Apply(n0, n1, mul)  1 x B
        return n7
        <BLANKLINE>
        """
        outputs, adjoint = (self._nodes(self.backend, purpose) for purpose in ("evaluate", "gradient"))
        first = {"capture": str(self._trace), "vectorize": text(outputs), "adjoint": text(adjoint)}
        return {**first, **self._program(self.backend, "gradient").stages}

    def computes(self, outputs: Sequence[Value], wrt: Sequence[Value], inputs: Sequence[Value]) -> bool:
        """Whether this program is the one that `compile` would make of these nodes, whatever their numbers.

        Examples
        --------
        >>> from autograd import Value, compile
        >>> w, x = Value(1.0), Value(2.0)
        >>> program = compile(2 * w * x, [w], inputs=[x], backend="numpy")
        >>> program.computes([2 * w * x], [w], [x]), program.computes([3 * w * x], [w], [x])
        (True, False)
        """
        try:
            return self._trace.begins_with(capture(outputs, wrt, inputs))
        except ValueError:  # of a leaf that is neither
            return False

    def __call__(self, parameters: Any, batch: Any = None, out: Any = None) -> tuple[float, npt.NDArray[Any]]:
        """The value of the first output over the batch, and its gradient.

        Parameters
        ----------
        parameters : (P,), in the order of `wrt`.
        batch : (B, I), in the order of `inputs`; left out where there are none.
        out : where the gradient is written, (P,): a contiguous array of the program's dtype.

        Returns
        -------
        ``(value, gradient)``: a float, and `out` or a new array (P,). The mean over no examples is nan, and
        so is its gradient.

        Raises
        ------
        TypeError, ValueError : if an array is not of real numbers or has another shape, or if `out` is not as
            described; nothing has run then.

        Examples
        --------
        >>> import numpy as np
        >>> from autograd import Value, compile
        >>> w, x = Value(0.0), Value(0.0)
        >>> program = compile(w * w * x, [w], inputs=[x], backend="numpy")
        >>> gradient = np.empty(1)
        >>> value, same = program([2.0], [[1.0], [3.0]], out=gradient)
        >>> value, gradient, same is gradient
        (8.0, array([8.]), True)
        """
        found: tuple[float, npt.NDArray[Any]] | None = self._enter["gradient"]["parameters"](
            parameters, batch, None, out
        )
        if found is not None:
            return found
        parameters, batch = self._arguments(parameters, batch)
        self._require_room(out, (self.parameters,))
        if not len(batch):
            empty = math.nan if self.reduce == "mean" else 0.0
            return empty, _written(np.full(self.parameters, empty, self.dtype), out)
        own = _apart(out, parameters, batch)
        value, gradient, finite = self._value_and_gradient(parameters, batch, own)
        self._remember(GRADIENT, len(batch), (self.parameters,))
        if not finite:
            value, gradient = self._one_by_one(parameters, batch, value, gradient)
        return value, _written(gradient, out)

    def _value_and_gradient(self, parameters: Any, batch: Any, out: Any) -> Any:
        """Both over the batch, and whether all is finite."""
        return self._run(
            GRADIENT, 1, len(batch), lambda program: program.value_and_gradient(parameters, batch, out)
        )

    def _one_by_one(
        self, parameters: Any, batch: Any, value: Any, gradient: Any
    ) -> tuple[float, npt.NDArray[Any]]:
        """Value and gradient over a batch where they are not finite, from those of each example.

        Where a parameter is nan they stay: every example is nan too.
        """
        if np.isnan(parameters).any():
            return value, gradient
        share = 2.0 ** -math.frexp(len(batch))[1]  # so that no sum overflows on the way
        total = np.zeros(1 + self.parameters)
        with np.errstate(all="ignore"):
            for example in batch:
                numbers = np.append(*self._value_and_gradient(parameters, example[None], None)[:2])
                if not np.isfinite(numbers).all():
                    numbers = np.array(self._eagerly(*GRADIENT, parameters, example, None))
                total += share * numbers
            total /= share * len(batch) if self.reduce == "mean" else share
            return float(self.dtype.type(total[0])), total[1:].astype(self.dtype)

    def evaluate(self, parameters: Any, batch: Any = None, out: Any = None) -> npt.NDArray[Any]:
        """The recorded outputs for each example, (B, K): forward only.

        Parameters, Raises: as for a call; `out` is (B, K).

        Examples
        --------
        >>> from autograd import Value, compile
        >>> w, x = Value(0.0), Value(0.0)
        >>> program = compile([w * x, w + x], [w], inputs=[x], backend="numpy")
        >>> program.evaluate([10.0], [[1.0], [2.0]])
        array([[10., 11.],
               [20., 12.]])
        """
        found: npt.NDArray[Any] | None = self._enter["evaluate"]["parameters"](parameters, batch, None, out)
        if found is not None:
            return found
        return self._table("evaluate", "parameters", parameters, batch, None, out)

    def _table(
        self, kind: str, wrt: str, parameters: Any, batch: Any, direction: Any, out: Any
    ) -> npt.NDArray[Any]:
        """Results for each example, (B, ...), in `out` or a new array.

        The engine computes the examples that are not finite again, unless a parameter is nan.
        """
        if wrt not in ("parameters", "inputs"):
            raise ValueError(f"wrt must be 'parameters' or 'inputs', got {wrt!r:.60}")
        purpose, K, N = (kind, wrt), self.outputs, self.parameters if wrt == "parameters" else self.inputs
        shapes = {"evaluate": (K,), "jacobian": (K, N), "hessian": (K, N, N), "jvp": (2, K), "hvp": (K, N)}
        shape = shapes[kind]
        parameters, batch = self._arguments(parameters, batch)
        B = len(batch)
        if kind in DIRECTED:
            direction = self._array(f"the direction of {kind}", direction)
            if direction.shape not in ((N,), (B, N)):
                raise ValueError(f"{kind} needs a direction ({N},) or (B, {N}), got {direction.shape}")
        self._require_room(out, (B, *shape))
        if not B or not math.prod(shape):
            return np.empty((B, *shape), self.dtype) if out is None else out
        if kind == "hessian" and N * len(self._trace.rows) > UNROLLED:
            units = np.eye(N, dtype=self.dtype)
            columns = [self._table("hvp", wrt, parameters, batch, unit, None) for unit in units]
            return np.stack(columns, axis=-1, out=out)
        own = _apart(out, parameters, batch, direction)
        table: npt.NDArray[Any]
        table, finite = self._run(
            purpose, 1, B, lambda program: program.table(parameters, batch, direction, shape, own)
        )
        self._remember(purpose, B, shape)
        if not finite and not np.isnan(parameters).any():
            wrong = ~np.isfinite(table).all(axis=tuple(range(1, table.ndim)))
            for number in np.flatnonzero(wrong).tolist():
                along = direction if direction is None or direction.ndim == 1 else direction[number]
                with np.errstate(over="ignore"):  # beyond float32
                    table[number] = self._eagerly(*purpose, parameters, batch[number], along)
        return _written(table, out)

    def jacobian(
        self, parameters: Any, batch: Any = None, wrt: str = "parameters", out: Any = None
    ) -> npt.NDArray[Any]:
        """The derivatives of every output for each example: J[b, k, n] = ∂f_k(w, x_b)/∂w_n, or by x_n.

        Parameters
        ----------
        parameters, batch : as for a call.
        wrt : ``"parameters"`` or ``"inputs"``, what to differentiate by: N = P or N = I.
        out : where the result is written, a contiguous array of its shape and of the program's dtype.

        Returns
        -------
        `out`, or a new array (B, K, N).

        Raises
        ------
        TypeError, ValueError : as for a call, and if `wrt` is neither.

        Source: Griewank and Walther 2008, Evaluating Derivatives, section 3.2: reverse mode for each output.

        Examples
        --------
        >>> from autograd import Value, compile
        >>> w, x = Value(0.0), Value(0.0)
        >>> program = compile([w * x, x * x], [w], inputs=[x], backend="numpy")
        >>> program.jacobian([10.0], [[1.0], [2.0]], wrt="inputs")[:, :, 0]
        array([[10.,  2.],
               [10.,  4.]])
        """
        try:
            found: npt.NDArray[Any] | None = self._enter["jacobian"][wrt](parameters, batch, None, out)
        except (KeyError, TypeError):  # there is no such `wrt`
            found = None
        return self._table("jacobian", wrt, parameters, batch, None, out) if found is None else found

    def hessian(
        self, parameters: Any, batch: Any = None, wrt: str = "parameters", out: Any = None
    ) -> npt.NDArray[Any]:
        """The second derivatives of every output for each example: H[b, k, n, m] = ∂²f_k/∂w_n ∂w_m.

        Parameters, Raises: as for `jacobian`.

        Returns
        -------
        `out`, or a new array (B, K, N, N).

        Source: Griewank and Walther 2008, section 5.1: forward over reverse.

        Examples
        --------
        >>> from autograd import Value, compile
        >>> x, y = Value(0.0), Value(0.0)
        >>> program = compile(x * x * y, [], inputs=[x, y], backend="numpy")
        >>> program.hessian([], [[2.0, 3.0]], wrt="inputs")[0, 0]
        array([[6., 4.],
               [4., 0.]])
        """
        try:
            found: npt.NDArray[Any] | None = self._enter["hessian"][wrt](parameters, batch, None, out)
        except (KeyError, TypeError):  # there is no such `wrt`
            found = None
        return self._table("hessian", wrt, parameters, batch, None, out) if found is None else found

    def jvp(
        self, parameters: Any, batch: Any, tangents: Any, wrt: str = "parameters", out: Any = None
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """The recorded outputs and their derivatives along a direction: Σₙ J[b, k, n] ẋₙ, by forward mode.

        Parameters
        ----------
        parameters, batch, wrt : as for `jacobian`.
        tangents : ẋ, (N,) for all examples or (B, N).
        out : two arrays (B, K), where the results are written.

        Returns
        -------
        ``(outputs, tangents)``: `out`, or two new arrays (B, K).

        Raises
        ------
        TypeError, ValueError : as for `jacobian`, and if `tangents` has another shape.

        Source: Griewank and Walther 2008, section 3.1.

        Examples
        --------
        >>> from autograd import Value, compile
        >>> x, y = Value(0.0), Value(0.0)
        >>> program = compile(x * y, [], inputs=[x, y], backend="numpy")
        >>> program.jvp([], [[2.0, 3.0]], [1.0, 10.0], wrt="inputs")
        (array([[6.]]), array([[23.]]))
        """
        if out is not None:
            if not isinstance(out, (tuple, list)) or len(out) != 2:
                raise TypeError(f"out must be two arrays, got {type(out).__name__}: {out!r:.60}")
            B = len(self._arguments(parameters, batch)[1])
            for each in out:
                self._require_room(each, (B, self.outputs))
        try:
            table: npt.NDArray[Any] | None = self._enter["jvp"][wrt](parameters, batch, tangents, None)
        except (KeyError, TypeError):  # there is no such `wrt`
            table = None
        if table is None:
            table = self._table("jvp", wrt, parameters, batch, tangents, None)
        found = table[:, 0], table[:, 1]
        return found if out is None else (_written(found[0], out[0]), _written(found[1], out[1]))

    def hvp(
        self, parameters: Any, batch: Any, vector: Any, wrt: str = "parameters", out: Any = None
    ) -> npt.NDArray[Any]:
        """The Hessian of every recorded output times a vector, Σₘ H[b, k, n, m] vₘ, without the matrix.

        Parameters
        ----------
        parameters, batch, wrt, out : as for `jacobian`.
        vector : v, (N,) for all examples or (B, N).

        Returns
        -------
        `out`, or a new array (B, K, N).

        Raises
        ------
        TypeError, ValueError : as for `jacobian`, and if `vector` has another shape.

        Source: Pearlmutter 1994, Fast exact multiplication by the Hessian, Neural Computation 6, 147-160.

        Examples
        --------
        >>> from autograd import Value, compile
        >>> x, y = Value(0.0), Value(0.0)
        >>> program = compile(x * x * y, [], inputs=[x, y], backend="numpy")
        >>> program.hvp([], [[2.0, 3.0]], [1.0, 1.0], wrt="inputs")
        array([[[10.,  4.]]])
        """
        try:
            found: npt.NDArray[Any] | None = self._enter["hvp"][wrt](parameters, batch, vector, out)
        except (KeyError, TypeError):  # there is no such `wrt`
            found = None
        return self._table("hvp", wrt, parameters, batch, vector, out) if found is None else found

    def _eagerly(self, kind: str, wrt: str, parameters: Any, example: Any, direction: Any) -> Any:
        """The results for one example, by the eager engine."""
        (outputs, leaves), numbers = self._graph, [*parameters.tolist(), *example.tolist()]
        own = slice(self.parameters) if wrt == "parameters" else slice(self.parameters, None)
        at, along = numbers[own], [] if direction is None else direction.tolist()

        def function(*variables: Any) -> list[Value]:
            given: list[Any] = numbers[:]
            given[own] = variables
            fresh = replay(outputs, dict(zip(leaves, given, strict=True)))
            return [fresh[output] for output in outputs]

        one: list[Any] = [lambda *variables, k=k: function(*variables)[k] for k in range(self.outputs)]
        with not_watching(), recording():
            if kind == "evaluate":
                return [output.data for output in function(*at)]
            if kind == "gradient":
                value, gradient = value_and_grad(one[0])(*at)
                return [value, *gradient]
            if kind == "jacobian":
                return jacobian(function, at)
            if kind == "jvp":
                return jvp(function, at, along)
            if kind == "hessian":
                return [hessian(each, at) for each in one]
            return [hvp(each, at, along) for each in one]

    def descend(
        self, parameters: npt.NDArray[Any], batch: Any, rate: float, steps: int = 1
    ) -> npt.NDArray[Any]:
        """Gradient descent in place, w ← w − η ∂L/∂w, on one batch.

        Parameters
        ----------
        parameters : an array (P,) of the program's dtype, which is changed.
        batch : (B, I), at least one example.
        rate : η.
        steps : how many updates to make.

        Returns
        -------
        The value before each update, (steps,).

        Raises
        ------
        TypeError, ValueError : as for a call, and if `parameters` cannot be changed in place.

        Examples
        --------
        >>> import numpy as np
        >>> from autograd import Value, compile
        >>> w = Value(0.0)
        >>> weights = np.array([3.0])
        >>> compile(w * w, [w], backend="numpy").descend(weights, None, rate=0.25, steps=3)
        array([9.    , 2.25  , 0.5625])
        >>> weights
        array([0.375])
        """
        given = parameters
        parameters, batch = self._arguments(parameters, batch)
        if parameters is not given or not parameters.flags.writeable:
            raise TypeError(
                f"descend changes the parameters in place: give a writable array of {self.dtype}, contiguous"
            )
        if not len(batch):
            raise ValueError("descend needs at least one example, got an empty batch")
        if np.may_share_memory(parameters, batch):  # an update would change its examples
            batch = batch.copy()
        steps, rate = integer(steps, "descend: steps", 1), float(rate)
        before = parameters.copy()
        values = self._descend(parameters, batch, rate, steps)
        if np.isfinite(before).all() and not (np.isfinite(values).all() and np.isfinite(parameters).all()):
            parameters[...] = before  # again by calls, until they are not finite either
            for step in range(steps):
                values[step], gradient = self(parameters, batch)
                parameters -= self.dtype.type(rate) * gradient
                if not (np.isfinite(values[step]) and np.isfinite(parameters).all()):
                    if step + 1 < steps:
                        values[step + 1 :] = self._descend(parameters, batch, rate, steps - step - 1)
                    break
        return values

    def _descend(self, parameters: Any, batch: Any, rate: float, steps: int) -> npt.NDArray[Any]:
        training = Training(
            state=parameters,
            parameters=self.parameters,
            updated=self.parameters,
            batch=batch,
            order=np.arange(len(batch)),
            bounds=np.repeat([[0, len(batch)]], steps, axis=0),
            rates=np.full(steps, rate),
        )
        self._make_updates(training)
        return training.values

    def train(self, training: Training) -> int:
        """Make the updates of a `Training`, whatever its rule, and note their results in it.

        Returns
        -------
        The number of updates made: fewer than asked for if the training is careful and the next update would
        give a value or a parameter that is not finite.

        Raises
        ------
        TypeError, ValueError : if the training does not fit this program: another dtype, another number of
            parameters or inputs, an empty batch, or an index of an example out of range.

        Examples
        --------
        >>> import numpy as np
        >>> from autograd import Training, Value, compile
        >>> w, x = Value(0.0), Value(0.0)
        >>> program = compile((w - x) ** 2, [w], inputs=[x], backend="numpy")
        >>> X = np.array([[1.0], [3.0]])
        >>> training = Training.of(np.array([0.0]), X, [np.array([0]), np.array([1])], rates=0.5)
        >>> program.train(training), training.row(0), training.values
        (2, array([3.]), array([1., 4.]))
        """
        self._require_fit(training)
        return self._make_updates(training)

    def _make_updates(self, t: Training) -> int:
        purpose, visits = TRAINING if t.outputs else GRADIENT, int(np.diff(t.bounds).sum())
        return int(self._run(purpose, len(t.rates), visits, lambda program: program.train(t), t))

    # --- arguments and back ends

    def _require_fit(self, t: Training) -> None:
        """Refuse a training by which native code would read or write outside of its arrays."""
        P, whole = self.parameters, np.dtype(np.int64)
        U, V, N = map(len, (t.rates, t.order, t.batch))
        rows = 2 + len(t.names) if t.names or len(t.state) != P else 1
        if t.parameters != P or not 0 <= t.updated <= P or t.outputs not in (0, self.outputs - 1):
            raise ValueError(
                f"a training of this program has {P} parameters, updates at most all of them, and notes 0 or "
                f"{self.outputs - 1} outputs, got {t.parameters}, {t.updated} and {t.outputs}"
            )
        for name, dtype, shape, written in (
            ("state", self.dtype, (rows * P,), True),
            ("previous", self.dtype, (rows * P,), True),
            ("batch", self.dtype, (N, self.inputs), False),
            ("order", whole, (V,), False),
            ("bounds", whole, (U, 2), False),
            ("rates", self.dtype, (U,), False),
            ("values", self.dtype, (U,), True),
            ("norms", self.dtype, (U,), True),
            ("noted", self.dtype, (V, t.outputs), True),
        ):
            _require_array(f"{name} of a training of this program", getattr(t, name), dtype, shape, written)
        first, end = t.bounds.T
        if not ((first >= 0) & (first < end) & (end <= V)).all():
            raise ValueError("each batch of a training needs at least one example, got an empty one")
        most = (end - first).max(initial=0)
        if most > t.largest:
            raise ValueError(
                f"the largest batch of this training is said to have {t.largest} examples, and it has {most}"
            )
        if U and (t.order.min() < 0 or t.order.max() >= N):
            raise ValueError(
                f"the batches of a training name examples from 0 to {N - 1}, "
                f"got {t.order.min()} to {t.order.max()}"
            )
        self._require_indices(t.state, t.batch, t.order)

    def _arguments(self, parameters: Any, batch: Any) -> tuple[Any, Any]:
        parameters = self._array("parameters", parameters)
        if parameters.shape != (self.parameters,):
            raise ValueError(
                f"parameters must have the shape ({self.parameters},), one number for each of wrt, "
                f"got {parameters.shape}"
            )
        if batch is None:
            if self.inputs:
                raise TypeError(f"this program has {self.inputs} inputs: give a batch (B, {self.inputs})")
            return parameters, np.empty((1, 0), self.dtype)
        batch = self._array("batch", batch)
        if batch.ndim != 2 or batch.shape[1] != self.inputs:
            hint = (
                f"; for one example batch.reshape(1, {self.inputs})" if batch.shape == (self.inputs,) else ""
            )
            raise ValueError(f"batch must have the shape (B, {self.inputs}), got {batch.shape}{hint}")
        self._require_indices(parameters, batch)
        return parameters, batch

    def _require_indices(self, parameters: Any, batch: Any, read: Any = None) -> None:
        """Refuse an index of `take` out of range, in any example or in those that are `read`."""
        if not self._indices:
            return
        P, columns = self.parameters, [column for column in self._indices if column >= 0]
        fine = are_places(batch[:, columns], np.array([float(self._indices[column]) for column in columns]))
        if len(columns) == len(self._indices) and fine.all():
            return
        fine = fine.all(axis=1)
        wrong = [each for each in np.flatnonzero(~fine).tolist() if read is None or each in read]
        for column, length in self._indices.items():
            name = self._graph[1][P + column].label or f"input {column}"
            try:
                if column < 0:
                    place_in(float(parameters[P + column]), length)
                elif wrong:
                    name += f", example {wrong[0]}"
                    place_in(float(batch[wrong[0], column]), length)
            except (IndexError, ValueError) as error:
                raise type(error)(f"take: {name}: {error}") from None

    def _require_room(self, out: Any, shape: tuple[int, ...]) -> None:
        """Refuse an `out` that the results cannot be written into."""
        if out is not None:
            _require_array("out", out, self.dtype, shape, written=True)

    def _array(self, what: str, given: Any) -> Any:
        array = np.asarray(given)
        if array.dtype.kind not in "biuf":
            raise TypeError(f"{what} must be real numbers, got an array of {array.dtype}")
        return np.asarray(array, self.dtype, order="C")

    def _nodes(self, backend: str, kind: str, wrt: str = "parameters") -> list[Node]:
        """The nodes that a back end computes for a purpose."""
        found, fold = self._outputs_for, find_backend(backend).adds_biases
        if (backend, kind, wrt) not in found:
            if kind in ("gradient", "evaluate", "training"):
                results = vectorize(self._trace, fold)
                nodes = [_reduced(results[0]), gradient(results[0])]
                found[backend, *GRADIENT] = nodes
                found[backend, *EVALUATE] = _everywhere(results)
                found[backend, *TRAINING] = [*nodes, *found[backend, *EVALUATE][1:]]
            else:
                found[backend, kind, wrt] = self._derivative_nodes(fold, kind, wrt)
        return found[backend, kind, wrt]

    def _derivative_nodes(self, fold: bool, kind: str, wrt: str) -> list[Node]:
        """The nodes of a derivative for each example.

        The leaves to differentiate by are the first columns of the batch, parameters too, so that each
        example has derivatives of its own. A direction is in the last columns.
        """
        outputs, leaves = self._graph
        parameters, columns = leaves[: self.parameters], leaves[self.parameters :]
        N = len(columns)
        if wrt == "parameters":
            parameters, columns, N = [], leaves, self.parameters
        if kind in DIRECTED:
            columns = [*columns, *[Value(0.0) for _ in range(N)]]
        trace = capture(outputs, parameters, columns)
        results = vectorize(trace, fold)
        graph, own, width = results[0].graph, np.arange(N), len(columns)
        along = graph.gather(graph.inputs, np.arange(width - N, width))
        direction = graph.scatter_add((width,), [(own, along)])
        if kind == "jvp":
            return _everywhere([*results, *tangents(results, graph.inputs, direction)])
        nodes = [graph.gather(gradient_by_inputs(result), own) for result in results]
        if kind == "hvp":
            nodes = tangents(nodes, graph.inputs, direction)
        elif kind == "hessian":
            pattern = interactions(trace, N)
            nowhere, zero = np.flatnonzero(~pattern), graph.constant(0.0)
            # By output the pieces of its matrix, (N · N,).
            pieces = [[(nowhere, graph.broadcast(zero, nowhere.shape))] for _ in nodes]
            for group in together(pattern):
                seed = graph.constant(np.isin(np.arange(width), group))
                rows, member = np.nonzero(pattern[:, group])
                # Both halves are computed: at a kink they may differ, by the conventions there.
                places = rows * N + np.array(group)[member]
                for matrix, product in zip(pieces, tangents(nodes, graph.inputs, seed)):
                    matrix.append((places, graph.gather(product, rows)))
            nodes = [graph.scatter_add((N * N,), matrix) for matrix in pieces]
        return _everywhere(nodes)

    def _program(self, backend: str, kind: str, wrt: str = "parameters") -> Any:
        made = self._made.get((backend, kind, wrt))
        if made is None:
            with BUILDING:  # nodes are added to their graph
                make = find_backend(backend).load()
                nodes = self._nodes(backend, kind, wrt)
                made = make(nodes, self.reduce == "mean", self.dtype, self._widths(kind, wrt))
                made = self._made.setdefault((backend, kind, wrt), made)
        return made

    def _widths(self, kind: str, wrt: str) -> tuple[int, int, int]:
        """The columns of parameters, of the batch and of a direction, as `BackendProgram` takes them."""
        if kind in ("gradient", "evaluate", "training"):
            return 0, self.inputs, 0
        own = self.parameters if wrt == "parameters" else 0
        return own, self.inputs, kind in DIRECTED and (own if wrt == "parameters" else self.inputs)

    def _remember(self, purpose: Purpose, B: int, shape: tuple[int, ...]) -> None:
        """Call the back end's entry first from now on, if the choice of the back end is settled."""
        settled = len(self._backends) == 1 or self._backend != self._backends[0]
        if settled and min(self._indices, default=0) >= 0:
            kind, wrt = purpose
            self._enter[kind][wrt] = self._program(self._backend, kind, wrt).entry(B, shape, self._indices)

    def _run(
        self,
        purpose: Purpose,
        passes: int,
        visits: int,
        work: Callable[[Any], Any],
        training: Training | None = None,
    ) -> Any:
        """``work(program)``, for the program of the back end that is best for so many passes and examples.

        If native code turns out too large when it is written, another back end replaces it, if it may.
        """
        self._choose(purpose, passes, visits, training)
        backend = self._backend
        try:
            return work(self._program(backend, *purpose))
        except GraphError:
            others = [name for name in self._backends if name != backend]
            if not others or not find_backend(backend).refuses:
                raise
            self._backends, self._backend = others, others[0]
            return work(self._program(self._backend, *purpose))

    def _choose(self, purpose: Purpose, passes: int, visits: int, training: Training | None) -> None:
        """Choose the back end for all passes so far and these.

        Compiling native code takes as long as many passes in numpy. So numpy runs until native code,
        compiling included, would have done all passes so far sooner. Code in the kernel cache has only to be
        loaded.
        """
        if len(self._backends) == 1:
            return
        examples = visits if training is None else training.largest
        so_far = self._asked.get(purpose, (0, 0))
        self._asked[purpose] = passes, visits = so_far[0] + passes, so_far[1] + visits
        if purpose not in self._sizes:  # numbers for each example, or parameters: the work for one
            nodes = self._nodes(self._backends[0], *purpose)
            batched = [node.size for node in ancestry(nodes) if node.batched]
            self._sizes[purpose] = max(self.parameters, sum(batched))
        work = self._sizes[purpose], passes, visits, self._backends
        self._backend = rank_backends(*work)[0]
        for name in self._backends:
            if rank_backends(*work, compiled=[name])[0] == name != self._backend:
                if (name, purpose) not in self._kept:
                    self._kept[name, purpose] = self._is_kept(name, purpose, examples, training)
                if self._kept[name, purpose]:
                    self._backend = name

    def _is_kept(self, name: str, purpose: Purpose, examples: int, training: Training | None) -> bool:
        try:
            return bool(self._program(name, *purpose).is_compiled(examples, training))
        except GraphError:  # there is no such program
            return False


def _no_entries() -> dict[str, dict[str, Callable[..., Any]]]:
    """The function to call first, by kind and `wrt`: at first one that refuses every call."""
    return {kind: dict.fromkeys(("parameters", "inputs"), refuse) for kind in KINDS}


def _require_array(what: str, given: Any, dtype: Any, shape: tuple[int, ...], written: bool) -> None:
    """Refuse an array that native code cannot read or write in place."""
    if not isinstance(given, np.ndarray):
        raise TypeError(f"{what} must be an array {shape}, got {type(given).__name__}: {given!r:.60}")
    if given.dtype != dtype:
        raise TypeError(f"{what} must be an array of {dtype}, got {given.dtype}")
    if given.shape != shape:
        raise ValueError(f"{what} must have the shape {shape}, got {given.shape}")
    if not (given.flags.c_contiguous and given.flags.aligned and (given.flags.writeable or not written)):
        raise ValueError(
            f"{what} must {'be writable and ' if written else ''}lie in memory in C order, as np.empty makes "
            "it: give such an array, or copy"
        )


def _apart(out: Any, *given: Any) -> Any:
    """`out`, or None if it shares memory with an operand, which is read while results are written."""
    shared = out is not None and any(each is not None and np.may_share_memory(out, each) for each in given)
    return None if shared else out


def _written(found: npt.NDArray[Any], out: npt.NDArray[Any] | None) -> npt.NDArray[Any]:
    """The results, copied into `out` if there is one."""
    if out is None or found is out:
        return found
    out[...] = found
    return out


def _everywhere(nodes: Sequence[Node]) -> list[Node]:
    """The nodes, batched even where all examples have the same numbers."""
    return [node.graph.broadcast(node, node.shape, everywhere=True) for node in nodes]


def _reduced(output: Node) -> Node:
    """An output, reduced over the batch. Terms that are the same for all examples are not added up."""
    graph = output.graph
    alike = []
    while isinstance(output, Apply) and output.row is ADD and len({arg.batched for arg in output.args}) == 2:
        other, output = sorted(output.args, key=lambda arg: arg.batched)
        alike.append(other)
    summed = [graph.batch_sum(output), graph.cotangent] if output.batched else [output, graph.total_cotangent]
    value = graph.apply(MUL, summed)
    for other in alike:
        value = graph.apply(ADD, [value, graph.apply(MUL, [other, graph.total_cotangent])])
    return value
