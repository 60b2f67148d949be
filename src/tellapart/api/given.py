"""What somebody gives as pictures: paths, folders, arrays, images in memory, any of them in a list.

Everything else is refused before anything is computed: what was met, what is taken, and what to do.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tellapart.api.files_in import files_in
from tellapart.errors import DataError
from tellapart.paths import is_web_address, no_such_picture, with_home
from tellapart.text import described

ACCEPTED = (
    "the path of a file or a folder, a uint8 array (H, W), (H, W, 1) or (H, W, 3), a PIL image, the bytes of an "
    "image file"
)


class Given(NamedTuple):
    """Pictures, one by one."""

    pictures: list[Any]
    """Paths, uint8 arrays, PIL images and bytes."""

    is_one: bool
    """Whether a single picture was given, not a list or a folder."""


def given_pictures(pictures: Any) -> Given:
    """Return the pictures that somebody gave, one by one; a folder becomes every picture in it.

    Raises:
        DataError: something is no picture, is a web address, or is a folder without pictures.
    """
    if isinstance(pictures, np.ndarray) and (rows := _batch(pictures)) is not None:
        return Given(rows, False)
    if _is_several(pictures):
        return Given(
            [one for index, each in enumerate(pictures) for one in _one(each, f"Picture {index}: ")], False
        )
    is_folder = isinstance(pictures, str | os.PathLike) and with_home(pictures).is_dir()
    return Given(_one(pictures, ""), not is_folder)


def given_paths(pictures: Any) -> list[Path]:
    """Return the files and folders that somebody gave; nothing is looked up in folders.

    Raises:
        DataError: something is no path, or a web address.
    """
    paths = []
    for each in pictures if _is_several(pictures) else [pictures]:
        if not isinstance(each, str | os.PathLike) or not os.fspath(each):
            raise DataError(
                f"Predictions that are written with out are those of picture files and folders, given by their paths; "
                f"got {described(each)}. Leave out `out` to predict pictures in memory."
            )
        path = with_home(each)
        if is_web_address(path):
            raise DataError(no_such_picture(path))
        paths.append(path)
    return paths


def one_picture(picture: Any) -> Any:
    """Return the one picture that somebody gave.

    Raises:
        DataError: it is none, a folder, or several.
    """
    if _is_several(picture) or (isinstance(picture, np.ndarray) and _batch(picture) is not None):
        raise DataError(
            f"Give one picture at a time: {ACCEPTED.replace('a file or a folder', 'a file')}; got {described(picture)}."
        )
    if isinstance(picture, str | os.PathLike) and with_home(picture).is_dir():
        raise DataError(f"{os.fspath(picture)} is a folder. Give the path of one picture.")
    return _one(picture, "")[0]


def _is_several(given: Any) -> bool:
    is_single = isinstance(given, str | bytes | os.PathLike | Mapping | np.ndarray) or is_pil(given)
    return isinstance(given, Iterable) and not is_single and not hasattr(given, "__array__")


def _batch(array: np.ndarray) -> list[Any] | None:
    """Return the rows of an array of several pictures, (N, H, W, 1 or 3) or (N, H, W); None: it is one picture.

    Raises:
        DataError: it may be either.
    """
    if array.ndim == 3 and array.shape[0] == 3 and array.shape[2] not in (1, 3):
        raise DataError(
            f"An array {array.shape} is three gray pictures, or one in color whose channels come first. Give "
            "list(array) or array.transpose(1, 2, 0)."
        )
    if array.ndim == 4 or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        return [_checked(row, "") for row in array]
    return None


def is_pil(value: Any) -> bool:
    """Return whether this is a PIL image; PIL need not be imported to tell."""
    return any(kind.__module__ == "PIL.Image" and kind.__name__ == "Image" for kind in type(value).__mro__)


def _one(picture: Any, where: str) -> list[Any]:
    """Return one thing as pictures: itself, or the pictures of a folder.

    Args:
        picture: anything.
        where: begins an error.
    """
    if isinstance(picture, np.ndarray):
        return [_checked(picture, where)]
    if isinstance(picture, bytes) or is_pil(picture):
        return [picture]
    if not isinstance(picture, str | os.PathLike):
        raise DataError(
            f"{where}a picture is {ACCEPTED}; got {described(picture)}.{_advice(picture)}".lstrip()
        )
    if not os.fspath(picture):
        raise DataError(
            f"{where}A picture's path is empty. Give the path of a file or a folder; the current folder is a dot: ."
        )
    path = Path(picture)
    if is_web_address(path):
        raise DataError(
            f"{where}{no_such_picture(path)} In Python: urllib.request.urlretrieve(address, 'new.jpg')"
        )
    return list(files_in([path])[0])


def _advice(picture: Any) -> str:
    if hasattr(picture, "__array__"):
        return " Convert it: numpy.asarray(picture), of dtype uint8."
    return " To predict several, give a flat list." if isinstance(picture, list | tuple) else ""


def _checked(array: np.ndarray, where: str) -> np.ndarray:
    """Return an array as it is.

    Raises:
        DataError: it is no picture.
    """
    if array.dtype == np.uint8 and (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3))):
        return array
    advice = ""
    if array.dtype != np.uint8:
        scaled = array.dtype.kind == "f" and array.size and array.min() >= 0 and array.max() <= 1
        advice = f" Pixels are 0 to 255: {'(255 * array).round()' if scaled else 'array'}.astype('uint8')."
    elif array.ndim == 3 and array.shape[2] == 4:
        advice = " Leave out the fourth channel: array[..., :3]."
    elif array.ndim == 3 and array.shape[0] in (1, 3):
        advice = " Channels come last: array.transpose(1, 2, 0)."
    raise DataError(
        f"{where}A picture as an array is uint8 (H, W), (H, W, 1) or (H, W, 3), several are (N, H, W, 1 or 3); "
        f"got {array.dtype} {array.shape}.{advice}"
    )
