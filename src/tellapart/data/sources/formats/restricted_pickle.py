"""Read the pickles of the CIFAR python batches without running anything in them.

A pickle is a program. Those of CIFAR build a dictionary of lists, byte strings and one NumPy array, so only
the names that NumPy's arrays are pickled with are accepted, and even these do not call NumPy: each builds an
inert record, from which an array is made after its shape, type and length are checked. Any other name is
refused before it is looked up.
"""

from __future__ import annotations

import math
import pickletools
from collections.abc import Callable
from typing import Any

import numpy as np

from tellapart.errors import DataError

_PLAIN_TYPES = {"u1": np.uint8, "i4": np.int32, "i8": np.int64}


class _TypeRecord:
    """Stands for a numpy.dtype."""

    def __init__(self, code: Any = b"", *_: Any) -> None:
        self.code = code.decode("ascii", "replace") if isinstance(code, bytes) else str(code)
        self.order = "<"

    def __setstate__(self, state: Any) -> None:
        order = state[1]
        self.order = order.decode("ascii", "replace") if isinstance(order, bytes) else str(order)


class _ArrayRecord:
    """Stands for a numpy.ndarray."""

    def __init__(self, *_: Any) -> None:
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


def _reconstruct(*_: Any) -> _ArrayRecord:
    return _ArrayRecord()


def _from_buffer(data: Any, type_record: Any, shape: Any, order: Any) -> _ArrayRecord:
    if not isinstance(data, bytes | bytearray):
        raise DataError("an array of something else than bytes")
    record = _ArrayRecord()
    record.state = (1, shape, type_record, order == "F", bytes(data))
    return record


def _encode_latin1(text: str, encoding: str = "latin1") -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise DataError(f"the text encoding {encoding!r}")
    return text.encode("latin1")


_ALLOWED: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "ndarray"): _ArrayRecord,
    ("numpy", "dtype"): _TypeRecord,
    ("_codecs", "encode"): _encode_latin1,
}
for _core in ("numpy.core", "numpy._core"):
    _ALLOWED[f"{_core}.multiarray", "_reconstruct"] = _reconstruct
    _ALLOWED[f"{_core}.numeric", "_frombuffer"] = _from_buffer


class _Refused(Exception):  # noqa: N818 - it says what happened to the name
    pass


_VALUES = frozenset(
    {
        "BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "LONG4", "BINFLOAT", "FLOAT",
        "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8",
        "SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8",
    }
)  # fmt: skip
"""Operations that push their argument."""

_STRINGS = frozenset(("STRING", "BINSTRING", "SHORT_BINSTRING"))
"""Operations that push a string of Python 2, which is bytes."""

_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class _Machine:
    """The part of pickle's machine that batches need, without its traps: the real one allocates whatever length or
    index a file claims, calculates hashes of whatever stands as a key, and calls what the file names."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def run(self, program: bytes) -> Any:
        """Return what a pickle builds.

        Raises:
            _Refused: it names something else than arrays.
        """
        argument: Any
        for operation, argument, _ in pickletools.genops(program):
            name = operation.name
            if name in _VALUES:
                self.stack.append(argument)
            elif name in _STRINGS:
                self.stack.append(argument.encode("latin1"))
            elif name in _CONSTANTS:
                self.stack.append(_CONSTANTS[name])
            elif name in _TUPLES:
                self.stack.append(tuple(self._pop(_TUPLES[name])))
            elif name not in ("PROTO", "FRAME", "STOP"):
                handle = getattr(self, f"do_{name.lower()}", None)
                if handle is None:
                    raise _Refused(f"{name} {argument or ''}".strip())
                handle(argument)
        (value,) = self.stack
        return value

    def _pop(self, count: int) -> list[Any]:
        if count > len(self.stack):
            raise ValueError("an empty stack")
        values = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        return values

    def _pop_to_mark(self) -> list[Any]:
        return self._pop(len(self.stack) - self.marks.pop())

    def do_mark(self, _: Any) -> None:
        self.marks.append(len(self.stack))

    def do_tuple(self, _: Any) -> None:
        self.stack.append(tuple(self._pop_to_mark()))

    def do_empty_list(self, _: Any) -> None:
        self.stack.append([])

    def do_list(self, _: Any) -> None:
        self.stack.append(self._pop_to_mark())

    def do_append(self, _: Any) -> None:
        values = self._pop(1)
        self._top(list).extend(values)

    def do_appends(self, _: Any) -> None:
        values = self._pop_to_mark()
        self._top(list).extend(values)

    def do_empty_dict(self, _: Any) -> None:
        self.stack.append({})

    def do_dict(self, _: Any) -> None:
        values = self._pop_to_mark()
        self.stack.append({})
        self._set(values)

    def do_setitem(self, _: Any) -> None:
        self._set(self._pop(2))

    def do_setitems(self, _: Any) -> None:
        self._set(self._pop_to_mark())

    def _set(self, values: list[Any]) -> None:
        if not all(isinstance(key, str | bytes) for key in values[::2]):
            raise ValueError("a key that is no text")
        self._top(dict).update(zip(values[::2], values[1::2], strict=True))

    def _top(self, kind: type) -> Any:
        if not self.stack or type(self.stack[-1]) is not kind:
            raise ValueError(f"no {kind.__name__} where one is needed")
        return self.stack[-1]

    def do_memoize(self, _: Any) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def do_put(self, place: int) -> None:
        self.memo[place] = self.stack[-1]

    def do_get(self, place: int) -> None:
        self.stack.append(self.memo[place])

    do_binput = do_long_binput = do_put
    do_binget = do_long_binget = do_get

    def do_global(self, name: str) -> None:
        module, _, attribute = name.partition(" ")
        if (module, attribute) not in _ALLOWED:
            raise _Refused(f"{module}.{attribute}")
        self.stack.append(_ALLOWED[module, attribute])

    def do_stack_global(self, _: Any) -> None:
        module, attribute = self._pop(2)
        self.do_global(f"{module} {attribute}")

    def do_reduce(self, _: Any) -> None:
        function, arguments = self._pop(2)
        if function not in _ALLOWED.values() or type(arguments) is not tuple:
            raise ValueError("a call of something else than a name")
        self.stack.append(function(*arguments))

    def do_build(self, _: Any) -> None:
        (state,) = self._pop(1)
        if type(self.stack[-1]) not in (_TypeRecord, _ArrayRecord):
            raise ValueError("a state of something else than an array")
        self.stack[-1].__setstate__(state)


def read_batch(encoded: bytes, where: str) -> dict[str, Any]:
    """Read the dictionary of a CIFAR python batch: text keys; arrays, lists, bytes and numbers as values.

    Raises:
        DataError: the pickle names anything but NumPy arrays (nothing in it is run), is damaged, or holds no
            dictionary.
    """
    try:
        batch = _Machine().run(encoded)
    except _Refused as name:
        raise DataError(
            f"{where}: refused, because this pickle uses {name}. A CIFAR batch needs only lists, bytes and one NumPy "
            "array. Nothing in it was run. Download it from the original host."
        ) from None
    except Exception as reason:  # A damaged pickle raises nearly anything.
        raise DataError(
            f"{where}: a truncated or damaged pickle ({reason}). Delete it and download it again."
        ) from reason
    if not isinstance(batch, dict):
        raise DataError(f"{where}: holds a {type(batch).__name__}; a CIFAR batch is a dictionary.")
    return {_text(key): _value(value, where) for key, value in batch.items()}


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _value(value: Any, where: str) -> Any:
    return _array(value, where) if isinstance(value, _ArrayRecord) else value


def _array(record: _ArrayRecord, where: str) -> np.ndarray:
    try:
        _, shape, kind, columns_first, data = record.state
        code = kind.code.lstrip("|<=")
        if code not in _PLAIN_TYPES or kind.order == ">":
            raise DataError(f"{where}: an array of type {kind.code}; {', '.join(_PLAIN_TYPES)} are accepted.")
        element = np.dtype(_PLAIN_TYPES[code])
        shape = tuple(int(side) for side in shape)
        if len(shape) > 4:
            raise DataError(f"{where}: an array of {len(shape)} dimensions.")
        if not isinstance(data, bytes) or math.prod(shape) * element.itemsize != len(data) or columns_first:
            raise DataError(f"{where}: an array {shape} whose bytes do not fit its shape.")
        return np.frombuffer(data, element).reshape(shape)
    except DataError:
        raise
    except Exception as reason:  # whatever the pickle put in the place of a shape
        raise DataError(f"{where}: a damaged array ({reason}).") from reason
