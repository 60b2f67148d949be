"""An album reads each picture once, and the network sees the pixels that training would give it."""

import numpy as np
from albums import scene
from PIL import Image

from tellapart.checks.album import Look, read_album
from tellapart.checks.look import MOST_PIXELS, look_for
from tellapart.data.fitted import fitted
from tellapart.data.open import open_dataset
from tellapart.data.preprocess import Preprocessing


class Net:
    """Stands for the network: keeps what it is given, and returns the mean of each channel."""

    def __init__(self):
        self.seen = []

    def __call__(self, images, precision="float32"):
        self.seen.extend(images)
        return images.mean((1, 2)).astype(np.float32)


def folder(root):
    for name, image in {
        "cat/a.jpg": Image.fromarray(scene(0, 96)),
        "cat/b.png": Image.fromarray(scene(1)).convert("P"),
        "dog/c.png": Image.fromarray(scene(2)).convert("RGBA"),
        "dog/d.png": Image.new("RGB", (5, 5)),
    }.items():
        (root / name).parent.mkdir(exist_ok=True)
        image.save(root / name)
    (root / "dog" / "e.png").write_bytes(b"")
    return open_dataset(root)


def test_the_network_sees_what_training_would_give_it(tmp_path):
    dataset, net, size = folder(tmp_path), Net(), Preprocessing(height=64, width=64)
    album = read_album(dataset, Look(net, size, "float32"))
    expected = [fitted(tmp_path / name, size).pixels for name in album.ids[:3]]
    np.testing.assert_array_equal(net.seen, expected)
    assert len(album.features) == 5
    assert not album.features[3:].any()


def test_sizes_modes_and_reasons_are_kept_by_row(tmp_path):
    album = read_album(folder(tmp_path))
    assert album.ids == ("cat/a.jpg", "cat/b.png", "dog/c.png", "dog/d.png", "dog/e.png")
    assert album.shapes.tolist() == [[96, 96], [48, 48], [48, 48], [0, 0], [0, 0]]
    assert album.modes == ("RGB", "P", "RGBA", "", "")
    assert sorted(album.unreadable) == [3, 4]
    assert album.unreadable[3] == "too small: 5 x 5 pixels, less than 8 x 8"
    assert str(tmp_path) not in album.unreadable[4]
    assert album.readable.tolist() == [0, 1, 2]


def test_more_pictures_than_the_budget_are_looked_at_without_a_network():
    count = MOST_PIXELS // 64**2 + 1
    images = np.broadcast_to(np.zeros((1, 32, 32, 3), np.uint8), (count, 32, 32, 3))
    assert look_for(open_dataset((images, np.arange(count) % 2))) is None
