"""Files appear whole or not at all: each is written under another name, then moved into place."""

from __future__ import annotations

import csv
import errno
import io
import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

__all__ = [
    "encoded",
    "output_path",
    "require_writable",
    "shortened",
    "write_bytes",
    "write_csv",
    "write_text",
]


def output_path(path: Any, suffixes: Sequence[str], example: str) -> Path:
    """A checked path to write to; `example` is a good one for the message.

    Raises
    ------
    TypeError : if it is not a path.
    ValueError : if its suffix is not one of `suffixes`, or it holds the NUL character.
    FileNotFoundError : if the folder does not exist.
    OSError : if something else than a file is there.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"save takes a path such as {example!r}, got {type(path).__name__}: {path!r:.60}")
    if Path(path).suffix.lower() not in suffixes:
        raise ValueError(f"the file's suffix must be one of {', '.join(suffixes)}, got {str(path)!r:.60}")
    _target(path, "save")
    return Path(path)


def require_writable(path: str | os.PathLike[str]) -> None:
    """Make sure, before hours of work, that a file can be written at `path`, by writing one beside it.

    Raises
    ------
    TypeError, ValueError, OSError : as for `write_bytes`.

    Examples
    --------
    >>> require_writable("nowhere/a.txt")
    Traceback (most recent call last):
        ...
    FileNotFoundError: [Errno 2] cannot save a.txt: there is no folder nowhere, make it first: 'nowhere/a.txt'
    """
    with _beside(_target(path, "require_writable")[0], 0o600):
        pass


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file whole or not at all.

    The new file is written beside its place, flushed to the disk and moved there at the end. Readers find the
    old file meanwhile, and after a kill or on a full disk. Leftovers of killed processes in the folder are
    removed. A symbolic link is followed, and a replaced file hands down its mode and owner.

    Raises
    ------
    TypeError : if `path` is not a path or `data` not bytes.
    ValueError : if `path` holds the NUL character.
    OSError : if the folder does not exist, or a folder, a device, a pipe, a socket or a write-protected file
        is there.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_bytes(Path(folder) / "three", bytes(3))
    ...     (Path(folder) / "three").read_bytes()
    b'\\x00\\x00\\x00'
    """
    if not isinstance(data, bytes):
        raise TypeError(f"write_bytes takes bytes to write, got {type(data).__name__}: {data!r:.60}")
    _write(*_target(path, "write_bytes"), data)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a file of text in UTF-8, as `write_bytes` does, and leave its line ends.

    Raises
    ------
    TypeError : if `path` is not a path or `text` not a string.
    ValueError : if the text holds half of a surrogate pair, and as for `write_bytes`.
    OSError : as for `write_bytes`.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_text(Path(folder) / "note.txt", "one line\\n")
    ...     (Path(folder) / "note.txt").read_text(encoding="utf-8")
    'one line\\n'
    """
    if not isinstance(text, str):
        raise TypeError(f"write_text takes a string to write, got {type(text).__name__}: {text!r:.60}")
    _write(*_target(path, "write_text"), encoded(text))


def write_csv(
    path: str | os.PathLike[str], names: Iterable[str], rows: Iterable[Iterable[float | str]]
) -> None:
    """Write a table with the names of its columns, as `write_text` does.

    Numbers keep all their digits. A text that a spreadsheet would take for a formula or a link (``=1+1``,
    ``@SUM(1)``, ``-x``, ``mailto:a``, also after a separator) gets an apostrophe in front. Line breaks and
    tabs become spaces.

    Parameters
    ----------
    path : the file.
    names : the names of the columns.
    rows : a number or a text for each column.

    Raises
    ------
    TypeError, ValueError, OSError : as for `write_text`.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_csv(Path(folder) / "t.csv", ["epoch", "=cmd()"], [[1, -0.5]])
    ...     print((Path(folder) / "t.csv").read_text(encoding="utf-8"))
    epoch,'=cmd()
    1,-0.5
    <BLANKLINE>
    """
    place = _target(path, "write_csv")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(_as_text, names))
    writer.writerows([_as_text(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    _write(*place, encoded(text.getvalue()))


def _as_text(text: str) -> str:
    return _RUNS.sub(r"\1'", _BREAKS.sub(" ", shortened(text, 1000)))


_BREAKS = re.compile("[\x00-\x1f\x7f\x85\u2028\u2029]")
_RUNS = re.compile(  # in some countries a semicolon separates
    r"((?:^|[,;|])\s*)(?=[=+@＝＋－＠-]|\{=|(?:https?|ftp|file|mailto|external|internal):)", re.IGNORECASE
)


def encoded(text: str) -> bytes:
    """The text in UTF-8; a ValueError says where half of a surrogate pair stands."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        around = text[max(0, error.start - 20) : error.end + 20]
        raise ValueError(
            f"this text cannot be written as UTF-8, for {text[error.start]!r} is half of a surrogate pair "
            f"and no character: {around!a}"
        ) from None


def shortened(text: str, most: int) -> str:
    """The text, or its first `most` characters and how many more there are.

    >>> shortened("abcdefgh", 3)
    'abc… (5 more characters)'
    """
    return text if len(text) <= most else f"{text[:most]}… ({len(text) - most:,} more characters)"


# --- the place of a file ---------------------------------------------------------------------------


def _target(path: Any, caller: str) -> tuple[Path, os.stat_result | None]:
    """The file behind a path and its symbolic links, and the status of an existing file."""
    if not isinstance(path, (str, os.PathLike)) or isinstance(os.fspath(path), bytes):
        raise TypeError(f"{caller} takes a path, got {type(path).__name__}: {path!r:.60}")
    text = os.fspath(path)
    if "\0" in text:
        raise ValueError(f"a path cannot hold the NUL character, got {text!r:.60}")
    try:
        old = os.stat(text)
    except FileNotFoundError:  # also where a link leads nowhere yet
        old = None
    if not os.path.basename(text) or (old is not None and stat.S_ISDIR(old.st_mode)):
        raise IsADirectoryError(errno.EISDIR, "a file is to be written, and this names a folder", text)
    if old is not None and not stat.S_ISREG(old.st_mode):
        raise OSError(errno.EINVAL, "a device, a pipe or a socket is not replaced by a file", text)
    if old is not None and not os.access(text, os.W_OK):
        raise PermissionError(errno.EACCES, "this file is not to be written", text)
    target = Path(os.path.realpath(text) if os.path.islink(text) else text)
    if not target.parent.is_dir():
        told = f"cannot save {target.name}: there is no folder {target.parent}, make it first"
        raise FileNotFoundError(errno.ENOENT, told, text)
    return target, old


# --- beside it -------------------------------------------------------------------------------------


def _write(target: Path, old: os.stat_result | None, data: bytes) -> None:
    with _beside(target, 0o666 if old is None else stat.S_IMODE(old.st_mode)) as temporary:
        with temporary.open("r+b") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if old is not None:
            with suppress(OSError, AttributeError):  # only root gives files away; Windows has no owners
                os.chown(temporary, old.st_uid, old.st_gid)
            temporary.chmod(stat.S_IMODE(old.st_mode))  # what the umask, or the new owner, has cleared
        os.replace(temporary, target)
    with suppress(OSError), _opened(target.parent) as folder:  # unreadable folders, some disks, Windows
        os.fsync(folder)


# The writer holds a lock on the temporary file. The system releases it when the process is killed, so a file
# without a lock is left over. Process ids would not tell, for they are used again.

_TEMPORARY = re.compile(r"\.[0-9a-f]{32}\.part")


@contextmanager
def _beside(target: Path, mode: int) -> Iterator[Path]:
    """A new empty file in the folder of `target`, locked, and removed unless it was moved into place."""
    _clear(target.parent)
    while True:
        temporary = target.with_name(f".{os.urandom(16).hex()}.part")
        flags = os.O_CREAT | os.O_EXCL | os.O_RDWR
        try:
            descriptor, locked = os.open(temporary, flags, mode | stat.S_IWUSR | stat.S_IRUSR), True
        except OSError as error:  # it names the temporary file
            why = f"the folder {target.parent} takes no new file ({error.strerror})"
            raise OSError(error.errno, f"cannot save {target.name}: {why}", str(target)) from None
        try:
            locked = _locked(descriptor, wait=True)
            if not locked:  # as on Windows, which does not move an open file
                os.close(descriptor)
            if temporary.exists():  # nobody cleared it away before it was locked
                yield temporary
                return
        finally:
            if locked:
                os.close(descriptor)
            temporary.unlink(missing_ok=True)


def _clear(folder: Path) -> None:
    """Remove the leftovers of killed processes."""
    with suppress(OSError):  # a folder that may not be read
        for name in filter(_TEMPORARY.fullmatch, os.listdir(folder)):
            left = folder / name
            if stat.S_ISREG(os.lstat(left).st_mode):
                with _opened(left) as descriptor:
                    if _locked(descriptor, wait=False):
                        left.unlink()


def _locked(descriptor: int, wait: bool) -> bool:
    """Whether an open file could be locked: not on Windows, nor on some network disks."""
    try:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except (ImportError, OSError):
        return False
    return True


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
