"""HDF5 files with offsets that lie nowhere: damage, in words."""

import io
import zipfile

import h5py
import numpy as np
import pytest

from tellapart.classifier.hostile_model import checked_file
from tellapart.errors import ModelError


def model_file(path, weights):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "config.json", '{"class_name": "Sequential", "module": "keras", "config": {"layers": []}}'
        )
        archive.writestr("metadata.json", "{}")
        archive.writestr("model.weights.h5", weights)
    return path


@pytest.mark.parametrize("offset", [2**63, 2**64 - 2, 2**62])
def test_an_offset_that_lies_nowhere_is_damage(tmp_path, offset):
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        file["layers/dense/vars/0"] = np.ones((3, 4), "f4")
    content = memory.getvalue()
    refused = 0
    for place in range(8, 1000, 4):
        damaged = content[:place] + offset.to_bytes(8, "little") + content[place + 8 :]
        try:
            checked_file(model_file(tmp_path / "model.keras", damaged))
        except ModelError:
            refused += 1
    assert refused > 50
