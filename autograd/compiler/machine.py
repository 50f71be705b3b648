"""From LLVM's language to functions of this machine, each text once in the process.

A cache keeps the functions that were asked for last, by a key of all that the code depends on. One that has
left it goes on for whoever still calls it, and its memory is given back with the last of them.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import mmap
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from ..errors import GraphError
from ..locks import BUILDING

__all__ = ["LONGEST", "function", "key", "require_room", "triple"]

KEPT = 64  # functions, of some 40 kB each
LONGEST = 16_000_000  # letters of a text: half a minute of LLVM
_BYTES = 64 << 20, 40  # that LLVM takes once, and for each letter of a text
_REMEDY = "use backend='numpy', or record less in one graph"

_known: OrderedDict[str, Any] = OrderedDict()


def function(name: str, text: str, result: Any, arguments: Sequence[Any]) -> Any:
    """The function of that name in a text, to be called with arguments of these ctypes.

    Raises
    ------
    GraphError : if the text is longer than `LONGEST`, or LLVM's memory for it is not to be had.
    """
    with BUILDING:
        code = key(text)
        found = _known.get(code)
        if found is None:
            require_room(len(text))
            found = _known[code] = _loaded(name, _translated(text), ctypes.CFUNCTYPE(result, *arguments))
            while len(_known) > KEPT:
                _known.popitem(last=False)
        _known.move_to_end(code)
        return found


def key(text: str) -> str:
    """What tells native code from all other: the text, the machine, and who translates it how.

    It is the same in another process, so that it may name a file.
    """
    import llvmlite.binding as llvm

    machine = _target()
    parts = [llvm.llvm_version_info, machine.triple, llvm.get_host_cpu_name(), _features(), _OPTIONS, text]
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()


def triple() -> str:
    """What machine it is, as LLVM names it."""
    return str(_target().triple)


def require_room(letters: int) -> None:
    """Refuse a text that LLVM would run out of memory with: it does not raise then, it ends the process."""
    if letters > LONGEST:
        raise GraphError(
            f"this graph is too large for native code: some {letters:,} letters of LLVM's language, "
            f"and the limit is {LONGEST:,}; {_REMEDY}"
        )
    once, each = _BYTES
    needed = once + each * letters
    try:
        mmap.mmap(-1, needed).close()  # whether so much may be had, under a limit of this process too
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
    """The text as an object file, by no more than LLVM's code generation.

    Its passes over the text make the code no faster, and take as long as all else. They would also leave
    some 100 kB behind each time: llvmlite 0.50 never frees what watches them.
    """
    import llvmlite.binding as llvm

    module = llvm.parse_assembly(text)
    module.verify()
    code: bytes = _target().emit_object(module)
    return code


def _loaded(name: str, code: bytes, signature: Any) -> Any:
    """The function of an object file. An engine that translates itself would keep a megabyte for it."""
    import llvmlite.binding as llvm

    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _new_target())  # which it will own
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    made = signature(engine.get_function_address(name))
    made.engine = engine  # the code lives as long as it
    return made
