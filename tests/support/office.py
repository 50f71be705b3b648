"""LibreOffice as the judge of a workbook: it computes every cell from scratch, whatever was saved."""

import shutil
import subprocess

import openpyxl

OFFICE = shutil.which("soffice") or shutil.which("libreoffice")


def computed(folder, *paths):
    """The files opened and saved again by one run of LibreOffice, in the order given."""
    command = [
        OFFICE,
        f"-env:UserInstallation=file://{folder / 'profile'}",
        "--headless",
        "--convert-to",
        "xlsx",
    ]
    subprocess.run(
        [*command, "--outdir", str(folder / "out"), *map(str, paths)],
        check=True,
        capture_output=True,
        timeout=300,
    )
    return [folder / "out" / path.name for path in paths]


def without_numbers(path, folder, keep=None, **changes):
    """A copy of a workbook with no computed numbers in it, and with other numbers at its top.

    Parameters
    ----------
    keep : the only sheet to keep, or None for all.
    changes : of the sheet ``training``, the numbers in the cells below these names.
    """
    book = openpyxl.load_workbook(path)  # openpyxl drops all computed numbers
    for name in book.sheetnames:
        if keep is not None and name != keep:
            del book[name]
    page = book["training"]
    places = {cell.value: cell.column for cell in page[4] if cell.value}
    for name, number in changes.items():
        if name in places:
            page.cell(5, places[name]).value = number
    changed = folder / f"changed_{path.name}"
    book.save(changed)
    return changed
