"""What a training tells of its pictures before the first step."""

import numpy as np
from albums import scene

from tellapart.checks.quick import Place, quick_check
from tellapart.data.store import ImageStore


def store(name, seeds, labels):
    images = np.stack([np.zeros((48, 48, 3), np.uint8) if seed is None else scene(seed) for seed in seeds])
    return ImageStore(images, np.array(labels), tuple(f"{name}/{row}" for row in range(len(seeds))))


STORES = {
    "train": store("train", [0, 1, 2, 1, None], [0, 1, 0, 0, 1]),
    "validation": store("validation", [3, 2], [1, 0]),
    "test": store("test", [4, 0, 3, 1, None], [0, 0, 1, 1, 1]),
}


def test_copies_are_found_in_each_split_before():
    assert quick_check(STORES).copies == {
        ("validation", "train"): {1: 2},
        ("test", "train"): {1: 0, 3: 1, 4: 4},
        ("test", "validation"): {2: 0},
    }


def test_other_labels_of_the_same_pixels_are_named_with_the_first():
    assert quick_check(STORES).conflicts == ((Place("train", 1), Place("train", 3)),)


def test_test_pictures_that_say_nothing_are_copies_or_doubtful():
    checked = quick_check({"train": STORES["train"], "test": store("test", [7, 7, None, 8], [0, 1, 0, 1])})
    assert checked.copied("test") == [2]
    assert checked.doubtful("test") == [0, 1]


def test_blank_pictures_are_named_by_split():
    blank = quick_check(STORES).blank
    assert {name: rows.tolist() for name, rows in blank.items()} == {
        "train": [4],
        "validation": [],
        "test": [4],
    }
