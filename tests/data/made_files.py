"""Files that Pillow does not write: deep TIFFs and PNGs, and color profiles, byte by byte from their standards."""

import struct
import zlib

import numpy as np

D50 = {
    "srgb": [[0.43607, 0.22249, 0.01392], [0.38515, 0.71687, 0.09708], [0.14307, 0.06061, 0.71410]],
    "adobe": [[0.60974, 0.31111, 0.01947], [0.20528, 0.62567, 0.06087], [0.14919, 0.06322, 0.74457]],
    "p3": [[0.51512, 0.24120, -0.00105], [0.29198, 0.69225, 0.04189], [0.15710, 0.06657, 0.78407]],
}
"""XYZ of full red, green and blue, adapted to the D50 white of ICC profiles."""

GAMMA = 563 / 256
"""Of Adobe RGB."""


def tiff(levels, extra=()):
    """Return an uncompressed little-endian TIFF of (h, w) or (h, w, 3) levels of any type.

    Args:
        levels: floats, or integers with or without sign.
        extra: (tag, type, value) to add; types are 3 (16-bit), 4 (32-bit) and 11 (float).
    """
    height, width = levels.shape[:2]
    channels = levels.shape[2] if levels.ndim == 3 else 1
    data = levels.astype(levels.dtype.newbyteorder("<")).tobytes()
    bits = 8 * levels.dtype.itemsize
    behind = 8 + len(data)
    tags = {
        256: (4, width),
        257: (4, height),
        258: (3, bits if channels == 1 else behind),
        259: (3, 1),
        262: (3, 2 if channels == 3 else 1),
        273: (4, 8),
        277: (3, channels),
        278: (4, height),
        279: (4, len(data)),
        339: (3, {"u": 1, "i": 2, "f": 3}[levels.dtype.kind] if channels == 1 else behind + 8),
    }
    tags |= {tag: (kind, value) for tag, kind, value in extra}
    lists = struct.pack("<8H", bits, bits, bits, 0, 1, 1, 1, 0) if channels == 3 else b""
    entries = b""
    for tag, (kind, value) in sorted(tags.items()):
        count = channels if tag in (258, 339) else 1
        packed = struct.pack("<f", value) if kind == 11 else struct.pack("<I", value)
        entries += struct.pack("<HHI", tag, kind, count) + packed
    directory = struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0)
    return b"II*\0" + struct.pack("<I", behind + len(lists)) + data + lists + directory


def png16(levels, significant=None):
    """Return a PNG of 16-bit gray or color levels; `significant` bits are stated in its chunk sBIT."""
    height, width = levels.shape[:2]
    channels = levels.shape[2] if levels.ndim == 3 else 1
    rows = levels.astype(">u2").reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 3: 2, 4: 6}[channels], 0, 0, 0)
    chunks = [(b"IHDR", header)]
    if significant:
        chunks.append((b"sBIT", bytes([significant] * channels)))
    chunks += [(b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )


def profile(colorants, gamma=GAMMA):
    """Return an ICC profile (version 2, matrix and curves) of these three colorants and this gamma."""

    def fixed(values):
        return struct.pack(">" + "i" * len(values), *(round(value * 65536) for value in values))

    curve = b"curv\0\0\0\0" + struct.pack(">IHxx", 1, round(gamma * 256))
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", 2) + b"x\0" + bytes(82),
        b"cprt": b"text\0\0\0\0none",
        b"wtpt": b"XYZ \0\0\0\0" + fixed([0.9642, 1.0, 0.8249]),
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
        **{
            name: b"XYZ \0\0\0\0" + fixed(color)
            for name, color in zip((b"rXYZ", b"gXYZ", b"bXYZ"), colorants, strict=True)
        },
    }
    place, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, content in tags.items():
        table += name + struct.pack(">II", place + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    content = struct.pack(">I", len(tags)) + table + body
    header = struct.pack(">I4sI4s4s4s", 128 + len(content), bytes(4), 0x02100000, b"mntr", b"RGB ", b"XYZ ")
    header += bytes(12) + b"acsp" + bytes(28) + fixed([0.9642, 1.0, 0.8249])
    return header.ljust(128, b"\0") + content


def in_srgb(colors, colorants, gamma=GAMMA):
    """Return what 8-bit colors (..., 3) of such a profile are in sRGB, in float: the oracle, from the definitions."""
    linear = (np.asarray(colors, float) / 255) ** gamma @ np.array(colorants) @ np.linalg.inv(D50["srgb"])
    linear = linear.clip(0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
