"""Test-time augmentation: the published six views and their weights; no image changes another's prediction."""

import numpy as np
import pytest

from tellapart.inference.tta import SURE, with_tta


def network(sharpness):
    """A softmax of fixed random sums over the pixels."""
    weights = np.random.default_rng(0).normal(size=(8 * 8 * 3, 4)) * sharpness

    def logits(images):
        return images.reshape(len(images), -1).astype(np.float64) / 255 @ weights

    def predict(images, progress=None):
        powers = np.exp(logits(images))
        return (powers / powers.sum(1, keepdims=True)).astype(np.float32)

    return predict, logits


def random_images(n):
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
    predict, _ = network(0.1)
    np.testing.assert_array_equal(with_tta(predict, random_images(5), 1).averaged, predict(random_images(5)))


@pytest.mark.parametrize("sharpness", [0.02, 0.3])
def test_six_views_are_the_published_average_where_two_are_not_sure(sharpness):
    predict, logits = network(sharpness)
    images = random_images(40)
    two, six = six_views(logits, images)
    best = np.sort(two, axis=1)
    sure = best[:, -1] - best[:, -2] >= SURE
    expected = softmax(np.where(sure[:, None], two, six))
    np.testing.assert_allclose(with_tta(predict, images, 6).averaged, expected, atol=1e-5)
    np.testing.assert_allclose(with_tta(predict, images, 2).averaged, softmax(two), atol=1e-5)


@pytest.mark.parametrize("tta_views", [1, 2, 6])
def test_the_plain_prediction_is_returned_too(tta_views):
    predict, _ = network(0.1)
    images = random_images(9)
    counts = []

    def counted(views, progress):
        counts.append(len(views))
        return predict(views)

    np.testing.assert_array_equal(with_tta(counted, images, tta_views).plain, predict(images))
    assert len(counts) == tta_views


def test_the_prediction_of_an_image_does_not_depend_on_the_others():
    predict, _ = network(0.2)
    images = random_images(20)
    together = with_tta(predict, images, 6).averaged
    alone = np.concatenate([with_tta(predict, images[i : i + 1], 6).averaged for i in range(20)])
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_a_probability_of_one_and_no_images_at_all_raise_no_error():
    certain = np.array([[1.0, 0.0, 0.0]], np.float32)
    np.testing.assert_allclose(
        with_tta(lambda images, progress: certain, random_images(1), 6).averaged, certain, atol=1e-6
    )
    nothing = np.zeros((0, 3), np.float32)
    assert with_tta(lambda images, progress: nothing, random_images(0), 6).averaged.shape == (0, 3)
