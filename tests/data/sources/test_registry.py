"""The kinds of source: the first entry of SOURCES that accepts a request is the one meant."""

import numpy as np
import pytest

from tellapart.data.sources.registry import SOURCES
from tellapart.data.sources.source import OpenRequest

GRAY = np.zeros((2, 28, 28), np.uint8)


def source_of(**request):
    request = OpenRequest(**request)
    return next((source.title for source in SOURCES if source.accepts(request)), None)


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


@pytest.fixture
def mnist_files(tmp_path):
    folder = tmp_path / "downloads" / "mnist"
    folder.mkdir(parents=True)
    (folder / "train-images-idx3-ubyte").write_bytes(idx(GRAY))
    return folder


def test_every_kind_is_recognized(picture_folder, mnist_files, tmp_path):
    root = picture_folder({"a": 1, "b": 1})
    np.savez(tmp_path / "small.npz", x=GRAY)
    assert source_of(data="CIFAR-10") == "the name of a known set"
    assert source_of(data=(GRAY, [0, 1])) == "arrays in memory"
    assert source_of(data=GRAY, labels=[0, 1]) == "arrays in memory"
    assert source_of(data=tmp_path / "small.npz") == "an .npz file"
    assert source_of(data=mnist_files) == "an official layout"
    assert source_of(data=tmp_path / "anything.parquet") is None
    assert source_of(data=mnist_files.parent) == "a folder that holds a known set"
    assert source_of(data=root) == source_of(data=str(root)) == "a folder of class folders"
    assert source_of(data=root, labels="labels.csv") == "a folder and a file of labels"


def test_a_path_at_which_nothing_lies_is_of_no_kind(tmp_path):
    assert source_of(data=tmp_path / "nothing") is None
    assert source_of(data=tmp_path / "nothing", labels="labels.csv") is None
    (tmp_path / "photo.png").touch()
    assert source_of(data=tmp_path / "photo.png") is None


def test_titles_are_their_own():
    assert len({source.title for source in SOURCES}) == len(SOURCES)
