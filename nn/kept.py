"""What code keeps between calls, such as counters, caches and random generators: watched and put back.

A model or a loss may compute something else at its thousandth call without reading a number of an example:
it counts, or draws. Whatever it counts with is in its attributes, its closure or the globals that it names.
"""

from __future__ import annotations

import functools
import itertools
import pickle
import random
import site
import sys
import sysconfig
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import CellType, CodeType, FunctionType, MemberDescriptorType, MethodType, SimpleNamespace
from typing import Any

import numpy as np

from autograd import Value

__all__ = ["Kept", "is_users"]


class Kept:
    """A snapshot of all that these objects can reach and change, except `Value`s and libraries.

    Parameters
    ----------
    roots : functions, modules and other callables, by their names in errors.
    """

    def __init__(self, **roots: Any) -> None:
        # For each object: the names of its parts and its own, its parts, their getter and their setter.
        self._kept: list[
            tuple[list[str], list[Any], Callable[[], list[Any]], Callable[[list[Any]], Any]]
        ] = []
        self._keep_state("the generator random", random.getstate, random.setstate)
        self._keep_state("the generator np.random", np.random.get_state, np.random.set_state)
        seen: set[int] = set()
        pending = list(roots.items())
        while pending:
            name, each = pending.pop()
            if id(each) not in seen and not _computed(each):
                seen.add(id(each))
                pending += self._look(name, each)

    def changed(self) -> str:
        """The name of something that has changed, or ``""``. Newly computed `Value`s are no change.

        An iterator has always changed.
        """
        for names, before, get, _ in self._kept:
            now = get()
            for i in _differing(before, now):
                if not (i < len(now) and _computed(now[i])):
                    return names[i] if i < len(names) and len(before) == len(now) else names[-1]
        return ""

    def put_back(self) -> None:
        for _, before, get, put in self._kept:
            if any(True for _ in _differing(before, get())):
                put(before)

    def _keep(
        self,
        name: str,
        get: Callable[[], list[Any]],
        put: Callable[[list[Any]], Any],
        names: Sequence[str] = (),
    ) -> None:
        self._kept.append(([*names, name], get(), get, put))

    def _keep_attribute(
        self, name: str, owner: Any, attribute: str, get: Callable[[], Any] | None = None
    ) -> Any:
        """Keep and return the content of an attribute, or what `get` gives in its place."""
        look = get or functools.partial(getattr, owner, attribute, None)
        self._keep(name, lambda: [look()], lambda parts: setattr(owner, attribute, parts[0]))
        return look()

    def _keep_state(self, name: str, get: Callable[[], Any], put: Callable[[Any], Any]) -> None:
        self._keep(name, lambda: [pickle.dumps(get())], lambda parts: put(pickle.loads(parts[0])))

    def _look(self, name: str, each: Any) -> Iterator[tuple[str, Any]]:
        """Keep the parts of an object that can change; yield the objects that it refers to, by name."""
        if (isinstance(each, np.ndarray) and each.size > _LONG) or (
            isinstance(each, (list, tuple, dict, set, frozenset, deque)) and len(each) > _LONG
        ):
            return  # it is data
        if isinstance(each, np.random.Generator):
            bits = each.bit_generator
            self._keep_state(name, lambda: bits.state, lambda state: setattr(bits, "state", state))
        elif isinstance(each, np.random.RandomState):
            self._keep_state(name, each.get_state, each.set_state)
        elif isinstance(each, random.Random):
            self._keep_state(name, each.getstate, each.setstate)
        elif isinstance(each, np.ndarray) and each.dtype != object:
            self._keep_state(name, each.copy, lambda array: each.__setitem__(..., array))
        elif isinstance(each, dict):
            yield from self._entries(name, each, "{}[{!r}]")
        elif isinstance(each, (list, deque, set)):
            self._keep(name, lambda: list(each), functools.partial(_refill, each))
            yield from _items(name, each)
        elif isinstance(each, (tuple, frozenset)):
            yield from _items(name, each)
        elif isinstance(each, functools.partial):
            yield from ((name, part) for part in (each.func, each.args, each.keywords))
        elif isinstance(each, MethodType):
            yield from ((name, part) for part in (each.__self__, each.__func__))
        elif isinstance(each, CellType):
            yield name, self._keep_attribute(name, each, "cell_contents")
        elif isinstance(each, FunctionType) and is_users(each):
            yield from self._function(each)
        elif isinstance(each, type) and is_users(each):
            named = vars(each)
            for attribute, item in list(named.items()):
                if not attribute.startswith("__") or isinstance(item, FunctionType):
                    part, get = f"{each.__name__}.{attribute}", functools.partial(named.get, attribute)
                    self._keep_attribute(part, each, attribute, get)  # not bound
                    yield part, getattr(item, "__func__", getattr(item, "fget", item))
        elif isinstance(each, Iterator):  # its position cannot be read, nor put back
            self._keep(name, lambda: [object()], lambda parts: None)
        elif isinstance(each, SimpleNamespace) or is_users(type(each)):
            yield from self._entries(name, getattr(each, "__dict__", {}), "{}.{}")
            for kind in type(each).__mro__:
                yield name, kind
                for slot, descriptor in vars(kind).items():
                    if isinstance(descriptor, MemberDescriptorType) and is_users(kind):
                        part = f"{name}.{slot}"
                        yield part, self._keep_attribute(part, each, slot)
        elif type(each).__module__.partition(".")[0] == "nn":
            yield from ((f"{name}.{attribute}", item) for attribute, item in vars(each).items())

    def _entries(self, name: str, entries: dict[Any, Any], form: str) -> Iterator[tuple[str, Any]]:
        names = [form.format(name, key) for key in entries]
        self._keep(
            name, lambda: [*entries, *entries.values()], functools.partial(_refill, entries), names * 2
        )
        yield from zip(names, entries.values())

    def _function(self, function: FunctionType) -> Iterator[tuple[str, Any]]:
        """The closure, defaults and attributes of a function, and the globals named in it."""
        yield from zip(function.__code__.co_freevars, function.__closure__ or ())
        yield from ((function.__name__, part) for part in (function.__defaults__, function.__kwdefaults__))
        yield from self._entries(function.__name__, vars(function), "{}.{}")
        codes, named, known = [function.__code__], dict[str, None](), function.__globals__
        while codes:
            code = codes.pop()
            named.update(dict.fromkeys(code.co_names))
            codes += [each for each in code.co_consts if isinstance(each, CodeType)]
        names = [name for name in named if name in known]
        self._keep(
            f"a global of {function.__name__}",
            lambda: [known.get(name) for name in names],
            lambda parts: known.update(zip(names, parts)),
            names,
        )
        yield from ((name, known[name]) for name in names)


_LIBRARIES = (*site.getsitepackages(), sysconfig.get_path("stdlib"))


def is_users(code: Any) -> bool:
    """Whether a function or a class is the user's own, not a library's."""
    module = code.__module__ or ""
    place = str(getattr(sys.modules.get(module), "__file__", ""))
    return module.partition(".")[0] not in ("autograd", "nn", "builtins") and not place.startswith(_LIBRARIES)


def _items(name: str, items: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """The items of a container without numbers and text, which refer to nothing."""
    return ((f"{name}[{i}]", each) for i, each in enumerate(items) if type(each) not in (float, int, str))


def _refill(container: Any, parts: list[Any]) -> None:
    container.clear()
    if isinstance(container, dict):
        half = len(parts) // 2
        dict.update(container, zip(parts[:half], parts[half:]))  # a Counter's own would count
    else:
        getattr(container, "update" if isinstance(container, set) else "extend")(parts)


def _computed(each: Any) -> bool:
    """Whether it is a `Value`, or a list of nothing else."""
    if isinstance(each, (list, tuple)):
        return bool(each) and all(isinstance(item, Value) for item in each)
    return isinstance(each, Value)


def _differing(before: list[Any], now: list[Any]) -> Iterator[int]:
    """The places where they differ."""
    pairs = itertools.zip_longest(before, now, fillvalue=_NOTHING)
    return (i for i, (a, b) in enumerate(pairs) if a is not b and not _equal(a, b))


def _equal(a: Any, b: Any) -> bool:
    """Whether two objects are equal, such as those that two calls make of the same numbers."""
    if type(a) is not type(b) or not isinstance(a, _COMPARED):
        return False
    try:
        return bool(np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b or a != a)
    except ValueError:  # arrays inside
        return False


_LONG = 10_000  # a container with this many items holds data, and is not searched
_NOTHING = object()
_COMPARED = (bool, int, float, complex, str, bytes, tuple, list, dict, set, np.generic, np.ndarray)
