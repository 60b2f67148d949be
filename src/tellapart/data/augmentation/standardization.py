"""Standardization: what ImageDataGenerator's `fit` learns from the training images.

It does not standardize: what is learned here becomes fixed layers of the network (`recipes.standardized`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tellapart.data.augmentation.settings import Augmentation
from tellapart.errors import ConfigError

LARGEST_ZCA = 4096
"""Most values of an image (height x width x channels) that are whitened: the matrix has their square."""

AT_ONCE = 512
"""Images that are laid out as floats at a time."""

LEAST_DEVIATION = 1e-6
"""Added to every deviation before dividing by it, as ImageDataGenerator does."""


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """What the training images are like, after the network's scaling."""

    mean: NDArray[np.float64]
    """(C,) subtracted; zeros where images are not centered."""

    deviation: NDArray[np.float64]
    """(C,) divided by; ones where they are not normalized."""

    whitening: NDArray[np.float32] | None
    """(H * W * C, H * W * C), multiplied from the right; None: no whitening."""


def fit_statistics(
    images: NDArray[np.uint8] | None,
    shape: tuple[int, int, int],
    settings: Augmentation,
    scale: float,
    offset: float,
) -> Statistics:
    """Learn mean, deviation and whitening matrix from the training images.

    As in ImageDataGenerator, they are those of images before samplewise centering.

    Args:
        images: (N, H, W, C) uint8; None where the network is only looked at, which leaves everything as it is.
        shape: (H, W, C).
        settings: which of them are needed.
        scale: factor of the network's own scaling.
        offset: added after it.

    Raises:
        ConfigError: the images are too large to be whitened.

    Source: keras/src/legacy/preprocessing/image.py, ImageDataGenerator.fit.
    """
    channels, values = shape[2], int(np.prod(shape))
    mean, deviation = np.zeros(channels), np.ones(channels)
    if settings.zca_whitening and values > LARGEST_ZCA:
        raise ConfigError(
            f"zca_whitening of {shape[0]} x {shape[1]} x {shape[2]} values needs a matrix of {values:,} x {values:,}; "
            f"at most {LARGEST_ZCA:,} values are whitened. Choose a smaller --size, such as 32."
        )
    if images is None:
        return Statistics(
            mean, deviation, np.eye(values, dtype=np.float32) if settings.zca_whitening else None
        )
    pixel_mean, pixel_deviation = _moments(images)
    if settings.featurewise_center:
        mean = scale * pixel_mean + offset
    if settings.featurewise_std_normalization:
        deviation = abs(scale) * pixel_deviation + LEAST_DEVIATION
    whitening = None
    if settings.zca_whitening:
        whitening = _whitening(images, scale / deviation, (offset - mean) / deviation, settings.zca_epsilon)
    return Statistics(mean, deviation, whitening)


def _moments(images: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean and the standard deviation of each channel."""
    counts = np.zeros((images.shape[3], 256))
    for start in range(0, len(images), AT_ONCE):
        for channel in range(images.shape[3]):
            counts[channel] += np.bincount(
                images[start : start + AT_ONCE, ..., channel].ravel(), minlength=256
            )
    shares, levels = counts / counts.sum(1, keepdims=True), np.arange(256)
    mean = shares @ levels
    return mean, np.sqrt((shares * (levels - mean[:, None]) ** 2).sum(1))


def _whitening(
    images: NDArray[np.uint8], scale: NDArray[np.float64], offset: NDArray[np.float64], epsilon: float
) -> NDArray[np.float32]:
    """Return the matrix that whitens flattened images of pixels * scale + offset."""
    n, values = len(images), int(np.prod(images.shape[1:]))

    def flat(part: NDArray[np.uint8]) -> NDArray[np.float64]:
        return (part * scale + offset).reshape(len(part), -1)

    if n <= values:  # few directions: those of the images themselves
        directions, singular, _ = np.linalg.svd(flat(images).T, full_matrices=False)
    else:
        products = np.zeros((values, values))
        for start in range(0, n, AT_ONCE):
            rows = flat(images[start : start + AT_ONCE])
            products += rows.T @ rows
        squares, directions = np.linalg.eigh(products)
        singular = np.sqrt(np.maximum(squares, 0))
    return ((directions * (np.sqrt(n) / (singular + epsilon))) @ directions.T).astype(np.float32)
