"""Changes of pictures that know their format: chunks, segments and boxes, with lengths and checksums made right again.

Each takes (random, content, content of another good file) and returns the content.
"""

import struct
import zlib

from byte_mutations import BLIND, NUMBERS, flip, set_number


def edited(rng, parts, others, change):
    """Change a list of parts: one part's content, or the list itself."""
    parts = list(parts)
    place = rng.randrange(len(parts))
    action = rng.random()
    if action < 0.6:
        parts[place] = change(parts[place])
    elif action < 0.7:
        del parts[place]
    elif action < 0.8:
        parts[place:place] = [parts[place]] * rng.choice([1, 1, 300])
    elif action < 0.9:
        parts.insert(place, rng.choice(others))
    else:
        rng.shuffle(parts)
    return parts


# PNG


def png_chunks(content):
    chunks, place = [], 8
    while place + 12 <= len(content):
        size = int.from_bytes(content[place : place + 4], "big")
        chunks.append((content[place + 4 : place + 8], content[place + 8 : place + 8 + size]))
        place += 12 + size
    return chunks


def png(chunks):
    packed = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def png_odd_chunk(rng):
    zeros = zlib.compress(bytes(rng.choice([10, 10**6, 10**8])), 9)
    return rng.choice(
        [
            (b"zTXt", b"Comment\0\0" + zeros),
            (b"iCCP", b"icc\0\0" + zeros),
            (b"iTXt", b"Comment\0\1\0en\0x\0" + zeros),
            (b"acTL", struct.pack(">II", rng.choice(NUMBERS) % 2**32, 0)),
            (b"fcTL", struct.pack(">IIIIIHHBB", *(rng.choice(NUMBERS) % 2**16 for _ in range(7)), 1, 1)),
            (b"tRNS", rng.randbytes(rng.choice([0, 1, 2, 6, 300]))),
            (b"PLTE", rng.randbytes(rng.choice([0, 1, 3, 900]))),
            (b"eXIf", exif(rng)),
            (b"IDAT", zeros),
            (rng.randbytes(4), rng.randbytes(9)),
        ]
    )


def png_structure(rng, content, other):
    def change(chunk):
        kind, data = chunk
        if kind == b"IHDR":
            width, height, *rest = struct.unpack(">IIBBBBB", data[:13])
            if rng.random() < 0.6:
                width, height = (rng.choice([side, *NUMBERS]) % 2**32 for side in (width, height))
            else:
                rest = [rng.choice([0, 1, 2, 3, 4, 6, 8, 16, 255]) if rng.random() < 0.5 else n for n in rest]
            return kind, struct.pack(">IIBBBBB", width, height, *rest)
        if kind == b"IDAT" and rng.random() < 0.5:
            return kind, zlib.compress(flip(rng, zlib.decompress(data)))
        return kind, set_number(rng, data, b"")

    others = [png_odd_chunk(rng), *png_chunks(other)]
    try:
        return png(edited(rng, png_chunks(content), others, change))
    except zlib.error:
        return flip(rng, content)


# JPEG


def jpeg_segments(content):
    """Return marker and data of each segment before the first scan, and all from there on."""
    segments, place = [], 2
    while place + 4 <= len(content) and content[place + 1] != 0xDA:
        size = int.from_bytes(content[place + 2 : place + 4], "big")
        segments.append((content[place + 1], content[place + 4 : place + 2 + size]))
        place += 2 + size
    return segments, content[place:]


def jpeg_structure(rng, content, other):
    segments, scans = jpeg_segments(content)

    def change(segment):
        marker, data = segment
        if marker in (0xC0, 0xC2) and rng.random() < 0.7:
            height, width = (rng.choice([24, *NUMBERS]) % 2**16 for _ in range(2))
            return marker, data[:1] + struct.pack(">HH", height, width) + data[5:]
        if rng.random() < 0.1:
            return rng.randrange(256), data
        return marker, set_number(rng, data, b"")

    odd = [
        (0xE1, b"Exif\0\0" + exif(rng)),
        (0xE2, b"ICC_PROFILE\0" + rng.randbytes(2) + bytes(rng.choice([0, 9, 60_000]))),
        (0xE2, b"MPF\0" + exif(rng)),
        (0xFE, bytes(60_000)),
        (0xEE, b"Adobe\0d\0\0\0\0" + rng.choice([b"\0", b"\1", b"\2"])),
        (0xDD, struct.pack(">H", rng.choice(NUMBERS) % 2**16)),
    ]
    segments = edited(rng, segments, [*odd, *jpeg_segments(other)[0]], change)
    lie = rng.choice([0] * 9 + [rng.choice(NUMBERS)])
    packed = [
        struct.pack(">BBH", 255, marker, (len(data) + 2 + lie) % 2**16) + data for marker, data in segments
    ]
    if rng.random() < 0.2:
        scans = scans[:-2] * rng.choice([2, 50, 2000])
    return b"\xff\xd8" + b"".join(packed) + scans


def exif(rng):
    """Return a block of EXIF with a few tags, some of them wrong."""
    return tiff_directory(rng, [(0x0112, 3, 1, 6), (0x010F, 2, 20, 50), (0x8769, 4, 1, 8)])


def tiff_directory(rng, tags):
    order = rng.choice("<>")
    content = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, len(tags))
    for tag in tags:
        tag, kind, count, value = (rng.choice(NUMBERS) if rng.random() < 0.15 else number for number in tag)
        content += struct.pack(order + "HHII", tag % 2**16, kind % 2**16, count % 2**32, value % 2**32)
    return content + struct.pack(order + "I", rng.choice([0, 0, 8, 10**6])) + bytes(40)


# TIFF

ODD_TAGS = (
    256,
    257,
    258,
    259,
    262,
    273,
    274,
    277,
    278,
    279,
    284,
    317,
    320,
    322,
    323,
    324,
    325,
    330,
    338,
    339,
    34665,
)
"""Sizes, bits, compression, strips, tiles, orders, color maps, directories."""


def tiff_structure(rng, content, _):
    """Change entries of the directories, where the directory can be found."""
    order = "<" if content[:2] == b"II" else ">"
    content = bytearray(content)
    (place,) = struct.unpack_from(order + "I", content, 4)
    if place + 2 > len(content):
        return set_number(rng, bytes(content), b"")
    (count,) = struct.unpack_from(order + "H", content, place)
    entries = [place + 2 + 12 * number for number in range(count) if place + 14 + 12 * number <= len(content)]
    for _number in range(rng.randint(1, 3)):
        entry = rng.choice(entries)
        tag, kind, many, value = struct.unpack_from(order + "HHII", content, entry)
        action = rng.random()
        if action < 0.2:
            tag = rng.choice(ODD_TAGS)
        elif action < 0.3:
            kind = rng.choice([1, 2, 3, 4, 5, 11, 12, 13, 16, 18, 255])
        elif action < 0.45:
            many = rng.choice(NUMBERS)
        elif kind == 3:
            value = (rng.choice([1, 2, 4, 5, 6, 7, 8, 32, 32773, 50000, 9459]) % 2**16) << (
                16 if order == ">" else 0
            )
        else:
            value = rng.choice([*NUMBERS, place, 8])
        struct.pack_into(order + "HHII", content, entry, tag, kind, many % 2**32, value % 2**32)
    if rng.random() < 0.1 and entries[-1] + 16 <= len(content):
        struct.pack_into(order + "I", content, entries[-1] + 12, place)  # a directory that follows itself
    return bytes(content)


# WebP, and HEIC, AVIF, JPEG 2000


def riff_structure(rng, content, other):
    def chunks(content):
        place = 12
        while place + 8 <= len(content):
            size = int.from_bytes(content[place + 4 : place + 8], "little")
            yield content[place : place + 4], content[place + 8 : place + 8 + size]
            place += 8 + size + size % 2

    frame = b"ANMF", rng.randbytes(6) + struct.pack("<I", 9458)[:3] + struct.pack("<I", 9458)[:3] + bytes(4)
    wide = (
        b"VP8X",
        bytes([rng.randrange(256), 0, 0, 0]) + struct.pack("<I", rng.choice(NUMBERS) % 2**24)[:3] * 2,
    )
    odd = [frame, wide, (b"ANIM", bytes(6)), (b"EXIF", exif(rng)), (b"ICCP", bytes(99)), *chunks(other)]
    parts = edited(rng, chunks(content), odd, lambda chunk: (chunk[0], set_number(rng, chunk[1], b"", 16)))
    body = b"".join(
        kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for kind, data in parts
    )
    size = rng.choice([4 + len(body)] * 9 + [rng.choice(NUMBERS) % 2**32])
    return b"RIFF" + struct.pack("<I", size) + b"WEBP" + body


HOLDERS = (b"meta", b"iprp", b"ipco", b"jp2h", b"dinf", b"moov")
"""Boxes of boxes."""


def boxes(content, depth=0):
    place, parts = 0, []
    while place + 8 <= len(content):
        size, kind = int.from_bytes(content[place : place + 4], "big"), content[place + 4 : place + 8]
        size = size if 8 <= size <= len(content) - place else len(content) - place
        data, skipped = content[place + 8 : place + size], 4 if kind == b"meta" else 0
        inner = boxes(data[skipped:], depth + 1) if kind in HOLDERS and depth < 5 else None
        parts.append((kind, data[:skipped] if inner is not None else data, inner))
        place += size
    return parts


def box_bytes(rng, parts):
    content = b""
    for kind, data, inner in parts:
        data += box_bytes(rng, inner) if inner is not None else b""
        size = rng.choice([8 + len(data)] * 60 + [0, 1, rng.choice(NUMBERS) % 2**32])
        content += struct.pack(">I", size) + kind + data
    return content


def box_structure(rng, content, _):
    parts = boxes(content)
    level = parts
    while (inside := [inner for _, _, inner in level if inner]) and rng.random() < 0.8:
        level = rng.choice(inside)

    def change(box):
        kind, data, inner = box
        if kind == b"ispe":
            return (
                kind,
                data[:4] + struct.pack(">II", *(rng.choice(NUMBERS) % 2**32 for _ in range(2))),
                inner,
            )
        if rng.random() < 0.1:
            return rng.choice([b"grid", b"iloc", b"irot", b"auxC", rng.randbytes(4)]), data, inner
        return kind, set_number(rng, data, b"") if data else data, inner

    level[:] = edited(rng, level, [(b"free", bytes(9), None), (b"irot", b"\3", None)], change)
    return box_bytes(rng, parts)


def ppm_text(rng, content, _):
    words = content.split(maxsplit=4)[:4]
    words[rng.randrange(len(words))] = rng.choice(
        [b"P1", b"P3", b"P5", b"P7", b"Pf", b"0", b"-1", b"9459", b"65535", b"9" * 5000, b"#",
        str(rng.choice(NUMBERS)).encode()]
    )  # fmt: skip
    return b"\n".join(words) + b"\n" + content[-rng.choice([0, 100, 1728]) :]


KNOWING = {
    "png": png_structure, "jpg": jpeg_structure, "tif": tiff_structure, "webp": riff_structure, "heic": box_structure,
    "avif": box_structure, "jp2": box_structure, "ppm": ppm_text,
}  # fmt: skip


def of_pictures(ending):
    """Return the changes for a format: as often one that knows it as a blind one."""
    knowing = KNOWING.get(ending)
    return (*BLIND, *([knowing] * len(BLIND) if knowing else ()))
