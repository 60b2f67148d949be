"""Arrays survive the way into a page and back."""

import base64
import zlib

import numpy as np
import pytest

from tellapart.pages.packing import pack


def unpacked(packed):
    """As `packing.js` reads them: bytes together again."""
    dtype = np.dtype(packed["dtype"]).newbyteorder("<")
    apart = np.frombuffer(zlib.decompress(base64.b64decode(packed["deflated"])), np.uint8)
    return apart.reshape(dtype.itemsize, -1).T.copy().view(dtype).reshape(packed["shape"])


@pytest.mark.parametrize("dtype", ["float32", "uint8", "int32"])
@pytest.mark.parametrize("shape", [(7,), (3, 4, 5), (1, 1, 1), (0, 2)])
def test_every_number_comes_back(dtype, shape):
    array = (np.random.default_rng(0).normal(size=shape) * 100).astype(dtype)
    np.testing.assert_array_equal(unpacked(pack(array)), array)


def test_the_order_in_memory_does_not_matter():
    array = np.arange(12, dtype=np.float32).reshape(3, 4).T
    np.testing.assert_array_equal(unpacked(pack(array)), array)


def test_what_a_page_cannot_read_is_refused():
    with pytest.raises(TypeError, match="float64"):
        pack(np.zeros(3))
