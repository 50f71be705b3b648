"""Native code entered without a detour gives the same as the long way, and takes nothing but plain arrays."""

import ctypes
import gc
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import Value, compile, exp, log, sin, take
from autograd.compiler import tuning
from autograd.compiler.llvm import entry
from nn import MLP
from tests.support.compiled import needs_llvmlite

pytestmark = needs_llvmlite
RNG = np.random.default_rng(0)
W = np.array([0.5, -0.25])
KINDS = ["gradient", "evaluate", "jacobian", "hessian", "jvp", "hvp"]


def made(dtype=np.float64, features=3, outputs=2):
    w, x = [Value(0.5), Value(0.25)], [Value(1.0) for _ in range(features)]
    f = exp(w[0] * x[0]) * x[-1] + sin(w[1] * x[-1] * x[0])
    return compile([f, f * x[0], w[0] * f][:outputs], w, x, backend="llvm", dtype=dtype)


def purposes(program, kind, wrt):
    """The key of an entry, the shape of its results for an example, and the size of a direction."""
    K, N = program.outputs, program.parameters if wrt == "parameters" else program.inputs
    shape = {
        "gradient": (program.parameters,), "evaluate": (K,), "jacobian": (K, N), "hessian": (K, N, N),
        "jvp": (2, K), "hvp": (K, N),
    }[kind]  # fmt: skip
    return (kind, "parameters" if kind in ("gradient", "evaluate") else wrt), shape, N


def asked(program, kind, wrt, w, batch, direction):
    """What the public method gives, as one array."""
    if kind == "gradient":
        value, gradient = program(w, batch)
        return np.append(value, gradient)
    if kind == "evaluate":
        return program.evaluate(w, batch)
    along = [direction] if kind in ("jvp", "hvp") else []
    found = getattr(program, kind)(w, batch, *along, wrt=wrt)
    return np.stack(found, axis=1) if kind == "jvp" else found


@given(st.data())
def test_the_short_way_gives_the_bits_of_the_long_one(data):
    dtype = data.draw(st.sampled_from([np.float64, np.float32]))
    program = made(dtype, data.draw(st.sampled_from([1, 3, 9])), data.draw(st.integers(1, 3)))
    kind, wrt = data.draw(st.sampled_from(KINDS)), data.draw(st.sampled_from(["parameters", "inputs"]))
    key, shape, N = purposes(program, kind, wrt)
    w = W.astype(dtype)
    for B in data.draw(st.lists(st.integers(1, 20), min_size=1, max_size=3)):
        batch = RNG.normal(size=(B, program.inputs)).astype(dtype)
        direction = RNG.normal(size=data.draw(st.sampled_from([(N,), (B, N)]))).astype(dtype)
        first = asked(program, kind, wrt, w, batch, direction)  # lists and first calls take the long way
        second = asked(program, kind, wrt, w.tolist(), batch, direction)
        along = direction if kind in ("jvp", "hvp") else None
        out = np.full(shape if kind == "gradient" else (B, *shape), np.nan, dtype)
        fresh, given_back = (program._enter[key[0]][key[1]](w, batch, along, each) for each in (None, out))
        assert fresh is not None
        if kind == "gradient":
            assert given_back[1] is out
            fresh, given_back = (np.append(*each).astype(first.dtype) for each in (fresh, given_back))
        else:
            assert given_back is out
            assert (fresh.shape, fresh.dtype, fresh.flags.c_contiguous) == (out.shape, out.dtype, True)
        for each in (second, fresh, given_back):
            np.testing.assert_array_equal(np.asarray(each, dtype), np.asarray(first, dtype))


def warm(program, B=4):
    batch = RNG.normal(size=(B, program.inputs))
    for _ in range(2):
        program.evaluate(W, batch)
        program(W, batch)
        program.hvp(W, batch, np.ones(program.inputs), "inputs")
    return batch, program._enter["evaluate"]["parameters"]


class Subclass(np.ndarray):
    """An array that may have other ideas of what its numbers are."""


BATCH = {
    "a list": np.ndarray.tolist,
    "a subclass": lambda batch: batch.view(Subclass),
    "another dtype": lambda batch: batch.astype(np.float32),
    "another byte order": lambda batch: batch.astype(">f8"),
    "by columns": np.asfortranarray,
    "every second one": lambda batch: np.repeat(batch, 2, axis=0)[::2],
    "unaligned": lambda batch: np.frombuffer(b"." + batch.tobytes(), batch.dtype, -1, 1).reshape(batch.shape),
}


@pytest.mark.parametrize("case", BATCH)
def test_what_is_no_plain_array_takes_the_long_way(case):
    program = made()
    batch, enter = warm(program)
    other = BATCH[case](batch)
    assert enter(W, other, None, None) is None
    np.testing.assert_allclose(program.evaluate(W, other), program.evaluate(W, batch), rtol=1e-6)
    batch[:] = other  # as if it were rounded
    np.testing.assert_array_equal(program.evaluate(W, other), program.evaluate(W, batch))


def frozen(array):
    array.flags.writeable = False
    return array


def test_what_does_not_fit_is_not_touched():
    program = made()
    batch, enter = warm(program)
    out = np.empty((4, 2))
    for arguments in (
        (W[:1], batch, None, None),
        (W[None], batch, None, None),
        (W, batch[:, :2].copy(), None, None),
        (W, batch[0], None, None),
        (W, batch[:0], None, None),
        (W, None, None, None),
        (None, batch, None, None),
        (W, batch, None, out[:3]),
        (W, batch, None, out.reshape(2, 4)),
        (W, batch, None, out[None]),
        (W, batch, None, out.astype(np.float32)),
        (W, batch, None, np.asfortranarray(out)),
        (W, batch, None, frozen(out.copy())),
        (W, batch, None, batch.reshape(-1)[:8].reshape(4, 2)),
        (W, batch, None, 5),
    ):
        assert enter(*arguments) is None
    for direction in (np.ones(2), np.ones((3, 3)), np.ones((4, 2)), np.ones((1, 4, 3)), np.array(1.0), None):
        assert program._enter["hvp"]["inputs"](W, batch, direction, None) is None


def test_another_number_of_arguments_is_not_read():
    program = made()
    batch, enter = warm(program)
    for count in (0, 1, 2, 3, 5, 9):
        assert enter(*[W, batch, None, None, None, None, None, None, None][:count]) is None
    with pytest.raises(TypeError, match="keyword"):
        enter(W, batch, None, out=None)


@pytest.mark.parametrize("wrt", ["parameters", "inputs"])
def test_a_direction_of_no_numbers_has_its_shape_at_each_call(wrt):
    """The first calls go the long way and the later ones do not: both look at it."""
    w, x = [Value(0.5)], [Value(1.0)]
    given = ([], x) if wrt == "parameters" else (w, [])
    program = compile(exp(w[0] if wrt == "inputs" else x[0]), *given, backend="llvm")
    numbers, batch = np.ones(program.parameters), np.ones((3, program.inputs))
    for _ in range(4):
        for right in (np.empty(0), np.empty((3, 0))):
            np.testing.assert_array_equal(program.jvp(numbers, batch, right, wrt)[1], 0.0)
        for wrong in (np.ones(1), np.ones((2, 0)), np.ones((3, 1)), "a"):
            with pytest.raises((TypeError, ValueError), match=r"direction|real numbers"):
                program.jvp(numbers, batch, wrong, wrt)


def test_results_that_are_not_finite_take_the_long_way():
    w, x = Value(1.0), Value(1.0)
    program = compile(log(x) * w, [w], [x], backend="llvm")
    batch = np.array([[1.0], [2.0]])
    for _ in range(3):
        program.evaluate([1.0], batch)
    for bad in (0.0, np.inf, np.nan, -1.0):
        batch[1] = bad
        assert program._enter["evaluate"]["parameters"](np.ones(1), batch, None, None) is None
        with np.errstate(all="ignore"):
            np.testing.assert_array_equal(program.evaluate([1.0], batch)[:, 0], [0.0, np.log(bad)])


@pytest.mark.slow
def test_references_are_given_back():
    program = made()
    batch, enter = warm(program)
    out, gradient = np.empty((4, 2)), np.empty(2)
    known = [W, batch, out, gradient, None, np.dtype(float)]
    for arguments in (
        (W, batch, None, None),
        (W, batch, None, out),
        (W, None, None, None),
        (W, batch, None, gradient),
    ):
        for way in (enter, program._enter["gradient"]["parameters"]):
            gc.collect()
            before = [sys.getrefcount(each) for each in known]
            for _ in range(1000):
                way(*arguments)
            changes = [sys.getrefcount(each) - one for each, one in zip(known, before)]
            assert max(map(abs, changes)) < 100, changes  # others use None too
    result = enter(W, batch, None, None)
    value, fresh = program._enter["gradient"]["parameters"](W, batch, None, None)
    assert sys.getrefcount(result) == sys.getrefcount(fresh) == 2
    assert (type(value), result.flags.owndata, result.base) == (float, True, None)


def test_without_memory_it_raises():
    """Whichever of its objects cannot be made."""
    failures = pytest.importorskip("_testcapi", reason="CPython can be built without its test module")
    program = made()
    batch, _ = warm(program)
    raised = 0
    for kind in ("gradient", "evaluate"):
        enter = program._enter[kind]["parameters"]
        for start in range(4):
            failures.set_nomemory(start, start + 1)
            try:
                enter(W, batch, None, None)
            except MemoryError:
                raised += 1
            finally:
                failures.remove_mem_hooks()
    assert raised >= 1
    np.testing.assert_array_equal(enter(W, batch, None, None), program.evaluate(W, batch))


def test_a_numpy_without_its_interface_is_not_known(monkeypatch):
    entry._arrays_are_known.cache_clear()
    for missing in (ImportError, AttributeError, ValueError):
        monkeypatch.setattr(entry, "_interface", lambda missing=missing: (_ for _ in ()).throw(missing()))
        assert not entry._arrays_are_known()
        entry._arrays_are_known.cache_clear()


@pytest.mark.slow
def test_what_an_entry_runs_lives_as_long_as_it():
    """Programs, and the functions that they have forgotten, are freed; the entry goes on."""
    batch = RNG.normal(size=(4, 3))
    program = made()
    warm(program)
    right, enter = program.evaluate(W, batch), program._enter["evaluate"]["parameters"]
    del program
    for features in range(4, 12):
        warm(made(features=features))
    gc.collect()
    np.testing.assert_array_equal(enter(W, batch, None, None), right)


def test_memory_is_kept_until_there_is_other_memory():
    """Another thread may enter whenever Python runs a line: the entry's memory has an owner at each."""
    model, x = MLP(3, [80, 80, 1], seed=0), [Value(1.0) for _ in range(3)]
    program = compile(model(x), model.parameters(), x, backend="llvm")
    w, seen = np.array([p.data for p in model.parameters()]), []
    for _ in range(2):
        program(w, np.ones((2, 3)))
    context = program._enter["gradient"]["parameters"].__self__

    def look(frame, event, argument):
        if event == "line":
            owners = [context.memory, *filter(None, [frame.f_locals.get("memory")])]
            starts = [(ctypes.addressof(each), len(each)) for each in owners]
            seen.append((any(a <= context.scratch < a + n for a, n in starts), context.room))
        return look if frame.f_code is entry.Entry.add.__code__ else None

    before, tracing = context.room, sys.gettrace()
    try:
        sys.settrace(look)
        program(w, np.ones((33, 3)))
    finally:
        sys.settrace(tracing)
    assert context.room > before
    assert {owned for owned, _ in seen} == {True}
    assert {room for _, room in seen} == {before, context.room}


def test_long_passes_let_other_threads_run(monkeypatch):
    monkeypatch.setattr(tuning, "HELD", 1000)
    program = made()
    for count, short in ((4, True), (4000, False)):
        batch, enter = warm(program, count)
        assert (enter(W, batch, None, None) is not None) == short


def test_without_the_layout_that_is_known_all_goes_the_long_way(monkeypatch):
    monkeypatch.setattr(entry, "_arrays_are_known", lambda: False)
    program = made()
    batch, enter = warm(program)
    assert enter is entry.refuse
    assert program.evaluate(W, batch).shape == (4, 2)


def test_a_program_with_loops_and_records():
    """Whose scratch memory grows with the batch, and whose blocks have up to 32 lanes."""
    model, x = MLP(3, [80, 80, 1], seed=0), [Value(1.0) for _ in range(3)]
    program = compile(model(x), model.parameters(), x, backend="llvm")
    w = np.array([p.data for p in model.parameters()])
    for B in (2, 5, 20, 33):
        batch = RNG.normal(size=(B, 3))
        right = [program(w.tolist(), batch) for _ in range(2)][1]
        value, gradient = program(w, batch)
        assert value == right[0]
        np.testing.assert_array_equal(gradient, right[1])


INDICES = st.one_of(
    st.integers(0, 2).map(float),
    st.sampled_from([-1.0, -0.5, 0.5, 2.5, 3.0, 4.0, 1e19, 1e300, np.nan, np.inf, -np.inf]),
)


@given(st.lists(st.tuples(INDICES, INDICES), min_size=1, max_size=9), st.booleans())
def test_native_code_takes_indices_and_leaves_the_others_to_the_long_way(pairs, is_gradient):
    """Two columns of indices, into sequences of 3 and 4 values, and a feature between them."""
    w, inputs = [Value(0.5 * i) for i in range(4)], [Value(0.0) for _ in range(3)]
    output = take(w[:3], inputs[0]) * inputs[1] * take(w, inputs[2])
    program = compile(output, w, inputs, backend="llvm")
    batch = np.array([[i, 1.5, j] for i, j in pairs])
    first = np.nan_to_num(batch, posinf=0.0, neginf=0.0).clip(0.0, 1.0).round()
    parameters, call = np.array([1.0, 2.0, 3.0, 4.0]), program if is_gradient else program.evaluate
    for _ in range(2):
        call(parameters, first)
    enter = program._enter["gradient" if is_gradient else "evaluate"]["parameters"]
    assert enter(parameters, first, None, None) is not None
    valid = all(i in (0.0, 1.0, 2.0) and j in (0.0, 1.0, 2.0, 3.0) for i, j in pairs)
    found = enter(parameters, batch, None, None)
    assert (found is not None) == valid
    if not valid:
        with pytest.raises((IndexError, ValueError), match=r"take: input [02], example"):
            call(parameters, batch)
    elif not is_gradient:
        right = [[parameters[int(i)] * 1.5 * parameters[int(j)]] for i, j in pairs]
        np.testing.assert_allclose(found, right, rtol=1e-15)
