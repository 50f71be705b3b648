"""`explore`: a page that steps through a recorded graph."""

from __future__ import annotations

import functools
import html
import json
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..drawing import Drawing
from ..engine.arguments import integer, number
from ..engine.graph import topological_order
from ..engine.messages import line_of
from ..engine.modes import told_of_result
from ..engine.primitive import Primitive
from ..engine.replay import Passes
from ..engine.value import Value
from ..errors import GraphTooLargeError
from ..files import encoded, output_path, write_text
from ..spreadsheet.workbook import training_columns
from ..symbolic import NoScriptError, row_script
from .columns import Columns
from .labels import Labels, slotted
from .pictures import network_picture, pictures
from .plane import Plane
from .programs import forms, taken
from .runs import Run, descent
from .script import filled, packed, rows_module, script, texts
from .widget import widget_of

__all__ = ["Explorer", "explore"]


@dataclass(frozen=True, repr=False)
class Explorer:
    """A page that steps through a graph; a notebook shows it inline.

    Attributes
    ----------
    html : the whole page: one file that loads nothing.
    title : its heading.
    leaves : the number of every leaf that can be changed, by its name on the page.
    """

    html: str
    title: str
    leaves: Mapping[str, float] = field(default_factory=dict)

    @functools.cached_property
    def widget(self) -> Any:
        """The page as a widget of Jupyter, whose numbers come back as `values`.

        Raises
        ------
        ImportError : without the extra ``widget``.
        """
        return widget_of(self.html, self.title, self.leaves)

    @property
    def values(self) -> dict[str, float]:
        """The number of every leaf by its name: as recorded, or as changed in `widget`."""
        known = self.widget.values if "widget" in vars(self) else self.leaves
        return {name: float(str(number).replace("Infinity", "inf")) for name, number in known.items()}

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page to a file that ends in ``.html``, whole or not at all.

        Returns
        -------
        The path.

        Raises
        ------
        TypeError : if `path` is not a path.
        ValueError : for another suffix.
        FileNotFoundError : if the folder does not exist.
        """
        checked = output_path(path, (".html", ".htm"), "explorer.html")
        write_text(checked, self.html)
        return checked

    def __repr__(self) -> str:
        return f"<Explorer, {len(self.html) // 1000:,} kB of HTML: .save(path) or .html>"

    def inline(self, height: str = "56rem") -> str:
        """The whole page as an ``<iframe>`` for another page, of a height in CSS units."""
        return (
            f'<iframe srcdoc="{html.escape(self.html)}" title="{html.escape(self.title)}" '
            f'style="width: 100%; height: {html.escape(height)}; border: 0"></iframe>'
        )

    def _repr_html_(self) -> str:
        return self.inline()


def _or_as_it_knows(function: Callable[..., Explorer]) -> Callable[..., Explorer]:
    """The function, or the ``__explore__`` of what has one, as models of nn do."""

    @functools.wraps(function)
    def explore(output: Any, *arguments: Any, **options: Any) -> Explorer:
        own: Callable[..., Explorer] | None = getattr(type(output), "__explore__", None)
        return (own or function)(output, *arguments, **options)

    return explore


@_or_as_it_knows
def explore(
    output: Any,
    path: str | os.PathLike[str] | None = None,
    *,
    wrt: Iterable[Value] | None = None,
    lr: float | Iterable[float] = 0.5,
    epochs: int = 0,
    runs: Sequence[Run] = (),
    network: Drawing | None = None,
    plane: Plane | None = None,
    title: str = "",
    frames: int = 101,
    limit: int = 300,
    language: str = "en",
) -> Explorer:
    """Step through backpropagation on a recorded graph, node by node, on a page of its own.

    The page goes through the forward pass (each node with its formula and the numbers in it), the loss,
    the backward pass (edge by edge: incoming gradient × local derivative, and the running sum where paths
    meet) and the update. A click on a node shows its numbers, lights up its paths and derives its gradient
    factor by factor. With `epochs` there is a slider through a training, and learning rates to compare.
    The scopes of a model (`Value.scope`) open and close. Nodes recorded within `note_lines` show their line.

    For a model of `nn` in the place of `output`, see `nn.explore_model`.

    Parameters
    ----------
    output : the loss, or any recorded `Value`.
    path : where to write the page, a name ending in ``.html``; None to write nothing.
    wrt : the leaves to train, shown as parameters. By default those of a model (with a `Value.scope`).
    lr : the learning rate η of w ← w − η ∂E/∂w, or several to switch between.
    epochs : the number of updates, 0 or more.
    runs : trainings recorded elsewhere, in place of `lr` and `epochs`.
    network : a `Drawing` to show beside the graph, whose `links` say which element shows which node, as
        `nn.diagram` returns.
    plane : two features, over whose plane the decision of a model is drawn.
    title : the heading of the page.
    frames : the most epochs of a training that are shown, evenly spread, at least 2.
    limit : the most boxes to draw with all scopes closed.
    language : of the page at first, ``en`` or ``de``.

    Returns
    -------
    An `Explorer`, which a notebook shows inline.

    Raises
    ------
    TypeError, ValueError : if an argument is not as described, or UTF-8 cannot encode a label.
    GraphTooLargeError : a `ValueError`, if more than `limit` boxes would be drawn, or 20,000 nodes.
    GraphError : if a leaf's data was set after the graph was recorded.
    MissingExtraError : if neither pygraphviz nor Graphviz is there to place the nodes.

    Source: Rumelhart, Hinton and Williams 1986, "Learning representations by back-propagating errors".

    Examples
    --------
    >>> from autograd import Value, explore
    >>> w, x = Value(0.5, "w"), Value(3.0, "x")
    >>> error = (w * x - 6) ** 2
    >>> error.label = "E"
    >>> page = explore(error, wrt=[w], lr=[0.05, 0.12], epochs=20)
    >>> page.html.startswith("<!DOCTYPE html>")
    True
    """
    _require(Value, "explore takes a recorded Value, or a model of nn", output)
    told_of_result(output, "explore()")
    wrt = _leaves(output, wrt)
    rates = [number(rate, "explore: lr") for rate in (lr if isinstance(lr, Iterable) else [lr])]
    if not rates or not all(map(math.isfinite, rates)):
        raise ValueError(f"explore: lr must be a finite number or several, got {lr!r:.60}")
    epochs = integer(epochs, "explore: epochs", 0)
    frames = integer(frames, "explore: frames", 2)
    limit = integer(limit, "explore: limit", 1)
    _require(Drawing | None, "explore: network must be a Drawing", network)
    _require(Plane | None, "explore: plane must be a Plane", plane)
    _require(str, "explore: title must be a string", title)
    if language not in texts():
        raise ValueError(f"explore: language must be one of {', '.join(texts())}, got {language!r:.60}")
    if path is not None:
        output_path(path, (".html", ".htm"), "explorer.html")  # before any work
    size = len(topological_order(output))
    if size > _MOST_NODES:
        raise GraphTooLargeError(
            f"the graph has {size:,} nodes, and more than {_MOST_NODES:,} are not explored: explore the loss "
            "of one example, or a node nearer to the inputs"
        )
    passes = Passes(output)
    trainings = list(runs) or [descent(passes, wrt, rate, epochs, frames) for rate in rates]
    for run in trainings:
        if not isinstance(run, Run) or np.shape(run.parameters)[1] != len(wrt):
            raise ValueError(f"explore: runs must be Runs of {len(wrt)} parameters (wrt), got {run!r:.60}")
    over = None if plane is None else plane.payload(passes.index)
    payload, numbers = _payload(passes, wrt, trainings, limit)
    rows = _add_rows(payload, passes)
    payload["plane"] = over if "fixed" not in payload else None
    payload["workbook"] = _workbook(passes, wrt)
    payload["network"] = None if network is None else network_picture(network, passes)
    payload["language"], payload["titled"] = language, bool(title)
    heading = str(texts()[language]["title"])
    payload["title"] = title or heading.format(name=payload["nodes"][-1]["name"])
    leaves = {
        about["name"]: node.data
        for node, about in zip(passes.nodes, payload["nodes"])
        if about["kind"] in ("parameter", "input") and not node.op
    }
    page = Explorer(_page(payload, numbers, rows), payload["title"], leaves)
    if path is not None:
        page.save(path)
    return page


_MOST_NODES = 20_000
_MOST_COLUMNS = 400  # of a workbook that the page writes


def _require(kind: Any, what: str, given: Any) -> None:
    if not isinstance(given, kind):
        raise TypeError(f"{what}, got {type(given).__name__}: {given!r:.60}")


def _leaves(output: Value, wrt: Any) -> list[Value]:
    if wrt is None:
        order = topological_order(output)
        return [node for node in order if node.scope and not node.op and not node.constant]
    leaves: list[Any] = list(wrt) if isinstance(wrt, Iterable) else [None]
    for leaf in leaves:
        if not isinstance(leaf, Value) or leaf.op:
            raise TypeError(f"explore: wrt must be leaves of the graph, got {leaf!r:.60}")
    return list(dict.fromkeys(leaves))


def _payload(
    passes: Passes, wrt: Sequence[Value], runs: Sequence[Run], limit: int
) -> tuple[dict[str, Any], Columns]:
    """The page's texts, and the columns of its numbers: a row for each of the F frames of all runs."""
    frames = [parameters for run in runs for parameters in run.parameters.tolist()]
    taken = [passes.run(dict(zip(wrt, parameters, strict=True))) for parameters in frames]
    columns = Columns()

    def of_passes(name: str) -> list[int]:
        return columns.add(np.array([getattr(each, name) for each in taken]))  # (F, nodes) or (F, edges)

    labels = Labels(passes)
    after = columns.add(np.concatenate([run.after for run in runs]))  # (F, P)
    gradients = [run.parameters * math.nan if run.gradients is None else run.gradients for run in runs]
    updates = dict(zip(wrt, zip(after, columns.add(np.concatenate(gradients)))))
    closed = labels.closed_forms(wrt)
    nodes: list[dict[str, Any]] = []
    for place, node in enumerate(passes.nodes):
        formula, filled = labels.formula(node) if node.op else ("", [])
        about = {
            "name": labels.names[node], "kind": _kind(node, passes, updates), "op": node.op,
            "symbol": node.primitive.symbol if node.primitive else "", "scope": node.scope,
            "formula": formula, "filled": filled,
        }  # fmt: skip
        if node in updates:
            about["after"], about["gradient"] = updates[node]
        if node.op and node._note.place:
            about["line"] = dict(zip(("number", "text"), line_of(node._note.place)))
        if place in closed:
            about["closed"], about["closedFilled"] = closed[place]
        nodes.append(about)
    partials = [written for node in passes.nodes if node.op for written in labels.partials(node)]
    edges = [
        {"tail": tail, "head": head, "formula": formula, "filled": filled}
        for (tail, head), (formula, filled) in zip(passes.edges, partials, strict=True)
    ]
    for name, where, key in (
        ("data", nodes, "data"), ("grads", nodes, "grad"), ("partials", edges, "partial"),
        ("contributions", edges, "contribution"), ("taken", edges, "taken"),
    ):  # fmt: skip
        for about, column in zip(where, of_passes(name), strict=True):
            about[key] = column
    shown: list[dict[str, Any]] = []
    for run in runs:
        start = shown[-1]["stop"] if shown else 0
        losses = [loss if math.isfinite(loss) else None for loss in run.losses]
        shown.append({
            "label": run.label, "start": start, "stop": start + len(run.epochs), "epochs": list(run.epochs),
            "losses": losses, "lr": run.lr, "own": run.gradients is None, "update": run.update,
        })  # fmt: skip
    drawn = list(pictures(passes, labels.names, wrt, limit))
    payload = {"nodes": nodes, "edges": edges, "runs": shown, "pictures": drawn, "frames": len(taken)}
    return payload, columns


def _add_rows(payload: dict[str, Any], passes: Passes) -> str:
    """Give each computed node its row and operands by place; return the module of the rows."""
    places: dict[tuple[Primitive, tuple[int | None, ...]], int] = {}
    for node, about in zip(passes.nodes, payload["nodes"]):
        if node.primitive is None:
            continue
        lengths = tuple(len(each) if isinstance(each, tuple) else None for each in node.operands)
        about["row"] = places.setdefault((node.primitive, lengths), len(places))
        about["operands"] = [
            [passes.index[one] for one in each] if isinstance(each, tuple) else passes.index[each]
            for each in node.operands
        ]
    payload["forms"] = [forms(row, slotted(lengths)) for row, lengths in places]
    payload["taken"] = taken()
    try:
        return rows_module([row_script(*key) for key in places])
    except NoScriptError as error:
        payload["fixed"] = str(error)
        return rows_module(None)


def _workbook(passes: Passes, wrt: Sequence[Value]) -> dict[str, Any] | None:
    """The table of a training in cells, for graphs small enough to read as one."""
    trained = [node for node in wrt if node in passes.index]
    if not trained or len(passes.nodes) > _MOST_COLUMNS:
        return None
    try:
        leaves, headers, cells = training_columns(passes.output, trained)
    except ValueError:  # a primitive without a formula, or a number for no cell
        return None
    return {"leaves": [passes.index[node] for node in leaves], "headers": headers, "cells": cells}


def _kind(node: Value, passes: Passes, updates: Any) -> str:
    if node.constant:
        return "constant"
    if node.op:
        return "output" if node is passes.output else "result"
    return "parameter" if node in updates or node.scope else "input"


def _page(payload: dict[str, Any], columns: Columns, rows: str) -> str:
    """The page as one file, which holds its data packed."""
    data = json.dumps({**payload, "lengths": columns.lengths()}, ensure_ascii=False, separators=(",", ":"))
    return filled(
        ("page.css",),
        title=html.escape(payload["title"]),
        language=payload["language"],
        script=script("page", {"rows": rows}),
        payload=packed(encoded(data)),
        numbers=packed(columns.bytes()),
    )
