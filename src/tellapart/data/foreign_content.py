"""Files that have a picture's name and hold something else: what they are, and where the picture went."""

from __future__ import annotations

import re
from collections.abc import Callable

_LOOKED_AT = 1024
"""Bytes from the beginning."""

_DOWNLOAD_AGAIN = "Download the picture again."
_SAVE_AS = "Save it as PNG or JPEG."


def _begins(*signatures: bytes) -> Callable[[bytes], bool]:
    return lambda beginning: beginning.startswith(signatures)


def _matches(pattern: bytes) -> Callable[[bytes], bool]:
    compiled = re.compile(pattern, re.IGNORECASE)
    return lambda beginning: compiled.search(beginning) is not None


_KINDS: tuple[tuple[Callable[[bytes], bool], str, str], ...] = (
    (_begins(b"version https://git-lfs"), "a Git LFS pointer", "Run git lfs pull to get the picture itself."),
    (
        _matches(rb"\A/?(\.\./)*\.git/annex/"),
        "a git-annex pointer",
        "Run git annex get to get the picture itself.",
    ),
    (_matches(rb"\A\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?(<!doctype svg|<svg)"), "an SVG drawing", _SAVE_AS),
    (_matches(rb"\A\s*(<!doctype html|<html|<head|<body)"), "a web page (HTML)", _DOWNLOAD_AGAIN),
    (_matches(rb"\A\s*<\?xml"), "an XML file", _DOWNLOAD_AGAIN),
    (_matches(rb"\A\s*[\[{]\s*[\"'{\[]"), "a JSON file", _DOWNLOAD_AGAIN),
    (_begins(b"%PDF"), "a PDF document", _SAVE_AS),
    (_begins(b"%!PS"), "a PostScript file", _SAVE_AS),
    (_begins(b"8BPS"), "a Photoshop file", _SAVE_AS),
    (_begins(b"\xff\x0a", b"\0\0\0\x0cJXL "), "a JPEG XL file", _SAVE_AS),
    (_begins(b"PK\x03\x04", b"\x1f\x8b", b"Rar!", b"7z\xbc\xaf", b"BZh"), "an archive", "Unpack it."),
    (_matches(rb"\A[\s\S]{257}ustar"), "an archive (tar)", "Unpack it."),
    (_matches(rb"\A....ftyp(isom|mp4|M4V|qt  |avc1|3gp)"), "a video", "Take a frame of it as PNG or JPEG."),
    (_begins(b"\x1a\x45\xdf\xa3", b"\0\0\x01\xba"), "a video", "Take a frame of it as PNG or JPEG."),
    (_matches(rb"\ARIFF....AVI "), "a video", "Take a frame of it as PNG or JPEG."),
    (_begins(b"\x93NUMPY"), "a NumPy array", "Give arrays as an .npz file."),
    (_matches(rb"\A\0+\Z"), "only zero bytes, probably an interrupted copy", _DOWNLOAD_AGAIN),
)
"""Whether the beginning of a file is of the kind, what it is called, and what to do."""


def foreign_content(encoded: bytes) -> str | None:
    """Return what a file that is no picture holds, and what to do; None where nothing is known.

    Args:
        encoded: the whole file, or its beginning.
    """
    beginning = encoded[:_LOOKED_AT]
    for is_kind, what, remedy in _KINDS:
        if is_kind(beginning):
            return (
                f"{what}, {'a format that is not read' if remedy == _SAVE_AS else 'not a picture'}. {remedy}"
            )
    if beginning and not re.search(rb"[\x00-\x08\x0e-\x1f\x80-\xff]", beginning):
        words = beginning[:60].decode("ascii").split("\n")[0].strip()
        return f"text, not a picture ({words!r})."
    return None
