"""The layout of a kernel, which needs no llvmlite: no number is overwritten while code still reads it."""

import itertools

import numpy as np
import pytest

from autograd import dot, mean, softmax, tanh
from autograd.compiler.ir.nodes import Inputs, Parameters
from autograd.compiler.ir.passes import run
from autograd.compiler.llvm.layout import AFTER, WITHIN, Layout
from autograd.compiler.llvm.legalize import PASSES
from tests.support.compiled import program_of


def network(w, x):
    """Two layers of six, a softmax over the second and a mean of its logarithms."""
    layer = [tanh(dot(w[6 * i : 6 * i + 6], x)) for i in range(6)]
    return mean([share.log() for share in softmax([dot(w[6 * i : 6 * i + 6], layer) for i in range(6)])])


def outputs():
    program = program_of(network, 36, 6, backend="numpy")
    return run(PASSES, program._nodes("llvm", "gradient"))


def lives(layout):
    """By node of the blocks with a place: the loops from the one that writes it to the last that reads it."""
    loops, ends = layout.groups[WITHIN], {}
    found = {layout.inputs: [-1, len(loops)]}  # a training that gathered them once reads them there
    for number, group in enumerate(loops):
        for node in group:
            for source in (arg.source for arg in node.args):
                ends[source] = number
            if node.batched and node in layout.places:
                found[node] = [number, number]
    ends |= {node.source: len(loops) for node in layout.nodes}
    return {node: (first, max(last, ends.get(node, last))) for node, (first, last) in found.items()}


@pytest.mark.parametrize(("lanes", "itemsize"), [(1, 8), (8, 8), (8, 4), (16, 8), (32, 4)])
def test_no_place_is_used_again_while_it_is_read(lanes, itemsize):
    layout = Layout(outputs(), lanes, False, itemsize)
    blocks = lives(layout)
    spans = {node: (layout.places[node], layout.places[node] + node.size * lanes) for node in blocks}
    assert len(spans) > 4
    for a, b in itertools.combinations(blocks, 2):
        together = blocks[a][0] <= blocks[b][1] and blocks[b][0] <= blocks[a][1]
        apart = spans[a][1] <= spans[b][0] or spans[b][1] <= spans[a][0]
        assert apart or not together, (a, b)
    assert max(end for _, end in spans.values()) <= layout.size
    assert all(place % (64 // itemsize) == 0 for place, _ in spans.values())


def test_a_place_is_used_again_when_nobody_reads_it():
    layout = Layout(outputs(), 8, False, 8)
    taken = [layout.places[node] for node in lives(layout)]
    assert len(set(taken)) < len(taken)


@pytest.mark.parametrize("lanes", [1, 8])
def test_each_node_is_computed_once_after_its_operands(lanes):
    layout = Layout(outputs(), lanes, False, 8)
    order = [node for phase in layout.groups for group in phase for node in group]
    assert len(set(order)) == len(order)
    for number, node in enumerate(order):
        sources = [arg.source for arg in node.args if not isinstance(arg.source, (Parameters, Inputs))]
        assert not set(sources) & set(order[number:])
    assert any(np.prod(node.shape) > 1 for node in layout.groups[AFTER][-1])


def test_straight_code_keeps_no_number_of_an_example():
    layout = Layout(outputs(), 8, True, 8)
    assert [node for node in layout.places if node.batched] == [layout.inputs]
