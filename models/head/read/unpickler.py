# SPDX-License-Identifier: GPL-3.0-or-later
"""The arrays in a pickle, without running it.

A pickle is a program: Python's own reader imports and calls whatever it names. This one is a small machine of its own that
imports and calls nothing. It knows the few opcodes with which Python 2 and 3 write plain data, and six kinds of thing
that head files are made of (`KINDS`); everything else is refused by name. What it makes are strings, numbers, lists,
dicts and NumPy arrays whose bytes stand in the file; so memory is bounded by the file's size.

Files of the Python-2 era hold their arrays' bytes as Latin-1 text, arrays wrapped in chumpy's `Ch`, and SciPy matrices.
Neither chumpy nor SciPy is needed.
"""

from __future__ import annotations

import math
import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .pickled import Damaged, Refused, dense, is_shape, ordered, type_code

MAX_OPCODES = 200_000  # a head has a few hundred

#: What may be named, and what it stands for.
KINDS = {
    "numpy.core.multiarray _reconstruct": "empty array", "numpy._core.multiarray _reconstruct": "empty array",
    "numpy.core.multiarray scalar": "scalar", "numpy._core.multiarray scalar": "scalar",
    "numpy.core.numeric _frombuffer": "buffer", "numpy._core.numeric _frombuffer": "buffer",
    "numpy ndarray": "class", "numpy dtype": "dtype",
    "_codecs encode": "bytes",
    "copy_reg _reconstructor": "instance", "copyreg _reconstructor": "instance",
    "__builtin__ object": "class", "builtins object": "class", "__builtin__ set": "set", "builtins set": "set",
    "chumpy.ch Ch": "Ch", "chumpy Ch": "Ch",
} | {f"scipy.sparse.{module} {name}_{kind}": name
     for name in ("csc", "csr") for module in (name, f"_{name}") for kind in ("matrix", "array")}  # fmt: skip
OBJECTS = ("Ch", "csc", "csr")

_LITERALS = frozenset((
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING",
    "SHORT_BINSTRING", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "SHORT_BINBYTES", "BINBYTES",
    "BINBYTES8", "BYTEARRAY8",
))  # fmt: skip
_MAKERS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple, "EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": list,
}  # fmt: skip


@dataclass(frozen=True)
class _Name:
    """Something named by the file; only ever compared."""

    kind: str


class _Mark:
    """Where a list or tuple on the stack begins."""


@dataclass
class _Thing:
    """An object under construction: array, dtype, `Ch` or sparse matrix."""

    kind: str
    value: Any = None


def unpickle(data: bytes) -> Any:
    """What a pickle holds.

    Args:
        data: the file's bytes, protocol 0 to 5.

    Returns:
        Usually a dict of text to arrays, numbers or text.

    Raises:
        Refused: it names something that is not in `KINDS`, or uses a way around names.
        Damaged: it is cut short or contradicts itself.
    """
    machine = _Machine(len(data))
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(data)):
            if count > MAX_OPCODES:
                raise Refused("it holds far more objects than a head")
            machine.step(opcode.name, argument)
        return finished(machine.stack.pop())
    except (IndexError, KeyError, AttributeError, TypeError) as error:
        raise Damaged("it contradicts itself") from error
    except (Refused, Damaged):
        raise
    except ValueError as error:  # of pickletools: cut short, unknown opcode, bad text
        raise Damaged("it is cut short or no pickle") from error


def finished(value: Any) -> Any:
    """Plain values of a finished pickle: arrays for wrapped arrays, one level of dict deep."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return _plain(value)


def _plain(value: Any) -> Any:
    """The array, matrix or dict behind a value. Goes one level deep: an object may hold itself."""
    if isinstance(value, dict):
        return {key: _array_of(item) for key, item in value.items()}
    if not isinstance(value, _Thing) or value.kind in ("array", "dtype"):
        return _array_of(value)
    inner = {key: _array_of(item) for key, item in value.value.items()}
    if value.kind in ("csc", "csr"):
        return dense(value.kind, inner)
    if not isinstance(inner["x"], np.ndarray):
        raise Damaged("a chumpy object without its array")
    return inner["x"]


def _array_of(value: Any) -> Any:
    return value.value if isinstance(value, _Thing) and value.kind == "array" else value


class _Machine:
    """The stack, the memo, and one step for each opcode."""

    def __init__(self, size: int) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.left = size  # letters that may still become bytes: no file's are used twice over

    def step(self, name: str, argument: Any) -> None:
        if name in _LITERALS:
            self.stack.append(argument)
        elif name in _MAKERS:
            self.stack.append(_MAKERS[name]())
        elif name in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
            self.memo[len(self.memo) if argument is None else argument] = self.stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            self.stack.append(self.memo[argument])
        elif name not in ("PROTO", "FRAME", "STOP"):
            act = getattr(self, f"_{name.lower()}", None)
            if act is None:
                raise Refused(f"it uses the opcode {name}")
            act(*(() if argument is None else (argument,)))

    # containers

    def _mark(self) -> None:
        self.stack.append(_Mark)

    def _since_mark(self) -> list[Any]:
        items: list[Any] = []
        while (item := self.stack.pop()) is not _Mark:
            items.append(item)
        return items[::-1]

    def _tuple(self) -> None:
        self.stack.append(tuple(self._since_mark()))

    def _take(self, count: int) -> None:
        items = tuple(self.stack[-count:])
        del self.stack[-count:]
        self.stack.append(items)

    def _tuple1(self) -> None:
        self._take(1)

    def _tuple2(self) -> None:
        self._take(2)

    def _tuple3(self) -> None:
        self._take(3)

    def _list(self) -> None:
        self.stack.append(self._since_mark())

    _frozenset = _list

    def _append(self) -> None:
        item = self.stack.pop()
        list.append(self.stack[-1], item)

    def _appends(self) -> None:
        items = self._since_mark()
        list.extend(self.stack[-1], items)

    _additems = _appends

    def _dict(self) -> None:
        items = self._since_mark()
        self.stack.append({})
        self._fill(items)

    def _setitem(self) -> None:
        self._fill([self.stack.pop(-2), self.stack.pop()])

    def _setitems(self) -> None:
        items = self._since_mark()
        self._fill(items)

    def _fill(self, items: list[Any]) -> None:
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, str | int):  # others may take for ever to hash
                raise Refused("a dict has keys that are neither text nor numbers")
            dict.__setitem__(self.stack[-1], key, value)

    # objects

    def _global(self, name: str) -> None:
        if name not in KINDS:
            raise Refused(f"it wants {name.replace(' ', '.')[:80]!a}")
        self.stack.append(_Name(KINDS[name]))

    def _stack_global(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise Refused("it wants something that has no name")
        self._global(f"{module} {name}")

    def _newobj(self) -> None:
        arguments, called = self.stack.pop(), self.stack.pop()
        if not isinstance(called, _Name) or called.kind not in OBJECTS or arguments != ():
            raise Refused("it makes an object in an unusual way")
        self.stack.append(_Thing(called.kind))

    def _reduce(self) -> None:
        arguments, called = self.stack.pop(), self.stack.pop()
        if not isinstance(called, _Name) or not isinstance(arguments, tuple):
            raise Refused("it calls something that is no name")
        self.stack.append(self._call(called.kind, arguments))

    def _call(self, kind: str, arguments: tuple[Any, ...]) -> Any:
        if kind == "empty array":
            return _Thing("array")
        if kind == "dtype":
            return _Thing("dtype", type_code(arguments[0]))
        if kind == "bytes":
            if arguments[1] != "latin1":
                raise Refused("it encodes text in an unusual way")
            return self._bytes(arguments[0])
        if kind == "scalar":
            return self._array((), arguments[0], arguments[1], "C")[()]
        if kind == "buffer":
            data, dtype, shape, order = arguments
            return _Thing("array", self._array(shape, dtype, data, order))
        if kind == "set" and isinstance(arguments[0], list):
            return arguments[0]
        if kind == "instance" and isinstance(arguments[0], _Name) and arguments[0].kind in OBJECTS:
            return _Thing(arguments[0].kind)
        raise Refused(f"it calls '{kind}' in an unusual way")

    def _build(self) -> None:
        state, thing = self.stack.pop(), self.stack[-1]
        if not isinstance(thing, _Thing):
            raise Refused("it sets the state of something that is no object of a head")
        if thing.kind == "dtype":
            thing.value = ordered(thing.value, state)
        elif thing.kind == "array":
            _, shape, dtype, fortran, data = state
            thing.value = self._array(shape, dtype, data, "F" if fortran else "C")
        elif isinstance(state, dict):
            thing.value = state
        else:
            raise Damaged("an object without its attributes")

    def _bytes(self, data: Any) -> bytes | bytearray:
        """Bytes as they are, or the bytes behind Latin-1 text, no more of these than the file has."""
        if isinstance(data, bytes | bytearray):
            return data
        if not isinstance(data, str):
            raise Damaged("an array without its bytes")
        self.left -= len(data)
        if self.left < 0:
            raise Refused("it uses the same bytes again and again")
        return data.encode("latin1")

    def _array(self, shape: Any, dtype: Any, data: Any, order: str) -> Any:
        """An array of a state's parts, or the one object that an array of objects holds."""
        if not isinstance(dtype, _Thing) or dtype.kind != "dtype" or order not in ("C", "F"):
            raise Damaged("an array without a type")
        if dtype.value == "O":
            if shape not in ((), (1,)) or len(data) != 1:
                raise Refused("it holds an array of objects")
            return _plain(data[0])
        kind, raw = np.dtype(dtype.value), self._bytes(data)
        if not is_shape(shape) or math.prod(shape) * kind.itemsize != len(raw):
            raise Damaged(f"an array's shape does not fit its {len(raw)} bytes")
        return np.frombuffer(raw, kind).reshape(shape, order="F" if order == "F" else "C")
