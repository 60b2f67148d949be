"""Changes of arrays, archives, pickles and labels that know their format.

Each takes (random, content, content of another good file) and returns the content.
"""

import ast
import gzip
import io
import pickle
import struct
import tarfile
import warnings
import zipfile

import numpy as np
from byte_mutations import BLIND, NUMBERS, flip, insert, set_number, truncate

SHAPES = (
    (), (0,), (1,), (-1,), (-2, -96), (2, -2), (10**30,), (2**63,), (2**31, 2**31, 4), (0, 10**9), (300_000, 10**6, 1),
    ("3",), (None,), (True, 3072), (1.5,), ((2, 3),), (10, 3072, 1, 1, 1), (10, 3072.0), (float("inf"),),
    (float("nan"), 2), [2, 2], 5, None, "x", (12, 16, 16, 3), (10, 3072), (3072, 10), (30720,), (12,),
)  # fmt: skip
TYPES = (
    "|u1", "<f4", "|O", "<U9", "|S3", "<U0", "|V8", "<M8[s]", ">i8", "<c16", "|b1", "<f2", "<U99999999", "(3,3)u1",
    [("a", "<i4")], [("a", "|O")], "x", "", None, 7, "u1,f4", "|u1" * 200, "{}", "<i8", "__import__('os')",
)  # fmt: skip


# NumPy


def npy_header(rng, content):
    """Change shape, type or order in an array's header, whose length stays true."""
    try:
        header = content[10 : 10 + int.from_bytes(content[8:10], "little")]
        facts = ast.literal_eval(header.decode())
    except Exception:
        return flip(rng, content)
    name = rng.choice(["shape", "shape", "descr", "descr", "fortran_order"])
    facts[name] = rng.choice({"shape": SHAPES, "descr": TYPES, "fortran_order": (True, 1, None, "x")}[name])
    if rng.random() < 0.1:
        facts[rng.choice(["x", 3, None, "shape "])] = rng.choice(SHAPES)
    text = (
        repr(facts)
        if rng.random() < 0.95
        else rng.choice(["(" * 5000, "{" * 99, "9" * 9000, "lambda: 0", "[" * 200])
    )
    data = content[10 + len(header) :]
    if rng.random() < 0.2:
        data = bytes(rng.choice([0, 1, 2**16, 10**7]))
    version = rng.choice([1] * 8 + [2, 3, 9])
    length = struct.pack(
        "<H" if version == 1 else "<I", len(text.encode()) % 2 ** (16 if version == 1 else 32)
    )
    return b"\x93NUMPY" + bytes([version, 0]) + length + text.encode() + data


def entries(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


NAMES = (
    "x",
    "x.npy",
    "../../outside.npy",
    "/etc/passwd",
    "x" * 999,
    "x_test.npy",
    "y.npy",
    "",
    "a\nb.npy",
    "\u202e.npy",
)


def npz_entries(rng, content, other):
    parts = entries(content)
    place = rng.randrange(len(parts))
    name, data = parts[place]
    action = rng.random()
    if action < 0.5:
        parts[place] = name, npy_header(rng, data)
    elif action < 0.7:
        parts[place] = name, rng.choice(BLIND)(rng, data, rng.choice(entries(other))[1])
    elif action < 0.75:
        parts[place] = rng.choice(NAMES), data
    elif action < 0.8:
        del parts[place]
    elif action < 0.85:
        parts += [rng.choice(entries(other))] * rng.choice([1, 1, 1200])
    elif action < 0.9:
        parts[place] = name, pickle.dumps(np.array([print], object))
    else:
        parts[place] = name, data + bytes(rng.choice([1, 10**6, 3 * 10**8]))
    file = io.BytesIO()
    kind = rng.choice(
        [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
    )
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w", kind, compresslevel=1) as archive:
        warnings.simplefilter("ignore")
        for name, data in parts:
            archive.writestr(name, data)
    return file.getvalue()


def zip_directory(rng, content, _):
    """Change a field of an entry, or of the list of entries."""
    content = bytearray(content)
    mark, size = rng.choice([(b"PK\x01\x02", 46), (b"PK\x03\x04", 30), (b"PK\x05\x06", 22)])
    places = [place for place in range(len(content)) if content[place : place + 4] == mark]
    if not places:
        return flip(rng, bytes(content))
    begin = rng.choice(places)
    width = rng.choice([2, 4, 4])
    place = begin + rng.randrange(4, size - width + 1, 2)
    content[place : place + width] = (rng.choice(NUMBERS) % 256**width).to_bytes(width, "little")
    return bytes(content)


# idx


def idx_header(rng, content, _):
    rank = content[3]
    sides = [int.from_bytes(content[4 + 4 * n : 8 + 4 * n], "big") for n in range(rank)]
    action = rng.random()
    if action < 0.6 and sides:
        sides[rng.randrange(len(sides))] = rng.choice(NUMBERS) % 2**32
    elif action < 0.8:
        rank = rng.choice([0, 1, 2, 3, 4, 5, 200, 255])
        sides = (sides + [1] * 255)[:rank]
    kind = rng.choice([8] * 5 + [0, 9, 11, 13, 14])
    data = content[4 + 4 * content[3] :]
    if action > 0.9:
        data = bytes(rng.choice([0, 10**6, 10**8]))
    return struct.pack(">HBB", 0, kind, rank) + struct.pack(f">{len(sides)}I", *sides) + data


def in_gzip(change):
    """Return a change of what a gzip file holds; its checksum is right again, mostly."""

    def changed(rng, content, other):
        inner = change(rng, gzip.decompress(content), gzip.decompress(other))
        packed = gzip.compress(inner, 1, mtime=0)
        action = rng.random()
        if action < 0.1:
            return set_number(rng, packed, b"", 10)
        if action < 0.2:
            return packed + rng.choice([packed, bytes(10**5), b"x", gzip.compress(bytes(10**8), 9)])
        return packed

    changed.__name__ = f"{change.__name__}_in_gzip"
    return changed


# tar

PAX = (
    ("size", "99999999999"), ("size", "-5"), ("path", "../../outside"), ("path", "\x00" * 9), ("mtime", "nan"),
    ("GNU.sparse.major", "1"), ("GNU.sparse.realsize", "99999999999"), ("GNU.sparse.size", "99999999999"),
    ("GNU.sparse.map", "0,1,99999999,5"), ("GNU.sparse.name", "data_batch_1"), ("hdrcharset", "BINARY"),
    ("linkpath", "/etc/passwd"), ("uid", "x"),
)  # fmt: skip


def tar_members(rng, content, other):
    """Change a member's header or content; checksums are right again."""
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        parts = [(member, tar.extractfile(member).read()) for member in tar]
    place = rng.randrange(len(parts))
    member, data = parts[place]
    action = rng.random()
    if action < 0.15:
        member.type = rng.choice(
            [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE]
        )
        member.linkname = rng.choice(["/etc/passwd", "../../secret", "inside/test_batch", member.name])
    elif action < 0.3:
        member.pax_headers = dict(rng.sample(PAX, rng.randint(1, 3)))
    elif action < 0.4:
        member.name = rng.choice(
            ["/" + member.name, "../../" + member.name, "x" * 5000, parts[0][0].name, ""]
        )
    elif action < 0.5:
        parts += [parts[place]] * rng.choice([1, 1200])
    elif action < 0.6:
        del parts[place]
    else:
        change = rng.choice((*BLIND, *((pickle_program,) * 8 if data[:1] == b"\x80" else ())))
        data = change(rng, data, other[:4000])
        member.size = len(data)
        parts[place] = member, data
    file = io.BytesIO()
    with tarfile.open(
        fileobj=file, mode="w", format=rng.choice([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
    ) as tar:
        for member, data in parts:
            tar.addfile(member, io.BytesIO(data))
    return sparse_member(rng, file.getvalue()) if rng.random() < 0.1 else file.getvalue()


def sparse_member(rng, content):
    """Make the first member one with holes, of a size that is not there."""
    header = bytearray(content[:512])
    size = rng.choice([10**3, 10**8, 10**10])
    header[156:157] = b"S"
    header[386:410] = b"%011o\0%011o\0" % (0, 512)
    header[482] = 0
    header[483:495] = b"%011o\0" % size
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + content[512:]


def tar_header(rng, content, _):
    """Write something else into a field of a header, whose checksum is right again."""
    content = bytearray(content)
    begin = 0
    fields = ((0, 100), (100, 8), (124, 12), (136, 12), (156, 1), (157, 100), (257, 8), (345, 155))
    place, width = rng.choice(fields)
    filler = rng.choice(
        [
            b"77777777777",
            b"-1",
            b"\x80" + bytes(10) + b"\xff",
            b"\xff" * 12,
            b"\0" * 12,
            b"9",
            b"x" * 12,
            b"L",
            b"S",
            b"x",
            b"g",
            b"K",
        ]
    )
    content[begin + place : begin + place + width] = filler[:width].ljust(width, b"\0")
    content[begin + 148 : begin + 156] = b" " * 8
    content[begin + 148 : begin + 156] = b"%06o\0 " % sum(content[begin : begin + 512])
    return bytes(content)


# pickle

PROGRAMS = (
    b"cos\nsystem\n(S'touch outside'\ntR", b"cbuiltins\neval\n(V1\ntR", b"cnumpy\nload\n", b"(lp0\n", b"}q\0h\0h\0s",
    b"\x8a\xff" + bytes(255), b"I" + b"9" * 9000 + b"\n", b"F1e999\n", b"Gnan", b"h\xff", b"j\xff\xff\xff\xff",
    b"2" * 99,
    b"0" * 99, b"R", b"b", b"o", b"\x81", b"\x92", b"Q", b"P1\n", b"\x82\1", b"(" * 9999, b"l", b"]" * 50, b"N",
    b"\x97",
    b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7f", b"B\xff\xff\xff\xff", b"cnumpy\ndtype\n(Vf4\nI0\nI1\ntR", b"\x93",
    b"".join(b"q%c" % n + b"h%c" % n * 2 + b"\x86" for n in range(40)), b"c__builtin__\nbytearray\n(M\xff\xfftR",
    b"c_codecs\nencode\n(Vx\nVrot13\ntR", b"c_codecs\nencode\n(NNtR", b"cnumpy\ndtype\n)R(Nt(b",
)  # fmt: skip


def pickle_program(rng, content, _):
    """Put operations into a program, or build another one of odd parts."""
    if rng.random() < 0.5:
        import pickletools

        try:
            places = [place for _, _, place in pickletools.genops(content)]
        except Exception:
            return flip(rng, content)
        place = rng.choice(places)
        return content[:place] + rng.choice(PROGRAMS) + content[place + rng.choice([0, 0, 1, 2, 5]) :]
    rows = np.zeros((10, 3072), np.uint8)
    state = (
        1,
        rng.choice(SHAPES),
        np.dtype(rng.choice(["u1", "i4", "f4", "i8"])),
        rng.choice([False, True, None]),
        rng.choice([rows.tobytes(), b"", None, "x"]),
    )
    odd = [
        _Array(state),
        rows,
        rows[:0],
        np.float32(1),
        np.array(5),
        np.zeros((2, 2)),
        [1] * 10,
        [None] * 10,
        [-1] * 10,
    ]
    odd += [
        [10**30] * 10,
        [1.5] * 10,
        "x" * 10,
        b"x" * 10,
        None,
        {},
        {"x": 1},
        7,
        [],
        [[1]] * 10,
        [True] * 10,
        (1,) * 10,
    ]
    batch = {rng.choice(["data", b"data"]): rows, b"labels": [1] * 10, b"fine_labels": [1] * 10}
    batch[rng.choice([b"data", "data", b"labels", b"fine_labels", b"\xff", "x" * 10**6])] = rng.choice(odd)
    return pickle.dumps(
        batch if rng.random() < 0.9 else rng.choice(odd), protocol=rng.choice([0, 1, 2, 3, 4, 5])
    )


class _Array:
    """Pickled as an array of whatever state."""

    def __init__(self, state):
        self.state = state

    def __reduce__(self):
        return np._core.multiarray._reconstruct, (np.ndarray, (0,), b"b"), self.state


# CIFAR's records


def cifar_records(rng, content, _):
    action = rng.random()
    if action < 0.5:
        place = rng.randrange(len(content) // 3073 or 1) * 3073
        return content[:place] + bytes([rng.choice([10, 99, 100, 255])]) + content[place + 1 :]
    return content[: len(content) // 2] if action < 0.6 else content * rng.choice([2, 50])


# Labels

CELLS = (
    "", " ", '"', '""', "'", "=1+1", "-", "--help", "@x", "\t", "../../etc/passwd", "/etc/passwd", "~", "$HOME", "*",
    ".", "..", "/", "x" * 300, "x" * 200_000, "\u202egnp", "\x1b[2J", "\0", "\ud83d\ude00", "caf\u00e9", "cafe\u0301",
    "nan", "1e9",
    "train", "TEST", "NULL", "0.png", "\r", "\n", "a,b", "\ufeff", "9" * 9000, "/dev/zero", "/proc/self/mem", "con",
    "\u2028",
)  # fmt: skip


def csv_cells(rng, content, _):
    """Put odd cells, rows and ends of lines into a table."""
    lines = content.decode("utf-8", "surrogateescape").splitlines()
    for _number in range(rng.randint(1, 3)):
        row = rng.randrange(len(lines))
        cells = lines[row].split(",")
        cells[rng.randrange(len(cells))] = rng.choice(CELLS)
        action = rng.random()
        if action < 0.1:
            cells *= 5000 if len(lines[row]) < 100 else 2
        elif action < 0.2:
            lines.insert(row, rng.choice(lines))
        lines[row] = ",".join(cells)
    text = rng.choice(["\n", "\n", "\r\n", "\r", ";", "\0"]).join(lines) + "\n"
    return text.encode(rng.choice(["utf-8"] * 9 + ["utf-16", "utf-32", "utf-8-sig"]), "surrogatepass")


def many_lines(rng, content, _):
    """A line some hundred thousand times: each names the same picture, or none."""
    lines = content.splitlines(keepends=True)
    return lines[0] + rng.choice(lines) * rng.choice([1000, 300_000])


TAR = (*BLIND, *(tar_members,) * 8, *(tar_header,) * 5)
PICKLE = (*BLIND, *(pickle_program,) * 18)
NPZ = (*BLIND, *(npz_entries,) * 18, *(zip_directory,) * 8)
ZIP = (*BLIND, *(zip_directory,) * 8)
IDX = (*BLIND, *(idx_header,) * 10)
PACKED_IDX = (*BLIND, *(in_gzip(idx_header),) * 8, in_gzip(flip), in_gzip(truncate), in_gzip(insert))
PACKED_TAR = (*BLIND, *map(in_gzip, (tar_members,) * 8 + (tar_header,) * 4 + (flip, truncate, insert)))
CIFAR = (*BLIND, *(cifar_records,) * 5)
LABELS = (*BLIND, *(csv_cells,) * 12, many_lines)
