"""What a class hands in, made up: sheets with slips, in folders and archives as platforms name them."""

from __future__ import annotations

import functools
import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from autograd.spreadsheet.classes import check_class
from tests.support.sheets_made import RIGHT, Layout, Training, write_csv

SLIPS = {
    "right": {},
    "usual": {name: RIGHT[name].replace("a_h2*(1-a_h2)", "a_h1*(1-a_h1)") for name in ("∂E/∂w3", "∂E/∂w4")},
    "half": {"E1": "(t1-a_o1)^2"},
    "own": {"∂E/∂w7": RIGHT["∂E/∂w7"] + "+0.001"},
}
check_alone = functools.partial(check_class, workers=1)  # a second one takes longer to start
USUAL = "a_h1 (1 − a_h1) stands where a_h2 (1 − a_h2) belongs"


def sheet(
    folder: Path, slip: str = "right", count: int = 3, columns: Sequence[str] = (), **numbers: float
) -> bytes:
    """A sheet of the assignment in .csv."""
    training = Training(count=count).with_given(**numbers).with_slip(SLIPS[slip])
    layout = Layout(columns=tuple(columns)) if columns else Layout()
    return write_csv(folder / "made.csv", layout.grid(training)).read_bytes()


def put(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Files in a folder, by their paths in it."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def archive(files: Mapping[str, bytes], encoding: str = "utf-8") -> bytes:
    """Files in an archive; their names in UTF-8 said so, or else in another encoding."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in files.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            if encoding != "utf-8":
                info = _Bare(name, name.encode(encoding))
            packed.writestr(info, data)
    return stream.getvalue()


class _Bare(zipfile.ZipInfo):
    """A name in bytes that says nothing of its encoding, as old programs write it, and macOS in UTF-8."""

    def __init__(self, name: str, data: bytes) -> None:
        super().__init__(name)
        self._data = data
        self.compress_type = zipfile.ZIP_DEFLATED

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:
        return self._data, self.flag_bits & ~0x800
