"""The named policies: what each does, by itself and as a value of a configuration."""

import dataclasses
import inspect

import numpy as np
import pytest
import torch

from tellapart.data.augmentation.augmenter import apply_all, draw_all
from tellapart.data.augmentation.policies import learned
from tellapart.data.augmentation.policies.crops import RandomErasing, RandomResizedCrop, ReflectPadCrop
from tellapart.data.augmentation.policies.learned import AugMix, RandAugment, TrivialAugmentWide
from tellapart.data.augmentation.policies.operations import Operation
from tellapart.data.augmentation.policies.pixels import (
    ColorJitter,
    GaussianBlur,
    GaussianNoise,
    blurred,
    turn_hue,
)
from tellapart.data.augmentation.policies.registry import POLICIES, policy_from_dict
from tellapart.data.augmentation.settings import Augmentation
from tellapart.errors import ConfigError

SHAPE = (3, 20, 28)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def images_of(n, shape=SHAPE):
    return torch.from_numpy(np.random.default_rng(2).integers(0, 256, (n, *shape)).astype(np.float32))


def applied(policy, images, seed=0):
    return policy.apply(images, policy.draw(len(images), tuple(images.shape[1:]), seeded(seed)))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_keeps_shape_and_range_and_its_input(name, channels):
    images = images_of(9, (channels, 20, 28))
    before = images.clone()
    result = applied(POLICIES[name](), images)
    assert (result.shape, result.dtype) == (images.shape, torch.float32)
    assert result.min() >= 0
    assert result.max() <= 255
    assert torch.equal(images, before)
    assert not torch.equal(result, images), "nothing happened"


@pytest.mark.parametrize("name", POLICIES)
def test_chance_comes_from_the_generator_and_each_image_stands_alone(name):
    policy, images = POLICIES[name](), images_of(8)
    drawn = policy.draw(8, SHAPE, seeded(4))
    together = policy.apply(images, drawn)
    assert torch.equal(together, applied(policy, images, seed=4))
    for part in (slice(0, 3), slice(3, 8)):
        assert torch.equal(policy.apply(images[part], drawn[part]), together[part])


@pytest.mark.parametrize("name", POLICIES)
def test_nothing_is_read_back_while_a_policy_runs(name):
    """A CUDA graph cannot wait for the host. Tensors without content raise where somebody asks for a number."""
    settings = Augmentation(
        rotation_range=10, width_shift_range=(0.1, 0.2), channel_shift_range=9, brightness_range=(0.5, 1), cutout=4,
        fill_mode="constant", policies=(POLICIES[name](),),
    )  # fmt: skip
    drawn = draw_all(settings, 4, SHAPE, seeded())

    def without_content(value):
        if isinstance(value, torch.Tensor):
            return value.to("meta")
        if isinstance(value, tuple):
            return tuple(without_content(each) for each in value)
        if value is None:
            return None
        return type(value)(*(without_content(getattr(value, each)) for each in value.__slots__))

    result = apply_all(torch.empty((4, *SHAPE), device="meta"), without_content(drawn), settings)
    assert result.shape == (4, *SHAPE)


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_survives_being_written_down(name):
    policy = POLICIES[name]()
    saved = {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in dataclasses.asdict(policy).items()
    }
    assert policy_from_dict(saved) == policy
    assert saved["name"] == name


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_names_its_paper(name):
    assert "Source:" in inspect.getdoc(POLICIES[name])


@pytest.mark.parametrize(
    ("saved", "words"),
    [
        ({"name": "auto"}, "Unknown augmentation policy 'auto'. Policies: random-resized-crop"),
        ({"name": "noise", "sigma": 1}, "noise has no setting sigma; it has: deviation"),
        ({"name": "trivial-augment-wide", "level": 1}, "it has: none"),
        ({"name": "noise", "deviation": -1}, "noise.deviation"),
        (
            {"name": "rand-augment", "operations": 2.5},
            "rand-augment.operations is a whole number from 1 to 8",
        ),
        ({"name": "rand-augment", "magnitude": 31}, "0 to 30; got 31"),
        ({"name": "aug-mix", "severity": 0}, "1 to 10"),
        ({"name": "random-resized-crop", "scale": (0.5, 1.5)}, "scale is out of range"),
        ({"name": "random-resized-crop", "ratio": (0, 1)}, "ratio is out of range"),
        ({"name": "random-erasing", "probability": 2}, "a probability"),
        ({"name": "reflect-pad-crop", "pixels": 0}, "from 1 to"),
        ({"name": "color-jitter", "hue": 0.6}, "0 to 0.5"),
        ({"name": "blur", "sigma": (2, 1)}, "smallest and a largest"),
    ],
)
def test_an_impossible_policy_is_refused(saved, words):
    with pytest.raises(ConfigError) as refusal:
        policy_from_dict(saved)
    assert words in str(refusal.value)


def test_a_random_resized_crop_shows_the_part_that_it_drew():
    """On a slope along both axes, the first and last pixels tell where the part lies and how large it is."""
    height, width = 40, 50
    rows, columns = torch.meshgrid(torch.arange(float(height)), torch.arange(float(width)), indexing="ij")
    images = torch.stack([rows, columns])[None].expand(300, -1, -1, -1)
    result = applied(RandomResizedCrop(scale=(0.1, 0.5)), images)
    high = (result[:, 0, -2, 25] - result[:, 0, 1, 25]) * height / (height - 3)
    wide = (result[:, 1, 20, -2] - result[:, 1, 20, 1]) * width / (width - 3)
    area, ratio = high * wide / (height * width), wide / high
    assert area.min() > 0.09
    assert area.max() < 0.53
    assert 0.7 < ratio.min() < 0.8
    assert 1.2 < ratio.max() < 1.4
    assert area.mean() == pytest.approx(0.3, abs=0.03)


def test_a_crop_of_everything_changes_nothing():
    images = images_of(3, (3, 16, 16))
    result = applied(RandomResizedCrop(scale=(1, 1), ratio=(1, 1)), images)
    np.testing.assert_allclose(result, images, atol=1e-2)


def test_a_reflected_pad_crop_is_numpys():
    images, policy = images_of(20), ReflectPadCrop(pixels=3)
    drawn = policy.draw(20, SHAPE, seeded())
    shifts = (drawn * 7).long().numpy()  # from the corner of the padded image
    for image, (row, column), result in zip(images.numpy(), shifts, policy.apply(images, drawn), strict=True):
        padded = np.pad(image, ((0, 0), (3, 3), (3, 3)), mode="reflect")
        expected = padded[:, row : row + SHAPE[1], column : column + SHAPE[2]]
        np.testing.assert_allclose(result, expected, atol=1e-2)


def test_erasing_covers_one_rectangle_of_half_of_the_images():
    images = torch.full((400, 3, 20, 28), 300.0)  # a level that no erased pixel has
    covered = (applied(RandomErasing(), images) != 300).all(1)
    rows, columns = covered.any(2).sum(1), covered.any(1).sum(1)
    assert torch.equal(covered.sum((1, 2)), rows * columns)
    assert 0.42 < (rows > 0).float().mean() < 0.58
    share = (rows * columns)[rows > 0] / (20 * 28)
    assert share.min() > 0.01
    assert share.max() < 0.36


def test_hue_turns_as_pillows_hsv_does():
    """By a third of the circle, red becomes green becomes blue; gray stays gray."""
    colors = torch.tensor([[200.0, 40, 40], [40, 200, 40], [40, 40, 200], [90, 90, 90]])[:, :, None, None]
    turned = turn_hue(colors, torch.full((4,), 1 / 3))[:, :, 0, 0]
    expected = [[40, 200, 40], [40, 40, 200], [200, 40, 40], [90, 90, 90]]
    np.testing.assert_allclose(turned, expected, atol=1e-3)


def test_hue_agrees_with_colorsys():
    import colorsys

    images, turns = images_of(5, (3, 4, 4)) / 255, torch.tensor([0.1, -0.1, 0.37, 0.5, -0.5])
    result = turn_hue(images, turns)
    for image, turn, changed in zip(images.double().numpy(), turns.tolist(), result.numpy(), strict=True):
        for pixel, new in zip(image.reshape(3, -1).T, changed.reshape(3, -1).T, strict=True):
            hue, saturation, value = colorsys.rgb_to_hsv(*pixel)
            np.testing.assert_allclose(
                new, colorsys.hsv_to_rgb((hue + turn) % 1, saturation, value), atol=1e-5
            )


def test_a_jitter_of_no_strength_changes_nothing():
    images = images_of(3)
    result = applied(ColorJitter(brightness=0, contrast=0, saturation=0, hue=0), images)
    np.testing.assert_allclose(result, images, atol=1e-3)


def test_noise_has_its_deviation():
    images = torch.full((4, 3, 50, 50), 128.0)
    assert (applied(GaussianNoise(deviation=10), images) - 128).std() == pytest.approx(10, rel=0.02)


def test_blur_is_scipys_where_the_kernel_is_wide_enough():
    from scipy import ndimage

    images = images_of(2, (3, 100, 100))
    result = blurred(images, torch.tensor([0.8, 1.1]))  # kernels of 11 pixels
    for image, sigma, soft in zip(images.numpy(), (0.8, 1.1), result, strict=True):
        expected = ndimage.gaussian_filter(image, (0, sigma, sigma), mode="mirror", truncate=5 / sigma)
        np.testing.assert_allclose(soft, expected, atol=1e-2)


def test_half_of_the_images_are_blurred():
    images = images_of(300, (1, 8, 8))
    changed = (applied(GaussianBlur(sigma=(1, 2)), images) != images).flatten(1).any(1)
    assert 0.4 < changed.float().mean() < 0.6


def recorded_operations(monkeypatch, policy, n=3000):
    """Each step's (choice, strength) of a policy."""
    steps = []

    def record(images, choice, strength, fill=0.0):
        steps.append((choice.clone(), strength.clone()))
        return images

    monkeypatch.setattr(learned, "perform", record)
    applied(policy, torch.zeros(n, 3, 32, 32))
    return steps


def test_rand_augment_does_two_of_fourteen_equally_strong_operations(monkeypatch):
    steps = recorded_operations(monkeypatch, RandAugment())
    assert len(steps) == 2
    for choice, strength in steps:
        counts = torch.bincount(choice, minlength=15)
        assert counts[14] == 0
        assert counts[:14].min() > 150
        turned = strength[choice == Operation.ROTATE]
        assert set(turned.tolist()) == {9.0, -9.0}


def test_trivial_augment_does_one_operation_of_any_strength(monkeypatch):
    ((choice, strength),) = recorded_operations(monkeypatch, TrivialAugmentWide())
    turned = strength[choice == Operation.ROTATE]
    assert turned.abs().max() == 135
    assert len(set(turned.tolist())) > 40
    assert strength[choice == Operation.POSTERIZE].min() == 2
    assert strength[choice == Operation.TRANSLATE_X].abs().max() == 32


def test_auto_augments_probabilities_are_the_tables(monkeypatch):
    """The share of each operation within 4 standard deviations of what 25 equally likely pairs give."""
    n = 20_000
    steps = recorded_operations(monkeypatch, POLICIES["auto-augment-cifar10"](), n)
    for step, (choice, _) in enumerate(steps):
        for operation in Operation:
            expected = (
                sum(pair[step][1] for pair in learned.CIFAR10_POLICY if pair[step][0] == operation.name) / 25
            )
            if operation != Operation.IDENTITY:
                share = (choice == operation).float().mean().item()
                assert abs(share - expected) < 4 * (0.25 / n) ** 0.5, operation.name


def test_the_table_is_torchvisions():
    transforms = pytest.importorskip("torchvision.transforms")
    policy = transforms.AutoAugmentPolicy.CIFAR10
    theirs = transforms.AutoAugment(policy)._get_policies(policy)
    names = {"AUTO_CONTRAST": "AutoContrast"}
    mine = [
        tuple((names.get(name, name.title().replace("_", "")), p) for name, p, _ in pair)
        for pair in learned.CIFAR10_POLICY
    ]
    assert mine == [tuple((name, p) for name, p, _ in pair) for pair in theirs]


def test_aug_mix_mixes_chains_that_leave_out_the_benchmarks_corruptions(monkeypatch):
    steps = recorded_operations(monkeypatch, AugMix())
    assert len(steps) == 9
    used = set(torch.cat([choice for choice, _ in steps]).tolist())
    assert used == {Operation.IDENTITY, *learned.AUGMIX_OPERATIONS}
    lengths = [(choice != Operation.IDENTITY).float().mean().item() for choice, _ in steps[:3]]
    np.testing.assert_allclose(lengths, [1, 2 / 3, 1 / 3], atol=0.04)
