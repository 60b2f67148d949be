"""Data files made to harm: refused with their name and a reason, in seconds and without gigabytes."""

import gzip
import io
import pickle
import struct
import subprocess
import sys
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

BYTES = bytearray(2_000_000)
OPENS = """
import sys, time, resource
from tellapart.data.open import open_dataset
from tellapart.errors import DataError
began = time.monotonic()
try:
    open_dataset(sys.argv[1], labels=sys.argv[2] if len(sys.argv) > 2 else None)
    said = "OPENED"
except DataError as reason:
    said = str(reason)
print(time.monotonic() - began, int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]))
print(said)
"""


def refusal(place, *labels):
    """Open data in a process of its own; return why they are refused, which takes seconds and no gigabyte."""
    command = [sys.executable, "-c", OPENS, str(place), *map(str, labels)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    first, _, said = done.stdout.partition("\n")
    seconds, kilobytes = map(float, first.split())
    assert seconds < 10
    assert kilobytes < 1_000_000
    assert said != "OPENED\n"
    return said


def npy(shape, kind="|u1", data=b"", version=1):
    """An array's file with whatever header."""
    header = f"{{'descr': {kind!r}, 'fortran_order': False, 'shape': {shape}}}".encode() + b"\n"
    length = struct.pack("<H", len(header)) if version == 1 else struct.pack("<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header + data


def npz(path, **entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(f"{name}.npy", content)
    return path


LABELS = npy((2,), data=b"\0\1")


@pytest.mark.parametrize(
    ("pictures", "reason"),
    [
        (npy((300_000_000_000,)), "claims the shape"),
        (npy((300_000, 1_000_000, 1)), "claims the shape"),
        (npy((2, 30, 10, 3)), "claims 1,800 bytes and has 0"),
        (npy((2, 8, 8, 1), "|O", pickle.dumps([1])), "pickled objects"),
        (npy((10**18,), "<U0"), "claims the shape"),
        (npy((10**18, 0)), "claims the shape"),
        (npy((-2, -64), data=bytes(128)), "claims the shape"),
        (npy("(" * 5000), "not readable"),
        (npy((2,), "<U9999999999"), "not readable"),
        (npy((2, 8, 8, 1), version=9), "format of"),
        (b"no array", "not readable"),
        (b"", "not readable"),
    ],
)
def test_arrays_that_claim_more_than_they_hold(tmp_path, pictures, reason):
    assert reason in refusal(npz(tmp_path / "bad.npz", x=pictures, y=LABELS))


def test_an_archive_of_arrays_that_unpacks_to_too_much(tmp_path):
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x.npy", "w") as entry:
        entry.write(npy((300, 1000, 1000, 1)))
        for _ in range(150):
            entry.write(BYTES)
    assert path.stat().st_size < 1_000_000
    assert "would unpack to 300,000," in refusal(path)


def test_an_archive_of_very_many_arrays(tmp_path):
    path = npz(tmp_path / "many.npz", **{f"x{number}": b"" for number in range(2000)})
    assert "more than 1,000 entries" in refusal(path)


def test_well_compressed_labels_are_no_bomb(tmp_path):
    from tellapart.data.open import open_dataset

    pictures = np.random.default_rng(0).integers(0, 256, (2000, 8, 8, 1), np.uint8)
    np.savez_compressed(tmp_path / "good.npz", x=pictures, y=np.eye(1000)[np.arange(2000) % 1000])
    assert len(open_dataset(tmp_path / "good.npz").splits["train"]) == 2000


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    "header",
    [
        b"\0\0\x08\x03" + struct.pack(">3I", 2**32 - 1, 2**32 - 1, 2**32 - 1),
        b"\0\0\x08\x03" + struct.pack(">3I", 2**31, 2**31, 4),  # whose product is 0 in 64 bits
        b"\0\0\x08\xff" + struct.pack(">255I", *[1] * 255) + b"\0",
        b"\0\0\x08\x01",
    ],
)
def test_idx_files_that_claim_more_than_they_hold(tmp_path, header, packed):
    for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"):
        (tmp_path / name).write_bytes(gzip.compress(header) if packed else header)
    assert "train-images-idx3-ubyte: " in refusal(tmp_path)


def test_an_idx_file_that_unpacks_to_too_much(tmp_path):
    with gzip.open(tmp_path / "train-images-idx3-ubyte.gz", "wb", 1) as file:
        file.write(b"\0\0\x08\x03" + struct.pack(">3I", 300, 1000, 1000))
        for _ in range(150):
            file.write(BYTES)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01\0\0\0\2\0\1")
    assert "asks for 300,000,000" in refusal(tmp_path)


ALLOCATES = {
    "bytes of 4 GB": b"\x80\x03B\xff\xff\xff\xff.",
    "bytes of 2**63": b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.",
    "a bytearray of 4 GB": b"\x80\x05\x96\xff\xff\xff\xff\0\0\0\0.",
    "text of 4 GB": b"\x80\x02X\xff\xff\xff\xff.",
    "a memo of 4 GB": b"\x80\x02K\1r\xff\xff\xff\x1f.",
    "a frame of 4 GB": b"\x80\x04\x95\xff\xff\xff\xff\0\0\0\0.",
    "a number of 2 GB": b"\x80\x02\x8b\xff\xff\xff\x7f.",
    "a buffer of 4 GB": b"\x80\x04cnumpy._core.numeric\n_frombuffer\n(\x8a\x05\0\0\0\0\1NNNtR.",
    "a key whose hash takes for ever": b"\x80\x02}("
    + b")"
    + b"".join(b"q\0h\0h\0h\0\x87" for _ in range(40))
    + b"K\1u.",
}


class ArrayOf:
    """Pickled as an array of whatever shape and bytes."""

    def __init__(self, shape, data=bytes(9)):
        self.state = (1, shape, np.dtype("u1"), False, data)

    def __reduce__(self):
        return np._core.multiarray._reconstruct, (np.ndarray, (0,), b"b"), self.state


@pytest.mark.parametrize(
    "odd", [ArrayOf((float("inf"),)), ArrayOf(5), ArrayOf(("x",)), ArrayOf((3, 3), None), np.array(7), None]
)
@pytest.mark.parametrize("name", ["data", "labels"])
def test_pickled_arrays_that_are_none(tmp_path, name, odd):
    batch = {"data": np.zeros((2, 3072), np.uint8), "labels": [0, 1], name: odd}
    for place in (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"):
        (tmp_path / place).write_bytes(pickle.dumps(batch, protocol=2))
    assert "data_batch_1: " in refusal(tmp_path)


@pytest.mark.parametrize("content", ALLOCATES.values(), ids=ALLOCATES)
def test_pickles_that_ask_for_memory_or_time(tmp_path, content):
    for name in (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"):
        (tmp_path / name).write_bytes(content)
    assert "data_batch_1: " in refusal(tmp_path)


def tar(path, members, mode="w:gz"):
    with tarfile.open(path, mode, compresslevel=1) as archive:
        for name, size in members:
            member = tarfile.TarInfo(name)
            member.size = size
            archive.addfile(member, Zeros(size))
    return path


class Zeros(io.RawIOBase):
    """So many zero bytes."""

    def __init__(self, size):
        self.left = size

    def read(self, size=-1):
        size = min(self.left, size)
        self.left -= size
        return bytes(size)


@pytest.mark.parametrize("name", ["inside/data_batch_1.bin", "inside/another"])
def test_an_archive_whose_file_unpacks_to_too_much(tmp_path, name):
    path = tar(tmp_path / "cifar-10-binary.tar.gz", [(name, 500_000_000)])
    assert path.stat().st_size < 5_000_000
    assert "more than 400,000,000 bytes" in refusal(path)


def test_an_archive_whose_header_claims_gigabytes(tmp_path):
    member = tarfile.TarInfo("inside/data_batch_1.bin")
    member.type, member.size = tarfile.XHDTYPE, 8_000_000_000
    path = tmp_path / "cifar-10-binary.tar.gz"
    path.write_bytes(gzip.compress(member.tobuf() + bytes(10_240)))
    assert "more than 400,000,000 bytes" in refusal(path)


def test_an_archive_whose_file_is_a_hole_of_gigabytes(tmp_path):
    header = bytearray(tarfile.TarInfo("inside/data_batch_1.bin").tobuf(tarfile.GNU_FORMAT))
    header[156:157] = tarfile.GNUTYPE_SPARSE
    header[386:410] = b"%011o\0%011o\0" % (0, 0)
    header[483:495] = b"%011o\0" % 8_000_000_000
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    path = tmp_path / "cifar-10-binary.tar.gz"
    path.write_bytes(gzip.compress(bytes(header) + bytes(10_240)))
    assert "a sparse file of 8,000,000,000 bytes" in refusal(path)


def test_an_archive_of_very_many_files(tmp_path):
    path = tar(tmp_path / "cifar-10-binary.tar.gz", [(str(number), 0) for number in range(5000)])
    assert "more than 1,000 files" in refusal(path)


def png():
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "PNG")
    return file.getvalue()


def test_a_parquet_file_of_which_all_rows_are_one_large_picture(tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    picture = png() + bytes(20_000_000)
    cells = pa.DictionaryArray.from_arrays(pa.array([0] * 200, pa.int32()), pa.array([picture], pa.binary()))
    table = pa.table({"img": cells, "label": [0, 1] * 100})
    path = tmp_path / "train.parquet"
    pq.write_table(table, path, compression="zstd", dictionary_pagesize_limit=10**9)
    assert path.stat().st_size < 1_000_000
    assert "would unpack to more than" in refusal(path)


def parquet(path, pictures, labels, **options):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"img": pictures, "label": pa.array(labels, pa.int32())}), path, **options)
    return path


def varint(number):
    """Thrift's: a number by zigzag, seven bits a byte."""
    number, content = 2 * number, b""
    while number > 127:
        content, number = content + bytes([number & 127 | 128]), number >> 7
    return content + bytes([number])


@pytest.mark.parametrize("claimed", [2**31 - 1, 300_000_000])
def test_a_parquet_file_whose_page_claims_gigabytes(tmp_path, claimed):
    """The first page lies at byte 4: its kind, and from byte 7 its size unpacked."""
    options = {"compression": "snappy", "use_dictionary": False}
    path = parquet(tmp_path / "train.parquet", [bytes(99_000)] * 2, [0, 1], **options)
    content = path.read_bytes()
    true = varint(198_014)
    assert content[4:10] == b"\x15\0\x15" + true
    path.write_bytes(content[:7] + varint(claimed) + content[10:])
    assert f"claims to unpack to {claimed:,}" in refusal(path)


def test_a_parquet_file_of_millions_of_empty_pictures(tmp_path):
    path = parquet(tmp_path / "train.parquet", [b""] * 2_000_000, [0, 1] * 1_000_000)
    assert path.stat().st_size < 10_000_000
    assert "would unpack to more than" in refusal(path)


def test_a_parquet_file_without_rows(tmp_path):
    path = parquet(tmp_path / "train.parquet", [b""] * 0, [])
    assert "no training pictures" in refusal(path)


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (b"\x13\0" * 100_000, "a header of more than 100 fields"),
        (b"\x19\xf3" + b"\xff\xff\xff\x7f", "a list of 268,435,455 values"),
    ],
)
def test_a_page_whose_header_has_no_end(header, reason):
    from tellapart.data.sources.formats.parquet_pages import ParquetFooter, check_pages

    chunk = {(9, 6): 0, (5, 6): 10}
    with pytest.raises(ValueError, match=reason):
        check_pages(io.BytesIO(header), ParquetFooter(10, 10, (chunk,)))


@pytest.mark.parametrize("keep", [4, 8, 100, -9])
def test_a_parquet_file_cut_short(tmp_path, keep):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    path = tmp_path / "train.parquet"
    pq.write_table(pa.table({"img": [png()] * 4, "label": [0, 1, 0, 1]}), path)
    path.write_bytes(path.read_bytes()[:keep])
    assert "truncated or damaged" in refusal(path)


@pytest.fixture
def pictures(tmp_path):
    """A folder of two pictures."""
    root = tmp_path / "pictures"
    root.mkdir()
    for name in ("a.png", "b.png"):
        (root / name).write_bytes(png())
    return root


def test_a_labels_file_of_one_line_of_a_gigabyte(tmp_path, pictures):
    with (tmp_path / "labels.csv").open("wb") as file:
        file.write(b"file,label\na.png,")
        file.truncate(10**9)
    assert "a line of more than 1,000,000 characters" in refusal(pictures, tmp_path / "labels.csv")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"file,label\n" + b"no.png,x\n" * 1_600_000, "more than 1,500,000 rows"),
        (b"file,label\n" + b"no.png,x\n" * 100_000, "line 2 names no.png"),
        (b'file,label\n"' + b"x\n" * 50_000_000, "field larger than field limit"),
        (b"," * 900_000 + b"\n", "expected file and label"),
        ((b"a.png," + b"0," * 400_000 + b"\n") * 5, "400,002 columns; at most 10,000"),
        ((b"a.png," + b"0," * 9_000 + b"\n") * 9, "one class only"),
        ("file,label\na.png,x\n".encode("utf-32"), "UTF-32"),
        (b"file,label\na.png," + b"x" * 100_000 + b"\nb.png,y\n", "a label of at most 1,000 characters"),
        (b"file,label\n/,x\n", "names /"),
        (b"file,label\n" + b"y" * 300 + b",x\n", "line 2 names y"),
        (b"", "expected file and label"),
    ],
)
def test_labels_files_that_are_none(tmp_path, pictures, content, reason):
    (tmp_path / "labels.csv").write_bytes(content)
    assert reason in refusal(pictures, tmp_path / "labels.csv")


@pytest.mark.parametrize(
    ("suffix", "content", "reason"),
    [
        (
            "jsonl",
            b"\n".join(b'{"k%d": 1}' % number for number in range(30_000)),
            "more than 10,000 different",
        ),
        ("json", b"[" * 5_000_000, "not valid JSON"),
        ("json", b"[" + b'"ab",' * 5_000_000 + b'"ab"]', "object 1 holds a str"),
        ("json", b"[" + b'"ab",' * 6_500_000, "at most 30,000,000 are read"),
    ],
)
def test_json_that_means_harm(tmp_path, pictures, suffix, content, reason):
    (tmp_path / f"labels.{suffix}").write_bytes(content)
    assert reason in refusal(pictures, tmp_path / f"labels.{suffix}")


def test_names_that_are_not_utf8_are_found_by_a_labels_file(tmp_path):
    from tellapart.data.open import open_dataset

    root = tmp_path / "pictures"
    root.mkdir()
    for name in (b"caf\xe9.png", b"th\xe9.png"):
        (root / name.decode("utf-8", "surrogateescape")).write_bytes(png())
    (tmp_path / "labels.csv").write_bytes(b"file,label\ncaf\xe9.png,caf\xe9\nth\xe9.png,th\xe9\n")
    dataset = open_dataset(root, labels=tmp_path / "labels.csv")
    assert dataset.class_names == ("caf\udce9", "th\udce9")


def test_labels_from_a_pipe_are_refused_with_the_reason(pictures):
    """As in `--labels <(...)`: a resumed run, and `evaluate`, would find nothing there."""
    with open("/dev/null", "rb") as nothing:
        command = f"exec {sys.executable} -c '{OPENS}' {pictures} <(echo file,label)"
        done = subprocess.run(
            ["bash", "-c", command], stdin=nothing, capture_output=True, text=True, timeout=60
        )
    assert (
        "a named pipe, not a regular file). Save the labels to a file first: --resume reads it again"
        in done.stdout
    )
