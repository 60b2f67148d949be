"""Tensor files: safetensors with a digest over everything that they hold, so that rot is found before it is used.

Every tensor file that tellapart writes is written and read here.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.files import write_whole
from tellapart.untrusted.regular_file import open_regular

Tensors = Mapping[str, NDArray[Any]]

DIGEST = "sha256"
"""Its name in the metadata."""


class UnreadableTensorsError(ValueError):
    """A tensor file that is missing, damaged or not written by tellapart; the message says which, without the path."""


def write_tensors(path: Path, tensors: Tensors, metadata: Mapping[str, str]) -> None:
    """Write a tensor file, whole or not at all.

    Args:
        path: a `.safetensors` file.
        tensors: name -> array.
        metadata: name -> text; `DIGEST` is added.

    Raises:
        SaveError: it could not be written; an existing file stays.
    """
    from safetensors.numpy import save_file

    contiguous = {name: np.asarray(value, order="C") for name, value in tensors.items()}
    sealed = {**metadata, DIGEST: _digest(contiguous, metadata)}
    write_whole(path, lambda place: save_file(contiguous, place, sealed))


def read_tensors(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Read a tensor file; return its tensors and its metadata, without the digest.

    A file without a digest, as earlier versions wrote it, is read as it is.

    Raises:
        FileNotFoundError: there is none.
        UnreadableTensorsError: it cannot be read, or is not what was written.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with open_regular(path), safe_open(path, "numpy") as file:
            metadata = dict(file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except FileNotFoundError:
        raise
    except (OSError, SafetensorError, ValueError, TypeError, AttributeError, KeyError) as reason:
        raise UnreadableTensorsError(str(reason)) from reason
    digest = metadata.pop(DIGEST, None)
    if digest is not None and digest != _digest(tensors, metadata):
        raise UnreadableTensorsError(
            "its content differs from what was written: the disk or a copy damaged it"
        )
    return tensors, metadata


def _digest(tensors: Tensors, metadata: Mapping[str, str]) -> str:
    """Return a sha256 (hexadecimal) over names, types, shapes and bytes, and the metadata."""
    digest = hashlib.sha256(repr(sorted(metadata.items())).encode())
    for name in sorted(tensors):
        value = np.ascontiguousarray(tensors[name])
        digest.update(repr((name, value.dtype.str, value.shape)).encode())
        digest.update(value.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()
