"""The sentences of the guide's page on convolution."""

import numpy as np
import pytest
from scipy.signal import correlate2d

from tellapart.guide.lessons import convolution as making
from tellapart.guide.lessons._photo import cat
from tellapart.keras_backend import import_keras
from tellapart.models.first_cnn import first_cnn

keras = import_keras()

PICTURE = cat(making.SIDE, 1)[..., 0].astype(np.float64)
KERNELS = {name: np.array(kernel) for name, kernel in making.KERNELS.items()}


def correlated(kernel, picture=PICTURE):
    return correlate2d(picture, kernel, mode="valid")


@pytest.mark.proves("products", "one-number", "map")
@pytest.mark.parametrize("name", KERNELS)
def test_a_convolution_is_a_sum_of_products_at_each_place(name):
    made = making.convolved(PICTURE.astype(np.uint8), KERNELS[name].astype(np.float32))
    np.testing.assert_allclose(made, correlated(KERNELS[name]), atol=1e-3)
    by_hand = (PICTURE[9:12, 7:10] * KERNELS[name]).sum()
    assert made[9, 7] == pytest.approx(by_hand, abs=1e-3)
    assert made.shape == (making.SIDE - 2, making.SIDE - 2)


@pytest.mark.proves("edges", "edge-sign")
def test_vertical_edges_are_found_by_their_side():
    kernel = KERNELS["vertical edges"]
    for lightness in (0, 100, 255):
        assert (correlated(kernel, np.full((5, 5), float(lightness))) == 0).all()
    step = np.repeat([[0.0, 0.0, 200.0]], 3, 0)
    assert correlated(kernel, step)[0, 0] == 600
    assert correlated(kernel, step[:, ::-1])[0, 0] == -600


@pytest.mark.proves("blur")
def test_blur_is_a_mean():
    assert correlated(KERNELS["blur"])[4, 5] == pytest.approx(PICTURE[4:7, 5:8].mean())


@pytest.mark.proves("same-everywhere")
def test_a_moved_picture_gives_a_moved_map():
    made = making.convolved(PICTURE.astype(np.uint8), KERNELS["sharpen"].astype(np.float32))
    moved = making.convolved(np.roll(PICTURE, 3, 1).astype(np.uint8), KERNELS["sharpen"].astype(np.float32))
    np.testing.assert_allclose(moved[:, 3:], made[:, :-3], atol=1e-3)


@pytest.mark.proves("learned")
def test_kernels_begin_as_random_numbers_and_training_changes_them():
    keras.utils.set_random_seed(0)
    first = first_cnn((16, 16, 1), 2)
    second = first_cnn((16, 16, 1), 2)
    kernels = [
        next(layer for layer in model.layers if layer.weights).get_weights()[0] for model in (first, second)
    ]
    assert kernels[0].std() > 0
    assert not np.array_equal(*kernels)
    first.compile("sgd", "categorical_crossentropy")
    first.train_on_batch(np.random.default_rng(0).uniform(0, 255, (4, 16, 16, 1)), np.eye(2)[[0, 1, 0, 1]])
    after = next(layer for layer in first.layers if layer.weights).get_weights()[0]
    assert not np.array_equal(after, kernels[0])


@pytest.mark.proves("color")
def test_a_kernel_of_a_color_picture_has_a_sheet_for_each_color():
    kernel = np.random.default_rng(0).normal(size=(3, 3, 3, 1)).astype(np.float32)
    picture = cat(8).astype(np.float32)
    layer = keras.layers.Conv2D(1, 3, use_bias=False)
    layer.build((None, 8, 8, 3))
    layer.set_weights([kernel])
    made = keras.ops.convert_to_numpy(layer(picture[None]))[0, ..., 0]
    together = sum(correlated(kernel[..., c, 0], picture[..., c]) for c in range(3))
    np.testing.assert_allclose(made, together, atol=1e-2)


@pytest.mark.proves("tutorial-parameters")
def test_the_tutorials_first_layer_has_896_parameters():
    assert making.first_layer_parameters() == 32 * (3 * 3 * 3 + 1) == 896


@pytest.mark.proves("needed")
def test_keras_adds_only_the_zeros_that_windows_need():
    random = np.random.default_rng(0)
    picture = random.uniform(0, 255, (1, making.SIDE, making.SIDE, 1)).astype(np.float32)
    keras.utils.set_random_seed(0)
    layer = keras.layers.Conv2D(1, 3, 2, "same", use_bias=False)
    made = keras.ops.convert_to_numpy(layer(picture))
    below_and_right = np.pad(picture, ((0, 0), (0, 1), (0, 1), (0, 0)))
    unpadded = keras.layers.Conv2D(1, 3, 2, "valid", use_bias=False)
    unpadded.build(below_and_right.shape)
    unpadded.set_weights(layer.get_weights())
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(unpadded(below_and_right)), made, rtol=1e-4, atol=1e-2
    )
    assert making.places(3, 2, "same") == list(range(0, making.SIDE, 2))
    assert making.places(3, 1, "same") == list(range(-1, making.SIDE - 1))


@pytest.mark.proves("smaller", "same", "stride", "question")
@pytest.mark.parametrize("size", [1, 3, 5, 7])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_sizes_are_keras_own(size, stride):
    for padding in ("valid", "same"):
        layer = keras.layers.Conv2D(1, size, strides=stride, padding=padding)
        rows = layer.compute_output_shape((None, making.SIDE, making.SIDE, 1))[1]
        assert making.output_side(size, stride, padding) == rows
    if stride == 1:
        assert making.output_side(size, 1, "same") == making.SIDE
        assert making.output_side(size, 1, "valid") == making.SIDE - size + 1
        assert keras.layers.Conv2D(1, 5).compute_output_shape((None, 32, 32, 1))[1] == 28
    if stride == 2:
        assert making.output_side(size, 2, "same") == making.SIDE // 2
