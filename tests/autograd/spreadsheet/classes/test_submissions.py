"""What is in a folder or an archive, whose it is by the names of platforms, and that no archive does harm."""

import os
import stat
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd.spreadsheet import SheetError, cells
from autograd.spreadsheet.classes.submissions import _parts_of, handed_in, is_class
from tests.support.classes_made import archive, put


def found(path):
    return {each.path: (each.student, each.number) for each in handed_in(path)}


CLASSES = {
    "moodle, folders": {
        "Lovelace Ada_123456_assignsubmission_file_/x.xlsx": ("Lovelace Ada", "123456"),
        "Turing Alan_123457_assignsubmission_file_/part/y.csv": ("Turing Alan", "123457"),
        "Turing Alan_123457_assignsubmission_file_/z.csv": ("Turing Alan", "123457"),
    },
    "moodle, flat": {
        "Lovelace Ada_123456_assignsubmission_file_my_backprop.xlsx": ("Lovelace Ada", "123456"),
        "Turing Alan_12_assignsubmission_file_b.ods": ("Turing Alan", "12"),
    },
    "canvas": {
        "lovelaceada_123_456_backprop.xlsx": ("lovelaceada", "123"),
        "turingalan_LATE_124_457_my sheet_final.xlsx": ("turingalan", "124"),
        "hopper_77_sheet.csv": ("hopper", "77"),
    },
    "canvas, archives of students": {
        "lovelaceada_123_456_work.zip/x.xlsx": ("lovelaceada", "123"),
        "turingalan_LATE_124_457_all.zip/final/sheet_1.csv": ("turingalan", "124"),
        "hopper_77_78_sheet.csv": ("hopper", "77"),
    },
    "blackboard, archives of students": {
        "Backprop_alovelace_attempt_2026-11-03-10-00-59_work.zip/x.xlsx": ("alovelace", ""),
        "Backprop_aturing_attempt_2026-11-03-11-00-59_b_c.xlsx": ("aturing", ""),
    },
    "blackboard": {
        "Backprop_alovelace_attempt_2026-11-03-10-00-59_sheet.xlsx": ("alovelace", ""),
        "Backprop_aturing_attempt_2026-11-03-11-00-59_b_c.xlsx": ("aturing", ""),
    },
    "brightspace": {
        "12345-678901 - Ada Lovelace - Nov 3, 2026 1105 AM/x.xlsx": ("Ada Lovelace", ""),
        "12346-678902 - Alan Turing - Nov 3, 2026 1106 AM/x.xlsx": ("Alan Turing", ""),
    },
    "sakai": {
        "Lovelace, Ada(al1)/Submission attachment(s)/x.xlsx": ("Lovelace, Ada", "al1"),
        "Turing, Alan(at2)/Submission attachment(s)/x.xlsx": ("Turing, Alan", "at2"),
    },
    "folders": {"Ada/x.xlsx": ("Ada", ""), "Ada/old/x.xlsx": ("Ada", ""), "Alan/x.csv": ("Alan", "")},
    "files": {"ada.xlsx": ("ada", ""), "alan turing.csv": ("alan turing", "")},
    "a week is no student": {
        "week_12_ada.xlsx": ("week_12_ada", ""),
        "week_12_alan.xlsx": ("week_12_alan", ""),
    },
}


@pytest.mark.parametrize("inside", ["", "Class of 2026/", "a/b/"])
@pytest.mark.parametrize("kind", CLASSES)
def test_whose_a_file_is(kind, inside, tmp_path):
    """The same in a folder, in an archive, in archives within it, and where all is in a folder of its own."""
    expected = CLASSES[kind]
    files = {inside + name: b"" for name in expected}
    folder = put(tmp_path / "folder", files)
    assert found(folder) == expected
    packed = tmp_path / "class.zip"
    packed.write_bytes(archive(files))
    assert found(packed) == expected
    packed.write_bytes(archive({"class.zip": archive(files), "__MACOSX/._class.zip": b"\0"}))
    nested = {name.partition("class.zip/")[2] or name: whose for name, whose in found(packed).items()}
    assert {name.removeprefix(inside): whose for name, whose in nested.items()} == expected


def test_what_programs_leave_is_not_handed_in(tmp_path):
    left = [
        "__MACOSX/Ada/._x.xlsx", "Ada/.DS_Store", "Ada/~$x.xlsx", "Ada/.~lock.x.xlsx#", "Thumbs.db",
        ".git/x.csv",
    ]  # fmt: skip
    put(tmp_path / "folder", {"Ada/x.xlsx": b"", "Alan/x.xlsx": b"", **dict.fromkeys(left, b"")})
    assert list(found(tmp_path / "folder")) == ["Ada/x.xlsx", "Alan/x.xlsx"]
    (tmp_path / "class.zip").write_bytes(
        archive({"Ada/x.xlsx": b"", "Alan/x.xlsx": b"", **dict.fromkeys(left, b"")})
    )
    assert list(found(tmp_path / "class.zip")) == ["Ada/x.xlsx", "Alan/x.xlsx"]


def test_who_has_handed_in_no_sheet_is_told_once(tmp_path):
    put(tmp_path / "c", {"Ada/a.pdf": b"", "Ada/b.docx": b"", "Alan/x.csv": b"", "Alan/x.pdf": b""})
    reasons = {each.student: each.reason for each in handed_in(tmp_path / "c")}
    assert reasons == {"Ada": "there is no sheet, only a.pdf, b.docx", "Alan": ""}


def test_links_are_not_followed(tmp_path):
    secret = tmp_path / "secret.csv"
    secret.write_bytes(b"1")
    folder = put(tmp_path / "c", {"Ada/x.csv": b""})
    (folder / "Alan").symlink_to(tmp_path)
    (folder / "Ada" / "y.csv").symlink_to(secret)
    info = zipfile.ZipInfo("Eve/x.csv")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(folder / "Eve.zip", "w") as packed:
        packed.writestr(info, "/etc/passwd")
    reasons = {each.path: each.reason for each in handed_in(folder)}
    assert [path for path, reason in reasons.items() if "is a link" in reason] == [
        "Ada/y.csv", "Alan", "Eve.zip/Eve/x.csv",
    ]  # fmt: skip


# --- archives --------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf8", "cp437"])
def test_names_in_any_encoding(encoding, tmp_path):
    """The second is UTF-8 that the archive does not say, as macOS writes it."""
    packed = archive({"Müller Jürgen/x.csv": b"", "Ada/x.csv": b""}, encoding)
    path = tmp_path / "class.zip"
    path.write_bytes(packed)
    assert [each.student for each in handed_in(path)] == ["Ada", "Müller Jürgen"]


@given(st.text(max_size=40))
def test_no_name_leads_anywhere(name):
    """Whatever is in it: parts without separators, which are no way up, and act on no terminal."""
    info = zipfile.ZipInfo("x")
    info.filename = name
    for part in _parts_of(info):
        assert part not in ("", ".", "..")
        assert part.isprintable()
        assert "/" not in part


@pytest.mark.parametrize(
    "name", ["../../etc/x.csv", "/etc/x.csv", "..\\..\\x.csv", "C:\\x.csv", "a/../../x.csv"]
)
def test_a_way_out_of_the_folder_leads_nowhere(name, tmp_path):
    path = tmp_path / "in" / "class.zip"
    path.parent.mkdir()
    path.write_bytes(archive({name: b"1", "b/x.csv": b"2"}))
    assert sorted(each.read() for each in handed_in(path)) == [b"1", b"2"]
    assert [*tmp_path.rglob("*")] == [path.parent, path]


def test_an_archive_in_an_archive_in_an_archive(tmp_path):
    data = archive({"x.csv": b"1"})
    for _ in range(3):
        data = archive({"Ada.zip": data, "Alan/x.csv": b"2"})
    (tmp_path / "c.zip").write_bytes(data)
    assert {each.read() for each in handed_in(tmp_path / "c.zip") if not each.reason} == {b"1", b"2"}
    (tmp_path / "c.zip").write_bytes(archive({"Ada.zip": archive({"b.zip": data}), "Alan/x.csv": b"2"}))
    assert any("archives deep" in each.reason for each in handed_in(tmp_path / "c.zip"))


def test_a_sheet_of_zeros_that_is_packed_small_is_read_up_to_its_limit(monkeypatch, tmp_path):
    monkeypatch.setitem(cells.LIMITS, "bytes", 1_000_000)
    (tmp_path / "c.zip").write_bytes(archive({"Ada/x.csv": bytes(50_000_000), "Alan/x.csv": b"1"}))
    sizes = [len(each.read()) for each in handed_in(tmp_path / "c.zip")]
    assert sizes[1] == 1
    assert 1_000_000 < sizes[0] <= 3_000_000


@pytest.mark.parametrize(
    ("what", "most", "files"),
    [
        ("bytes when unpacked", 1_000_000, {"Ada/x.csv": bytes(900_000), "Alan/x.csv": bytes(900_000)}),
        ("files", 3, {f"{k}/x.csv": b"" for k in range(4)}),
        ("sheets", 3, {f"{k}/x.csv": b"" for k in range(4)}),
        ("bytes of an archive", 100, {"Ada/x.csv": b"", "Alan/x.csv": b""}),
    ],
)
def test_limits_of_a_class_hold(what, most, files, monkeypatch, tmp_path):
    monkeypatch.setitem(cells.OF_A_CLASS, what, most)
    (tmp_path / "c.zip").write_bytes(archive(files))
    with pytest.raises(
        SheetError, match=f"c.zip has more than .* {what}.*give a part of the class at a time"
    ):
        handed_in(tmp_path / "c.zip")


def test_a_damaged_archive_of_one_stops_nobody(tmp_path):
    good = archive({"x.csv": b"1" * 1000})
    cut = bytearray(good)
    cut[40:60] = bytes(20)
    put(tmp_path / "c", {"Ada.zip": bytes(cut), "Alan.zip": good[:50], "Eve.zip": good})
    reasons = {each.student: each.reason for each in handed_in(tmp_path / "c")}
    assert "damaged" in reasons["Ada"]
    assert "damaged" in reasons["Alan"]
    assert reasons["Eve"] == ""


def test_a_workbook_whose_name_ends_in_zip_is_one(tmp_path):
    workbook = archive({"[Content_Types].xml": b"", "xl/workbook.xml": b""})
    put(tmp_path / "c", {"Ada.zip": workbook, "Alan/x.csv": b""})
    assert [(each.student, each.read()) for each in handed_in(tmp_path / "c")] == [
        ("Ada", workbook),
        ("Alan", b""),
    ]


def test_folders_without_end_are_refused(tmp_path):
    put(tmp_path / "c", {"/".join("a" * 25) + "/x.csv": b"", "b/x.csv": b""})
    with pytest.raises(SheetError, match="more than 20 folders within each other"):
        handed_in(tmp_path / "c")


def test_what_is_a_class(tmp_path):
    put(
        tmp_path / "c",
        {
            "x.csv": b"1,2",
            "a.xlsx": archive({"xl/x": b""}),
            "b.zip": b"PK damaged",
            "c.zip": archive({"x": b""}),
        },
    )
    (tmp_path / "c" / "wb.zip").write_bytes(archive({"[Content_Types].xml": b""}))
    assert is_class(tmp_path / "c")
    assert {path.name for path in (tmp_path / "c").iterdir() if is_class(path)} == {"b.zip", "c.zip"}
    assert not is_class(tmp_path / "nothing")


def test_what_cannot_be_read_is_said(tmp_path):
    with pytest.raises(SheetError, match="there is no file or folder"):
        handed_in(tmp_path / "nothing.zip")
    (tmp_path / "b.zip").write_bytes(b"PK damaged")
    with pytest.raises(SheetError, match=r"b\.zip: the archive is damaged"):
        handed_in(tmp_path / "b.zip")
    os.mkfifo(tmp_path / "pipe.csv")
    (submission,) = (each for each in handed_in(tmp_path) if each.path == "pipe.csv")
    with pytest.raises(SheetError, match="is a pipe or a device"):
        submission.read()
