"""Images that occur in two splits."""

import numpy as np

from tellapart.data.copies import copies_among


def test_copies_are_found_pixel_for_pixel():
    random = np.random.default_rng(0)
    others = random.integers(0, 256, (50, 20, 20, 3)).astype(np.uint8)
    images = random.integers(0, 256, (10, 20, 20, 3)).astype(np.uint8)
    images[2], images[7] = others[30], others[30]
    others[40] = others[30]
    assert copies_among(images, others) == {2: 30, 7: 30}


def test_one_pixel_makes_another_image():
    """Also a pixel that is not among those compared first."""
    others = np.zeros((3, 40, 40, 3), np.uint8)
    images = np.zeros((2, 40, 40, 3), np.uint8)
    images[1, 0, 0, 1] = 1
    assert copies_among(images, others) == {0: 0}


def test_small_images_are_compared_whole():
    others = np.arange(64, dtype=np.uint8).reshape(1, 8, 8, 1)
    assert copies_among(others, others) == {0: 0}
    assert copies_among(others + 1, others) == {}
