"""The sentences of the guide's page on pooling."""

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from scipy.signal import correlate2d
from scipy.spatial.distance import braycurtis

from tellapart.guide.contents import named
from tellapart.guide.lessons import pooling as making
from tellapart.guide.lessons.convolution import KERNELS
from tellapart.keras_backend import import_keras
from tellapart.models.first_cnn import first_cnn

keras = import_keras()

FACTS = named("pooling").facts
MAP = np.array(FACTS["maps"][0], np.float32).reshape(FACTS["map_side"], -1)
PICTURE = making.shifted(0).astype(np.float32)


def by_hand(made, size=2, step=2, kind="max"):
    windows = sliding_window_view(made, (size, size))[::step, ::step]
    return {"max": np.max, "average": np.mean}[kind](windows, axis=(2, 3))


@pytest.mark.proves("what")
@pytest.mark.parametrize("kind", ["max", "average"])
@pytest.mark.parametrize(("size", "step"), [(2, 2), (2, 1), (3, 2), (3, 3), (4, 4), (2, 4)])
def test_pooling_makes_one_number_of_each_window(kind, size, step):
    np.testing.assert_allclose(
        making.pooled(MAP, size, step, kind), by_hand(MAP, size, step, kind), rtol=1e-6
    )


def test_the_maps_are_those_of_the_moved_pictures():
    for shift, (picture, made) in enumerate(zip(FACTS["pictures"], FACTS["maps"], strict=True)):
        picture = np.array(picture).reshape(making.SIDE, making.SIDE)
        np.testing.assert_array_equal(picture[:, shift:], PICTURE[:, : making.SIDE - shift])
        correlated = correlate2d(picture, np.array(KERNELS[making.KERNEL]), "valid")
        np.testing.assert_array_equal(np.maximum(correlated, 0).flatten(), made)


@pytest.mark.proves("no-weights")
def test_pooling_has_no_weights():
    poolings = [layer for layer in first_cnn((32, 32, 3), 10).layers if "Pooling" in type(layer).__name__]
    assert [layer.count_params() for layer in poolings] == [0, 0]


@pytest.mark.proves("each-map")
def test_each_map_is_pooled_by_itself():
    maps = np.random.default_rng(0).normal(size=(1, 6, 6, 3)).astype(np.float32)
    together = keras.ops.convert_to_numpy(keras.layers.MaxPooling2D(2)(maps))
    for channel in range(3):
        np.testing.assert_array_equal(together[0, ..., channel], by_hand(maps[0, ..., channel]))


@pytest.mark.proves("tutorial")
def test_the_tutorials_poolings():
    poolings = [
        layer for layer in first_cnn((32, 32, 3), 10).layers if isinstance(layer, keras.layers.MaxPooling2D)
    ]
    assert [layer.pool_size for layer in poolings] == [(2, 2), (2, 2)]
    assert keras.layers.MaxPooling2D((2, 2)).strides == (2, 2)
    assert keras.layers.MaxPooling2D((3, 3)).strides == (3, 3)


@pytest.mark.proves("quarter")
def test_one_of_four_numbers_is_left():
    assert making.pooled(MAP).size * 4 == MAP.size


@pytest.mark.proves("overlap")
def test_a_number_can_win_in_several_windows_only_where_they_overlap():
    alone = np.zeros((7, 7), np.float32)
    alone[2, 2] = 1
    assert (making.pooled(alone, 3, 1) == 1).sum() == 9
    assert (making.pooled(alone, 3, 2) == 1).sum() == 4
    for size in (2, 3):
        assert (making.pooled(alone, size, size) == 1).sum() == 1


@pytest.mark.proves("measure")
def test_the_difference_is_that_of_bray_and_curtis():
    one, other = MAP, np.array(FACTS["maps"][1], np.float32).reshape(MAP.shape)
    assert making.difference(one, other) == pytest.approx(
        braycurtis(one.flatten(), other.flatten()), abs=1e-6
    )
    assert making.difference(one, one) == 0
    assert making.difference(np.array([[1.0, 0.0]]), np.array([[0.0, 3.0]])) == 1
    for name, times in (("none", 0), ("once", 1), ("twice", 2)):
        pooled_one, pooled_other = making.pooled_often(one, times), making.pooled_often(other, times)
        kept = FACTS["differences"][name][1]
        assert kept == pytest.approx(braycurtis(pooled_one.flatten(), pooled_other.flatten()), abs=1e-4)


def differences_after(kernel, picture, moved):
    """Of the map, of the pooled map, and of the twice pooled one."""
    one, other = (np.maximum(correlate2d(each, kernel, "valid"), 0) for each in (picture, moved))
    once, other_once = by_hand(one), by_hand(other)
    pairs = [(one, other), (once, other_once), (by_hand(once), by_hand(other_once))]
    return [making.difference(*pair) for pair in pairs]


@pytest.mark.proves("less", "not-indifferent")
@pytest.mark.parametrize("name", KERNELS)
def test_a_shift_by_one_pixel_changes_less_the_more_is_pooled_but_it_changes(name):
    moved = making.shifted(1).astype(np.float32)
    computed = differences_after(np.array(KERNELS[name]), PICTURE, moved)
    assert computed[0] > computed[1] > computed[2] > 0
    if name == making.KERNEL:
        kept = [FACTS["differences"][one][1] for one in ("none", "once", "twice")]
        np.testing.assert_allclose(kept, computed, atol=1e-4)


@pytest.mark.proves("by-two")
def test_a_shift_by_two_pixels_moves_the_pooled_map_by_one_place():
    still, moved = (making.pooled(making.map_of(making.shifted(shift))) for shift in (0, 2))
    np.testing.assert_array_equal(moved[:, 1:], still[:, :-1])


def with_pixel(lightness):
    picture = PICTURE.copy()
    picture[making.NOISY] = lightness
    return picture


@pytest.mark.proves("bright")
def test_a_bright_pixel_survives_max_pooling_and_takes_up_more_of_the_map():
    noisy = with_pixel(255)
    shares = []
    for _ in range(4):
        shares.append((noisy == 255).mean())
        noisy = making.pooled(noisy)
    assert shares == [4**times / making.SIDE**2 for times in range(4)]


@pytest.mark.proves("mean")
def test_the_mean_divides_what_a_pixel_adds_by_four():
    noisy, clean = with_pixel(255), PICTURE
    added = 255 - PICTURE[making.NOISY]
    for times in range(1, 4):
        noisy, clean = (making.pooled(one, kind="average") for one in (noisy, clean))
        assert (noisy - clean).sum() == pytest.approx(added / 4**times, rel=1e-3)
        assert np.count_nonzero(np.abs(noisy - clean) > 1e-4) == 1


@pytest.mark.proves("dark")
def test_a_dark_pixel_is_dropped_by_max_pooling_unless_its_window_is_dark():
    assert (making.pooled(with_pixel(0)) == making.pooled(with_pixel(1))).all()
    row, column = (2 * (place // 2) for place in making.NOISY)
    assert making.pooled(with_pixel(0))[row // 2, column // 2] == by_hand(PICTURE)[row // 2, column // 2] > 0
    assert making.pooled(np.zeros((2, 2), np.float32))[0, 0] == 0


@pytest.mark.proves("fewer")
def test_without_pooling_there_would_be_more_numbers_and_parameters():
    model = first_cnn((32, 32, 3), 10)
    flatten = next(layer for layer in model.layers if isinstance(layer, keras.layers.Flatten))
    dense = model.layers[model.layers.index(flatten) + 1]
    assert flatten.input.shape[1:] == tuple(FACTS["views"]["with"][-1]["shape"]) == (6, 6, 64)
    assert dense.count_params() == FACTS["parameters"]["with"] == 1_180_160
    assert dense.kernel.shape == (6 * 6 * 64, 512)
    layers = keras.layers
    convolutions = [layers.Conv2D(count, 3, padding=how) for count in (32, 64) for how in ("same", "valid")]
    without = keras.Sequential([keras.Input((32, 32, 3)), *convolutions, layers.Flatten(), layers.Dense(512)])
    assert without.layers[3].output.shape[1:] == tuple(FACTS["views"]["without"][-1]["shape"])
    assert without.layers[-1].count_params() == FACTS["parameters"]["without"]


@pytest.mark.proves("wider")
@pytest.mark.parametrize(("pool", "name"), [(2, "with"), (1, "without")])
def test_views_are_as_wide_as_windows_and_steps_make_them(pool, name):
    """Source: Araujo, Norris and Sim 2019, doi:10.23915/distill.00021."""
    size, step = 1, 1
    for kind, field in zip(["c", "c", "p"] * 2, FACTS["views"][name], strict=True):
        window = 3 if kind == "c" else pool
        size, step = size + (window - 1) * step, step * (1 if kind == "c" else pool)
        assert field["size"] == size
    assert [FACTS["views"][one][4]["size"] for one in ("with", "without")] == [14, 9]


@pytest.mark.proves("question")
def test_the_thirteenth_row_is_left_out():
    model = first_cnn((32, 32, 3), 10)
    second = [layer for layer in model.layers if isinstance(layer, keras.layers.MaxPooling2D)][1]
    assert second.input.shape[1:3] == (13, 13)
    assert second.output.shape[1:3] == (6, 6)
    made = np.random.default_rng(0).normal(size=(13, 13)).astype(np.float32)
    changed = made.copy()
    changed[12], changed[:, 12] = 99, 99
    np.testing.assert_array_equal(making.pooled(made), making.pooled(changed))
