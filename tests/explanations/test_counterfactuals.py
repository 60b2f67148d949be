"""The smallest change that changes a prediction, where it is known."""

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter

from tellapart.explanations.attribution.faithfulness import blurred
from tellapart.explanations.counterfactuals import (
    CHANGES,
    brightened,
    counterfactuals,
    shifted,
    turned_and_cropped,
)

NAMES = [change.name for change in CHANGES]


def darker_than(level):
    """A network that predicts 1 where the mean is below a level, else 0."""

    def predict(images):
        dark = (images.mean((1, 2, 3)) < level).float()
        return torch.stack([1 - dark, dark], dim=1)

    return predict


def gray(value=100.0, side=32):
    return torch.full((side, side, 3), float(value))


def by_name(predict, image):
    return {each.name: each for each in counterfactuals(predict, image)}


def test_darkening_changes_the_prediction_at_the_level():
    darken = by_name(darker_than(70), gray(100))["darken"]
    assert darken.amount == pytest.approx(0.3, abs=1e-3)
    assert darken.predicted == 1
    assert darken.description == "30% darker"
    assert 69 < float(darken.image.mean()) < 70


def test_a_shift_of_a_large_picture_is_narrowed_down_to_the_pixel():
    """Of 112 shifts every third or fourth is tried, and then those between."""
    image = torch.zeros(224, 224, 1)
    image[:, :64] = 255.0
    counts = []

    def dark_before(images):
        counts.append(len(images))
        dark = (images[:, :, 64:101].mean((1, 2, 3)) > 254).float()
        return torch.stack([1 - dark, dark], dim=1)

    right = by_name(dark_before, image)["shift right"]
    assert right.description == "37 pixels to the right"
    assert right.predicted == 1
    assert sum(counts) < 450


def test_a_change_without_effect_changes_no_prediction():
    effects = by_name(darker_than(70), gray(100))
    assert set(effects) == set(NAMES)
    for name in set(NAMES) - {"darken"}:
        assert effects[name].amount is None
        assert effects[name].predicted == 0


def test_a_shift_is_found_in_whole_pixels():
    image = torch.zeros(32, 32, 1)
    image[:, :4] = 255.0

    def leftmost_is_dark(images):
        dark = (images[:, :, 4:6].mean((1, 2, 3)) > 200).float()
        return torch.stack([1 - dark, dark], 1)

    effects = by_name(leftmost_is_dark, image)
    assert effects["shift right"].description == "2 pixels to the right"
    assert effects["shift left"].amount is None


def test_a_shift_mirrors_at_the_edge_as_numpy_does():
    image = torch.arange(5.0 * 4).reshape(5, 4, 1)
    padded = np.pad(image.numpy(), ((2, 2), (1, 1), (0, 0)), mode="reflect")
    np.testing.assert_array_equal(shifted(image, 1, 2).numpy(), padded[:5, :4])
    np.testing.assert_array_equal(shifted(image, -1, -2).numpy(), padded[4:9, 2:6])


@pytest.mark.parametrize("degrees", [90, 180, -90])
def test_a_quarter_turn_is_numpys(degrees):
    image = torch.rand(16, 16, 3)
    turned = np.rot90(image.numpy(), degrees // 90)
    np.testing.assert_allclose(turned_and_cropped(image, degrees, 1.0).numpy(), turned, atol=1e-4)


def test_a_turn_of_a_wide_picture_keeps_its_form():
    image = torch.zeros(20, 40, 1)
    image[8:12, 18:22] = 255.0  # a square in the middle
    turned = turned_and_cropped(image, 90, 1.0)[:, 10:30]  # beside it, mirrored ones come in
    rows, columns = (turned[..., 0] > 127).nonzero(as_tuple=True)
    assert (rows.max() - rows.min()).item() == (columns.max() - columns.min()).item() == 3


def test_a_crop_is_pillows():
    image = (torch.rand(32, 32, 3) * 255).round()
    pillow = Image.fromarray(image.numpy().astype(np.uint8)).transform(
        (32, 32), Image.Transform.EXTENT, (8, 8, 24, 24), Image.Resampling.BILINEAR
    )
    ours = turned_and_cropped(image, 0.0, 0.5)[2:-2, 2:-2]
    np.testing.assert_allclose(ours.numpy(), np.asarray(pillow, np.float32)[2:-2, 2:-2], atol=1.0)


def test_a_blur_is_scipys():
    image = torch.rand(32, 32, 1) * 255
    theirs = gaussian_filter(image[..., 0].numpy(), 3.2, mode="mirror", truncate=10 / 3.2)
    np.testing.assert_allclose(blurred(image, 0.1)[..., 0].numpy(), theirs, atol=0.05)


def test_no_change_is_no_change():
    image = torch.rand(16, 16, 3) * 255
    assert torch.equal(brightened(image, 1.0), image)
    assert torch.equal(shifted(image, 0, 0), image)
    torch.testing.assert_close(turned_and_cropped(image, 0.0, 1.0), image, atol=1e-3, rtol=0)


def test_a_real_network_changes_its_mind(recorder, image):
    effects = counterfactuals(lambda images: recorder.run(images).logits.softmax(-1), image)
    changed = [each for each in effects if each.amount is not None]
    assert changed
    before = int(recorder.run(image[None]).logits.argmax())
    for each in changed:
        assert int(recorder.run(each.image[None]).logits.argmax()) == each.predicted != before
