"""`load_data` gives what `keras.datasets` gives; Keras's own loaders read the same bytes here."""

import dataclasses
import gzip
import pickle
from pathlib import Path

import keras
import numpy as np
import pytest

import tellapart
from tellapart.api.load_data import KERAS_LABELS
from tellapart.data.sources.catalog import KNOWN_SETS


def loaded(name):
    try:
        return tellapart.load_data(name)
    except tellapart.TellapartError as reason:
        pytest.skip(str(reason).partition("\n")[0])


def test_every_known_set_has_its_labels_form():
    assert set(KERAS_LABELS) == set(KNOWN_SETS)


def test_digits_come_like_mnist():
    (x_train, y_train), (x_test, y_test) = tellapart.load_data("digits")
    assert (x_train.shape, x_test.shape, y_train.shape, y_test.shape) == (
        (1438, 8, 8),
        (359, 8, 8),
        (1438,),
        (359,),
    )
    assert {x_train.dtype, x_test.dtype, y_train.dtype, y_test.dtype} == {np.dtype("uint8")}
    dataset = tellapart.open_dataset("digits")
    assert (y_test == dataset.part("test").labels).all()
    assert x_train.flags.writeable
    assert x_train.flags.c_contiguous


@pytest.fixture
def cifar100(tmp_path, monkeypatch):
    """A few made pictures as CIFAR-100's authors lay them out, for Keras and for us."""
    random, folder = np.random.default_rng(0), tmp_path / "cifar-100-python"
    folder.mkdir()
    for name, count in (("train", 300), ("test", 100)):
        pixels = random.integers(0, 256, (count, 3072), dtype=np.uint8)
        labels = (np.arange(count) * 7 % 100).tolist()
        batch = {b"data": pixels, b"fine_labels": labels, b"coarse_labels": labels}
        (folder / name).write_bytes(pickle.dumps(batch, protocol=2))
    (folder / "meta").write_bytes(b"")
    monkeypatch.setattr(
        "keras.src.datasets.cifar.RestrictedUnpickler", pickle.Unpickler
    )  # Python 3 wrote the file
    monkeypatch.setattr("keras.src.datasets.cifar100.get_file", lambda **_: str(tmp_path))
    monkeypatch.setenv("TELLAPART_DATA", str(tmp_path))
    small = dataclasses.replace(KNOWN_SETS["cifar100"], train_size=300, test_size=100)
    monkeypatch.setitem(KNOWN_SETS, "cifar100", small)


@pytest.mark.usefixtures("cifar100")
def test_cifar100_is_what_keras_reads():
    """From the same files: shapes, types, order and every byte."""
    ours, theirs = tellapart.load_data("cifar100"), keras.datasets.cifar100.load_data()
    for (x, y), (keras_x, keras_y) in zip(ours, theirs, strict=True):
        assert (x.shape, x.dtype, y.shape, y.dtype) == (
            keras_x.shape,
            keras_x.dtype,
            keras_y.shape,
            keras_y.dtype,
        )
        assert (x == keras_x).all()
        assert (y == keras_y).all()


def test_real_cifar10_is_what_its_files_hold():
    """In the shapes and types that Keras documents, and in the files' order."""
    (x_train, y_train), (x_test, y_test) = loaded("cifar10")
    assert (x_train.shape, x_test.shape) == ((50_000, 32, 32, 3), (10_000, 32, 32, 3))
    assert (y_train.shape, y_test.shape, y_train.dtype) == ((50_000, 1), (10_000, 1), np.uint8)
    where = Path(tellapart.open_dataset("cifar10").where)
    if where.name != "cifar-10-batches-bin":
        pytest.skip(f"read from {where.name}, which this test does not read itself")
    rows = np.fromfile(where / "data_batch_2.bin", np.uint8).reshape(10_000, 3073)
    assert (y_train[10_000:20_000, 0] == rows[:, 0]).all()
    assert (x_train[10_000:20_000] == rows[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)).all()


def test_real_mnist_is_what_its_files_hold():
    (x_train, y_train), (x_test, y_test) = loaded("mnist")
    assert (x_train.shape, x_test.shape) == ((60_000, 28, 28), (10_000, 28, 28))
    assert (y_train.shape, y_test.shape, x_train.dtype, y_train.dtype) == (
        (60_000,),
        (10_000,),
        np.uint8,
        np.uint8,
    )
    where = Path(tellapart.open_dataset("mnist").where)
    for name, offset, ours in (("labels-idx1", 8, y_test), ("images-idx3", 16, x_test)):
        (file,) = where.glob(f"t10k-{name}-ubyte*")
        content = file.read_bytes()
        content = gzip.decompress(content) if file.suffix == ".gz" else content
        assert (np.frombuffer(content, np.uint8, offset=offset) == ours.ravel()).all()


def test_a_folder_needs_a_size_where_its_pictures_differ(color_photos):
    with pytest.raises(tellapart.TellapartError, match=r"differ in size.*size=64"):
        tellapart.load_data(color_photos)
    for size in (24, (24, 24), [24, 24]):
        (x_train, y_train), (x_test, y_test) = tellapart.load_data(color_photos, size=size)
        assert (x_train.shape, x_test.shape) == ((36, 24, 24, 3), (15, 24, 24, 3))
    assert (np.bincount(y_train), y_train.dtype, y_test.shape) == (pytest.approx([12] * 3), np.int64, (15,))
    names = tellapart.open_dataset(color_photos).class_names
    assert x_train[y_train == names.index("red")].mean((0, 1, 2)).argmax() == 0


def test_data_without_a_test_split_gets_one(color_photos):
    (x_train, _), (x_test, y_test) = tellapart.load_data(color_photos / "train", size=16)
    assert (len(x_train), len(x_test)) == (29, 7)
    assert set(y_test.tolist()) == {0, 1, 2}
    again = tellapart.load_data(color_photos / "train", size=16)
    assert (again[1][0] == x_test).all()


@pytest.mark.parametrize("size", ["much", 3.5, (1, 2, 3), True, (0, 5), -1])
def test_a_size_out_of_range_is_refused(size, color_photos):
    with pytest.raises(tellapart.TellapartError, match="pixels"):
        tellapart.load_data(color_photos, size=size)
