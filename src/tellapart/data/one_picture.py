"""One picture as people give it: a file, or an array."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.data.decode import decode
from tellapart.errors import DataError


def picture_of(picture: Any, index: int = 0) -> tuple[str, NDArray[np.uint8]]:
    """A file or an array as what it is called, and (height, width, 1 or 3) uint8.

    Args:
        picture: a path, or a uint8 array (H, W), (H, W, 1) or (H, W, 3).
        index: that an array is called by.

    Raises:
        PictureError: the file is not a picture.
        DataError: the array is none.
    """
    if not isinstance(picture, np.ndarray | str | Path):
        raise DataError(f"A picture is a file's path or a uint8 array; got {type(picture).__name__}.")
    if isinstance(picture, np.ndarray):
        return f"picture {index}", _as_picture(picture)
    return str(picture), decode(Path(picture))


def _as_picture(array: NDArray[Any]) -> NDArray[np.uint8]:
    picture = array[..., None] if array.ndim == 2 else array
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] not in (1, 3):
        raise DataError(
            f"A picture as an array is uint8 (height, width), or with 1 or 3 channels at the end; "
            f"got {array.dtype} {array.shape}."
        )
    return picture
