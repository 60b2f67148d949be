"""Views: the published six and their weights, and an answer that no other picture changes."""

import numpy as np
import pytest

from tellapart.inference.tta import SURE, with_tta


def asker(sharpness):
    """A network of sorts: softmax of fixed random sums over the pixels."""
    weights = np.random.default_rng(0).normal(size=(8 * 8 * 3, 4)) * sharpness

    def logits(images):
        return images.reshape(len(images), -1).astype(np.float64) / 255 @ weights

    def ask(images):
        powers = np.exp(logits(images))
        return (powers / powers.sum(1, keepdims=True)).astype(np.float32)

    return ask, logits


def pictures(n):
    return np.random.default_rng(1).integers(0, 256, (n, 8, 8, 3), np.uint8)


def six_views(logits, images):
    """As airbench averages logits: mirrored half and half, moved half and half."""

    def mirrored(x):
        return 0.5 * logits(x) + 0.5 * logits(x[:, :, ::-1])

    padded = np.pad(images, [(0, 0), (1, 1), (1, 1), (0, 0)], mode="reflect")
    moved = [padded[:, 0:8, 0:8], padded[:, 2:10, 2:10]]
    return mirrored(images), 0.5 * mirrored(images) + 0.25 * sum(mirrored(x) for x in moved)


def softmax(logits):
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def test_one_view_is_the_network_itself():
    ask, _ = asker(0.1)
    np.testing.assert_array_equal(with_tta(ask, pictures(5), 1).averaged, ask(pictures(5)))


@pytest.mark.parametrize("sharpness", [0.02, 0.3])
def test_six_views_are_the_published_average_where_two_are_not_sure(sharpness):
    ask, logits = asker(sharpness)
    images = pictures(40)
    two, six = six_views(logits, images)
    best = np.sort(two, axis=1)
    sure = best[:, -1] - best[:, -2] >= SURE
    expected = softmax(np.where(sure[:, None], two, six))
    np.testing.assert_allclose(with_tta(ask, images, 6).averaged, expected, atol=1e-5)
    np.testing.assert_allclose(with_tta(ask, images, 2).averaged, softmax(two), atol=1e-5)


@pytest.mark.parametrize("tta_views", [1, 2, 6])
def test_what_is_answered_without_views_comes_along(tta_views):
    ask, _ = asker(0.1)
    images = pictures(9)
    asked = []

    def counted(given):
        asked.append(len(given))
        return ask(given)

    np.testing.assert_array_equal(with_tta(counted, images, tta_views).plain, ask(images))
    assert len(asked) == tta_views


def test_the_answer_about_a_picture_does_not_depend_on_the_others():
    ask, _ = asker(0.2)
    images = pictures(20)
    together = with_tta(ask, images, 6).averaged
    alone = np.concatenate([with_tta(ask, images[i : i + 1], 6).averaged for i in range(20)])
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_a_certainty_of_one_and_no_pictures_at_all_are_no_trouble():
    certain = np.array([[1.0, 0.0, 0.0]], np.float32)
    np.testing.assert_allclose(with_tta(lambda images: certain, pictures(1), 6).averaged, certain, atol=1e-6)
    nothing = np.zeros((0, 3), np.float32)
    assert with_tta(lambda images: nothing, pictures(0), 6).averaged.shape == (0, 3)
