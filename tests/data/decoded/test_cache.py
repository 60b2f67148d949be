"""Decoded pictures in the cache folder: reused while nothing changes, shared by processes, bounded."""

import os
import subprocess
import sys
import time

import numpy as np
import pytest

from tellapart.data.dataset import Split
from tellapart.data.decoded import cache, pixel_file, resident
from tellapart.data.decoded.cache import cached, make_room
from tellapart.data.decoded.pixel_file import NoRoomError, PixelFile, PixelWriter
from tellapart.data.decoded.reading import read_all
from tellapart.data.open import open_dataset
from tellapart.data.preprocess import Preprocessing
from tellapart.data.sources.blobs import BlobImages
from tellapart.data.store import load_split
from tellapart.errors import DataError

PATH = Preprocessing(height=9, width=12)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cache"


def read(split, folder, preprocessing=PATH):
    """Return the images, what was read, and how often a split was decoded: 0 or 1."""
    decoded = []

    def decode(writer):
        decoded.append(True)
        return read_all(split, preprocessing, writer.append)

    file, reading = cached(split, preprocessing, decode, folder)
    return file.images, reading, len(decoded)


@pytest.fixture
def pictures(picture_folder):
    return picture_folder({"a": 4, "b": 5}, size=(12, 9))


def split_of(root):
    return open_dataset(root).splits["train"]


def test_unchanged_pictures_are_decoded_once(pictures, folder):
    (pictures / "b" / "2.png").write_bytes(b"")
    first, second = (read(split_of(pictures), folder) for _ in range(2))
    assert (first[2], second[2]) == (1, 0)
    np.testing.assert_array_equal(first[0], second[0])
    assert second[1] == first[1]
    assert [each.id for each in second[1].unreadable] == ["b/2.png"]


def test_a_changed_file_another_size_or_order_are_decoded_anew(pictures, folder):
    read(split_of(pictures), folder)
    assert read(split_of(pictures), folder, Preprocessing(height=9, width=12, reading="fast"))[2] == 1
    assert read(split_of(pictures).take(np.arange(9)[::-1]), folder)[2] == 1
    os.utime(pictures / "a" / "0.png", ns=(1, 1))
    assert read(split_of(pictures), folder)[2] == 1


@pytest.mark.parametrize(
    "damage", [lambda content: content[:-1], lambda content: bytes([content[0] ^ 1]) + content[1:]]
)
def test_a_damaged_file_is_decoded_anew(pictures, folder, damage):
    read(split_of(pictures), folder)
    (file,) = folder.rglob("pixels")
    file.write_bytes(damage(file.read_bytes()))
    again, _, decoded = read(split_of(pictures), folder)
    assert decoded == 1
    np.testing.assert_array_equal(again[0], split_of(pictures).images.read(0))


def test_an_interrupted_decoding_leaves_nothing_that_counts(pictures, folder):
    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached(split_of(pictures), PATH, stop, folder)
    assert not list(folder.rglob("pixels"))
    assert read(split_of(pictures), folder)[2] == 1


def test_checksums_cover_files_of_several_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(pixel_file, "CHECKED_AT_ONCE", 100)
    images = np.random.default_rng(0).integers(0, 256, (11, 4, 4, 3), np.uint8)
    with PixelWriter(tmp_path / "pixels", images.nbytes) as writer:
        for image in images:
            writer.append(image)
    assert len(writer.checksums) == 4
    assert pixel_file.is_whole(tmp_path / "pixels", writer.checksums, 11, 48)
    file = PixelFile(tmp_path / "pixels", 11, (4, 4, 3))
    np.testing.assert_array_equal(file.images, images)
    np.testing.assert_array_equal(file.rows(np.array([9, 0, 9, 4])), images[[9, 0, 9, 4]])


def test_processes_that_start_together_decode_once(pictures, folder):
    """Each prints whether it decoded; the later one waits for the lock and reads what the first has written."""
    code = (
        "import sys, time\n"
        "from tellapart.data.decoded.cache import cached\n"
        "from tellapart.data.decoded.reading import read_all\n"
        "from tellapart.data.open import open_dataset\n"
        "from tellapart.data.preprocess import Preprocessing\n"
        "from pathlib import Path\n"
        "split, size = open_dataset(sys.argv[1]).splits['train'], Preprocessing(height=9, width=12)\n"
        "def decode(writer):\n"
        "    print('decoded'); time.sleep(0.3); return read_all(split, size, writer.append)\n"
        "print(cached(split, size, decode, Path(sys.argv[2]))[0].images.sum())\n"
    )
    command = [sys.executable, "-c", code, str(pictures), str(folder)]
    together = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate()[0].split() for process in together]
    assert sorted(len(output) for output in outputs) == [1, 2]
    assert outputs[0][-1] == outputs[1][-1]


def kept(folder, name, size, days_unused):
    """Make decoded pictures of so many bytes; return their folder."""
    place = folder / name.encode().hex().ljust(32, "0")
    place.mkdir(parents=True)
    (place / "pixels").write_bytes(bytes(size))
    (place / "index.json").write_text("{}")
    used = time.time() - 24 * 3600 * days_unused
    os.utime(place / "index.json", (used, used))
    return place


def names_with_pixels(folder):
    """Return the names given to `kept` of what is still there."""
    return sorted(bytes.fromhex(path.parent.name).rstrip(b"\0").decode() for path in folder.rglob("pixels"))


def test_room_is_made_by_removing_the_longest_unused_first(folder, monkeypatch):
    ages = {"old": 40, "week": 7, "yesterday": 1, "mine": 50}
    places = {name: kept(folder, name, 100, days) for name, days in ages.items()}
    monkeypatch.setattr(cache, "LARGEST", 250)
    make_room(folder, 120, places["mine"])
    assert names_with_pixels(folder) == ["mine", "yesterday"]
    assert not places["old"].exists()


def test_what_somebody_else_keeps_in_the_folder_stays(folder):
    others = folder / "holidays"
    others.mkdir(parents=True)
    (others / "pixels").write_bytes(b"photo")
    os.utime(others, (1, 1))
    make_room(folder, 1, folder / "mine")
    assert (others / "pixels").read_bytes() == b"photo"


def test_what_would_not_fit_even_so_removes_nothing_that_is_used(folder, monkeypatch):
    kept(folder, "week", 100, 7)
    mine = kept(folder, "mine", 100, 0)
    usage = cache.shutil.disk_usage(folder)
    monkeypatch.setattr(cache.shutil, "disk_usage", lambda _: usage._replace(free=cache.ROOM_LEFT + 50))
    with pytest.raises(NoRoomError, match="500 bytes are needed, 50 free"):
        make_room(folder, 500, mine)
    assert names_with_pixels(folder) == ["mine", "week"]


def test_pictures_of_which_none_can_be_read_are_refused_as_ever(pictures, folder):
    for path in pictures.rglob("*.png"):
        path.write_bytes(b"")
    with pytest.raises(DataError, match="None of the 9 pictures"):
        load_split(split_of(pictures), PATH, memory_budget_bytes=1, folder=folder)


def test_mapped_pages_are_given_back(tmp_path, monkeypatch):
    """20 MB are read through a mapping of which 1 MB may stay."""
    psutil = pytest.importorskip("psutil")
    if not hasattr(psutil.Process().memory_info(), "shared"):
        pytest.skip("this system does not say how many mapped pages are resident")
    monkeypatch.setattr(resident, "MOST_RESIDENT", 1 << 20)
    monkeypatch.setattr(resident, "_LOOK_SECONDS", 0.005)
    with PixelWriter(tmp_path / "pixels", 0) as writer:
        for level in range(20):
            writer.append(np.full((1024, 1024, 1), level, np.uint8))
    file = PixelFile(tmp_path / "pixels", 20, (1024, 1024, 1))
    before = psutil.Process().memory_info().shared
    assert [int(image.max()) for image in file.images] == list(range(20))
    deadline = time.monotonic() + 5
    while psutil.Process().memory_info().shared > before + (8 << 20) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert psutil.Process().memory_info().shared <= before + (8 << 20)
    assert int(file.images[7, 0, 0, 0]) == 7


def test_pictures_that_are_fetched_are_cached_by_their_content(pictures, folder):
    """Encoded, as pixels, and one that is not there, as from an archive."""
    paths = sorted(pictures.rglob("*.png"))
    pixels = {"as pixels": np.full((9, 12, 3), 7, np.uint8)}

    def fetch(key):
        if key == "gone":
            raise DataError("not in the archive")
        return pixels[key] if key in pixels else key.read_bytes()

    keys = (*paths, "as pixels", "gone")
    split = Split(tuple(map(str, keys)), np.arange(11) % 2, BlobImages(keys, fetch, tuple(map(str, keys))))
    paths[3].write_bytes(b"damaged")
    images, reading, decoded = read(split, folder)
    assert decoded == 1
    damaged, gone = (each.reason for each in reading.unreadable)
    assert damaged.startswith(f"{paths[3]}: text, not a picture")
    assert gone == "gone: not in the archive"
    np.testing.assert_array_equal(images[-1], pixels["as pixels"])
    assert read(split, folder)[2] == 0
    pixels["as pixels"][0, 0, 0] = 8
    assert read(split, folder)[2] == 1
