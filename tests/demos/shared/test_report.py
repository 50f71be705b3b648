"""The report of a demo: how a table is printed, and the contents of a page."""

import contextlib
import io
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from demos.shared.report import Report
from tests.support.pages import Page

CELLS = st.text("ab1.−η", min_size=1, max_size=9)
TABLES = st.integers(2, 4).flatmap(lambda n: st.lists(st.tuples(*[CELLS] * n), min_size=2, max_size=6))
TITLES = st.lists(st.text("abc ,?`<", min_size=1), min_size=1, max_size=5)


def written(fill):
    """What a report printed, line by line, its page, and the path of that."""
    printed = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(printed):
        report = Report(Path(folder), "title", "the opening")
        fill(report)
        report.close()
        path = Path(folder, "index.html")
        return printed.getvalue().splitlines(), Page(path.read_text(encoding="utf-8")), path


@given(TABLES)
def test_a_table_is_printed_in_aligned_columns(table):
    lines, page, path = written(lambda report: report.table(table[0], table[1:], "caption"))
    assert lines[:3] == ["title", "", "caption:"]
    rows = lines[3 : 3 + len(table)]
    assert [row.split() for row in rows] == [list(row) for row in table]
    assert len(set(map(len, rows))) == 1
    assert all(cell in page.text for row in table for cell in row)
    assert lines[-1] == f"Open {path}"


@given(TITLES)
def test_every_section_is_numbered_and_listed_in_the_contents(titles):
    def fill(report):
        for title in titles:
            report.section(title, "a paragraph")

    _, page, _ = written(fill)
    anchors = [reference[1:] for reference in page.references if reference.startswith("#")]
    assert anchors == page.ids
    assert len(set(anchors)) == len(titles)
    assert [anchor.split("-")[0] for anchor in anchors] == [str(i + 1) for i in range(len(titles))]
