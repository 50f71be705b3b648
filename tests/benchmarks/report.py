"""What was measured as text: for the terminal, in Markdown and as a page, all from the same sections."""

from __future__ import annotations

import importlib.metadata
import platform
import statistics
import subprocess
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from autograd import PALETTE, write_text
from demos.shared import page
from nn import plots
from nn.plots import canvas, picture
from tests.benchmarks import engine, transformer
from tests.benchmarks.compiled import Findings, Row
from tests.benchmarks.contestants import BY_HAND, CONTESTANTS, JAXES, LLVM, NUMPY, OURS
from tests.benchmarks.derivatives import RIVALS
from tests.benchmarks.targets import Target, code_generation, parameters, targets
from tests.benchmarks.timing import Times, fastest, median, ratio

TITLE = "This engine beside its peers"
LIBRARIES = ("numpy", "llvmlite", "jax", "jaxlib", "torch", "casadi", "drjit", "micrograd", "ddx-ad")
NAMES = [each.name for each in CONTESTANTS]
MARKERS = "oDs^vP<>X*hd8p"
SPREAD = (statistics.median, min, max)
SOLID = 6  # marks are filled as long as their colours differ


@dataclass(frozen=True)
class Table:
    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Picture:
    name: str
    svg: str
    caption: str


@dataclass(frozen=True)
class Section:
    anchor: str
    title: str
    parts: Sequence[str | Table | Picture]


# --- what the sections say ---------------------------------------------------------------------------


def sections(findings: Findings, core: int | None) -> list[Section]:
    judged = targets(findings)
    found = [Section("targets", "Targets", list(of_targets(judged)))]
    if findings.engine:
        found.append(Section("engine", "The engine", list(of_engines(findings.engine))))
    if findings.rows:
        found.append(Section("steps", "A training step", list(of_rows(findings.rows))))
        found.append(Section("first", "To the first result", list(of_firsts(findings))))
    if findings.whole:
        found.append(Section("process", "A whole process", list(of_processes(findings.whole))))
    if findings.by_batch:
        found.append(Section("growth", "Growth", list(of_growth(findings))))
    if findings.derivatives:
        found.append(Section("derivatives", "Derivatives at many points", list(of_derivatives(findings))))
    if findings.transformer is not None:
        found.append(Section("transformer", "A small GPT", list(of_transformer(findings.transformer))))
    found.append(Section("machine", "The machine and the versions", list(of_machine(findings, core))))
    return found


def of_targets(judged: Sequence[Target]) -> Iterable[str | Table]:
    lost = [target for target in judged if target.verdict != "met"]
    yield f"{len(judged) - len(lost)} of {len(judged)} targets are met." + (
        " The others stand first." if lost else ""
    )
    rows = [
        (
            target.claim,
            "–" if target.measured is None else f"{target.measured:.2f}",
            f"{'≥' if target.at_least else '≤'} {target.limit:g}",
            target.verdict,
        )
        for target in sorted(judged, key=lambda target: target.verdict == "met")
    ]
    yield Table(
        "Ratios of times, below 1 where the first is faster; where ≥ stands, how many times faster",
        ("target", "measured", "limit", "verdict"),
        rows,
    )


def of_engines(measured: Mapping[str, engine.Measured]) -> Iterable[str | Table]:
    yield (
        "The same programs with only the class of scalars exchanged; each kind of engine beside its peers in "
        "a process of its own, in rounds. The numbers that they compute are compared."
    )
    for kind in engine.KINDS:
        if kind not in measured:
            yield f"The engine is not built here as {kind}: `make` builds it where there is a C compiler."
            continue
        rows = []
        for program in engine.PROGRAMS:
            if times := measured[kind].times.get(program.name):
                ours, peer = (
                    f"{program.scale * median(times, name):.3g}" for name in (engine.OURS, engine.PEER)
                )
                ratios = program.ratios(times)
                rows.append((program.name, program.unit, ours, peer, *(f"{f(ratios):.2f}" for f in SPREAD)))
        yield Table(f"{kind}: medians", ("", "unit", "ours", "peer", "ratio", "least", "most"), rows)
        for name, reason in measured[kind].missing.items():
            yield f"Not measured: {name} ({reason})."


def of_rows(rows: Sequence[Row]) -> Iterable[str | Table | Picture]:
    yield (
        "A step is the value of the loss, its gradient g and w ← w − η g. The loss is the mean over the "
        "batch, of the hinge loss for 2-16-16-1 and of the softmax cross-entropy for ten classes, plus "
        "10⁻⁴ Σ p². The assignment network, 2-2-2, has no such term; in its first column a step is the value "
        "and the gradient, its second is the whole training: 10,000 epochs. All in float64, on one thread."
    )
    yield (
        "Before it is timed, every contestant is checked: after three steps, or after the whole training, "
        "its value and the change of its parameters agree to 10⁻⁹ with the formulas in plain numpy."
    )
    names = [each.name for each in CONTESTANTS if any(each.name in row.times for row in rows)]
    header = ["", *(row.task.name for row in rows)]
    yield Table(
        "Microseconds: medians of alternating runs",
        header,
        [[name, *(cell(row.times, name) for row in rows)] for name in names],
    )
    yield Table(
        "Times as long as the faster of our two back ends: medians of the ratios within each round",
        header,
        [[name, *(compared(row.times, name) for row in rows)] for name in names],
    )
    lines = [(row.task.name, {name: 1e6 * median(row.times, name) for name in row.times}) for row in rows]
    yield Picture("steps", dots(lines, "microseconds"), "The time of a step, or of the whole training")


def of_firsts(findings: Findings) -> Iterable[str | Table | Picture]:
    yield (
        "Ours from the recorded graph, a peer from its function, until the value and the updated parameters "
        "of the first step are there. For ours and jax it is the median of several times, without the start "
        "of their libraries; the others are made once, with that."
    )
    rows = [row for row in findings.rows if row.task.unit == 1]
    names = [
        each.name for each in CONTESTANTS if each.checked and any(each.name in row.first for row in rows)
    ]
    yield Table(
        "Milliseconds to the first result",
        ["", *(row.task.name for row in rows)],
        [[name, *(cell(row.first, name, 1e3) for row in rows)] for name in names],
    )
    lines = [
        (
            row.task.name,
            {name: 1e3 * median(row.first, name) for name in (*OURS, *JAXES) if name in row.first},
        )
        for row in rows
    ]
    yield Picture("first", dots(lines, "milliseconds"), "The time to the first result")
    for name in findings.recording:
        yield f"Recording the graph of {name}: {1e3 * median(findings.recording, name):.1f} ms."


def of_processes(whole: Times) -> Iterable[str | Table | Picture]:
    yield "100 steps of 2-16-16-1 on 100 points, from the start of the process to its end, imports included."
    rows = [[name, f"{median(whole, name):.2f}", compared(whole, name, "ours")] for name in whole]
    yield Table("Seconds, and times as long as ours", ("", "seconds", "ratio"), rows)


def of_growth(findings: Findings) -> Iterable[str | Table | Picture]:
    kinds = (
        ("examples", findings.by_batch, [row.task.batch for row in findings.by_batch]),
        ("parameters", findings.by_parameters, [parameters(row) for row in findings.by_parameters]),
    )
    names = [*OURS, BY_HAND]
    panels = []
    for what, rows, sizes in kinds:
        fixed = "2-16-16-1" if what == "examples" else "n-n-10 on 64 examples"
        yield Table(
            f"Microseconds of a step, {fixed}",
            [what, *names],
            [[f"{size:,}", *(cell(row.times, name) for name in names)] for size, row in zip(sizes, rows)],
        )
        lines = {
            name: (sizes, [1e6 * median(row.times, name) for row in rows])
            for name in names
            if all(name in row.times for row in rows)
        }
        panels.append(plots.Panel(fixed, what, lines, "log"))
    if all(panel.lines for panel in panels):
        yield Picture(
            "growth",
            picture(plots.curves(panels, "µs per step")).decode(),
            "Microseconds of a step by its size",
        )
    rows = findings.by_parameters
    spent = [code_generation(row) for row in rows]
    if None not in spent and rows:
        yield Table(
            "Milliseconds from the recorded graph to the first result, n-n-10 on 64 examples",
            ["n", *OURS, "the difference: generating code"],
            [
                [str(row.task.sizes[0]), *(cell(row.first, name, 1e3) for name in OURS), f"{1e3 * each:.0f}"]
                for row, each in zip(rows, spent)
            ],
        )
        lines = {
            name: ([row.task.sizes[0] for row in rows], [1e3 * median(row.first, name) for row in rows])
            for name in OURS
        }
        panel = plots.Panel("n-n-10 on 64 examples", "n", lines, "log")
        yield Picture(
            "compiling",
            picture(plots.curves([panel], "milliseconds")).decode(),
            "The time to the first result",
        )


def of_derivatives(findings: Findings) -> Iterable[str | Table]:
    yield (
        "A function of n variables at B points: its value, its gradient and its Hessian, in one call each. "
        "ddx-ad gives with a Hessian the value and the gradient too. Both give new arrays, and write into "
        f"arrays that are there. {_behind(findings)}"
    )
    yield Table(
        "Microseconds of ours, and how many times as long ddx-ad takes; below 1 it is ahead",
        ["", "n", "B", "", *(name for pair in RIVALS for name in pair)],
        [
            [
                each.function, str(each.variables), f"{each.points:,}", each.what,
                *(
                    text
                    for own, other in RIVALS
                    for text in (cell(each.times, own), compared(each.times, other, own))
                ),
            ]
            for each in findings.derivatives
        ],
    )  # fmt: skip


def _behind(findings: Findings) -> str:
    """Where ddx-ad is ahead."""
    rows = [
        f"{each.function}, n = {each.variables}, B = {each.points:,}, {each.what} ({other})"
        for each in findings.derivatives
        for own, other in RIVALS
        if ratio(each.times, other, own) < 1.0
    ]
    count = len(findings.derivatives) * len(RIVALS)
    return f"Ours is ahead in {count - len(rows)} of {count}" + (
        f"; not in: {'; '.join(rows)}." if rows else "."
    )


def of_transformer(measured: transformer.Measured) -> Iterable[str | Table]:
    m = transformer
    yield (
        "One layer of width 16 with 4 heads, 27 tokens, 4,192 parameters, trained on names with Adam, one a "
        "step. All seconds are those of the processor; each contestant has processes of its own, which take "
        "turns, and its loss and weights after three steps are those of numpy by hand to 10⁻⁹."
    )
    if measured.plain is not None:
        each, whole = measured.plain
        spent = {f"{m.PROGRAM} ({m.STEPS:,} steps by one of {m.POSITIONS} positions)": whole}
        spent |= {name: statistics.median(times) for name, times in measured.whole.items()}
        yield Table(
            f"The whole training of {m.STEPS:,} steps: imports, recording and code generation included",
            ("", "seconds", "times faster"),
            [(name, f"{seconds:.3g}", f"{whole / seconds:.3g}") for name, seconds in spent.items()],
        )
        yield f"The plain program takes {1e3 * each:.1f} ms for a position; its whole training was not run."
    for batch, times in measured.steps.items():
        scale = 1e6 / (batch * m.POSITIONS)
        yield Table(
            f"A step with {batch} names of {m.POSITIONS} positions: value, gradient and Adam",
            ("", "µs a token", "times as long as ours, llvm", "ms to the first"),
            [
                (
                    name,
                    cell(times, name, scale),
                    compared(times, name, LLVM),
                    cell(measured.first[batch], name, 1e3),
                )
                for name in m.PLACES
                if name in times
            ],
        )
    if measured.apart is not None:
        steps, apart = measured.apart
        yield f"Losses of {steps} steps are the eager engine's to {apart:.1e}."
    yield Table(
        "Growth: milliseconds to record a name, and from there to the first native step, no kernel kept",
        ("width", "layers", "recording", "generating code"),
        [
            (str(width), str(layers), f"{1e3 * recording:.0f}", f"{1e3 * generating:.0f}")
            for (width, layers), (recording, generating) in measured.growth.items()
        ],
    )


def of_machine(findings: Findings, core: int | None) -> Iterable[str | Table]:
    pinned = (
        f"pinned to core {core}, one thread each" if core is not None else "not pinned: this system cannot"
    )
    yield f"{processor()}; {pinned}. {platform.platform()}, Python {platform.python_version()}."
    if findings.rows:
        spreads = [spread(row.times[BY_HAND]) for row in findings.rows if BY_HAND in row.times]
        if spreads:
            yield (
                f"How steady it was: the same step of numpy took up to {max(spreads):.1f} times as long in "
                "one round as in another. Ratios are taken within a round."
            )
    versions = [(name, version(name)) for name in LIBRARIES]
    yield Table("Versions", ("", "version"), [*versions, ("numpy's BLAS", blas()), ("g++", compiler())])
    if findings.missing:
        yield Table("Missing here, and why", ("", "reason"), list(findings.missing.items()))
    else:
        yield "No contestant is missing."


# --- numbers in cells --------------------------------------------------------------------------------


def cell(times: Times, name: str, scale: float = 1e6) -> str:
    """A median with three digits."""
    if name not in times:
        return "–"
    value = scale * median(times, name)
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def compared(times: Times, name: str, base: str | None = None) -> str:
    base = base or fastest(times, OURS)
    if base not in times or name not in times:
        return "–"
    found = ratio(times, name, base)
    return f"{found:,.0f}" if found >= 100 else f"{found:.2f}" if found < 10 else f"{found:.1f}"


def spread(times: Sequence[float]) -> float:
    return max(times) / min(times)


# --- the machine -------------------------------------------------------------------------------------


def processor() -> str:
    """The processor's name, its cores and its caches, as far as the system says."""
    try:
        listed = subprocess.run(
            ["lscpu"],
            capture_output=True,
            text=True,
            check=True,
            env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return platform.processor() or platform.machine()
    facts = {
        key.strip(): value.strip() for key, _, value in (line.partition(":") for line in listed.splitlines())
    }
    caches = ", ".join(
        f"{name} {facts[f'{name} cache']}" for name in ("L1d", "L2", "L3") if f"{name} cache" in facts
    )
    return f"{facts.get('Model name', platform.machine())}, {facts.get('CPU(s)', '?')} cores, {caches}"


def version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def blas() -> str:
    built = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return f"{built['name']} {built['version']}"


def compiler() -> str:
    try:
        done = subprocess.run(["g++", "-dumpfullversion"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "not installed"
    return done.stdout.strip()


# --- pictures ----------------------------------------------------------------------------------------


def dots(lines: Sequence[tuple[str, dict[str, float]]], unit: str) -> str:
    """For each task a line with a mark for each contestant, on a logarithmic scale; the names stand below."""
    names = list(dict.fromkeys(name for _, found in lines for name in found))
    rows = -(-len(names) // 4)
    below = 0.6 + 0.25 * rows
    height = 0.45 * len(lines) + below + 0.2
    with canvas(height) as figure:
        axes = figure.add_axes((0.22, below / height, 0.76, 1.0 - (below + 0.15) / height))
        for name in names:
            turn = NAMES.index(name)  # the same mark in every picture
            places = [(found[name], y) for y, (_, found) in enumerate(lines) if name in found]
            ours = name in (LLVM, NUMPY)
            axes.plot(
                *zip(*places), MARKERS[turn % len(MARKERS)], label=name, markersize=9 if ours else 7,
                color=PALETTE.series(turn)[0], alpha=0.9, zorder=3 if ours else 2,
                markerfacecolor=None if turn < SOLID else PALETTE["paper"],
            )  # fmt: skip
        axes.set_yticks(range(len(lines)), [name for name, _ in lines])
        axes.set_ylim(len(lines) - 0.5, -0.5)
        axes.set_xscale("log")
        axes.set_xlabel(unit)
        figure.legend(loc="lower center", ncols=4, columnspacing=1.2, handletextpad=0.3)
        return picture(figure).decode()


# --- three ways to write it down ---------------------------------------------------------------------


def as_text(found: Iterable[Section]) -> str:
    """For the terminal: aligned tables; pictures are left out."""
    lines: list[str] = []
    for section in found:
        lines += [section.title, ""]
        for part in section.parts:
            if isinstance(part, Table):
                lines += [
                    f"  {part.caption}",
                    *(f"    {line}" for line in aligned([part.header, *part.rows])),
                    "",
                ]
            elif isinstance(part, str):
                lines += [*textwrap.wrap(part, 110, initial_indent="  ", subsequent_indent="  "), ""]
    return "\n".join(lines)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns to the right, the first to the left."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return [
        "  ".join(
            [row[0].ljust(widths[0]), *(each.rjust(w) for each, w in zip(row[1:], widths[1:]))]
        ).rstrip()
        for row in rows
    ]


def as_markdown(found: Iterable[Section]) -> str:
    """Pictures are linked: they lie beside it."""
    blocks = [f"# {TITLE}"]
    for section in found:
        blocks.append(f"## {section.title}")
        for part in section.parts:
            if isinstance(part, Table):
                rule = ["---", *["---:"] * (len(part.header) - 1)]
                lines = ["| " + " | ".join(row) + " |" for row in [part.header, rule, *part.rows]]
                blocks += [f"{part.caption}:", "\n".join(lines)]
            elif isinstance(part, Picture):
                blocks.append(f"![{part.caption}]({part.name}.svg)")
            else:
                blocks.append(part)
    return "\n\n".join(blocks) + "\n"


def as_page(found: Iterable[Section]) -> str:
    def html(part: str | Table | Picture) -> str:
        if isinstance(part, Table):
            return page.table(part.header, part.rows, part.caption)
        if isinstance(part, Picture):
            return page.figure(part.svg, part.caption, part.caption)
        return page.paragraph(part)

    return page.document(
        TITLE, *(page.section(each.anchor, each.title, *map(html, each.parts)) for each in found)
    )


def save(found: Sequence[Section], folder: Path) -> None:
    """index.html, report.md and the pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "index.html", as_page(found))
    write_text(folder / "report.md", as_markdown(found))
    for section in found:
        for part in section.parts:
            if isinstance(part, Picture):
                write_text(folder / f"{part.name}.svg", part.svg)
