"""An .ods says what the same .xlsx says, and is read within the same limits."""

import string
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd.spreadsheet import SheetError, assignment, check_workbook
from autograd.spreadsheet.books import open_book
from autograd.spreadsheet.cells import Cell
from autograd.spreadsheet.opendocument import in_excel
from tests.support.ods_made import REFERENCE, open_formula, table, write_document, write_ods
from tests.support.office import OFFICE
from tests.support.profiles import slow
from tests.support.sheets_made import RIGHT, Layout, Live, Training, write_xlsx

SLIP = {name: RIGHT[name].replace("a_h2*(1-a_h2)", "a_h1*(1-a_h1)") for name in ("∂E/∂w3", "∂E/∂w4")}


def told(path, problem=None):
    """All that a check comes to, without the kind of file."""
    report = check_workbook(path, problem or assignment())
    found = [(each.cell, each.quantity, each.rows, each.expected, each.repairs) for each in report.findings]
    slips = [each.slip.words if each.slip else "" for each in report.findings]
    return report.status, found, slips, str(report).replace(path.suffix, "")


@pytest.mark.parametrize("calculated", [True, False])
@pytest.mark.parametrize("slips", [{}, SLIP, *slow([{"E1": "(t1-a_o1)^2"}, {"w5": "w5↑+η*∂E/∂w5↑"}])])
def test_the_verdict_is_that_of_the_same_xlsx(slips, calculated, tmp_path):
    """With its formulas: their repairs are told alike. Also where nobody calculated them."""
    layout = Layout(live=True, corner=(3, 2), rate=(1, 4), cached=calculated)
    grid = layout.grid(Training(count=12).with_slip(slips, 1))
    ours = write_ods(tmp_path / "sheet.ods", {"my sheet": grid})
    other = write_xlsx(tmp_path / "sheet.xlsx", {"my sheet": grid}, cached=calculated)
    assert told(ours) == told(other)
    assert told(ours)[0] == bool(slips)


@pytest.mark.slow
@pytest.mark.office
@pytest.mark.parametrize("kind", ["ods", *slow(["xls"])])
def test_libreoffice_s_own_files_get_the_same_verdict(kind, tmp_path):
    if kind == "xls":
        pytest.importorskip("xlrd", reason="it reads .xls; it is in the extra xls")
    layout = Layout(live=True, corner=(3, 2), rate=(1, 4))
    paths = []
    for name, slips in {"right": {}, "slip": SLIP, "stale": {"∂E/∂w1": RIGHT["∂E/∂w2"]}}.items():
        grid = layout.grid(Training(count=20).with_slip(slips))
        paths.append(write_xlsx(tmp_path / f"{name}.xlsx", {"my sheet": grid}))
    command = [
        OFFICE,
        f"-env:UserInstallation=file://{tmp_path / 'profile'}",
        "--headless",
        "--convert-to",
        kind,
    ]
    subprocess.run([*command, "--outdir", tmp_path, *paths], check=True, capture_output=True, timeout=300)
    for path in paths:
        status, found, slips, _ = told(path)
        other = told(path.with_suffix(f".{kind}"))
        places = [(cell, quantity, rows) for cell, quantity, rows, _, _ in found]
        assert (other[0], [each[:3] for each in other[1]], other[2]) == (status, places, slips)
        if kind == "ods":
            assert [each[4] for each in other[1]] == [each[4] for each in found]


# --- the notation of formulas ----------------------------------------------------------------------

NAMES = st.text(string.ascii_uppercase, min_size=1, max_size=2)
CELLS = st.builds(
    "{}{}{}{}".format, st.sampled_from(["", "$"]), NAMES, st.sampled_from(["", "$"]), st.integers(1, 9999)
)
PIECES = st.one_of(
    CELLS, st.builds("{}:{}".format, CELLS, CELLS), st.just("1.5"), st.just('"a [.B1] ""b"'), st.just("SUM(")
)


@given(st.lists(st.tuples(PIECES, st.sampled_from(["+", "*", "^", ")", ";"]))))
def test_a_formula_comes_back_as_it_was(pieces):
    text = "=" + "".join(a + b for a, b in pieces)
    texts = text.split('"a [.B1] ""b"')
    written = '"a [.B1] ""b"'.join(REFERENCE.sub(lambda m: open_formula(m[0])[3:], each) for each in texts)
    assert in_excel(f"of:{written}") == text


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("of:=[.A1:.B2]", "=A1:B2"),
        ("of:=[$Sheet2.A1]+[$'it''s.here'.$B$2:.C3]", "=Sheet2!A1+'it''s.here'!$B$2:C3"),
        ("of:=[$Sheet2.A1:$Sheet2.B2]", "=Sheet2!A1:B2"),
        ("of:=[$Sheet2.A1:$Sheet3.B2]", "=#REF!"),
        ("of:=[.#REF!]*2", "=#REF!*2"),
        ("of:=['file:///etc/passwd'#$Sheet1.A1]", "=#REF!"),
        ("oooc:=EXP(-[.A1])", "=EXP(-A1)"),
        ("msoxl:=A1+1", "=A1+1"),
        ("of:=COM.MICROSOFT.SIGMOID([.A1])", "=SIGMOID(A1)"),
        ("=1+2", "=1+2"),
        ("of:=[.A1", "=[.A1"),
    ],
)
def test_what_formulas_are_written_with(formula, expected):
    assert in_excel(formula) == expected


# --- cells -----------------------------------------------------------------------------------------


def read(path):
    book = open_book(path)
    return {name: book.sheet(name) for name in book.names}


def test_kinds_of_cells(tmp_path):
    row = "".join(
        f"<table:table-cell {about}>{shown and f'<text:p>{shown}</text:p>'}</table:table-cell>"
        for about, shown in [
            ('office:value-type="float" office:value="0.1234567890123"', "0.12"),
            ('office:value-type="percentage" office:value="0.5"', "50 %"),
            ('office:value-type="string"', "0,25"),
            ('office:value-type="string" office:string-value="w1"', ""),
            ('office:value-type="boolean" office:boolean-value="true"', "TRUE"),
            ('table:formula="of:=1/0" office:value-type="string" office:string-value=""', "#DIV/0!"),
            ('table:formula="of:=A" office:value-type="string"', "Err:502"),
            ('table:formula="of:=[.A1]"', ""),
            ('office:value-type="string"', "∂E/<text:span>∂w</text:span><text:s/>1</text:p><text:p>old"),
            ("", "<office:annotation>a remark</office:annotation>"),
        ]
    )
    (sheet,) = read(
        write_document(
            tmp_path / "a.ods",
            f'<table:table table:name="s"><table:table-row>{row}</table:table-row></table:table>',
        )
    ).values()
    assert [sheet.cells.get((1, column)) for column in range(1, 11)] == [
        Cell(0.1234567890123, "0.1234567890123"),
        Cell(0.5, "0.5"),
        Cell(0.25, "0,25"),
        Cell("w1", "w1"),
        Cell("TRUE", "TRUE"),
        Cell("#DIV/0!", "#DIV/0!", "=1/0"),
        Cell("#VALUE!", "Err:502", "=A"),
        Cell(None, "", "=A1"),
        Cell("∂E/∂w 1\nold", "∂E/∂w 1\nold"),
        None,
    ]


def test_what_is_hidden_merged_repeated_or_from_elsewhere(tmp_path):
    columns = (
        '<table:table-column table:number-columns-repeated="2"/>'
        '<table:table-column table:visibility="collapse" table:number-columns-repeated="3"/>'
    )
    rows = (
        '<table:table-row table:visibility="collapse" table:number-rows-repeated="2"><table:table-cell '
        'office:value-type="float" office:value="7" table:number-columns-repeated="3"/></table:table-row>'
        '<table:table-row table:number-rows-repeated="4"><table:table-cell/></table:table-row>'
        '<table:table-row><table:table-cell table:number-columns-spanned="2" table:number-rows-spanned="3"/>'
        "</table:table-row>"
    )
    body = (
        f'<table:table table:name="s" table:style-name="ta1">{columns}{rows}</table:table>'
        "<table:table table:name=\"'file:///x'#$Sheet1\"><table:table-source/>"
        f"{row(ONE.format(''))}</table:table>"
        '<table:named-expressions><table:named-range table:name="Rate" table:cell-range-address="$s.$A$2"/>'
        "</table:named-expressions>"
    )
    styles = '<style:style style:name="ta1"><style:table-properties table:display="false"/></style:style>'
    path = write_document(tmp_path / "a.ods", body, styles)
    sheets = read(path)
    assert list(sheets) == ["s"]
    assert open_book(path).defined == {"rate": "s!$A$2"}
    sheet = sheets["s"]
    assert {place for place, cell in sheet.cells.items() if cell.value == 7.0} == {
        (row, column) for row in (1, 2) for column in (1, 2, 3)
    }
    assert (sheet.hidden, sheet.hidden_columns, sheet.hidden_rows) == (True, {3, 4, 5}, {1, 2})
    assert sheet.merged == [((7, 1), (9, 2))]


# --- what strangers send ---------------------------------------------------------------------------

ONE = '<table:table-cell {} office:value-type="float" office:value="1"/>'
WIDE, TALL = 'table:number-columns-repeated="{}"', 'table:number-rows-repeated="{}"'


def row(cells, count=1):
    return f"<table:table-row {TALL.format(count)}>{cells}</table:table-row>"


HOSTILE = {
    "cells in a row": row(ONE.format(WIDE.format(16_384))) * 30,
    "rows": row(ONE.format(""), 1_048_576),
    "both": row(ONE.format(WIDE.format(999_999_999)), 999_999_999),
    "text": row(
        f'<table:table-cell {WIDE.format(999)} office:value-type="string"><text:p>{"a" * 30_000}</text:p>'
        "</table:table-cell>",
        900_000,
    ),
    "hidden rows": row("", 1_000).replace("row ", 'row table:visibility="filter" ', 1) * 9_999,
    "merged areas": row('<table:table-cell table:number-columns-spanned="2"/>' * 12_000),
    "a long text": row(f"<table:table-cell><text:p>{'a' * 40_000}</text:p></table:table-cell>"),
    "deep": row("<text:span>" * 200 + "</text:span>" * 200),
    "a number": row(f"<table:table-cell {WIDE.format('-1e9')}/>"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_bomb_is_refused(kind, tmp_path):
    path = write_document(tmp_path / "a.ods", f'<table:table table:name="s">{HOSTILE[kind]}</table:table>')
    with pytest.raises(SheetError, match=r"a\.ods has more than|a\.ods is damaged"):
        open_book(path)


def test_rows_and_columns_that_are_empty_may_be_repeated_for_ever(tmp_path):
    empty = (
        '<table:table-row table:number-rows-repeated="1000000"><table:table-cell/></table:table-row>' * 100
    )
    path = write_document(tmp_path / "a.ods", f'<table:table table:name="s">{empty}</table:table>')
    assert read(path)["s"].cells == {}


def test_hidden_columns_end_where_the_sheet_does(tmp_path):
    unseen = f'<table:table-column table:visibility="collapse" {WIDE.format(999)}/>' * 9_999
    path = write_document(tmp_path / "a.ods", f'<table:table table:name="s">{unseen}</table:table>')
    assert len(read(path)["s"].hidden_columns) == 16_384


@pytest.mark.parametrize(
    ("body", "parts", "said"),
    [
        ("", {}, "has no sheet with cells"),
        (table("a", {(1, 1): 1.0}) * 2, {}, "two sheets of the name 'a'"),
        (
            "",
            {"META-INF__manifest.xml": '<manifest xmlns="m"><encryption-data/></manifest>'},
            "is protected by a password",
        ),
        ("<table:table>", {}, "is damaged"),
        ("<!DOCTYPE a>", {}, "is damaged"),
    ],
)
def test_what_cannot_be_read_is_said(body, parts, said, tmp_path):
    path = write_document(tmp_path / "a.ods", body, **parts)
    with pytest.raises(SheetError, match=said):
        open_book(path)


def test_live_formulas_are_compared_by_what_they_refer_to(tmp_path):
    """A sheet of another file's formulas: the name of a sheet in them is found."""
    path = write_ods(tmp_path / "a.ods", {"s": {(1, 1): 2.0, (1, 2): Live("=A1^2+SUM(A1:A2,1)", None)}})
    assert read(path)["s"].cells[1, 2].formula == "=A1^2+SUM(A1:A2;1)"
