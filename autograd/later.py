"""Names of a package that load on first use, so that importing the package is quick (PEP 562)."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

__all__ = ["on_first_use"]


def on_first_use(
    package: str, places: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The `__getattr__` and `__dir__` of a package that imports some of its modules on first use.

    No module may share a name with something in it: once imported, the package's attribute of that name is
    the module.

    Parameters
    ----------
    package : the package's name.
    places : the public names of each module below it. The modules are attributes, too.

    Examples
    --------
    >>> find, names = on_first_use("autograd", {"files": ["write_text"]})
    >>> find("write_text").__module__
    'autograd.files'
    >>> find("written")
    Traceback (most recent call last):
        ...
    AttributeError: module 'autograd' has no attribute 'written'
    """
    homes = {name: module for module, names in places.items() for name in names}

    def __getattr__(name: str) -> Any:
        if name in places:
            return importlib.import_module(f"{package}.{name}")
        if name not in homes:
            error = f"module {package!r} has no attribute {name!r}"
            raise AttributeError(error, name=name, obj=sys.modules[package])
        found = getattr(importlib.import_module(f"{package}.{homes[name]}"), name)
        setattr(sys.modules[package], name, found)
        return found

    def __dir__() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes, *places})

    return __getattr__, __dir__
