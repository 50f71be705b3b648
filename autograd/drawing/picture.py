"""`draw`: the recorded graph as a picture."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from ..engine.arguments import integer
from ..engine.graph import collector_paused
from ..engine.modes import told_of_result
from ..engine.primitives import TABLE
from ..engine.value import Value
from ..errors import GraphError
from .boxes import Look, one_by_one
from .collapse import Groups, collapsed, refuse
from .expansion import Expanded
from .rendering import Drawing, require_kind
from .text import dot_text
from .view import View

_DIRECTIONS = ("LR", "RL", "TB", "BT")


def draw(
    output: Value | Sequence[Value],
    *,
    direction: str = "LR",
    precision: int = 4,
    depth: int | None = None,
    expand: bool | Collection[str] = False,
    highlight: Value | None = None,
    derivatives: bool = False,
    parameters: Iterable[Value] = (),
    limit: int = 500,
    title: str = "",
    legend: bool = False,
) -> Drawing:
    """Draw the computation graph of `output`: each node with its label, data and gradient.

    Shape is the kind of a node: a sharp box is an input, one with a folded corner a parameter, a
    rounded one with a dark badge the result of an operation, a double line marks the output, and
    numbers written into an expression have no box. Colour is the sign and the size of the gradient:
    blue above 0, orange below, grey at 0, fainter by a quarter for each power of ten below the largest.
    A node that no backward pass has reached is white with a dashed line, and says ``grad none``.

    Parameters
    ----------
    output : the `Value` to draw with all that it depends on, or several of them.
    direction : where the graph runs, from inputs to output: ``"LR"``, ``"RL"``, ``"TB"`` or ``"BT"``.
    precision : significant digits of each number, 1 to 17.
    depth : collapse: 1 draws every layer as one box, 2 every neuron (the parts of `Value.scope`), and repeats
        once, as ``×12``, in the colours of their smallest and largest gradients. The number at an arrow
        between boxes counts the values along it each time.
    expand : draw fused nodes (softmax, sigmoid, dot, ...) in simpler operations: ``True`` for all, or names.
    highlight : a node; all paths from it to the output stand out and the rest is faded.
    derivatives : write on each edge the local derivative of its head by its tail.
    parameters : leaves to show as parameters besides those that were recorded in a model.
    limit : the most nodes to draw; and four times as many edges. Graphviz takes long beyond it.
    title : a line above the drawing.
    legend : whether to explain the shapes, colours and lines that it has, in a frame of their own.

    Returns
    -------
    A `Drawing`. Equal graphs give equal text: nodes are called n0, n1, ... in topological order.

    Raises
    ------
    GraphTooLargeError : a `ValueError`, if more than `limit` nodes would be drawn, after collapsing.
    GraphError : if `highlight` is not in the graph, or with `derivatives` if a leaf's data was set
        after the graph was recorded.
    TypeError, ValueError : if an argument is not as described.

    Examples
    --------
    >>> from autograd import Value
    >>> x = Value(3.0, "x")
    >>> y = x * x
    >>> y.label = "y"
    >>> y.backward()
    >>> picture = draw(y)
    >>> picture.source.count("n0 -> n1")
    2
    >>> draw(y, derivatives=True).source.count('n0 -> n1 [label="3"]')
    2
    """
    outputs = _outputs(output)
    for each in outputs:
        told_of_result(each, "draw()")
    if direction not in _DIRECTIONS:
        raise ValueError(f"direction must be one of {', '.join(_DIRECTIONS)}, got {direction!r:.60}")
    precision = integer(precision, "precision", 1, 17)
    depth = None if depth is None else integer(depth, "depth, if not None,", 1)
    limit = integer(limit, "limit", 1)
    require_kind(bool, derivatives=derivatives, legend=legend)
    require_kind(str, title=title)
    parameters = _parameters(parameters)
    wanted = _rows_to_expand(expand)
    with collector_paused():
        view = View(outputs)
        if depth is None and len(view.values) > limit:  # before any more work on millions
            refuse(f"{len(view.values):,} nodes", limit, depth)
        if highlight is not None:
            _require_in(view, highlight)
        if wanted:
            view = Expanded(outputs, wanted, depth or math.inf)
        reached = frozenset() if highlight is None else view.reached(highlight)
        look = Look(view, precision, derivatives, highlight, reached, parameters)
        if depth is None:
            nodes, edges = len(view.values), sum(len(view.parents(node)) for node in view.operations)
        else:
            groups = Groups(view, depth, limit)
            nodes, edges = len(groups.groups), len(groups.sources)
        if nodes > limit or edges > 4 * limit:
            refuse(f"{nodes:,} nodes and {edges:,} edges", limit, depth)
        boxes, arrows = one_by_one(look) if depth is None else collapsed(look, groups)
    return Drawing(dot_text(boxes, arrows, direction, title, legend))


def _outputs(output: Any) -> tuple[Value, ...]:
    outputs = (output,) if isinstance(output, Value) else output
    if isinstance(outputs, Sequence) and len(outputs) and all(isinstance(each, Value) for each in outputs):
        return tuple(dict.fromkeys(outputs))
    raise _refusal("draw takes a Value or a sequence of them", output)


def _parameters(parameters: Any) -> frozenset[Value]:
    leaves = tuple(parameters) if isinstance(parameters, Iterable) else (None,)
    if not all(isinstance(leaf, Value) for leaf in leaves):
        raise _refusal("parameters must be a list of Values", parameters)
    return frozenset(leaves)


def _rows_to_expand(expand: bool | Collection[str]) -> frozenset[str]:
    names = frozenset(row.name for row in TABLE.values() if row.expansion is not None)
    if isinstance(expand, bool):
        return names if expand else frozenset()
    if not isinstance(expand, Collection):
        raise _refusal("expand must be True, False or names of operations", expand)
    wanted = frozenset([expand] if isinstance(expand, str) else expand)
    if unknown := ", ".join(sorted(map(repr, wanted - names))):
        known = ", ".join(sorted(names))
        raise ValueError(f"expand must be True, False or names from {known}, got {unknown}")
    return wanted


def _require_in(view: View, node: Any) -> None:
    if not isinstance(node, Value):
        raise _refusal("highlight takes a Value of the graph", node)
    if node not in set(view.values):
        name = node.label or "the node"
        raise GraphError(f"{name} cannot be highlighted: the output does not depend on it")


def _refusal(what: str, given: Any) -> TypeError:
    return TypeError(f"{what}, got {type(given).__name__}: {given!r:.60}")
