"""NumPy archives: plain arrays are read, pickled objects and damage are refused."""

import numpy as np
import pytest

from tellapart.data.sources.npz import read_npz
from tellapart.errors import DataError

GRAY = np.random.default_rng(0).integers(0, 256, (12, 5, 4), np.uint8)


def test_an_npz_with_pickled_objects_is_refused(tmp_path):
    path = tmp_path / "objects.npz"
    np.savez(path, x=np.array([{}, []], dtype=object))
    with pytest.raises(DataError, match=r"objects\.npz: not readable.*pickled objects"):
        read_npz(path)


@pytest.mark.parametrize("keep", [0, 10, 200])
def test_a_truncated_npz_is_named(tmp_path, keep):
    path = tmp_path / "cut.npz"
    np.savez_compressed(path, x=GRAY, y=np.arange(12))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"cut\.npz: "):
        read_npz(path)
