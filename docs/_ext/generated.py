"""Parts of pages that are made from the code: a line ``%% NAME`` becomes what `PARTS[NAME]()` gives.

The table of primitives is read from the table, its errors are measured, and where a row runs is tried.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import math
import re
import tempfile
from pathlib import Path

import autograd
import nn
from autograd import Primitive, Value
from autograd.engine.primitives import TABLE
from autograd.language import FUNCTIONS
from autograd.spreadsheet import classes
from autograd.symbolic import LATEX, Symbol
from tests.accuracy.judge import OURS, judge
from tests.accuracy.subjects import subjects
from tests.test_house import FLOORS

POINTS = 16  # judged for each row, and some more at the edges of its domain
LONGEST_FORMULA = 220  # letters of LaTeX; a longer one is to be read in the source


# --- the table of primitives ---------------------------------------------------------------------------


def number(x: float) -> str:
    return {math.inf: "∞", -math.inf: "−∞"}.get(x, f"{x:g}".replace("-", "−"))


def symbols_of(row: Primitive) -> dict[str, Symbol | list[Symbol]]:
    """One for each argument; of a sequence two."""
    return {
        name: [Symbol(f"{name[0]}1"), Symbol(f"{name[0]}2")] if position in row.vectors else Symbol(name)
        for position, name in enumerate(inspect.signature(row.forward).parameters)
    }


def formula(row: Primitive) -> str:
    return f"${LATEX.write(row(*symbols_of(row).values()))}$"


def partials(row: Primitive) -> str:
    """The partials as a textbook has them, by each argument; of a sequence, by its first element."""
    names, symbols = zip(*symbols_of(row).items(), strict=True)
    lines = []
    for name, slope in zip(names, (row.textbook or row.partials)(Symbol("y"), *symbols), strict=False):
        first = slope[0] if isinstance(slope, (list, tuple)) else slope
        formula = f"{first:g}" if isinstance(first, (int, float)) else LATEX.write(first)
        if len(formula) > LONGEST_FORMULA:
            return "in the source"
        lines.append(f"by {name}: ${formula}$" if len(names) > 1 else f"${formula}$")
    return "; ".join(lines)


def kinks(row: Primitive) -> str:
    return "; ".join(
        f"at {', '.join(map(number, point))}: {', '.join(map(number, slopes))}"
        for point, slopes in row.kinks.items()
    )


def targets(row: Primitive) -> str:
    """What takes a graph of this row alone: the engine, the back ends, the workbook. Each is tried."""
    names = inspect.signature(row.forward).parameters
    leaves = [Value(0.0 if i == row.index else 0.6, name) for i, name in enumerate(names)]
    output = row(*[[leaf] if i in row.vectors else leaf for i, leaf in enumerate(leaves)])
    found = ["eager"]
    for backend in ("numpy", "llvm"):
        try:
            autograd.compile(output, wrt=leaves[:1], inputs=leaves[1:], backend=backend)
        except ValueError:
            continue
        found.append(backend)
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(ValueError):
        autograd.save_workbook(output, leaves[:1], Path(folder) / "sheet.csv", epochs=1)
        found.append("workbook")
    return ", ".join(found) if len(found) < 4 else "all"


def errors() -> dict[str, str]:
    """For each row the largest error of its value and of its partials, in ulp."""
    found = {}
    for subject in subjects(TABLE):
        groups = [[], []]
        for finding in judge(subject, POINTS):
            if not finding.second:
                groups[finding.quantity != "value"].append(finding.worst[OURS].ulps)
        found[subject.name] = " / ".join(f"{max(group):.1f}" if group else "−" for group in groups)
    return found


def primitives() -> str:
    measured = errors()
    public = {name for name in autograd.__all__ if name in TABLE} | {"sum", "dot", "mean", "norm"}
    operators = {"add", "sub", "mul", "div", "neg", "pow", "abs", "mod", "floordiv"}
    lines = []
    for title, rows in (
        ("Operators", [row for name, row in TABLE.items() if name in operators]),
        (
            "Functions",
            [row for name, row in TABLE.items() if name not in operators and name in public | {"gelu"}],
        ),
        ("Rows that other rows are written in", [r for n, r in TABLE.items() if n not in public | operators]),
    ):
        lines += ["", f"## {title}", "", "```{list-table}", ":header-rows: 1", ""]
        head = [
            "row",
            "formula",
            "what it is",
            "partial derivatives",
            "tested on",
            "kinks",
            "error in ulp",
            "runs on",
        ]
        lines += cells(head)
        for row in rows:
            domain = " × ".join(
                "whole numbers" if i == row.index else f"[{number(low)}, {number(high)}]"
                for i, (low, high) in enumerate(row.domain)
            )
            doc = (inspect.getdoc(row) or row.symbol).split("\n\n")[0].replace("\n", " ")
            doc = re.sub(r"^Same as (.*)\.$", r"`\1`", doc)
            lines += cells(
                [
                    f"`{row.name}`",
                    formula(row),
                    doc,
                    partials(row),
                    domain,
                    kinks(row),
                    measured.get(row.name, ""),
                    targets(row),
                ]
            )
        lines += ["```"]
    return "\n".join(lines)


def cells(texts: list[str]) -> list[str]:
    return [("* - " if i == 0 else "  - ") + text for i, text in enumerate(texts)]


# --- the public names ----------------------------------------------------------------------------------


def names_of(package: object) -> str:
    """All that a package exports, with its docstring: functions, classes, errors, constants."""
    groups: dict[str, list[str]] = {
        "Functions": [],
        "Classes": [],
        "Errors and warnings": [],
        "Constants": [],
    }
    path = package.__name__
    for name in package.__all__:
        thing = getattr(package, name)
        if isinstance(thing, Primitive) or name in FUNCTIONS:
            continue
        if isinstance(thing, type) and issubclass(thing, Exception):
            groups["Errors and warnings"].append(f".. autoexception:: {path}.{name}")
        elif isinstance(thing, type):
            groups["Classes"].append(
                f".. autoclass:: {path}.{name}\n   :members:\n   :inherited-members: object"
            )
        elif callable(thing):
            groups["Functions"].append(f".. autofunction:: {path}.{name}")
        else:
            groups["Constants"].append(f".. autodata:: {path}.{name}\n   :no-value:")
    return "\n\n".join(
        f"## {title}\n\n```{{eval-rst}}\n" + "\n\n".join(directives) + "\n```"
        for title, directives in groups.items()
        if directives
    )


def command_help() -> str:
    from autograd.command.backprop import _parser

    return f"```text\n{_parser().format_help()}\n```"


def layout() -> str:
    """Each package with its files, from the top floor down, and the first sentence of each file."""
    root = Path(autograd.__file__).parent.parent
    lines = []
    for package, floors in FLOORS.items():
        lines += ["", f"## {package}", "", "```{list-table}", ""]
        for name in floors:
            path = root.joinpath(*package.split("."), name)
            file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
            doc = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
            lines += cells([f"`{name}{'/' * path.is_dir()}`", doc.partition("\n\n")[0].replace("\n", " ")])
        lines += ["```"]
    return "\n".join(lines)


# --- live pages ----------------------------------------------------------------------------------------


def pages() -> dict[str, tuple[str, autograd.Explorer]]:
    """What is shown, by file name."""
    w, a, t = Value(0.5, "w"), Value(2.0, "a"), Value(1.0, "t")
    y = autograd.sigmoid(w * a)
    y.label = "y"
    error = 0.5 * (t - y) ** 2
    error.label = "E"
    neuron = autograd.explore(error, wrt=[w], lr=[0.5, 2.0], epochs=50)
    X, targets = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    model = nn.MLP(2, [2, 1], activation="tanh", seed=3)
    xor = nn.explore_model(model, (X, targets), loss="mse_loss", lr=0.5, epochs=60)
    network = nn.MLP(2, [2, 2], "sigmoid", "sigmoid", bias=False)
    for weight, start in zip(
        network.parameters(), (0.15, 0.20, 0.25, 0.30, 0.40, 0.45, 0.50, 0.55), strict=True
    ):
        weight.data = start
    example = [[0.05, 0.10]], [[0.5, 0.5]]
    assignment = nn.explore_model(network, example, loss="half_squared_error", lr=[0.5, 2.0], epochs=40)
    x = Value(2.0, "x")
    shared = x * x + x
    shared.label = "f"
    return {
        "neuron": ("One neuron and its error, trained at two learning rates", neuron),
        "assignment": ("The assignment network, trained at two learning rates", assignment),
        "xor": ("A network that learns exclusive or", xor),
        "playground": ("The playground: type a program, and step through it", autograd.playground()),
        "shared": ("Where paths meet: x is used three times", autograd.explore(shared, wrt=[x])),
    }


def gallery() -> str:
    return "\n".join(f"- <a href='pages/{name}.html'>{title}</a>" for name, (title, _) in pages().items())


def write_pages(app, failure):
    if failure is None and app.builder.name == "html":
        for name, (_, page) in pages().items():
            (app.outdir / "pages").mkdir(exist_ok=True)
            (app.outdir / "pages" / f"{name}.html").write_text(page.html, encoding="utf-8")


PARTS = {
    "gallery": gallery,
    "primitives": primitives,
    "autograd": lambda: names_of(autograd),
    "nn": lambda: names_of(nn),
    "classes": lambda: names_of(classes),
    "command": command_help,
    "layout": layout,
}


def fill_in(app, docname, source):
    source[0] = re.sub(r"^%% (\w+)$", lambda found: PARTS[found[1]](), source[0], flags=re.MULTILINE)


def readable(app, what, name, thing, options, lines):
    """reStructuredText takes no letter behind `a name`, and takes |x| for something else: told so here."""
    for i, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            line = re.sub(r"(?<=[\w)]`)(?=[A-Za-z])", r"\\ ", line)
            lines[i] = re.sub(r"(?<!`)\|(?=[^`]*(``[^`]*``[^`]*)*$)", r"\|", line)


def descriptions_apart(app, what, name, thing, options, lines):
    """``name : text`` as a name and its description: numpydoc would take the text for its type."""
    for i in reversed(range(len(lines))):
        found = re.fullmatch(r"(\*{0,2}\w[\w, *]*) : (.*)", lines[i])
        if found:
            lines[i : i + 1] = [found[1], f"    {found[2]}"]


def setup(app):
    app.connect("autodoc-process-docstring", descriptions_apart, priority=100)
    app.connect("autodoc-process-docstring", readable, priority=900)
    app.connect("source-read", fill_in)
    app.connect("build-finished", write_pages)
    return {"parallel_read_safe": True}
