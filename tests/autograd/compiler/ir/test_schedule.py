"""The schedule: lives of buffers are found here by brute force, and a false schedule is refused."""

import copy
import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd import mean, relu, softmax, tanh
from autograd.compiler.ir.passes import run
from autograd.compiler.ir.schedule import Buffer, Schedule, Step
from autograd.compiler.ir.verifier import IRError, verify
from autograd.compiler.llvm.layout import NativeTarget
from autograd.compiler.llvm.legalize import PASSES
from autograd.compiler.numpy.backend import ArrayProgram
from autograd.compiler.numpy.target import ArrayTarget
from tests.support.compiled import program_of
from tests.support.profiles import tries

TARGETS = {
    "numpy": ArrayTarget,
    "llvm, loops": lambda nodes: NativeTarget(nodes, 8, straight=False, numbers_first=False),
    "llvm, straight": lambda nodes: NativeTarget(nodes, 8, straight=True, numbers_first=False),
}
targets = pytest.mark.parametrize("target", TARGETS)
STEPS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 99), st.integers(0, 99)), max_size=20)
MAKE = [
    lambda a, b: [p * q for p, q in zip(a, b)],
    lambda a, b: [tanh(p) for p in a],
    lambda a, b: softmax(a),
    lambda a, b: [relu(p) + q for p, q in zip(a, b)],
    lambda a, b: [a[0] * p for p in b],
    lambda a, b: [b[1], *a[:3]],
]


def outputs_of(steps, target):
    """Value and gradient of a network that the steps describe: rows of numbers, combined again and again."""

    def network(w, x):
        rows = [w[:4], x, [a * b for a, b in zip(w[4:], x)]]
        for kind, i, j in steps:
            rows.append(MAKE[kind](rows[i % len(rows)], rows[j % len(rows)]))
        return mean([*(p * p for p in rows[-1]), *rows[-2]])

    program = program_of(network, 8, 4, backend="numpy")
    backend = "llvm" if target.startswith("llvm") else "numpy"
    passes = PASSES if backend == "llvm" else ArrayProgram.PASSES
    return run(passes, program._nodes(backend, "gradient"))


def schedule_of(steps, target):
    nodes = outputs_of(steps, target)
    return Schedule(nodes, TARGETS[target](nodes))


def lives(schedule):
    """By buffer the nodes in it, each with spans of moments from a first write to the last read of that.

    The repeated phase runs twice, and its results are read after each run.
    """
    again, results = schedule.target.repeated, set(map(schedule.root, schedule.outputs))
    moments, writes, reads = itertools.count(), {}, {}
    for phase in [*range(again), again, again, *range(again + 1, len(schedule.target.phases))]:
        seen = set()
        for step in schedule.steps:
            moment = next(moments) if step.phase == phase else None
            for node in step.nodes if step.phase == phase else ():
                for arg in node.args:
                    reads.setdefault(schedule.root(arg), []).append(moment)
                root = schedule.root(node)
                if root in schedule.buffers and root not in seen:
                    seen.add(root)
                    writes.setdefault(root, []).append(moment)
        moment = next(moments)
        for root in results:
            reads.setdefault(root, []).append(moment)
    found = {}
    for root, starts in writes.items():
        ends = [
            max([start, *(read for read in reads.get(root, []) if start < read < following)])
            for start, following in itertools.pairwise([*starts, math.inf])
        ]
        found.setdefault(schedule.buffers[root], {})[root] = list(zip(starts, ends))
    return found


@targets
@tries(25)
@given(steps=STEPS)
def test_no_buffer_is_written_while_another_node_in_it_is_still_read(target, steps):
    schedule = schedule_of(steps, target)
    for buffer, nodes in lives(schedule).items():
        assert {(node.size, node.batched) for node in nodes} == {(buffer.size, buffer.batched)}
        for (a, spans), (b, others) in itertools.combinations(nodes.items(), 2):
            for (first, end), (start, stop) in itertools.product(spans, others):
                written_over = end == start and a in b.args  # in the step that reads it for the last time
                before = stop == first and b in a.args
                assert end < start or stop < first or written_over or before, (a, b)


@targets
@tries(25)
@given(steps=STEPS)
def test_each_node_is_in_one_step_after_its_operands(target, steps):
    schedule = schedule_of(steps, target)
    order = [node for step in schedule.steps for node in step.nodes]
    assert len(set(order)) == len(order)
    assert [step.phase for step in schedule.steps] == sorted(step.phase for step in schedule.steps)
    for number, node in enumerate(order):
        sources = [arg if schedule.target.is_step(arg) else arg.source for arg in node.args]
        assert not set(sources) & set(order[number:])
    assert all(name in str(schedule) for name in schedule.target.phases)
    assert all(repr(node) in str(schedule) for node in order)


@targets
@tries(25)
@given(steps=STEPS)
def test_an_alias_is_the_rows_that_it_names_and_aliases_do_not_overlap(target, steps):
    schedule = schedule_of(steps, target)
    parts = {}
    for node, (whole, index) in schedule.aliases.items():
        assert index.shape == node.shape
        assert 0 <= index.min() <= index.max() < whole.size
        if whole.args and node in whole.args:
            parts.setdefault(whole, []).append(index.reshape(-1))
    for whole, indices in parts.items():
        rows = np.concatenate(indices)
        assert len(np.unique(rows)) == len(rows) <= whole.size


@targets
@tries(25)
@given(steps=STEPS, data=st.data())
def test_a_buffer_that_is_given_away_too_early_is_refused(target, steps, data):
    """Two nodes whose lives overlap get one buffer; whatever the two are."""
    schedule = schedule_of(steps, target)
    whole = {root: spans for nodes in lives(schedule).values() for root, spans in nodes.items()}
    overlapping = [
        (a, b)
        for a, b in itertools.permutations(whole, 2)
        if schedule.buffers[a] is not schedule.buffers[b]
        and a in {schedule.root(arg) for step in schedule.steps for node in step.nodes for arg in node.args}
        and any(first < start < end for first, end in whole[a] for start, _ in whole[b])
    ]
    if overlapping:
        a, b = data.draw(st.sampled_from(overlapping))
        false = copy.copy(schedule)
        size = max(a.size, b.size)
        shared = Buffer(10**6, size, a.batched)
        false.buffers = {**schedule.buffers, a: shared, b: shared}
        with pytest.raises(IRError, match=r"schedule: n\d+"):
            verify(false, "schedule")


@targets
def test_an_order_that_reads_before_it_writes_is_refused(target):
    schedule = schedule_of([(1, 0, 0), (0, 3, 1), (1, 4, 4)], target)
    verify(schedule)
    false = copy.copy(schedule)
    false.steps = [Step(step.phase, step.nodes[::-1]) for step in schedule.steps[::-1]]
    with pytest.raises(IRError, match="whose numbers are not there"):
        verify(false)
