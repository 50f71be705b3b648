"""The page's modules as one script, each a function that returns its exports.

The files in `web` are ordinary modules. A page of one file cannot import, and a browser does not import from
a file, so ``import {a} from "./b.js"`` becomes ``const {a} = $b``.
"""

from __future__ import annotations

import base64
import functools
import gzip
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..drawing.style import DECADES, PALETTE, variables
from ..language import REASONS

__all__ = ["ROOM", "WEB", "data_module", "filled", "packed", "rows_module", "script", "texts"]

WEB = Path(__file__).parent / "web"
_IMPORT = re.compile(r'^import (?:(\{[^}]*\}) from )?"\./(\w+)\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (\{[^}]*\});\n", re.MULTILINE)


def rows_module(rows: Sequence[str] | None) -> str:
    """The module `rows`: an array of rows as JavaScript has them (`row_script`), or ``null``."""
    called = "dot, floordiv, greater, maximum, minimum, mod, norm, power, step, sum, take"
    array = "null" if rows is None else f"[{', '.join(rows)}]"
    return f'import {{ {called} }} from "./arithmetic.js";\nconst ROWS = {array};\nexport {{ ROWS }};\n'


@functools.cache
def texts() -> dict[str, dict[str, str | dict[str, str]]]:
    """The page's texts by language and key: each language is one file of `web/texts`, English first.

    The errors of a program have their English texts in `language`.
    """
    files = sorted((WEB / "texts").glob("*.json"), key=lambda path: (path.stem != "en", path.stem))
    read = {path.stem: json.loads(_text(f"texts/{path.name}")) for path in files}
    read["en"].update({f"program.{key}": reason for key, reason in REASONS.items()})
    return read


ROOM = "888888888"
"""As wide as the widest number that the page writes in its place."""


def data_module(name: str, data: object) -> str:
    return f"const {name} = {json.dumps(data, ensure_ascii=False)};\nexport {{ {name} }};\n"


def _palette() -> dict[str, object]:
    """What the page knows of Graphviz's drawings: colours by name, captions of numbers, and their room."""
    colors = {color: f"var(--{name.replace(' ', '-')})" for name, color in PALETTE.items() if color[0] == "#"}
    captions = {"data": "data", "grad": "grad", "|grad|": "norm"}
    return {"colors": colors, "captions": captions, "room": ROOM, "decades": DECADES}


def script(entry: str, given: Mapping[str, str] | None = None) -> str:
    """A module with all its imports, as one script.

    Parameters
    ----------
    entry : the name of a file in `web`, without its suffix.
    given : modules that are no files, by name.

    Raises
    ------
    ValueError : if modules import each other in a circle.

    Examples
    --------
    >>> first = "const a = 1;\\nexport { a };\\n"
    >>> print(script("last", {"first": first, "last": 'import { a } from "./first.js";\\n'}))
    const $first = await (async () => {
    const a = 1;
    return { a };
    })();
    const $last = await (async () => {
    const { a } = $first;
    })();
    <BLANKLINE>
    """
    done: dict[str, str] = {}
    data = {"texts": data_module("TEXTS", texts()), "palette": data_module("PALETTE", _palette())}
    _add(entry, {**data, **(given or {})}, done, ())
    return "".join(done.values())


def _add(name: str, given: Mapping[str, str], done: dict[str, str], around: tuple[str, ...]) -> None:
    if name in around:
        raise ValueError(f"modules import each other: {' > '.join((*around, name))}")
    if name in done:
        return
    text = given[name] if name in given else _text(f"{name}.js")
    for _, other in _IMPORT.findall(text):
        _add(other, given, done, (*around, name))
    text = _IMPORT.sub(lambda match: f"const {match[1]} = ${match[2]};\n" if match[1] else "", text)
    text = _EXPORT.sub(lambda match: f"return {match[1]};\n", text)
    done[name] = f"const ${name} = await (async () => {{\n{text}}})();\n"


def filled(styles: Sequence[str], **parts: str) -> str:
    """The page as one file, with these style sheets of `web` and these parts; other parts are empty."""
    parts["style"] = variables() + "".join(_text(name) for name in styles)
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts.get(match[1], ""), _text("page.html"))


def packed(data: bytes) -> str:
    """Bytes as `web/unpacked.js` reads them."""
    return base64.b64encode(gzip.compress(data, mtime=0)).decode()


def _text(name: str) -> str:
    return (WEB / name).read_text(encoding="utf-8")
