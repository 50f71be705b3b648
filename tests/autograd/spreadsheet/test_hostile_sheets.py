"""Files from strangers: whatever is in them, the checker gives one of four answers, soon, in little memory.

Soon is counted, not timed: in steps of a pattern, in lines of Python, in what `LIMITS` counts.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import inspect
import io
import itertools
import math
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from autograd import terminal
from autograd.spreadsheet import books, cells, formulas
from autograd.spreadsheet.cells import LIMITS, moved
from autograd.spreadsheet.formulas import FormulaError, parsed
from demos import check
from tests.support.counted import Backtracking, alphabet, lines_run
from tests.support.profiles import tries
from tests.support.sheets_made import COLUMNS, GIVEN, RIGHT, SLOPES, Layout, Training, write_csv, write_xlsx

ROOT = Path(__file__).parents[3]
STATUSES = {0, 1, 2, 3}
FEW = tries(40)  # each is a whole check of a file


def answer(path: Path, *options: str) -> tuple[int, str, str]:
    """The status of the check and what it prints; an exception of any kind is a failure."""
    out, error = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
        status = check.main([str(path), *options])
    assert status in STATUSES
    assert error.getvalue().count("\n") == (status == 2 and not out.getvalue())
    return status, out.getvalue(), error.getvalue()


@contextlib.contextmanager
def file_with(data: bytes, suffix: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"given{suffix}"
        path.write_bytes(data)
        yield path


def parts_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(parts: Iterable[tuple[str, bytes | Iterable[bytes]]]) -> bytes:
    """A workbook of these parts; one that is large comes in pieces."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts:
            with archive.open(name, "w", force_zip64=True) as stream:
                for piece in [data] if isinstance(data, bytes) else data:
                    stream.write(piece)
    return buffer.getvalue()


# --- patterns ----------------------------------------------------------------------------------------

NAMES = [
    "assignment", "cells", "checking", "diagnosis", "formulas", "grading", "inference", "mutations",
    "repairs", "report", "tables", "vocabulary",
]  # fmt: skip
MODULES = [terminal, *(importlib.import_module(f"autograd.spreadsheet.{name}") for name in NAMES)]


def patterns() -> dict[str, re.Pattern[str]]:
    """The patterns of the modules that see the text of a file, by module and name."""
    found: dict[str, re.Pattern[str]] = {}
    for module in MODULES:
        for name, value in vars(module).items():
            for turn, each in enumerate(value if isinstance(value, list) else [value]):
                for pattern in each if isinstance(each, tuple) else [each]:
                    if isinstance(pattern, re.Pattern) and pattern not in found.values():
                        found[f"{module.__name__}.{name}.{turn}"] = pattern
    return found


PATTERNS = patterns()


def methods(name: str) -> set[str]:
    """By which methods a pattern is used; `fullmatch` for one in a list."""
    sources = "\n".join(inspect.getsource(module) for module in MODULES)
    return set(re.findall(rf"\b{name}\.(match|fullmatch|search|sub|finditer|findall)\(", sources)) or {
        "fullmatch"
    }


def test_every_pattern_is_at_the_head_of_its_module():
    """So that the next test sees it."""
    for module in MODULES:
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("re."):
                assert ast.unparse(node.func) in ("re.compile", "re.escape"), ast.unparse(node)
    assert len(PATTERNS) > 30


def require_linear(name: str, begin: str, unit: str, end: str) -> None:
    """Four times the text, about four times the steps: with n² they would be sixteen times as many."""
    counted = Backtracking(PATTERNS[name])
    for method in methods(name.split(".")[-2]):
        few, many = (counted.steps(begin + count * unit + end, method) for count in (30, 120))
        assert many <= 6 * few + 500, f"{method} of {name} on {begin!r} + n * {unit!r} + {end!r}"


@pytest.mark.slow
@pytest.mark.parametrize("name", PATTERNS)
def test_every_pattern_is_linear_in_each_of_its_letters(name):
    for unit, end in itertools.product(alphabet(PATTERNS[name]), ("", "\0")):  # also where it ends in vain
        require_linear(name, "", unit, end)


@pytest.mark.parametrize("name", PATTERNS)
@tries(12)
@given(data=st.data())
def test_every_pattern_is_linear(name, data):
    """On what is made of its letters; and it is run as `re` runs it."""
    pattern = PATTERNS[name]
    texts = st.lists(st.sampled_from(alphabet(pattern)), min_size=1, max_size=3).map("".join)
    begin, unit, end = data.draw(st.tuples(texts | st.just(""), texts, texts | st.just("")))
    require_linear(name, begin, unit, end)
    text = begin + 3 * unit + end
    match = pattern.match(text)
    assert Backtracking(pattern).end(text) == (match and match.end())


@pytest.mark.parametrize("pattern", ["[^=]+=", "a*a*b", '"(?:[^"]|"")*"x'])
def test_a_pattern_that_is_not_linear_is_seen(pattern):
    counted = Backtracking(re.compile(pattern))
    few, many = (max(counted.steps(count * unit, "search") for unit in 'a"') for count in (15, 60))
    assert many > 6 * few + 500


# --- formulas ----------------------------------------------------------------------------------------

CELLS = ["A1", "$B$2", "c$3", "Sheet1!D4", "'a b''c'!E5", "A1:B3", "$C2:D$9", "B2:A1"]
WORDS = [
    "LET",
    "LAMBDA",
    "NOSUCH",
    "_xlfn.SUM",
    *formulas._OF_NUMBERS,
    *formulas._OF_LISTS,
    "IF",
    "SUMPRODUCT",
    "SUMXMY2",
]


def joined(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = st.sampled_from([*formulas._BINDING, "&", " ", ":"])
    return st.one_of(
        st.tuples(parts, operators, parts).map("".join),
        st.tuples(st.sampled_from(WORDS), st.lists(parts, max_size=4)).map(
            lambda two: f"{two[0]}({','.join(two[1])})"
        ),
        parts.map("({})".format),
        parts.map("-{}".format),
        parts.map("{}%".format),
    )


FORMULAS = st.recursive(
    st.sampled_from(
        [*CELLS, "1", "0", ".5", "2E3", "1e308", '"a""b"', '"3"', "TRUE", "#REF!", "#DIV/0!", "eta", "nan"]
    ),
    joined,
    max_leaves=12,
).map("={}".format)
DAMAGED = st.tuples(
    FORMULAS, st.integers(0, 99), st.sampled_from([*"()\"'!:#,;[]{}@&%$\0é²", "1E", "A0", "XFE1", ""])
).map(lambda three: three[0][: three[1]] + three[2] + three[0][three[1] + 1 :])


@given(text=FORMULAS | DAMAGED, held=st.sampled_from([None, 0.0, -1.0, 1e308, "a", "#NUM!", "2"]))
@example(text="=EXP(1,2)", held=None)
@example(text="=LN()", held=None)
@example(text="=1E400", held=None)
@example(text="=2 3 +", held=None)
@example(text="=" + 4000 * "(" + "1" + 4000 * ")", held=None)
@example(text="=" + 4000 * "-" + "1", held=None)
@example(text="=" + 2000 * "IF(1," + "1" + 2000 * ")", held=None)
def test_a_formula_comes_to_a_value_or_is_refused(text, held):
    try:
        value = parsed(text).compute(lambda each: (held,) * each.count)
    except FormulaError:
        return
    assert isinstance(value, (str, float))
    assert isinstance(value, str) or math.isfinite(value)


@given(text=FORMULAS, down=st.integers(-3, 5), across=st.integers(-3, 5))
def test_a_formula_is_filled_down_as_openpyxl_fills_it(text, down, across):
    from openpyxl.formula import Tokenizer
    from openpyxl.formula.translate import Translator, TranslatorError

    assume(not re.search(r"[^-+*/^&=<>,(:] +[^-+*/^&=<>,):]", text))  # a blank that is an operator
    text = text.replace("_xlfn.", "").replace(" ", "")  # openpyxl takes both for parts of names
    assume(":(" not in text and "):" not in text and not re.search(r":[^A-Z$]|[^0-9]:|:[^:]*:", text))
    try:
        expected = Translator(text, origin="E10").translate_formula(row_delta=down, col_delta=across)
    except TranslatorError:  # off the sheet: it gives up where a spreadsheet program writes an error
        assert "#REF!" in moved(text, down, across)
        return
    assert moved(text, down, across).upper() == expected.upper()
    with contextlib.suppress(FormulaError):
        operands = [token.value for token in Tokenizer(text).items if token.subtype == "RANGE"]
        assert [each.text for each in parsed(text).references] == operands


@pytest.mark.parametrize(
    ("text", "value"),
    [("=IF(1,2,1/0)", 2.0), ("=IF(0,1/0,3)", 3.0), ("=IF(1/0,2,3)", "#DIV/0!"), ("=1e308*10", "#NUM!"),
     ("=SUMPRODUCT(1,1/0)", "#DIV/0!"), ("=SUM(B1:A5)", 10.0), ("=-2%^2", 0.0004)],
)  # fmt: skip
def test_errors_are_values(text, value):
    assert parsed(text).compute(lambda each: (1.0,) * each.count) == value


@pytest.mark.parametrize(
    "text", ["=A0", "=XFE1", "=1 2", "=(1,2)", "=SUM(1,)", "=1&2", '="a"=1', "=" + "1" * 9000]
)
def test_what_no_cell_or_no_formula_is(text):
    with pytest.raises(FormulaError):
        parsed(text).compute(lambda each: (1.0,))


@given(needed=st.lists(st.lists(st.integers(0, 9), max_size=3), min_size=1, max_size=10))
def test_cells_that_need_each_other_are_computed_or_left(needed):
    """Each is 1 more than the sum of what it needs, where what is not there is 0; circles have no value."""
    count = len(needed)
    known: dict[int, float] = {}
    for _ in needed:
        for cell, others in enumerate(needed):
            inside = [other for other in others if other < count]
            if all(other in known for other in inside):
                known[cell] = 1.0 + sum(known[other] for other in inside)
    text = "\n".join("=1" + "".join(f"+A{other + 1}" for other in others) for others in needed)
    with file_with(text.encode(), ".csv") as path:
        book = books.open_book(path)
    sheet = book.sheet(path.name)
    formulas.Calculator(book).fill(sheet)
    assert {place[0] - 1: cell.value for place, cell in sheet.cells.items()} == {
        cell: known.get(cell) for cell in range(count)
    }


# --- text files --------------------------------------------------------------------------------------

SMALL = Training(count=3)
NUMBERS = [
    "1e308",
    "-1e308",
    "5e-324",
    "1e999",
    "-1e-999",
    "nan",
    "inf",
    "0e999999999",
    "0",
    "-0",
    "1_0",
    "١٢",
    "1,5",
    "−2 %",
    "1.234.567,8",
    "0x10",
    "5e-" + "0" * 5000 + "2",
    "1" * 399,
    "1" * 500,
    "0." + "0" * 350 + "1",
]
TEXTS = [
    "",
    "w1",
    "w1 new",
    "E_total",
    "∂E/∂w3",
    "da_h1/dw1",
    "η",
    "η = 1e999",
    "i1 = 1, i2: 2",
    "x=" * 300,
    "#REF!",
    "#N/A",
    "\0",
    "\x1b[2J",
    "\u202e",
    "a\nb",
    "'",
    '"',
    "=",
    "==",
    "=A1",
    "=(",
    "a" * 33_000,
    "(" * 3000,
    "partial " * 400,
]
CONTENTS = st.sampled_from([*NUMBERS, *TEXTS]) | FORMULAS | st.text(max_size=9)


@st.composite
def grids(draw) -> dict[tuple[int, int], str]:
    """A right table with some cells, headers among them, that are something else."""
    columns = draw(st.sampled_from([COLUMNS, [*GIVEN, *SLOPES], COLUMNS[:16]]))
    grid = Layout(columns, corner=draw(st.sampled_from([(1, 1), (5, 3)])), text=repr).grid(SMALL)
    places = st.sampled_from(sorted(grid)) | st.tuples(st.integers(1, 12), st.integers(1, 40))
    return grid | draw(st.dictionaries(places, CONTENTS, min_size=1, max_size=6))


@FEW
@given(data=st.data())
def test_a_text_file_of_any_kind(data):
    """Cells, headers and numbers of any kind, in any encoding, with its bytes damaged."""
    grid = data.draw(grids())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "given.csv"
        encoding = data.draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"]))
        text = io.StringIO()
        write_csv(path, grid, data.draw(st.sampled_from(",;\t|")))
        text = path.read_bytes().decode()
        raw = bytearray(
            data.draw(st.sampled_from(["", "sep=;\n", "sep=,\r\n", "\n\n"])).encode()
            + text.encode(encoding, "replace")
        )
        for _ in range(data.draw(st.integers(0, 2))):
            at = data.draw(st.integers(0, len(raw)))
            raw[at : at + data.draw(st.sampled_from([0, 0, 1, 50]))] = data.draw(
                st.sampled_from(
                    [
                        b"",
                        b'"',
                        b'""',
                        b"\0",
                        b"\xff",
                        b"\r",
                        b"\n\n",
                        b"\xef\xbb\xbf",
                        b",",
                        b"\x1a",
                        b"=" * 40,
                    ]
                )
            )
        path.write_bytes(raw)
        answer(path, *data.draw(st.sampled_from([(), ("--lr", "0.5"), ("--explain",)])))


# --- workbooks ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def workbooks(tmp_path_factory) -> list[dict[str, bytes]]:
    """The parts of right workbooks: by XlsxWriter, by openpyxl without values, with all that is rare."""
    folder = tmp_path_factory.mktemp("workbooks")
    layout = Layout(live=True, corner=(3, 2), rate=(1, 3))
    first = parts_of(write_xlsx(folder / "first.xlsx", {"S": layout.grid(SMALL), "T": {(1, 1): "x"}}))
    second = parts_of(write_xlsx(folder / "second.xlsx", {"S": layout.grid(SMALL)}, cached=False))
    rich = {name: data for name, data in first.items() if name != "xl/worksheets/sheet1.xml"}
    sheet = first["xl/worksheets/sheet1.xml"].decode()
    sheet = sheet.replace("<sheetData>", '<cols><col min="2" max="3" hidden="1"/></cols><sheetData>')
    sheet = sheet.replace("</sheetData>", '</sheetData><mergeCells><mergeCell ref="B2:C2"/></mergeCells>')
    sheet = re.sub(r'(<c r="N4"[^>]*>)<f>', r'\1<f t="shared" ref="N4:N6" si="0">', sheet)
    sheet = re.sub(r'(<c r="N[56]"[^>]*>)<f>[^<]*</f>', r'\1<f t="shared" si="0"/>', sheet)
    workbook = first["xl/workbook.xml"].decode()
    names = '<definedNames><definedName name="eta">S!$C$1</definedName></definedNames>'
    rich |= {"xl/worksheets/sheet1.xml": sheet.encode()}
    rich |= {"xl/workbook.xml": workbook.replace("</sheets>", f"</sheets>{names}").encode()}
    return [first, second, rich]


MARKS = re.compile(r"(<[^>]*>)")
VALUES = re.compile(r'="[^"]*"')
TAGS = [
    "<row>",
    "</row>",
    "<c>",
    "<c/>",
    "</c>",
    "<v>",
    "</v>",
    "<f>",
    "<is><t>",
    "</t></is>",
    "<!-- -->",
    "<?x?>",
    "<![CDATA[a]]>",
    '<!DOCTYPE a [<!ENTITY b "c">]>',
    "&b;",
    "&#0;",
    "<rPh><t>x</t></rPh>",
    '<mergeCell ref="A1:XFD1048576"/>',
    "<c><v>1</v></c>" * 20_000,
    '<col min="-1000000000" max="1000000000" hidden="1"/>',
    '<f t="shared" si="7"/>',
    '<f t="shared" si="0" ref="A1">"a</f>',
    "<a>" * 200,
]
ATTRIBUTES = [
    "",
    "0",
    "-1",
    "1.5",
    "A0",
    "A1",
    "XFE1",
    "ZZZ9999999",
    "9" * 5000,
    "1048577",
    "A1:A9999999",
    "n",
    "s",
    "str",
    "inlineStr",
    "b",
    "e",
    "d",
    "shared",
    "rId1",
    "rId99",
    "../../a",
    "/xl/workbook.xml",
    "worksheets/sheet1.xml",
    "chartsheet",
    "hidden",
    "S",
]


def damaged_part(data: bytes, draw: Callable) -> bytes:
    """Its XML with tags or texts that are gone, doubled, swapped or others, or attributes that are."""
    pieces = MARKS.split(data.decode())
    for _ in range(draw(st.integers(1, 3))):
        at, other = (draw(st.integers(0, len(pieces) - 1)) for _ in range(2))
        kind = draw(
            st.sampled_from(["gone", "doubled", "swapped", "put in", "text", "value", "value", "value"])
        )
        if kind == "gone":
            pieces[at] = ""
        elif kind == "doubled":
            pieces[at] *= 2
        elif kind == "swapped":
            pieces[at], pieces[other] = pieces[other], pieces[at]
        elif kind == "put in":
            pieces[at] += draw(st.sampled_from(TAGS))
        elif kind == "text":
            pieces[at - at % 2] = draw(CONTENTS).replace("<", "&lt;")
        else:
            values = VALUES.findall(pieces[at])
            if values:
                new = draw(st.sampled_from(ATTRIBUTES))
                pieces[at] = pieces[at].replace(draw(st.sampled_from(values)), f'="{new}"', 1)
    return "".join(pieces).encode("utf-8", "replace")


def damaged_archive(data: bytes, draw: Callable) -> bytes:
    raw = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        raw[draw(st.integers(0, len(raw) - 1))] = draw(st.integers(0, 255))
    return bytes(raw[: draw(st.sampled_from([len(raw), len(raw) // 2, len(raw) - 1]))])


@FEW
@given(data=st.data())
def test_a_workbook_of_any_kind(workbooks, data):
    """Its XML, its parts and its archive damaged."""
    parts = list(data.draw(st.sampled_from(workbooks)).items())
    for _ in range(data.draw(st.integers(0, 2))):
        turn = data.draw(st.integers(0, len(parts) - 1))
        kind = data.draw(st.sampled_from(["xml", "xml", "xml", "gone", "twice", "other"]))
        name, content = parts[turn]
        if kind == "xml":
            parts[turn] = name, damaged_part(content, data.draw)
        elif kind == "gone" and len(parts) > 1:
            del parts[turn]
        elif kind == "twice":
            parts.append((data.draw(st.sampled_from([name, name.upper()])), content))
        elif kind == "other":
            parts[turn] = name, parts[data.draw(st.integers(0, len(parts) - 1))][1]
    with (
        pytest.warns(UserWarning, match="Duplicate name")
        if len({n for n, _ in parts}) < len(parts)
        else contextlib.nullcontext()
    ):
        raw = packed(parts)
    if data.draw(st.integers(0, 3)) == 0:
        raw = damaged_archive(raw, data.draw)
    with file_with(raw, ".xlsx") as path:
        answer(path)


# --- limits ------------------------------------------------------------------------------------------


def rich() -> bytes:
    """A workbook that has something of all that is counted, and something wrong."""
    layout = Layout(live=True, corner=(3, 2), rate=(1, 3))
    slip = {name: RIGHT[name].replace("a_h2", "a_h1") for name in ("∂E/∂w3", "∂E/∂w4")}
    with tempfile.TemporaryDirectory() as folder:
        sheet = {
            "S": layout.grid(SMALL.with_slip(slip)),
            "T": Layout(corner=(4, 1)).grid(SMALL) | {(1, 1): "w1 = 1; w2 = 2", (2, 1): "t1", (2, 2): 0.5},
        }
        parts = parts_of(write_xlsx(Path(folder) / "rich.xlsx", sheet))
    text = parts["xl/worksheets/sheet1.xml"].decode()
    text = text.replace("<sheetData>", '<cols><col min="2" max="3" hidden="1"/></cols><sheetData>')
    text = text.replace(
        "</sheetData>",
        '</sheetData><mergeCells><mergeCell ref="B1:B2"/><mergeCell ref="E1:F1"/></mergeCells>',
    )
    text = re.sub(r"(<c r=.[NO]\d+.[^>]*><f>[^<]*</f>)<v>[^<]*</v>", r"\1", text)
    names = '<definedName name="a">S!$C$1</definedName><definedName name="b">S!$C$1</definedName>'
    book = (
        parts["xl/workbook.xml"]
        .decode()
        .replace("</sheets>", f"</sheets><definedNames>{names}</definedNames>")
    )
    parts |= {"xl/worksheets/sheet1.xml": text.encode(), "xl/workbook.xml": book.encode()}
    return packed(parts.items())


def found_in(text: str) -> set[str]:
    """The lines of a report with the numbers that are wrong."""
    return {line for line in text.splitlines() if line.lstrip().startswith("found ")}


@pytest.mark.slow
@pytest.mark.parametrize("what", LIMITS)
def test_every_limit_holds(what, monkeypatch):
    """With a limit of 1 the same file is refused, or a sheet of it, by a message that names it."""
    with file_with(rich(), ".xlsx") as path:
        status, text, _ = answer(path)
        assert status == 1
        assert "the reference" in text
        assert "belongs" in text
        monkeypatch.setitem(LIMITS, what, 1)
        status, fewer, error = answer(path)
        if what == "steps to repair formulas":
            assert status == 1
            assert len(fewer) < len(text)
        elif what == "formulas tried to find slips":  # what is wrong is found, and no slip is named
            assert status == 1
            assert "a_h1 (1 − a_h1) stands where" in text
            assert "a_h1 (1 − a_h1) stands where" not in fewer
            assert "which slip it is was not searched further" in fewer
            assert found_in(text) <= found_in(fewer)
        else:
            assert status in (1, 2)  # 1 if the other sheet could be read
            assert f"has more than 1 {what}" in " ".join((error + fewer).split())


@pytest.mark.parametrize("what", ["ROWS", "COLUMNS", "_IN_A_CELL", "_IN_A_NUMBER", "_AT_ONCE", "_DEEP"])
@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_limits_of_one_thing_hold(what, suffix, monkeypatch, tmp_path):
    path = tmp_path / f"given{suffix}"
    write = write_csv if suffix == ".csv" else lambda path, grid: write_xlsx(path, {"S": grid})
    write(path, Layout(text=repr).grid(SMALL))
    assert answer(path)[0] in (0, 3)
    monkeypatch.setattr(cells, what, 2)
    cells.column_of.cache_clear()
    applies = (what, suffix) not in {("_DEEP", ".csv"), ("_AT_ONCE", ".xlsx")}  # no tag in it is unfinished
    assert answer(path)[0] in ({2} if applies else {0, 3})
    cells.column_of.cache_clear()


NAMES_IN_A_ROW = [*COLUMNS, *(f"d{a}/d{b}" for a in ("h1", "o2", "ah1") for b in COLUMNS[:12])]
SHAPES: dict[str, Callable[[int], str]] = {
    "names": lambda n: ",".join(itertools.islice(itertools.cycle(NAMES_IN_A_ROW), n)),
    "one name": lambda n: ",".join(["w1"] * n + COLUMNS[4:8]) + "\n" + ",".join(["1"] * (n + 4)),
    "names without gaps": lambda n: "i1,i2,t1,t2," * (n // 4) + "\n" + "1," * n,
    "headers": lambda n: "i1,i2,t1,t2\n1,2,3,4\n" * (n // 8),
    "headers without numbers": lambda n: "i1,i2,t1,t2\n" * (n // 4),
    "far columns": lambda n: f"h1{','*n}h2{','*n}o1{','*n}o2\n" + f"1{','*n}2\n" * 9,
    "rows of one table": lambda n: "h1,h2,o1,o2,x\n" + "1,2,3,4,5\n" * (n // 5),
    "rows on its side": lambda n: "".join(f"{name}{',0.5' * (n // 8)}\n" for name in COLUMNS[:8]),
    "rows with gaps": lambda n: "h1,h2,o1,o2\n" + "1,2,3,4\n,,,\n" * (n // 4),
    "labels": lambda n: "η,1,1\n" * (n // 3),
    "statements": lambda n: "η=1 " * n,
    "other texts": lambda n: "".join(f"d{i}d{'d' * 30}\n" for i in range(n)),
    "one long text": lambda n: "wrt(∂" * n,
    "a chain": lambda n: "".join(f"=A{i + 1}+1\n" for i in range(1, n)) + "1\n",
    "a chain that is broken": lambda n: "".join(f"=A{i + 1}+1\n" for i in range(1, n)) + "=NO(1)\n",
    "a circle": lambda n: "".join(f"=A{i + 1}+1\n" for i in range(1, n)) + "=A1\n",
    "many that need one": lambda n: "=NO(1)\n" + "".join(f"=A1+A{i - 1}\n" for i in range(2, n)),
    "a long formula": lambda n: "=" + "-(" * n + "1" + ")" * n,
    "brackets": lambda n: "=" + "[a]" * n,
    "empty cells": lambda n: "," * n + "\n" + "\n" * n,
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_the_work_grows_as_the_file_does(shape, monkeypatch, tmp_path):
    """Four times the file, about four times the lines of Python that are run, without any limit."""
    for what in LIMITS:
        monkeypatch.setitem(LIMITS, what, 10**7)

    def work(size: int) -> int:
        path = tmp_path / f"{size}.csv"
        path.write_text(SHAPES[shape](size), encoding="utf-8")
        return lines_run(lambda: answer(path), "spreadsheet")

    work(8)  # what is imported and compiled once
    few, many = work(100), work(400)
    assert many <= 6 * few + 2000


# --- bombs -------------------------------------------------------------------------------------------

BEGIN, END = b"<worksheet><sheetData>", b"</sheetData></worksheet>"


def many_times(begin: bytes, unit: bytes, count: int, end: bytes) -> Iterator[bytes]:
    block = max(1, 100_000 // len(unit))
    yield begin
    for _ in range(count // block):
        yield unit * block
    yield end


def bomb(**parts: bytes | Iterable[bytes]) -> bytes:
    """A workbook of few bytes; `sheet`, `strings`, `book` and `related` may be parts of many."""
    related = (
        b'<R><Relationship Id="r1" Type="/worksheet" Target="s.xml"/>'
        b'<Relationship Id="r2" Type="/sharedStrings" Target="t.xml"/></R>'
    )
    sheet = b"<row><c t='s'><v>0</v></c></row>"
    return packed(
        [
            ("[Content_Types].xml", b"<Types/>"),
            (
                "xl/workbook.xml",
                parts.get("book", b'<workbook><sheets><sheet name="S" id="r1"/></sheets></workbook>'),
            ),
            ("xl/_rels/workbook.xml.rels", parts.get("related", related)),
            ("xl/s.xml", parts.get("sheet", BEGIN + sheet + END)),
            ("xl/t.xml", parts.get("strings", b"<sst><si><t>a</t></si></sst>")),
        ]
    )


BOMBS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "long strings": (
        "letters of text",
        lambda: bomb(
            strings=many_times(
                b"<sst>", b"<si><t>\xf0\x9f\x98\x80" + b"a" * 30_000 + b"</t></si>", 1500, b"</sst>"
            )
        ),
    ),
    "one row": (
        "XML tags",
        lambda: bomb(sheet=many_times(BEGIN + b"<row>", b"<c/>", 9_000_000, b"</row>" + END)),
    ),
    "cells": (
        "cells",
        lambda: bomb(sheet=many_times(BEGIN, b"<row>" + b"<c><v>1.25</v></c>" * 9 + b"</row>", 60_000, END)),
    ),
    "parts of the book": (
        "parts",
        lambda: bomb(related=many_times(b"<R>", b"<Relationship Id='a'/>", 900_000, b"</R>")),
    ),
    "names": (
        "names of its own",
        lambda: bomb(
            book=many_times(b"<workbook>", b"<definedName>a</definedName>", 900_000, b"</workbook>")
        ),
    ),
    "one comment": (
        "one XML tag",
        lambda: bomb(sheet=many_times(BEGIN + b"<!--", b"a" * 1000, 60_000, b"-->" + END)),
    ),
    "one tag": (
        "one XML tag",
        lambda: bomb(sheet=many_times(BEGIN + b"<c ", b"a" * 1000, 60_000, b"/>" + END)),
    ),
    "one number": (
        "letters in one cell",
        lambda: bomb(sheet=many_times(BEGIN + b"<c><v>", b"1" * 1000, 60_000, b"</v></c>" + END)),
    ),
    "spaces": (
        "bytes when unpacked",
        lambda: bomb(sheet=many_times(BEGIN, b" " * 1000 + b"<a/>", 80_000, END)),
    ),
    "entities": (
        "document type",
        lambda: bomb(
            sheet=b'<!DOCTYPE a [<!ENTITY a "' + b"a" * 9999 + b'">]>' + BEGIN + b"&a;" * 9999 + END
        ),
    ),
    "merged": (
        "merged areas",
        lambda: bomb(sheet=many_times(BEGIN + END[:12], b'<mergeCell ref="A1:XFD9"/>', 90_000, END[12:])),
    ),
    "hidden": (
        "hidden columns",
        lambda: bomb(
            sheet=b"<worksheet><cols>"
            + b'<col min="-999999999" max="999999999" hidden="1"/>' * 99
            + b"</cols></worksheet>"
        ),
    ),
    "members": ("parts", lambda: b"PK\1\2" * 9_000),
    "headers": ("columns", lambda: b"w1," * 100_000),
    "one line": ("letters in one line", lambda: b"ab," * 6_000_000),
    "lines in quotes": ("letters in one line", lambda: b'"a\n",' * 3_000_000),
    "lines": ("cells", lambda: b"ab\n" * 6_000_000),
    "bytes": ("bytes", lambda: b"ab\n" * 9_000_000),
    "an open quote": ("field larger", lambda: b'"' + b"a,b\n" * 3_000_000),
    "a triangle of sums": (
        "cells that such formulas read",
        lambda: b"".join(b"=SUM(A%d:A100001)\n" % i for i in range(2, 90_000)),
    ),
    "texts": ("different texts", lambda: b"".join(b"d%dd\n" % i for i in range(90_000))),
    "tables": ("tables", lambda: (",".join(COLUMNS) + "\n" + "1," * 31 + "\n\n\n\n\n").encode() * 500),
}


@pytest.mark.slow
def test_bombs_are_refused_in_little_memory(tmp_path):
    """Each names the limit that it passes; the process that reads them all never has 500 MB."""
    paths = []
    for turn, (_, make) in enumerate(BOMBS.values()):
        data = make()
        paths.append(tmp_path / f"{turn}{'.xlsx' if data[:2] == b'PK' else '.csv'}")
        paths[-1].write_bytes(data)
    script = "import sys; from demos import check; print([check.main([path]) for path in sys.argv[1:]])"
    command = [sys.executable, "-c", script, *map(str, paths)]
    guard = lambda: resource.setrlimit(resource.RLIMIT_CPU, (300, 300))  # ends it, should it hang
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=guard
    ) as child:
        out, error = child.stdout.read(), child.stderr.read()
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, error[-2000:]
    assert out == f"{[2] * len(BOMBS)}\n", error
    for (name, (said, _)), line in zip(BOMBS.items(), error.splitlines(), strict=True):
        assert said in line, f"{name}: {line}"
    assert used.ru_maxrss < 500_000


# --- what is no file of a sheet -----------------------------------------------------------------------


@contextlib.contextmanager
def no_hanging() -> Iterator[None]:
    """Interrupt what would wait for ever."""

    def interrupt(*_: object) -> None:
        raise TimeoutError("it hangs")

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.alarm(60)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def refused(path: Path) -> str:
    with no_hanging():
        status, _, error = answer(path)
    assert status == 2
    return error


def test_pipes_devices_folders_and_links(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "loop.csv").symlink_to(tmp_path / "loop.csv")
    (tmp_path / "to_device.csv").symlink_to("/dev/zero")
    for path in (tmp_path / "pipe.csv", Path("/dev/zero"), tmp_path / "to_device.csv"):
        assert "is a pipe or a device: save the sheet as a file" in refused(path)
    assert "cannot read" in refused(tmp_path / "loop.csv")
    assert "there is no file" in refused(tmp_path / "none.csv")
    assert "cannot read" in refused(tmp_path / ("a" * 5000))
    assert "error" in refused(Path("/proc/self/mem"))


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    (tmp_path / "secret.csv").write_text("w1")

    def denied(self: Path, *_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    assert "cannot read" in refused(tmp_path / "secret.csv")


MISTAKEN = {
    "notebook": (b'{"cells": [{"cell_type": "code", "source": ["w1 = 1"]}], "nbformat": 4}', "is a notebook"),
    "archive": (packed([("a.csv", b"w1,w2")]), "is an archive, but not an .xlsx workbook"),
    "document": (
        packed([("[Content_Types].xml", b"<a/>"), ("xl/workbook.xml", b"<document/>")]),
        "is not a workbook",
    ),
    "ods": (
        packed([("mimetype", b"application/vnd.oasis.opendocument.spreadsheet")]),
        "is an OpenDocument file without content",
    ),
    "xlsb": (packed([("[Content_Types].xml", b""), ("xl/workbook.bin", b"")]), "is in the .xlsb format"),
    "numbers": (packed([("Index/Document.iwa", b"")]), "is a Numbers file"),
    "xml": (b'<?xml version="1.0"?><Workbook/>', "is XML, not an .xlsx workbook"),
    "gzip": (b"\x1f\x8b\x08\0\0\0\0\0" + bytes(range(256)), "is not a text file"),
    "zeros": (bytes(5000), "is empty"),
}


@pytest.mark.parametrize("kind", MISTAKEN)
def test_what_is_given_by_mistake_is_named(kind):
    data, said = MISTAKEN[kind]
    with file_with(data, ".data") as path:
        assert said in refused(path)


def test_what_programs_read_differently_is_refused():
    """Programs may take either: what one of them shows may not be what is checked here."""
    row = b"<row><c><v>1</v></c></row>"
    book = b'<workbook><sheets><sheet name="S" id="r1"/><sheet name="s" id="r1"/></sheets></workbook>'
    cells = BEGIN + b'<row r="1"><c r="A1"><v>1</v></c><c r="A1"><v>2</v></c></row>' + END
    for data, said in (
        (bomb(book=book), "two sheets of the name 's'"),
        (
            packed([*((name, b"<a/>") for name in ("[Content_Types].xml", "a.xml", "A.xml"))]),
            "two parts of the name",
        ),
        (bomb(sheet=cells), "the cell A1 is there twice"),
        (bomb(sheet=BEGIN + b"<row><c t='s'><v>-1</v></c></row>" + END), "there is no text -1"),
        (bomb(sheet=BEGIN + b"<row><c t='s'><v>1</v></c></row>" + END), "there is no text 1"),
        (bomb(sheet=BEGIN + b"<row><c><v>1_0</v></c></row>" + END), "1_0 is no number"),
        (bomb(sheet=BEGIN + b"<row><c><v>1<a/>2</v></c></row>" + END), "text beside an element"),
    ):
        with file_with(data, ".xlsx") as path:
            assert said in refused(path)
    with file_with(bomb(sheet=BEGIN + row + END), ".xlsx") as path:
        assert "has no table of the assignment" in refused(path)


def test_a_shared_formula_that_is_nowhere_is_said(workbooks):
    parts = dict(workbooks[2])
    sheet = parts["xl/worksheets/sheet1.xml"].decode().replace('ref="N4:N6" si="0"', 'ref="N4:N6" si="9"')
    parts["xl/worksheets/sheet1.xml"] = re.sub(
        r'(<c r="N5"[^>]*><f[^>]*/>)<v>[^<]*</v>', r"\1", sheet
    ).encode()
    with file_with(packed(parts.items()), ".xlsx") as path:
        status, text, _ = answer(path)
    assert status == 2
    assert "N5 holds the formula =the shared formula 0, which is nowhere written out" in " ".join(
        text.split()
    )
