import os
from functools import partial

import numpy as np
import pytest
from PIL import Image

from tellapart.data.decode import decode
from tellapart.data.decoded import cache
from tellapart.data.open import open_dataset
from tellapart.data.preprocess import Preprocessing
from tellapart.data.store import ImageStore, load_split, refuse_small_images
from tellapart.errors import ConfigError, DataError

PATH = Preprocessing(height=8, width=12)
TINY = 10  # bytes: everything is larger


@pytest.fixture
def picture_folder(picture_folder):
    return partial(picture_folder, size=(12, 8))


def test_arrays_of_the_right_shape_are_not_copied():
    images = np.zeros((4, 8, 12, 3), np.uint8)
    store = load_split(open_dataset((images, [0, 1, 0, 1])).splits["train"], PATH)
    assert store.images is images


def test_pictures_come_in_the_order_of_the_split(picture_folder):
    split = open_dataset(picture_folder({"a": 40, "b": 30})).splits["train"]
    seen = []
    store = load_split(split, PATH, progress=lambda *done: seen.append(done))
    for row, path in enumerate(split.images.paths):
        np.testing.assert_array_equal(store.images[row], decode(path))
    np.testing.assert_array_equal(store.labels, split.labels)
    assert store.ids == split.ids
    assert store.unreadable == ()
    assert seen[-1] == (70, 70)


def test_every_picture_takes_the_same_pixel_path(real_data):
    split = open_dataset(real_data("cats-and-dogs")).splits["test"]
    split = split.take(np.arange(0, len(split), 20))
    path = Preprocessing(height=48, width=64)
    store = load_split(split, path)
    for row, file in enumerate(split.images.paths):
        np.testing.assert_array_equal(store.images[row], path.apply(decode(file)))


def test_a_small_budget_gives_the_same_pictures_from_a_file(picture_folder, tmp_path):
    split = open_dataset(picture_folder({"a": 5, "b": 6})).splits["train"]
    on_disk, in_memory = (
        load_split(split, PATH, memory_budget_bytes=TINY, folder=tmp_path),
        load_split(split, PATH),
    )
    assert in_memory.is_in_memory
    assert not on_disk.is_in_memory
    np.testing.assert_array_equal(on_disk.images, in_memory.images)
    assert not on_disk.images.flags.writeable
    assert on_disk.fingerprint() == in_memory.fingerprint()
    for rows in ([3], [10, 0, 3, 3], []):
        rows = np.array(rows, np.int64)
        for store in (on_disk, in_memory):
            np.testing.assert_array_equal(store.rows(rows), in_memory.images[rows])


def test_the_file_of_arrays_goes_with_the_store(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (6, 9, 9, 1), np.uint8)
    store = load_split(
        open_dataset((images, [0, 1] * 3)).splits["train"], PATH, memory_budget_bytes=TINY, folder=tmp_path
    )
    np.testing.assert_array_equal(store.images[5], PATH.apply(images[5]))
    assert list(tmp_path.iterdir()) == []


def test_a_picture_that_cannot_be_read_is_named_and_left_out(picture_folder, tmp_path):
    root = picture_folder({"a": 5, "b": 5})
    (root / "a" / "1.png").write_bytes(b"")
    (root / "b" / "0.png").write_text("not a picture")
    split = open_dataset(root).splits["train"]
    for budget in (TINY, 1 << 30):
        store = load_split(split, PATH, memory_budget_bytes=budget, folder=tmp_path / "cache")
        assert store.images.shape == (8, 8, 12, 3)
        assert [unreadable.id for unreadable in store.unreadable] == ["a/1.png", "b/0.png"]
        assert "empty file" in store.unreadable[0].reason
        assert store.ids == tuple(i for i in split.ids if i not in ("a/1.png", "b/0.png"))
        np.testing.assert_array_equal(store.labels, [0] * 4 + [1] * 4)
        np.testing.assert_array_equal(store.images[1], decode(root / "a" / "2.png"))
    assert (root / "a" / "1.png").exists()


@pytest.mark.parametrize(("height", "width"), [(1, 40), (7, 9), (40, 7)])
def test_a_picture_too_small_to_show_anything_is_named_and_left_out(height, width, picture_folder):
    root = picture_folder({"a": 5, "b": 5})
    Image.new("RGB", (width, height)).save(root / "a" / "1.png")
    store = load_split(open_dataset(root).splits["train"], PATH)
    assert [(image.id, image.reason) for image in store.unreadable] == [
        ("a/1.png", f"a/1.png: too small: {height} x {width} pixels, less than 8 x 8")
    ]
    assert len(store) == 9


def test_pictures_that_are_all_too_small_are_refused():
    with pytest.raises(ConfigError, match=r"pictures/: the pictures are 8 x 7 pixels.*at least 8 x 8"):
        refuse_small_images((8, 7, 3), "pictures/")
    refuse_small_images((8, 8, 1), "digits")
    refuse_small_images(None, "of mixed sizes")


def test_a_class_without_a_readable_picture_is_an_error(picture_folder):
    root = picture_folder({"a": 2, "b": 3})
    for path in (root / "a").iterdir():
        path.write_bytes(b"")
    with pytest.raises(DataError, match=r"No picture of a could be read(.|\n)*a/0\.png: an empty file"):
        load_split(open_dataset(root).splits["train"], PATH)


def test_no_readable_picture_at_all_is_an_error(picture_folder):
    root = picture_folder({"a": 4, "b": 4})
    for path in root.rglob("*.png"):
        path.write_bytes(b"")
    with pytest.raises(DataError, match=r"None of the 8 pictures(.|\n)*and 3 more"):
        load_split(open_dataset(root).splits["train"], PATH)


def test_arrays_of_another_size_are_resized():
    images = np.random.default_rng(0).integers(0, 256, (6, 9, 9, 1), np.uint8)
    store = load_split(open_dataset((images, [0, 1] * 3)).splits["train"], PATH)
    for row in range(6):
        np.testing.assert_array_equal(store.images[row], PATH.apply(images[row]))


def test_without_room_on_the_disk_pictures_are_decoded_whenever_they_are_needed(
    picture_folder, tmp_path, monkeypatch
):
    root = picture_folder({"a": 5, "b": 6})
    (root / "a" / "1.png").write_bytes(b"")
    split = open_dataset(root).splits["train"]
    usage = cache.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(cache.shutil, "disk_usage", lambda _: usage._replace(free=cache.ROOM_LEFT + 100))
    streamed = load_split(split, PATH, memory_budget_bytes=TINY, folder=tmp_path / "cache")
    whole = load_split(split, PATH)
    assert "3,168 bytes are needed, 100 free" in streamed.remark
    assert (streamed.ids, streamed.unreadable) == (whole.ids, whole.unreadable)
    assert streamed.fingerprint() == whole.fingerprint()
    assert not streamed.is_in_memory
    images = streamed.images
    assert (images.shape, len(images), images.dtype, images.ndim) == (whole.images.shape, 10, np.uint8, 4)
    rows = np.array([7, 0, 7])
    for index in (rows, 3, -1, slice(2, 5), (slice(None), slice(None), slice(None, None, -1)), (2, 0)):
        np.testing.assert_array_equal(np.asarray(images[index]), whole.images[index])
    np.testing.assert_array_equal(images[:, :, ::-1][4:6][1], whole.images[5, :, ::-1])
    np.testing.assert_array_equal(streamed.rows(rows), whole.images[rows])
    (root / "a" / "2.png").unlink()
    with pytest.raises(DataError, match=r"2\.png: no such file(.|\n)*when the training began"):
        images[1]


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="this system reserves no blocks")
def test_a_disk_that_is_fuller_than_it_says_is_streamed_too(picture_folder, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    split = open_dataset(picture_folder({"a": 5, "b": 6})).splits["train"]
    monkeypatch.setattr(os, "posix_fallocate", full)
    store = load_split(split, PATH, memory_budget_bytes=TINY, folder=tmp_path / "cache")
    assert "No space left" in store.remark
    assert not list((tmp_path / "cache").rglob("pixels"))


def test_fingerprints_differ_with_one_pixel(picture_folder):
    root = picture_folder({"a": 3, "b": 3})
    before = load_split(open_dataset(root).splits["train"], PATH).fingerprint()
    assert load_split(open_dataset(root).splits["train"], PATH).fingerprint() == before
    pixels = decode(root / "a" / "0.png").copy()
    pixels[0, 0, 0] ^= 1
    Image.fromarray(pixels).save(root / "a" / "0.png")
    assert load_split(open_dataset(root).splits["train"], PATH).fingerprint() != before


@pytest.mark.parametrize("row", [0, 4095, 4096, 4999])
def test_the_fingerprint_covers_every_picture(row):
    """Rows before, at and after the end of the first piece that is hashed."""
    images = np.random.default_rng(0).integers(0, 256, (5000, 2, 2, 1), np.uint8)
    changed = images.copy()
    changed[row, 1, 1, 0] ^= 1
    labels, ids = np.zeros(5000, np.int64), tuple(map(str, range(5000)))
    before, after = (ImageStore(pixels, labels, ids).fingerprint() for pixels in (images, changed))
    assert before != after


def test_the_fingerprint_covers_labels_and_ids():
    images = np.zeros((2, 1, 1, 1), np.uint8)
    stores = [
        ImageStore(images, np.array(labels), ids)
        for labels, ids in [([0, 1], ("a", "b")), ([1, 0], ("a", "b")), ([0, 1], ("a", "c"))]
    ]
    assert len({store.fingerprint() for store in stores}) == 3


def test_a_store_in_a_file_holds_and_fingerprints_pictures_of_every_chunk(tmp_path):
    """5,000 pictures are decoded in ten chunks; one changes in the last."""
    pictures = np.random.default_rng(0).integers(0, 256, (5000, 8, 9, 1), np.uint8)
    changed = pictures.copy()
    changed[4999] = 255 - changed[4999]
    gray = Preprocessing(height=1, width=1, channels=1)
    stores = []
    for array in (pictures, changed):
        split = open_dataset((array, np.arange(5000) % 2)).splits["train"]
        store = load_split(split, gray, memory_budget_bytes=TINY, folder=tmp_path)
        for row in (0, 511, 512, 4095, 4096, 4999):
            np.testing.assert_array_equal(store.images[row], gray.apply(array[row]))
        stores.append(store)
    assert stores[0].fingerprint() != stores[1].fingerprint()
