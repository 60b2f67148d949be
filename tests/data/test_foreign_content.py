"""What is said of files with a picture's name that are none."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from tellapart.data.decode import IMAGE_SUFFIXES, decode
from tellapart.data.foreign_content import foreign_content
from tellapart.errors import PictureError


def zipped():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("cat.jpg", b"x")
    return file.getvalue()


def saved_array():
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    return file.getvalue()


FOREIGN = {
    "a Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
    "a git-annex pointer": b"/.git/annex/objects/SHA256E-s31390--f50d.jpg\n",
    "a web page": b"<!DOCTYPE html>\n<html lang=en><title>404</title>",
    "a web page (HTML)": b"\n\n<HTML><HEAD>",
    "an SVG drawing": b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>',
    "an XML file": b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
    "a JSON file": b'{"error": "not found"}',
    "a PDF document": b"%PDF-1.7\n",
    "a Photoshop file": b"8BPS\0\1",
    "a JPEG XL file": b"\xff\x0a\xfa\x7f",
    "an archive": zipped(),
    "an archive (tar)": b"cat.jpg".ljust(257, b"\0") + b"ustar\x0000",
    "a video": b"\0\0\0\x20ftypisom\0\0\2\0",
    "a NumPy array": saved_array(),
    "only zero bytes": bytes(5000),
    "text, not a picture ('Not found')": b"Not found\n",
}


@pytest.mark.parametrize(("what", "content"), FOREIGN.items(), ids=FOREIGN)
def test_a_file_that_is_no_picture_is_called_by_its_name(tmp_path, what, content):
    (tmp_path / "cat.jpg").write_bytes(content)
    with pytest.raises(PictureError) as error:
        decode(tmp_path / "cat.jpg")
    assert f"cat.jpg: {what}" in str(error.value)


def test_noise_is_not_given_a_name():
    assert foreign_content(bytes(range(255, 0, -1))) is None


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM", "TGA"])
def test_no_picture_is_taken_for_something_else(kind):
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (200, 10, 30)).save(file, kind)
    assert foreign_content(file.getvalue()) is None
    assert f".{kind.lower()}" in IMAGE_SUFFIXES
    assert decode(file.getvalue()).shape == (8, 8, 3)
