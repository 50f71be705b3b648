"""OpenDocument spreadsheets, written as LibreOffice does: of a run of equal cells one, that is repeated."""

from __future__ import annotations

import itertools
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from tests.support.sheets_made import Content, Grid, Live

SPACES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for name in ("office", "table", "text", "style")
)
REFERENCE = re.compile(r"\$?[A-Z]{1,3}\$?[0-9]+(?::\$?[A-Z]{1,3}\$?[0-9]+)?(?![\w(])")


def open_formula(text: str) -> str:
    """A formula of .xlsx in OpenFormula."""
    return "of:" + REFERENCE.sub(
        lambda match: "[" + ":".join(f".{cell}" for cell in match[0].split(":")) + "]", text
    ).replace(",", ";")


def cell(content: Content | None, count: int) -> str:
    repeated = f' table:number-columns-repeated="{count}"' if count > 1 else ""
    if content is None:
        return f"<table:table-cell{repeated}/>"
    formula = ""
    if isinstance(content, Live):
        formula = f" table:formula={quoteattr(open_formula(content.text))}"
        if content.value is None:
            return f"<table:table-cell{repeated}{formula}/>"
        content = content.value
    about = repeated + formula
    if isinstance(content, str):
        shown = "".join(f"<text:span>{escape(word)}</text:span>" for word in content)
        return (
            f'<table:table-cell{about} office:value-type="string"><text:p>{shown}</text:p></table:table-cell>'
        )
    return (
        f'<table:table-cell{about} office:value-type="float" office:value="{content!r}">'
        f"<text:p>{content:.2f}</text:p></table:table-cell>"
    )


def table(name: str, grid: Grid, columns: str = "", style: str = "") -> str:
    rows = []
    last = max((row for row, _ in grid), default=0)
    wide = max((column for _, column in grid), default=0)
    for row in range(1, last + 1):
        contents = [grid.get((row, column)) for column in range(1, wide + 1)]
        runs = [(key, len([*group])) for key, group in itertools.groupby(contents)]
        rows.append("<table:table-row>" + "".join(cell(key, count) for key, count in runs))
        rows.append(f'<table:table-cell table:number-columns-repeated="{16384 - wide}"/></table:table-row>\n')
    below = f'table:number-rows-repeated="{1048576 - last}"'
    rows.append(f"<table:table-row {below}><table:table-cell/></table:table-row>")
    named = f' table:style-name="{style}"' if style else ""
    return f"<table:table table:name={quoteattr(name)}{named}>\n  {columns}{''.join(rows)}</table:table>"


def write_document(path: Path, body: str, styles: str = "", **parts: str) -> Path:
    """A document with that body; other parts by name, with __ for a slash."""
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<office:document-content {SPACES}>'
        f"<office:automatic-styles>{styles}</office:automatic-styles>"
        f"<office:body><office:spreadsheet>\n{body}\n</office:spreadsheet></office:body></office:document-content>"
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet", zipfile.ZIP_STORED)
        archive.writestr("content.xml", content)
        for name, text in parts.items():
            archive.writestr(name.replace("__", "/"), text)
    return path


def write_ods(path: Path, sheets: Mapping[str, Grid]) -> Path:
    return write_document(path, "".join(table(name, grid) for name, grid in sheets.items()))
