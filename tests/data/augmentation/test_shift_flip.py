import os

os.environ.setdefault("KERAS_BACKEND", "torch")

import dataclasses

import numpy as np
import pytest
import torch
from keras.src.legacy.preprocessing.image import ImageDataGenerator
from scipy import ndimage

from tellapart.data.augmentation.settings import Augmentation
from tellapart.data.augmentation.shift_flip import AugmentParams, apply, augment, draw
from tellapart.errors import ConfigError

KERAS_TOLERANCE = 1e-4
"""In pixel values of 0 to 255: Keras blends in float64, `apply` in float32 (measured: 5e-5)."""

SIZES = [(32, 32), (7, 12), (13, 5), (1, 6), (1, 1)]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_images(n: int, channels: int, size: tuple[int, int], dtype: torch.dtype) -> torch.Tensor:
    """(n, channels, *size), as a store gives them: (N, H, W, C) in memory."""
    pixels = np.random.default_rng(0).integers(0, 256, (n, *size, channels), dtype=np.uint8)
    return torch.from_numpy(pixels).to(dtype).permute(0, 3, 1, 2)


def random_params(n: int, reach: tuple[float, float], seed: int = 0) -> AugmentParams:
    """Shifts up to `reach` (rows, columns) either way; every fourth one whole; all four ways of turning."""
    random = np.random.default_rng(seed)
    shifts = random.uniform(-1, 1, (n, 2)) * reach
    shifts[::4] = shifts[::4].round()
    dy, dx = torch.from_numpy(shifts.astype(np.float32)).unbind(1)
    return AugmentParams(
        dy=dy, dx=dx, mirrored=torch.arange(n) % 2 == 1, flipped=torch.arange(n) // 2 % 2 == 1
    )


def by_keras(images: torch.Tensor, params: AugmentParams, fill_mode: str, cval: float) -> np.ndarray:
    """Keras's apply_transform, picture by picture; its `ty` moves rows and its `tx` columns."""
    keras_way = ImageDataGenerator(fill_mode=fill_mode, cval=cval, data_format="channels_last")
    moved = [
        keras_way.apply_transform(
            picture,
            {
                "ty": float(params.dy[i]),
                "tx": float(params.dx[i]),
                "flip_horizontal": bool(params.mirrored[i]),
                "flip_vertical": bool(params.flipped[i]),
            },
        )
        for i, picture in enumerate(images.permute(0, 2, 3, 1).float().numpy())
    ]
    return np.stack(moved).transpose(0, 3, 1, 2)


@pytest.mark.parametrize("fill_mode", ["nearest", "constant"])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("reach", [0.1, 1.0, 2.5])
def test_moved_pictures_match_keras(fill_mode, dtype, channels, size, reach):
    """Shifts inside the picture, across it and beyond it."""
    images = random_images(24, channels, size, dtype)
    params = random_params(24, (reach * size[0], reach * size[1]))
    expected = by_keras(images, params, fill_mode, cval=17.5)
    moved = apply(images, params, fill_mode, cval=17.5)
    np.testing.assert_allclose(moved.numpy(), expected, atol=KERAS_TOLERANCE, rtol=0)


@pytest.mark.parametrize("fill_mode", ["nearest", "constant"])
def test_tutorial_draws_match_keras(fill_mode):
    images = random_images(64, 3, (32, 32), torch.uint8)
    settings = dataclasses.replace(Augmentation.tutorial(), fill_mode=fill_mode)
    expected = by_keras(images, draw(settings, 64, 32, 32, seeded(5)), fill_mode, cval=0)
    np.testing.assert_allclose(augment(images, settings, seeded(5)), expected, atol=KERAS_TOLERANCE, rtol=0)


def test_a_positive_dy_moves_the_content_up_and_a_positive_dx_left():
    image = torch.arange(6.0).view(1, 1, 2, 3)
    still, one = torch.zeros(1), torch.ones(1)
    no = torch.zeros(1, dtype=torch.bool)
    assert apply(image, AugmentParams(one, still, no, no))[0, 0].tolist() == [[3, 4, 5], [3, 4, 5]]
    assert apply(image, AugmentParams(still, one, no, no))[0, 0].tolist() == [[1, 2, 2], [4, 5, 5]]


def test_height_shift_in_keras_moves_columns():
    """Why `draw` differs from ImageDataGenerator on pictures that are not square; see the module's words."""
    picture = np.arange(6, dtype=np.float32).reshape(2, 3, 1)
    keras_way = ImageDataGenerator(height_shift_range=[1])
    shift = keras_way.get_random_transform(picture.shape, seed=0)["tx"]
    assert abs(shift) == 1
    moved = keras_way.apply_transform(picture, {"tx": shift})[..., 0]
    assert moved.tolist() in ([[1, 2, 2], [4, 5, 5]], [[0, 0, 1], [3, 3, 4]])


def test_whole_moves_are_exact():
    images = random_images(16, 3, (9, 11), torch.uint8)
    params = random_params(16, (12, 12))
    params = dataclasses.replace(params, dy=params.dy.round(), dx=params.dx.round())
    np.testing.assert_array_equal(apply(images, params), by_keras(images, params, "nearest", 0))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_a_plan_with_nothing_on_changes_no_pixel(dtype):
    images = random_images(8, 3, (6, 5), dtype)
    before = images.clone()
    result = augment(images, Augmentation(), seeded(0))
    assert torch.equal(result, images.float())
    assert result.data_ptr() != images.data_ptr()
    assert torch.equal(images, before)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_the_result_is_float32_in_channels_last_memory(channels, memory_format):
    images = random_images(4, channels, (6, 5), torch.uint8).contiguous(memory_format=memory_format)
    result = augment(images, Augmentation.tutorial(), seeded(0))
    assert result.dtype == torch.float32
    assert result.shape == images.shape
    assert result.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(result, augment(images.contiguous(), Augmentation.tutorial(), seeded(0)))


def test_an_empty_batch_stays_empty():
    assert augment(torch.zeros(0, 3, 8, 8), Augmentation.tutorial(), seeded(0)).shape == (0, 3, 8, 8)


def test_many_pictures_move_as_each_does_alone():
    images = random_images(700, 3, (32, 32), torch.uint8)
    params = random_params(700, (4, 4))
    together = apply(images, params)
    for i in (0, 1, 350, 699):
        one = AugmentParams(
            *(getattr(params, name)[i : i + 1] for name in ("dy", "dx", "mirrored", "flipped"))
        )
        assert torch.equal(apply(images[i : i + 1], one), together[i : i + 1])


def test_chance_comes_from_the_generator_alone():
    images = random_images(8, 3, (32, 32), torch.uint8)
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = augment(images, Augmentation.tutorial(), seeded(3))
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    assert torch.equal(augment(images, Augmentation.tutorial(), seeded(3)), first)
    assert not torch.equal(augment(images, Augmentation.tutorial(), seeded(4)), first)


def test_moves_of_a_picture_do_not_depend_on_how_many_follow():
    few = draw(Augmentation.tutorial(), 5, 32, 32, seeded(0))
    many = draw(Augmentation.tutorial(), 500, 32, 32, seeded(0))
    assert torch.equal(few.dy, many.dy[:5])
    assert torch.equal(few.mirrored, many.mirrored[:5])


def test_one_switch_changes_no_other_move():
    both = draw(Augmentation.tutorial(), 50, 32, 32, seeded(0))
    shift_only = draw(Augmentation(width_shift_range=0.1), 50, 32, 32, seeded(0))
    assert torch.equal(shift_only.dx, both.dx)
    assert not shift_only.dy.any()
    assert not shift_only.mirrored.any()


@pytest.mark.parametrize(
    ("shift_range", "largest"),
    [(0.1, (2.0, 5.0)), (0.99, (19.8, 49.5)), (1.0, (1.0, 1.0)), (3.5, (3.5, 3.5))],
)
def test_float_shifts_are_uniform(shift_range, largest):
    """Chi-square over 20 bins of 40,000 draws; 19 degrees of freedom, 0.1% quantile at 43.8."""
    settings = Augmentation(height_shift_range=shift_range, width_shift_range=shift_range)
    params = draw(settings, 40_000, 20, 50, seeded(0))
    for shifts, most in zip((params.dy, params.dx), largest, strict=True):
        assert shifts.dtype == torch.float32
        assert shifts.abs().max() <= np.float32(most)
        counts, _ = np.histogram(shifts.numpy(), bins=20, range=(-most, most))
        assert counts.sum() == 40_000
        assert ((counts - 2000) ** 2 / 2000).sum() < 43.8


@pytest.mark.parametrize(
    ("shift_range", "shares"),
    [
        (0, {0: 1}),
        (1, {0: 1}),
        (2, {-1: 1 / 4, 0: 1 / 2, 1: 1 / 4}),
        (3, dict.fromkeys([-2, -1, 1, 2], 1 / 6)),
    ],
)
def test_int_shifts_are_whole_pixels_as_keras_draws_them(shift_range, shares):
    """Shares within 0.01 (4 standard deviations at 40,000 draws), and the very values that Keras draws."""
    shifts = draw(Augmentation(width_shift_range=shift_range), 40_000, 8, 8, seeded(0)).dx
    for shift, share in shares.items():
        assert (shifts == shift).float().mean().item() == pytest.approx(share, abs=0.01)
    keras_way = ImageDataGenerator(width_shift_range=shift_range)
    keras_shifts = {int(keras_way.get_random_transform((8, 8, 3), seed=i)["ty"]) for i in range(200)}
    assert set(shifts.tolist()) == keras_shifts


def test_half_of_the_pictures_are_mirrored_and_half_flipped_independently():
    """Each of the four ways within 0.01 of a quarter (4.6 standard deviations at 40,000 draws)."""
    params = draw(Augmentation(horizontal_flip=True, vertical_flip=True), 40_000, 8, 8, seeded(0))
    for mirrored in (True, False):
        for flipped in (True, False):
            share = ((params.mirrored == mirrored) & (params.flipped == flipped)).float().mean().item()
            assert share == pytest.approx(0.25, abs=0.01)


def test_shifts_and_turns_are_drawn_independently():
    """Correlations within 0.025 (5 standard deviations at 40,000 draws)."""
    settings = Augmentation(
        width_shift_range=0.1, height_shift_range=0.1, horizontal_flip=True, vertical_flip=True
    )
    params = draw(settings, 40_000, 8, 8, seeded(0))
    columns = [params.dy, params.dx, params.mirrored.float(), params.flipped.float()]
    correlations = torch.corrcoef(torch.stack(columns)) - torch.eye(4)
    assert correlations.abs().max() < 0.025


def test_mirror_fills_as_scipy_does():
    images = random_images(6, 3, (8, 9), torch.uint8)
    params = draw(Augmentation(width_shift_range=4, height_shift_range=3.5), 6, 8, 9, seeded(1))
    augmented = apply(images, params, "mirror")
    for picture, dy, dx, moved in zip(images, params.dy, params.dx, augmented, strict=True):
        for channel, answer in zip(picture, moved, strict=True):
            expected = ndimage.shift(
                channel.numpy().astype(float), (-float(dy), -float(dx)), order=1, mode="mirror"
            )
            np.testing.assert_allclose(answer.numpy(), expected, atol=1e-3)


def test_the_tutorial_plan_is_three_switches():
    assert Augmentation.tutorial() == Augmentation(
        width_shift_range=0.1, height_shift_range=0.1, horizontal_flip=True
    )


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"width_shift_range": -0.1}, "width_shift_range is 0 or more"),
        ({"height_shift_range": float("nan")}, "got nan"),
        ({"height_shift_range": float("inf")}, "got inf"),
        ({"width_shift_range": []}, "got []"),
        ({"width_shift_range": ["a", 2]}, "got ['a', 2]"),
        ({"width_shift_range": True}, "got True"),
        ({"fill_mode": "edge"}, "one of nearest, constant, reflect, wrap, mirror; got 'edge'"),
        ({"cval": 256}, "0 to 255; got 256"),
        ({"horizontal_flip": "yes"}, "horizontal_flip is true or false; got 'yes'"),
    ],
)
def test_values_out_of_range_are_refused(settings, words):
    with pytest.raises(ConfigError) as refusal:
        Augmentation(**settings)
    assert words in str(refusal.value)


def test_moves_for_another_number_of_pictures_are_refused():
    with pytest.raises(ValueError, match=r"got \(3,\) for images \(2, 1, 4, 4\)"):
        apply(torch.zeros(2, 1, 4, 4), random_params(3, (1, 1)))


def test_an_unknown_fill_mode_is_refused_when_applied():
    with pytest.raises(ConfigError, match="got 'wrap'"):
        apply(torch.zeros(2, 1, 4, 4), random_params(2, (1, 1)), "wrap")


@pytest.mark.parametrize("size", [(32, 32), (7, 12)])
def test_cutout_grays_one_square_that_lies_within_the_picture(size):
    images = torch.zeros((200, 3, *size), dtype=torch.uint8)
    augmented = augment(images, Augmentation(cutout=5), seeded(3))
    gray = (augmented == 128).all(1)
    assert (gray.sum((1, 2)) == 25).all()
    assert (augmented[~gray[:, None].expand_as(augmented)] == 0).all()
    rows, columns = gray.any(2), gray.any(1)
    assert (rows.sum(1) == 5).all()
    assert (columns.sum(1) == 5).all()
    assert rows.any(0).all()
    assert columns.any(0).all()


def test_a_square_larger_than_the_picture_covers_it():
    augmented = augment(torch.zeros((2, 1, 4, 9), dtype=torch.uint8), Augmentation(cutout=6), seeded(0))
    assert (augmented == 128).sum().item() == 2 * 4 * 6


def test_cutout_changes_no_move():
    plans = [Augmentation.tutorial(), dataclasses.replace(Augmentation.tutorial(), cutout=8)]
    plain, cut = (draw(settings, 20, 32, 32, seeded(1)) for settings in plans)
    for name in ("dy", "dx", "mirrored", "flipped"):
        assert torch.equal(getattr(plain, name), getattr(cut, name))


@pytest.mark.parametrize("side", [-1, 2.5, True])
def test_a_square_of_no_whole_side_is_refused(side):
    with pytest.raises(ConfigError, match="cutout"):
        Augmentation(cutout=side)
