"""The generated pictures of `corpus.py`: {group: {name of the file: (content, whether it can be read)}}.

A content is made when it is asked for; None for the second says that either is right.
"""

import io
import struct
import sys
import zlib
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

sys.path.append(str(Path(__file__).parents[1] / "tests" / "data"))

from made_files import D50, png16, profile, tiff

PIXELS = np.asarray(
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 12, 3), np.uint8)).resize((160, 120))
)
GRAY = PIXELS[..., 0]
CAMERA_SUFFIX = {"JPEG": "jpg", "PNG": "png", "TIFF": "tif", "WEBP": "webp", "GIF": "gif", "BMP": "bmp"}


def saved(kind, image=PIXELS, **options):
    """Return an image as a file of this kind."""
    file = io.BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(file, kind, **options)
    return file.getvalue()


def with_exif(orientation):
    """Return an EXIF block with an orientation."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def orientations():
    """Eight orientations in four formats."""
    return {
        f"{kind.lower()}-{value}.{CAMERA_SUFFIX[kind]}": (
            partial(saved, kind, exif=with_exif(value)),
            True,
        )
        for kind in ("JPEG", "PNG", "TIFF", "WEBP")
        for value in range(1, 9)
    }


def depths():
    """Bits, numbers and color models."""
    image = Image.fromarray(PIXELS)
    made = {
        "one-bit.png": partial(saved, "PNG", image.convert("1")),
        "two-bit.png": partial(saved, "PNG", image.convert("L").quantize(4), bits=2),
        "four-bit.png": partial(saved, "PNG", image.convert("L").quantize(16), bits=4),
        "gray.jpg": partial(saved, "JPEG", GRAY),
        "gray16.png": lambda: png16(GRAY.astype(np.uint16) * 257),
        "gray12.png": lambda: png16(GRAY.astype(np.uint16) * 16),
        "color16.png": lambda: png16(PIXELS.astype(np.uint16) * 257),
        "color12.tif": lambda: tiff(PIXELS.astype(np.uint16) * 16),
        "gray32.tif": lambda: tiff(GRAY.astype(np.uint32) * 10_000_000),
        "signed.tif": lambda: tiff(GRAY.astype(np.int16) - 128),
        "float.tif": lambda: tiff(GRAY.astype(np.float32) / 255),
        "not-a-number.tif": lambda: tiff(np.where(GRAY > 200, np.nan, GRAY).astype(np.float32)),
        "cmyk.jpg": partial(saved, "JPEG", image.convert("CMYK")),
        "cmyk.tif": partial(saved, "TIFF", image.convert("CMYK")),
        "lab.tif": partial(saved, "TIFF", ImageCms.profileToProfile(
            image, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
        )),
        "ycbcr.tif": partial(saved, "TIFF", image.convert("YCbCr")),
    }  # fmt: skip
    return {name: (make, True) for name, make in made.items()} | {
        "nothing-but-nan.tif": (lambda: tiff(np.full((9, 9), np.nan, np.float32)), False)
    }


def profiles():
    """Color profiles, whole, damaged, and of another kind of pixels."""
    adobe = profile(D50["adobe"])
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    chosen = {
        "adobe": adobe,
        "p3": profile(D50["p3"]),
        "srgb": srgb,
        "half": adobe[:200],
        "zeros": bytes(3000),
    }
    made = {f"{name}.jpg": partial(saved, "JPEG", icc_profile=each) for name, each in chosen.items()}
    made["adobe.png"] = partial(saved, "PNG", icc_profile=adobe)
    made["adobe.webp"] = partial(saved, "WEBP", icc_profile=adobe)
    made["of-color-on-gray.png"] = partial(saved, "PNG", GRAY, icc_profile=adobe)
    return {name: (make, True) for name, make in made.items()}


def alpha_and_animation():
    """Transparency in every form, and pictures that move."""
    alpha = np.dstack([PIXELS, GRAY])
    frames = [Image.fromarray(np.roll(PIXELS, 9 * step, 1)) for step in range(4)]
    moving = {"save_all": True, "append_images": frames[1:]}
    made = {
        "alpha.png": partial(saved, "PNG", alpha),
        "alpha.webp": partial(saved, "WEBP", alpha),
        "alpha.tif": partial(saved, "TIFF", alpha),
        "gray-alpha.png": partial(saved, "PNG", Image.fromarray(alpha[..., 2:], "LA")),
        "see-through.gif": partial(saved, "GIF", frames[0].quantize(20), transparency=3),
        "alpha16.png": lambda: png16(alpha.astype(np.uint16) * 257),
        "moving.gif": partial(saved, "GIF", frames[0], **moving),
        "moving.png": partial(saved, "PNG", frames[0], **moving),
        "moving.webp": partial(saved, "WEBP", frames[0], **moving),
        "pages.tif": partial(saved, "TIFF", frames[0], **moving),
    }
    return {name: (make, True) for name, make in made.items()}


def empty_png(width, height):
    """Return a PNG of one color that claims a size, and holds its rows well compressed."""
    rows = zlib.compressobj(9)
    data = b"".join(rows.compress(bytes(1 + 3 * width)) for _ in range(height)) + rows.flush()
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", data),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )


def claimed(content, width, height):
    """Return a JPEG that claims another size in its header."""
    place = content.index(b"\xff\xc0") + 5
    return content[:place] + struct.pack(">HH", height, width) + content[place + 4 :]


def many_scans():
    """Return a progressive JPEG with thousands of scans of a few bytes."""
    content = saved("JPEG", Image.new("RGB", (2000, 1000)), progressive=True)
    last = b"\xff\xda" + content[:-2].rpartition(b"\xff\xda")[2]
    return content[:-2] + 3000 * last + b"\xff\xd9"


def bombs():
    """Small files that unpack, or claim to unpack, into very much."""
    return {
        "large.png": (partial(empty_png, 12_000, 9_000), False),
        "very-large.png": (partial(empty_png, 40_000, 8_000), False),
        "79-megapixels.png": (partial(empty_png, 8_800, 8_900), True),
        "108-megapixels.jpg": (
            lambda: saved("JPEG", Image.new("RGB", (12_000, 9_000), (9, 99, 199))),
            True,
        ),
        "200-megapixels.jpg": (
            lambda: saved("JPEG", Image.new("RGB", (16_320, 12_240), (9, 99, 199))),
            True,
        ),
        "88-megapixels-progressive.jpg": (
            lambda: saved("JPEG", Image.new("RGB", (11_000, 8_000), (9, 99, 199)), progressive=True),
            True,
        ),
        "claims-65535.jpg": (lambda: claimed(saved("JPEG"), 65_535, 65_535), None),
        "many-scans.jpg": (many_scans, False),
        "text-bomb.png": (text_bomb, False),
        "line.png": (partial(empty_png, 1, 60_000), True),
    }


def text_bomb():
    """Return a PNG whose comment unpacks to 100 MB."""
    content = saved("PNG")
    data = b"Comment\0\0" + zlib.compress(bytes(10**8), 9)
    chunk = struct.pack(">I", len(data)) + b"zTXt" + data + struct.pack(">I", zlib.crc32(b"zTXt" + data))
    return content[:33] + chunk + content[33:]


def truncations():
    """Files that end early or hold something else."""
    made = {
        f"{kind.lower()}-half.{CAMERA_SUFFIX[kind]}": lambda kind=kind: (
            lambda content: content[: len(content) // 2]
        )(saved(kind))
        for kind in ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP")
    }
    made["empty.jpg"] = bytes
    made["page.jpg"] = lambda: b"<!DOCTYPE html><title>404</title>"
    made["pointer.jpg"] = lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    return {name: (make, False) for name, make in made.items()}


def names():
    """Names that trip programs."""
    odd = (
        "with space.jpg", "-leading-dash.jpg", "UPPER.JPG", "no-suffix", "two..dots.jpg", "quote'\".jpg",
        "line\nbreak.jpg", "tab\t.jpg", "ünïcode-日本.jpg", "right\u202eto-left.jpg", "byte-\udcff.jpg",
        "emoji-😀.jpg", "%41.jpg", "$(echo).jpg", "wrong-suffix.png", "l" * 240 + ".jpg",
    )  # fmt: skip
    return {name: (partial(saved, "JPEG"), True) for name in odd}


GENERATED = {
    "orientations x formats": orientations,
    "depths and color models": depths,
    "color profiles": profiles,
    "alpha and animation": alpha_and_animation,
    "bombs": bombs,
    "truncation": truncations,
    "names": names,
}


def corrupt(mutants, seed):
    """Return {group: cases} of damaged PNGs, JPEGs and WebPs: cut at every share, and with bits flipped."""
    random = np.random.default_rng(seed)
    groups = {}
    for kind in ("PNG", "JPEG", "WEBP"):
        whole = [saved(kind), saved(kind, GRAY if kind != "WEBP" else PIXELS[:60])]
        whole.append(saved(kind, progressive=True) if kind == "JPEG" else saved(kind, PIXELS[:33, :47]))
        cases = {}
        for number in range(mutants):
            content = bytearray(whole[number % len(whole)])
            if number % 4 == 0:
                content = content[: int(random.integers(1, len(content)))]
            else:
                places = random.integers(0, len(content), int(random.integers(1, 9)))
                for place, bit in zip(places, random.integers(0, 8, len(places)), strict=True):
                    content[place] ^= 1 << bit
            cases[f"{number}.{CAMERA_SUFFIX[kind]}"] = (partial(bytes, content), None)
        groups[f"corrupt {kind}"] = cases
    return groups
