"""Images of a split are indexed as a list is, wherever they lie."""

import io

import numpy as np
import pytest
from PIL import Image

import tellapart
from tellapart.data.images import ArrayImages, EncodedImages, FileImages
from tellapart.data.sources.blobs import BlobImages

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 6, 7, 3), np.uint8)


def encoded(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def files_in(folder):
    for index, pixels in enumerate(PIXELS):
        (folder / f"{index}.png").write_bytes(encoded(pixels))
    return FileImages(tuple(folder / f"{index}.png" for index in range(len(PIXELS))))


KINDS = {
    "rows": lambda _: ArrayImages(PIXELS),
    "some rows": lambda _: ArrayImages(PIXELS[::-1], np.arange(5)[::-1]),
    "files": files_in,
    "encoded": lambda _: EncodedImages(tuple(map(encoded, PIXELS))),
    "blobs": lambda _: BlobImages(tuple(range(5)), lambda key: encoded(PIXELS[key]), tuple("abcde")),
}


@pytest.mark.parametrize("kind", KINDS)
def test_they_are_indexed_as_a_list_is(kind, tmp_path):
    images = KINDS[kind](tmp_path)
    np.testing.assert_array_equal(images[3], PIXELS[3])
    np.testing.assert_array_equal(images[np.int64(-1)], PIXELS[4])
    np.testing.assert_array_equal(list(images), PIXELS)
    np.testing.assert_array_equal(list(images[1:4:2]), PIXELS[1:4:2])
    assert repr(images[1:4]) == f"<{type(images).__name__}: 3 pictures>"
    for outside in (5, -6):
        with pytest.raises(IndexError, match=f"image {outside} of 5 images"):
            images[outside]


def test_they_are_predicted_as_a_list_is():
    images = tellapart.open_dataset("digits").part("test").images[:3]
    given, listed = (tellapart.predict("digits", each) for each in (images, list(images)))
    assert given.to_dict() == listed.to_dict()
