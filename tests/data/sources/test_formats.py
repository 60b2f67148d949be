import contextlib
import gzip
import io
import pickle
import sys
import tarfile

import numpy as np
import pytest
from PIL import Image

from tellapart.data.sources import formats
from tellapart.data.sources.formats.restricted_pickle import read_batch
from tellapart.errors import DataError, MissingExtraError

RNG = np.random.default_rng(0)
PICTURES = RNG.integers(0, 256, (12, 32, 32, 3), np.uint8)
LABELS = np.arange(12) % 10
ROWS = PICTURES.transpose(0, 3, 1, 2).reshape(12, 3072)

BINARY = [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"]
PYTHON = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]


def binary_batch(rows=slice(None)):
    return np.hstack([LABELS[rows, None].astype(np.uint8), ROWS[rows]]).tobytes()


def python_batch(rows=slice(None), **changes):
    batch = {"batch_label": "one", "data": ROWS[rows], "labels": LABELS[rows].tolist(), **changes}
    return pickle.dumps({key.encode(): value for key, value in batch.items()}, protocol=2)


def as_folder(root, contents):
    root.mkdir(exist_ok=True)
    for name, content in contents.items():
        (root / name).write_bytes(content)
    return root


def as_archive(path, folder, contents):
    with tarfile.open(path, "w:gz") as tar:
        for name, content in contents.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def assert_is_the_set(raw, train=12 * 5, test=12):
    assert len(raw.splits["train"].labels) == train
    assert len(raw.splits["test"].labels) == test
    np.testing.assert_array_equal(raw.splits["test"].images.gathered(), PICTURES)
    np.testing.assert_array_equal(raw.splits["test"].labels, LABELS)
    np.testing.assert_array_equal(raw.splits["train"].images.read(13), PICTURES[1])


# CIFAR


@pytest.mark.parametrize(
    ("names", "content", "read", "archive"),
    [
        (BINARY, binary_batch(), formats.read_cifar10_binary, "cifar-10-binary.tar.gz"),
        (PYTHON, python_batch(), formats.read_cifar10_python, "cifar-10-python.tar.gz"),
    ],
    ids=["binary", "python"],
)
def test_cifar10_reads_the_same_from_a_folder_and_an_archive(tmp_path, names, content, read, archive):
    contents = dict.fromkeys(names, content)
    folder = as_folder(tmp_path / "folder", contents)
    packed = as_archive(tmp_path / archive, "inside", contents)
    for place in (folder, packed):
        assert_is_the_set(read(place))
        assert formats.find_layout(place).read is read


def test_cifar100_takes_the_fine_label(tmp_path):
    records = np.hstack([np.full((12, 1), 7, np.uint8), LABELS[:, None].astype(np.uint8) + 90, ROWS])
    folder = as_folder(
        tmp_path / "binary", {"train.bin": records.tobytes(), "test.bin": records[:3].tobytes()}
    )
    raw = formats.find_layout(folder).read(folder)
    np.testing.assert_array_equal(raw.splits["train"].labels, LABELS + 90)
    batch = python_batch(fine_labels=(LABELS + 90).tolist(), coarse_labels=[7] * 12)
    folder = as_folder(tmp_path / "python", {"train": batch, "test": batch, "meta": b""})
    raw = formats.find_layout(folder).read(folder)
    np.testing.assert_array_equal(raw.splits["test"].labels, LABELS + 90)
    assert raw.class_names[99] == "worm"


def test_real_cifar10_has_its_published_sums(real_data):
    place = real_data("cifar10")
    raw = formats.find_layout(place).read(place)
    train = raw.splits["train"].images.gathered()
    assert train.shape == (50_000, 32, 32, 3)
    assert train.sum(dtype=np.int64) == 18_540_682_003
    np.testing.assert_allclose(train.mean(axis=(0, 1, 2)), [125.307, 122.950, 113.865], atol=5e-4)
    assert raw.splits["test"].images.gathered().sum(dtype=np.int64) == 3_733_375_634
    assert (np.bincount(raw.splits["train"].labels) == 5_000).all()


@pytest.mark.parametrize("cut", [1, 3073, 12 * 3073])
def test_a_truncated_binary_batch_is_named(tmp_path, cut):
    contents = dict.fromkeys(BINARY, binary_batch()) | {"data_batch_3.bin": binary_batch()[:-cut]}
    folder = as_folder(tmp_path / "folder", contents)
    if cut == 3073:  # A whole picture less cannot be seen here: a known set's size is checked by its name.
        assert len(formats.read_cifar10_binary(folder).splits["train"].labels) == 59
        return
    with pytest.raises(DataError, match=r"data_batch_3\.bin: [\d,]+ bytes, not a whole number"):
        formats.read_cifar10_binary(folder)


def test_a_label_out_of_range_is_named(tmp_path):
    wrong = bytearray(binary_batch())
    wrong[3073 * 2] = 10
    folder = as_folder(tmp_path / "folder", dict.fromkeys(BINARY, binary_batch()) | {BINARY[5]: bytes(wrong)})
    with pytest.raises(DataError, match=r"\(test\): picture 2 has label 10; labels are 0 to 9"):
        formats.read_cifar10_binary(folder)


def test_a_missing_batch_is_named(tmp_path):
    folder = as_folder(tmp_path / "folder", dict.fromkeys(BINARY[:4], binary_batch()))
    with pytest.raises(DataError, match=r"data_batch_5\.bin, test_batch\.bin missing"):
        formats.read_cifar10_binary(folder)


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.95])
def test_a_truncated_archive_is_named(tmp_path, keep):
    path = as_archive(tmp_path / "cifar-10-binary.tar.gz", "inside", dict.fromkeys(BINARY, binary_batch()))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    with pytest.raises(DataError, match=r"cifar-10-binary\.tar\.gz: "):
        formats.read_cifar10_binary(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": ROWS[:, :-1]}, r"data is uint8 \(12, 3071\)"),
        ({"data": ROWS.astype(np.int64)}, "data is int64"),
        ({"data": ROWS[:3]}, "3 pictures and 12 labels"),
        ({"labels": [0] * 11 + [10]}, "picture 11 has label 10"),
        ({"labels": [0] * 11 + ["cat"]}, "something other than whole numbers"),
        ({"labels": None}, r"expected data \(an array\) and labels \(a list\)"),
        ({"data": [1, 2]}, r"expected data \(an array\) and labels \(a list\)"),
        ({"data": ROWS.astype(np.float32)}, "an array of type f4"),
    ],
)
def test_a_python_batch_of_another_kind_is_refused(tmp_path, changes, message):
    folder = as_folder(tmp_path / "folder", dict.fromkeys(PYTHON, python_batch(**changes)))
    with pytest.raises(DataError, match=message):
        formats.read_cifar10_python(folder)


# Pickles


class Malicious:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_that_wants_to_run_something_is_refused_and_not_run(tmp_path, protocol):
    import os

    trace = tmp_path / "it-ran"
    for payload in (
        Malicious(os.system, f"touch {trace}"),
        Malicious(eval, f"open({str(trace)!r}, 'w')"),
        Malicious(os.mkdir, str(trace)),
    ):
        content = pickle.dumps({"data": ROWS, "labels": [payload]}, protocol=protocol)
        with pytest.raises(DataError, match="Nothing in it was run"):
            read_batch(content, "batch")
        assert not trace.exists()
        pickle.loads(content)  # The same bytes do run under pickle itself.
        assert trace.exists()
        trace.rmdir() if trace.is_dir() else trace.unlink()


def test_no_codec_but_latin1_is_reached():
    import codecs

    content = pickle.dumps({"data": Malicious(codecs.encode, "text", "rot13")}, protocol=2)
    assert b"_codecs" in content
    with pytest.raises(DataError, match="damaged pickle"):
        read_batch(content, "batch")


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_of_every_pickle_protocol_are_read(protocol):
    batch = read_batch(pickle.dumps({"data": ROWS, "labels": LABELS}, protocol=protocol), "batch")
    np.testing.assert_array_equal(batch["data"], ROWS)
    np.testing.assert_array_equal(batch["labels"], LABELS)


def test_a_python_2_pickle_is_read():
    """The official files: written by Python 2, so strings are bytes and the module is numpy.core."""
    content = (
        b"\x80\x02}q\x01(U\x04dataq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04K\x00"
        b"\x85U\x01b\x87Rq\x05(K\x01K\x02K\x03\x86cnumpy\ndtype\nq\x06U\x02u1K\x00K\x01\x87R(K\x03U\x01|NNN"
        b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x06\x01\x02\x03\x04\x05\xfftbU\x06labels]K\x05au."
    )
    assert pickle.loads(content, encoding="bytes")[b"labels"] == [5]
    batch = read_batch(content, "batch")
    np.testing.assert_array_equal(batch["data"], [[1, 2, 3], [4, 5, 255]])
    assert batch["labels"] == [5]


def test_an_array_whose_bytes_do_not_fit_its_shape_is_refused():
    content = pickle.dumps({"data": ROWS}, protocol=2).replace(b"K\x0cM\x00\x0c", b"K\x0dM\x00\x0c")
    with pytest.raises(DataError, match=r"array \(13, 3072\) whose bytes do not fit"):
        read_batch(content, "batch")


def test_damaged_pickles_never_raise_anything_but_data_error():
    rng = np.random.default_rng(0)
    original = pickle.dumps({b"data": ROWS[:1, :40], b"labels": [1]}, protocol=2)
    for _ in range(300):
        damaged = bytearray(original)
        for place in rng.integers(0, len(damaged), 4):
            damaged[place] = rng.integers(0, 256)
        with contextlib.suppress(DataError):
            read_batch(bytes(damaged), "batch")
    with pytest.raises(DataError, match="truncated or damaged"):
        read_batch(original[:-20], "batch")


# idx


def idx(array):
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return header + array.astype(np.uint8).tobytes()


GRAY = RNG.integers(0, 256, (12, 5, 4), np.uint8)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("joint", ["-", "."])
def test_idx_files_are_read_under_all_their_names(tmp_path, joint, packed):
    for prefix, count in (("train", 12), ("t10k", 5)):
        for kind, array in ((f"images{joint}idx3", GRAY[:count]), (f"labels{joint}idx1", LABELS[:count])):
            content = gzip.compress(idx(array)) if packed else idx(array)
            (tmp_path / f"{prefix}-{kind}-ubyte{'.gz' if packed else ''}").write_bytes(content)
    layout = formats.find_layout(tmp_path)
    raw = layout.read(tmp_path)
    np.testing.assert_array_equal(raw.splits["train"].images.gathered()[..., 0], GRAY)
    np.testing.assert_array_equal(raw.splits["test"].labels, LABELS[:5])


def test_real_mnist_has_its_published_mean(real_data):
    raw = formats.read_idx_folder(real_data("mnist"))
    train = raw.splits["train"].images.gathered()
    assert train.shape == (60_000, 28, 28, 1)
    assert train.mean() / 255 == pytest.approx(0.13066, abs=5e-6)


@pytest.mark.parametrize(
    "content",
    [b"", b"\0\0", b"\0\0\x08", idx(GRAY)[:-1], idx(GRAY) + b"x", b"\0\0\x0d\x03" + idx(GRAY)[4:]],
)
@pytest.mark.parametrize("packed", [False, True])
def test_damaged_idx_files_are_named(tmp_path, content, packed):
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(DataError, match="train-images-idx3-ubyte: "):
        formats.read_idx(path)


def test_a_truncated_gzip_is_named(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(idx(GRAY))[:-30])
    with pytest.raises(DataError, match=r"a\.gz: truncated or damaged"):
        formats.read_idx(path)


def test_pictures_and_labels_must_agree_in_number(tmp_path):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(GRAY))
    with pytest.raises(DataError, match="labels of the train split missing"):
        formats.read_idx_folder(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(LABELS[:11]))
    with pytest.raises(DataError, match="12 pictures, and train-labels-idx1-ubyte has 11 labels"):
        formats.read_idx_folder(tmp_path)


# Parquet


def png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def write_parquet(path, picture_column="img", label_column="label", count=12, metadata=None):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    cells = [{"bytes": png(picture), "path": f"{row}.png"} for row, picture in enumerate(PICTURES[:count])]
    table = pa.table({picture_column: cells, label_column: LABELS[:count]})
    path.parent.mkdir(exist_ok=True, parents=True)
    pq.write_table(table.replace_schema_metadata(metadata), path)
    return path


@pytest.mark.parametrize(("picture", "label"), [("img", "label"), ("image", "label"), ("img", "fine_label")])
@pytest.mark.parametrize("below", [".", "plain_text"])
def test_hugging_face_parquet_is_read(tmp_path, picture, label, below):
    write_parquet(tmp_path / below / "train-00000-of-00002.parquet", picture, label)
    write_parquet(tmp_path / below / "train-00001-of-00002.parquet", picture, label)
    write_parquet(tmp_path / below / "test-00000-of-00001.parquet", picture, label, 5)
    raw = formats.find_layout(tmp_path).read(tmp_path)
    assert {split: len(part.labels) for split, part in raw.splits.items()} == {"train": 24, "test": 5}
    np.testing.assert_array_equal(raw.splits["train"].images.read(13), PICTURES[1])
    np.testing.assert_array_equal(raw.splits["test"].labels, LABELS[:5])


def test_parquet_class_names_come_from_the_schema(tmp_path):
    metadata = {b"huggingface": b'{"info": {"features": {"label": {"names": ["a", "b"]}}}}'}
    path = write_parquet(tmp_path / "train.parquet", metadata=metadata)
    assert formats.read_parquet(path).class_names == ("a", "b")


def test_damaged_parquet_is_named(tmp_path):
    path = write_parquet(tmp_path / "train.parquet")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"train\.parquet: truncated or damaged"):
        formats.read_parquet(path)


def test_parquet_without_pictures_is_refused(tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    path = tmp_path / "train.parquet"
    pq.write_table(pa.table({"text": ["a cat"], "label": [0]}), path)
    with pytest.raises(DataError, match=r"columns text, label; expected img or image"):
        formats.read_parquet(path)


def test_the_only_column_of_bytes_in_parquet_is_the_picture(tmp_path):
    path = write_parquet(tmp_path / "train.parquet", picture_column="scan")
    assert formats.read_parquet(path).splits["train"].images.read(0).shape[2] == 3


def test_without_pyarrow_the_install_line_is_given(tmp_path, monkeypatch):
    path = tmp_path / "train.parquet"
    path.write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'tellapart\[parquet\]'"):
        formats.read_parquet(path)
