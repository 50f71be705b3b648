"""Native functions from LLVM IR, each translated once; see `kernels`.

The functions used last are kept by a key of everything that their code depends on. A function that was
dropped still runs for its callers; its memory is freed with the last of them.
"""

from __future__ import annotations

import functools
import hashlib
import json
import mmap
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..engine.graph import collector_paused
from ..errors import GraphError
from ..locks import BUILDING
from . import kernels, tuning

__all__ = ["LONGEST", "function", "is_compiled", "key", "require_room", "triple"]

KEPT = 64  # functions, of some 40 kB each
LONGEST = 16_000_000  # letters of a text: half a minute of LLVM
_BYTES = 64 << 20, 40  # of memory that LLVM takes once, and for each letter of a text
_REMEDY = "use backend='numpy', or record less in one graph"

_known: OrderedDict[str, Any] = OrderedDict()


def function(
    specification: str, signature: Any, build: Callable[[], tuple[str, str, list[int]]]
) -> tuple[Any, list[int]]:
    """A native function, found by its specification: in this process, on disk, or built now.

    Parameters
    ----------
    specification : a text of all that the function depends on, besides the machine and this package.
    signature : its type, of `ctypes.CFUNCTYPE`.
    build : gives its name, its code in LLVM's language, and facts that are kept with it.

    Returns
    -------
    The function and the facts.

    Raises
    ------
    GraphError : if the code is longer than `LONGEST`, or LLVM's memory for it is not to be had.
    """
    with BUILDING:
        code = key(specification)
        found = _known.get(code)
        if found is None:
            kept = kernels.load(code)
            if kept is None:
                with collector_paused():  # which would visit some 100,000 parts of the text again and again
                    name, text, facts = build()
                require_room(len(text))
                kept = json.dumps([name, facts]).encode() + b"\n" + _translated(text)
                kernels.store(code, kept)
            head, _, native = kept.partition(b"\n")
            name, facts = json.loads(head)
            found = _known[code] = _loaded(name, native, signature), facts
            while len(_known) > KEPT:
                _known.popitem(last=False)
        _known.move_to_end(code)
        return found


def is_compiled(specification: str) -> bool:
    """Whether a native function is known in this process, or kept on disk."""
    code = key(specification)
    return code in _known or kernels.has(code)


def key(specification: str) -> str:
    """A digest of specification, machine, LLVM and this package, the same in every process."""
    import llvmlite.binding as llvm

    machine = _target()
    parts = [llvm.llvm_version_info, machine.triple, llvm.get_host_cpu_name(), _features(), _OPTIONS]
    parts += [tuning.key(), _own_sources(), specification]
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()


@functools.cache
def _own_sources() -> str:
    """A digest of the compiler's source."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def triple() -> str:
    """The name of this machine in LLVM."""
    return str(_target().triple)


def require_room(letters: int) -> None:
    """Refuse a text for which LLVM would run out of memory: it would end the process."""
    if letters > LONGEST:
        raise GraphError(
            f"this graph is too large for native code: some {letters:,} letters of LLVM's language, "
            f"and the limit is {LONGEST:,}; {_REMEDY}"
        )
    once, each = _BYTES
    needed = once + each * letters
    try:
        mmap.mmap(-1, needed).close()  # it fails if the system or a limit of this process has less
    except (OSError, MemoryError):
        raise GraphError(
            f"native code for this graph takes LLVM some {needed >> 20} MB, and they are not to be had here: "
            f"{_REMEDY}"
        ) from None


_OPTIONS = {"opt": 2}


@functools.cache
def _features() -> str:
    import llvmlite.binding as llvm

    return str(llvm.get_host_cpu_features().flatten())


def _new_target() -> Any:
    """Code generation for this processor, with its widest vectors."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=_features(), **_OPTIONS
    )


_target = functools.cache(_new_target)


def _translated(text: str) -> bytes:
    """The text as an object file, without LLVM's optimizing passes: they double the time and gain nothing.

    They would leak some 100 kB each time, too: llvmlite 0.50 never frees their instrumentation.
    """
    import llvmlite.binding as llvm

    module = llvm.parse_assembly(text)
    module.verify()
    code: bytes = _target().emit_object(module)
    return code


def _loaded(name: str, code: bytes, signature: Any) -> Any:
    """The function of an object file. An engine that translated it would keep a megabyte."""
    import llvmlite.binding as llvm

    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _new_target())  # which it will own
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    made = signature(engine.get_function_address(name))
    made.engine = engine  # the code lives as long as it
    return made
