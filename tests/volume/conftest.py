import shutil

import numpy as np
import pytest
from PIL import Image

import tellapart


def write_pictures(folder, count, size=24):
    """JPEG pictures of noise in three subfolders."""
    random = np.random.default_rng(0)
    for number in range(count):
        place = folder / f"day {number % 3}" / f"img_{number}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 256, (size, size, 3), np.uint8)
        Image.fromarray(pixels).save(place)
    return folder


@pytest.fixture(scope="session")
def album(tmp_path_factory):
    """47 pictures, of which three cannot be read, and two other files."""
    folder = write_pictures(tmp_path_factory.mktemp("volume") / "album", 44)
    (folder / "day 0" / "empty.jpg").touch()
    (folder / "day 1" / "text.png").write_text("not a picture")
    (folder / "day 2" / "img_5b.jpg").write_bytes((folder / "day 2" / "img_5.jpg").read_bytes()[:300])
    (folder / "notes.txt").write_text("x")
    (folder / "day 1" / "more.psd").write_text("x")
    return folder


@pytest.fixture(scope="session")
def digits():
    """The built-in classifier of digits."""
    return tellapart.load("digits")


@pytest.fixture
def small_chunks(monkeypatch):
    """Ten pictures go through the network together."""
    monkeypatch.setattr("tellapart.volume.job.PICTURES_AT_ONCE", 10)
    monkeypatch.setattr("tellapart.api.predict.FILES_AT_ONCE", 10)


@pytest.fixture
def moved(album, tmp_path):
    """The album in a place of its own, to change."""
    return shutil.copytree(album, tmp_path / "moved")
