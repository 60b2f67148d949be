"""Packing: arrays as text for a page: deflated bytes in base64, with their shape.

The first bytes of all numbers come before all second bytes, and so on. Signs and exponents are similar, so floats
become a sixth smaller. The module `packing.js` reads them with the browser's own `DecompressionStream`.
"""

import base64
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

DTYPES = ("float32", "uint8", "int32")


def pack(array: NDArray[Any]) -> dict[str, Any]:
    """Return an array as plain values.

    Args:
        array: its dtype is one of DTYPES.

    Raises:
        TypeError: the dtype is another one.
    """
    name = array.dtype.name
    if name not in DTYPES:
        raise TypeError(f"A page reads arrays of {', '.join(DTYPES)}; got {name}.")
    whole = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False)
    bytes_apart = whole.reshape(-1).view(np.uint8).reshape(-1, whole.itemsize).T
    text = base64.b64encode(zlib.compress(bytes_apart.tobytes(), 6)).decode()
    return {"shape": list(array.shape), "dtype": name, "deflated": text}
