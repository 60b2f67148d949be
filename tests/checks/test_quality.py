"""Pictures that show little, and numbers of pictures that say little."""

import numpy as np
import pytest
from albums import album_of, scene
from PIL import Image, ImageFilter

from tellapart.checks.balance import findings_of_balance
from tellapart.checks.measures import measure
from tellapart.checks.quality import findings_of_quality
from tellapart.data.open import open_dataset

GOOD = [scene(seed, 120) for seed in range(8)]


def kinds(album):
    return {finding.kind: [row for (row,) in finding.groups] for finding in findings_of_quality(album)}


def test_good_pictures_have_nothing():
    assert kinds(album_of(GOOD)) == {}


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (np.full((120, 120, 3), 128, np.uint8), "blank"),
        ((GOOD[0] * 0.1).astype(np.uint8), "dark"),
        ((230 + GOOD[0] * 0.1).astype(np.uint8), "bright"),
        (np.asarray(Image.fromarray(GOOD[0]).filter(ImageFilter.GaussianBlur(12))), "blurred"),
    ],
)
def test_a_bad_picture_is_named_once(bad, kind):
    assert kinds(album_of([*GOOD, bad])) == {kind: [8]}


def test_blur_is_measured_alike_at_every_size():
    blurred = Image.fromarray(scene(0, 480)).filter(ImageFilter.GaussianBlur(40))
    images = [np.asarray(blurred.resize((side, side), Image.Resampling.BICUBIC)) for side in (480, 240, 130)]
    sharpness = [measure(pixels, pixels).sharpness for pixels in images]
    assert sharpness == pytest.approx([0.09] * 3, rel=0.15)


def dataset(train, test=()):
    """Labels alone; the pictures do not matter here."""
    arrays = {"x_train": np.zeros((len(train), 8, 8, 3), np.uint8), "y_train": np.array(train)}
    if test:
        arrays |= {"x_test": np.zeros((len(test), 8, 8, 3), np.uint8), "y_test": np.array(test)}
    return open_dataset(arrays, class_names=("cat", "dog", "owl"), for_training=False)


@pytest.mark.parametrize(
    ("train", "test", "expected"),
    [
        ([0, 1, 2], (), []),
        ([0, 0, 0], (), ["single class"]),
        ([0, 1], (0, 1, 2), ["missing class"]),
        ([0, 1, 2], (0, 1), ["unscored class"]),
        ([0] * 20 + [1] * 2 + [2] * 20, (), ["imbalance"]),
        ([0] * 19 + [1] * 2 + [2] * 19, (), []),
    ],
)
def test_what_is_wrong_with_the_numbers_is_named(train, test, expected):
    assert [finding.kind for finding in findings_of_balance(dataset(train, test))] == expected


def test_imbalance_gives_the_accuracy_of_always_guessing():
    (finding,) = findings_of_balance(dataset([0] * 97 + [1, 1, 1]))
    assert finding.seen == (
        "3 pictures of dog, 97 of cat: always answering cat would be right 97% of the time"
    )
