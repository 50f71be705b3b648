"""The playground: type a program, and step through its graph, change its numbers and train it.

    python -m demos playground

You will get one page that works offline and on any web server. Its menu has examples: a neuron, the
assignment network, exclusive or, softmax with cross-entropy, an attention head, and why the order is
topological.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from autograd import playground, require_writable
from autograd.terminal import OptionsError, refused

from .shared.options import Options, name

PROGRAM = "python -m demos playground"
LARGEST = 3_000_000  # bytes


def main(argv: Sequence[str]) -> int:
    """Write the page; returns the exit status."""
    options = Options(
        PROGRAM, "Write the playground: one page on which programs are typed and stepped through."
    )
    options.value("--out", name("folder"), default="out/playground", help="where to write", metavar="FOLDER")
    folder = Path()
    try:
        folder = Path(options.read(argv)["out"])
        folder.mkdir(parents=True, exist_ok=True)
        require_writable(folder / "index.html")
        page = playground(folder / "index.html")
    except OptionsError as error:
        return refused(PROGRAM, error)
    except OSError as error:
        return refused(PROGRAM, f"cannot write into {folder}: {error.strerror or error}")
    check(page.html)
    print(f"Open {folder / 'index.html'}: type a program, or choose an example.")
    return 0


def check(html: str) -> None:
    """The page is small enough to send, and loads nothing."""
    assert len(html.encode()) < LARGEST
    own = re.sub(r'<script type="text/plain".*?</script>', "", html, flags=re.DOTALL)
    assert not re.search(
        r"""(src|href)=["']?(https?:|//)|@import|url\(\s*["']?http|fetch\(|XMLHttpRequest""", own
    )
