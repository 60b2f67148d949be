"""The fifteen operations, against Pillow."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance, ImageOps
from scipy import ndimage

from tellapart.data.augmentation.policies.operations import Operation, Strengths, perform

SIDE = 24


def images_of(n, channels=3, side=SIDE):
    """(n, C, H, W) float32, whole levels; the last one of a single color, one of two levels."""
    pixels = np.random.default_rng(1).integers(0, 256, (n, channels, side, side + 3)).astype(float)
    pixels = ndimage.gaussian_filter(pixels, (0, 0, 1, 1)).round().clip(0, 255)
    pixels[-1], pixels[-2] = 90, np.where(pixels[-2] > 127, 200, 40)
    return torch.from_numpy(pixels.astype(np.float32))


def picture(image):
    pixels = image.permute(1, 2, 0).numpy().astype(np.uint8)
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def enhanced(kind):
    return lambda image, factor: kind(image).enhance(factor)


def moved(matrix):
    def move(image, strength):
        return image.transform(image.size, Image.Transform.AFFINE, matrix(strength), Image.Resampling.NEAREST)

    return move


PILLOW = {
    Operation.IDENTITY: ([0], lambda image, _: image),
    Operation.SHEAR_X: ([0.23, -0.31], moved(lambda s: (1, s, 0, 0, 1, 0))),
    Operation.SHEAR_Y: ([0.23, -0.31], moved(lambda s: (1, 0, 0, s, 1, 0))),
    Operation.TRANSLATE_X: ([3, -7], moved(lambda s: (1, 0, s, 0, 1, 0))),
    Operation.TRANSLATE_Y: ([3, -7], moved(lambda s: (1, 0, 0, 0, 1, s))),
    Operation.ROTATE: ([17.3, -61.0], lambda image, degrees: image.rotate(degrees)),
    Operation.BRIGHTNESS: ([0.1, 0.7, 1.9], enhanced(ImageEnhance.Brightness)),
    Operation.COLOR: ([0.1, 0.7, 1.9], enhanced(ImageEnhance.Color)),
    Operation.CONTRAST: ([0.1, 0.7, 1.9], enhanced(ImageEnhance.Contrast)),
    Operation.SHARPNESS: ([0.1, 0.7, 1.9], enhanced(ImageEnhance.Sharpness)),
    Operation.POSTERIZE: ([8, 6, 4, 2], lambda image, bits: ImageOps.posterize(image, int(bits))),
    Operation.SOLARIZE: (
        [255, 128.4, 17],
        lambda image, level: ImageOps.solarize(image, int(np.ceil(level))),
    ),
    Operation.AUTO_CONTRAST: ([0], lambda image, _: ImageOps.autocontrast(image)),
    Operation.EQUALIZE: ([0], lambda image, _: ImageOps.equalize(image)),
    Operation.INVERT: ([0], lambda image, _: ImageOps.invert(image)),
}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("operation", PILLOW, ids=lambda operation: operation.name)
def test_an_operation_gives_pillows_pixels(operation, channels):
    """Equal to the last level; a level that float32 puts just below a whole number may be one less."""
    strengths, by_pillow = PILLOW[operation]
    images = images_of(6, channels)
    for strength in strengths:
        choice = torch.full((6,), int(operation))
        result = perform(images, choice, torch.full((6,), float(strength), dtype=torch.float64))
        for image, changed in zip(images, result, strict=True):
            expected = np.asarray(by_pillow(picture(image), strength), dtype=float)
            expected = expected[None] if channels == 1 else expected.transpose(2, 0, 1)
            difference = np.abs(changed.numpy() - expected)
            is_move = Operation.SHEAR_X <= operation <= Operation.ROTATE
            assert (difference > 0).mean() < (0.01 if is_move else 0.002)
            assert is_move or difference.max() <= 1


def test_every_image_of_a_batch_gets_its_own_operation():
    images = images_of(15)
    choice = torch.arange(15)
    strength = torch.tensor([PILLOW[Operation(k)][0][-1] for k in range(15)], dtype=torch.float64)
    together = perform(images, choice, strength)
    for k in range(15):
        alone = perform(images[k : k + 1], choice[k : k + 1], strength[k : k + 1])
        assert torch.equal(alone[0], together[k]), Operation(k).name
    assert torch.equal(images, images_of(15)), "the images themselves stay as they are"


def test_strengths_are_torchvisions():
    """The middle bin (15 of 31) of RandAugment's table, for images of 100 x 50."""
    strengths = Strengths(shear=0.3, translate_share=150 / 331, rotate=30, enhance=0.9, posterize=4)
    level = torch.full((15,), 0.5, dtype=torch.float64)
    of = strengths.of(torch.arange(15), level, torch.zeros(15, dtype=torch.bool), 100, 50)
    x, y = int(150 / 331 * 50 / 2), int(150 / 331 * 100 / 2)
    expected = [0, 0.15, 0.15, x, y, 15, 1.45, 1.45, 1.45, 1.45, 6, 127.5, 0, 0, 0]
    np.testing.assert_allclose(of, expected)
    negative = strengths.of(torch.arange(15), level, torch.ones(15, dtype=torch.bool), 100, 50)
    expected[1:10] = [-0.15, -0.15, -x, -y, -15, 0.55, 0.55, 0.55, 0.55]
    np.testing.assert_allclose(negative, expected)
