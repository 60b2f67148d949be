"""Read the pickles of the CIFAR python batches without running anything in them.

A pickle is a program. Those of CIFAR build a dictionary of lists, byte strings and one NumPy array, so only
the names that NumPy's arrays are pickled with are accepted, and even these do not call NumPy: each builds an
inert record, from which an array is made after its shape, type and length are checked. Any other name is
refused before it is looked up.
"""

from __future__ import annotations

import io
import math
import pickle
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


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise _Refused(f"{module}.{name}") from None


def read_batch(encoded: bytes, where: str) -> dict[str, Any]:
    """Read the dictionary of a CIFAR python batch: text keys; arrays, lists, bytes and numbers as values.

    Raises:
        DataError: the pickle names anything but NumPy arrays (nothing in it is run), is damaged, or holds no
            dictionary.
    """
    try:
        batch = _Unpickler(io.BytesIO(encoded), encoding="bytes").load()
    except _Refused as name:
        raise DataError(
            f"{where}: a pickle that asks for {name}. A CIFAR batch holds lists, bytes and one NumPy array; "
            "this file was refused and nothing of it was run. Download it from the original host."
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
        if not isinstance(data, bytes) or math.prod(shape) * element.itemsize != len(data) or columns_first:
            raise DataError(f"{where}: an array {shape} whose bytes do not fit its shape.")
        return np.frombuffer(data, element).reshape(shape)
    except (TypeError, ValueError, AttributeError) as reason:
        if isinstance(reason, DataError):
            raise
        raise DataError(f"{where}: a damaged array ({reason}).") from reason
