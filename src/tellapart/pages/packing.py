"""Packing: arrays as text, for a page: deflated bytes in base64, beside their shape.

All numbers' first bytes come before all second ones, and so on: signs and exponents are alike, so that floats
become a sixth smaller. The module `packing.js` reads them with the browser's own `DecompressionStream`.
"""

import base64
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

DTYPES = ("float32", "uint8", "int32")


def pack(array: NDArray[Any]) -> dict[str, Any]:
    """An array as plain values.

    Args:
        array: of one of DTYPES.
    """
    name = array.dtype.name
    if name not in DTYPES:
        raise TypeError(f"a page reads arrays of {', '.join(DTYPES)}; got {name}")
    whole = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False)
    bytes_apart = whole.reshape(-1).view(np.uint8).reshape(-1, whole.itemsize).T
    text = base64.b64encode(zlib.compress(bytes_apart.tobytes(), 6)).decode()
    return {"shape": list(array.shape), "dtype": name, "deflated": text}
