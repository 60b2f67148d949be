"""The sentences of the guide's page on flattening and dense layers."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.datasets import load_digits

from tellapart.guide.contents import named
from tellapart.guide.lessons import dense as making
from tellapart.keras_backend import import_keras
from tellapart.models.first_cnn import first_cnn

keras = import_keras()

FACTS = named("dense").facts
WEIGHTS, BIASES = np.array(FACTS["weights"]).T, np.array(FACTS["biases"])


def flattened(maps):
    return keras.ops.convert_to_numpy(keras.layers.Flatten()(maps))


@pytest.mark.proves("reorder", "formula")
@pytest.mark.parametrize("shape", [(8, 8, 1), (4, 4, 3), (3, 5, 2), (6, 6, 64)])
def test_the_row_is_read_row_by_row_place_by_place_channel_by_channel(shape):
    height, width, channels = shape
    maps = np.random.default_rng(0).normal(size=(1, *shape)).astype(np.float32)
    row = flattened(maps)[0]
    read = [maps[0, i, j, k] for i in range(height) for j in range(width) for k in range(channels)]
    np.testing.assert_array_equal(row, read)
    for i, j, k in np.random.default_rng(1).integers(0, shape, (20, 3)):
        assert row[i * width * channels + j * channels + k] == maps[0, i, j, k]


@pytest.mark.proves("nothing-lost", "no-scalar")
def test_flattening_changes_no_number_and_can_be_undone():
    maps = np.random.default_rng(0).normal(size=(2, 6, 6, 64)).astype(np.float32)
    rows = flattened(maps)
    np.testing.assert_array_equal(np.sort(rows, 1), np.sort(maps.reshape(2, -1), 1))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(keras.layers.Reshape((6, 6, 64))(rows)), maps)
    assert rows[0].ndim == 1
    assert rows[0].size == maps[0].size > 1


@pytest.mark.proves("tutorial")
def test_the_tutorials_flatten():
    layers = [type(layer).__name__ for layer in first_cnn((32, 32, 3), 10).layers]
    at = layers.index("Flatten")
    assert layers.count("Flatten") == 1
    assert layers[at + 1] == "Dense"
    assert {"Conv2D", "MaxPooling2D"} <= set(layers[:at])
    assert not {"Conv2D", "MaxPooling2D"} & set(layers[at:])
    assert first_cnn((32, 32, 3), 10).layers[at + 1].units == 512


@pytest.mark.proves("without")
def test_without_flatten_each_place_has_its_own_dense_layer_of_the_channels():
    maps = np.random.default_rng(0).normal(size=(1, 6, 6, 64)).astype(np.float32)
    layer = keras.layers.Dense(512)
    made = keras.ops.convert_to_numpy(layer(maps))
    weights, biases = layer.get_weights()
    assert made.shape == (1, 6, 6, 512)
    assert weights.shape == (64, 512)
    np.testing.assert_allclose(made[0, 2, 5], maps[0, 2, 5] @ weights + biases, atol=1e-4)


def asked():
    """The digits that were not learned from."""
    known = load_digits()
    order = np.random.default_rng(0).permutation(len(known.target))[FACTS["train"] :]
    return known.images[order], known.target[order]


@pytest.mark.proves("unit")
def test_a_unit_multiplies_adds_up_and_adds_its_bias():
    model = making.network()
    model.set_weights([WEIGHTS, BIASES])
    picture = np.array(FACTS["digits"][3]["pixels"], np.float32).reshape(1, 8, 8, 1)
    sums = [sum(picture.flatten() * WEIGHTS[:, unit]) + BIASES[unit] for unit in range(10)]
    np.testing.assert_allclose(model.layers[1](model.layers[0](picture)).detach()[0], sums, atol=1e-4)
    np.testing.assert_allclose(model(picture).detach()[0], softmax(sums), atol=1e-5)


@pytest.mark.proves("trained")
def test_the_trained_network_classifies_as_many_as_the_page_says():
    pictures, labels = asked()
    assert len(labels) == FACTS["test"] == len(load_digits().target) - FACTS["train"]
    model = making.network()
    model.set_weights([WEIGHTS, BIASES])
    answers = model.predict(pictures[..., None], verbose=0).argmax(1)
    assert (answers == labels).sum() == FACTS["correct"] > 0.95 * FACTS["test"]
    for digit in FACTS["digits"]:
        same = (pictures.reshape(-1, 64) == digit["pixels"]).all(1)
        assert labels[same].tolist() == [digit["label"]]


def test_training_again_gives_the_same_weights():
    weights, biases = making.trained()
    np.testing.assert_allclose(weights, WEIGHTS, atol=2e-3)
    np.testing.assert_allclose(biases, BIASES, atol=2e-3)


@pytest.mark.proves("as-pictures")
def test_ink_on_a_positive_weight_adds_to_the_sum():
    model = making.network()
    model.set_weights([WEIGHTS, BIASES])
    sums_of = keras.Sequential([keras.Input((8, 8, 1)), *model.layers[:2]])
    dots = 16 * np.eye(64, dtype=np.float32).reshape(64, 8, 8, 1)  # ink on one pixel each
    changes = sums_of.predict(dots, verbose=0) - sums_of.predict(0 * dots, verbose=0)
    assert WEIGHTS.shape == (8 * 8, 10)
    np.testing.assert_array_equal(np.sign(changes.round(5)), np.sign(WEIGHTS))


@pytest.mark.proves("wins")
def test_softmax_leaves_the_order_of_the_sums():
    pictures, _ = asked()
    sums = pictures.reshape(-1, 64) @ WEIGHTS + BIASES
    shares = keras.ops.convert_to_numpy(keras.activations.softmax(sums))
    np.testing.assert_array_equal(sums.argsort(1), shares.argsort(1))
    np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-6)


@pytest.mark.proves("any-order")
def test_shuffled_pixels_are_learned_just_as_well():
    pictures, labels, asked_pictures, _ = making.digits()
    order = np.random.default_rng(3).permutation(64)

    def learned(shuffle):
        def laid_out(one):
            return shuffle(one.reshape(-1, 64)).reshape(-1, 8, 8, 1)

        keras.utils.set_random_seed(0)
        model = making.network()
        model.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy")
        model.fit(laid_out(pictures), labels, epochs=3, batch_size=64, verbose=0)
        return model.get_weights()[0], model.predict(laid_out(asked_pictures), verbose=0)

    weights, shares = learned(lambda row: row)
    shuffled_weights, shuffled_shares = learned(lambda row: row[:, order])
    assert weights.std() > 0.01
    np.testing.assert_allclose(shuffled_weights, weights[order], atol=1e-4)
    np.testing.assert_allclose(shuffled_shares, shares, atol=1e-3)


@pytest.mark.proves("count")
@pytest.mark.parametrize(("numbers", "units"), [(1, 1), (6, 4), (64, 10), (10, 10)])
def test_a_layer_has_a_weight_for_each_pair_and_a_bias_for_each_unit(numbers, units):
    layer = keras.layers.Dense(units)
    layer.build((None, numbers))
    assert layer.count_params() == (numbers + 1) * units
    assert making.network().count_params() == FACTS["own_parameters"] == 650


@pytest.mark.proves("share")
def test_most_of_the_tutorials_parameters_are_in_one_layer():
    model = first_cnn((32, 32, 3), 10)
    counts = {layer["name"]: layer["parameters"] for layer in FACTS["layers"]}
    assert counts["Dense(512)"] == 1_180_160
    assert sum(layer["parameters"] for layer in FACTS["layers"]) == model.count_params() == 1_250_858
    assert FACTS["all_parameters"] == model.count_params()
    assert round(100 * 1_180_160 / model.count_params()) == 94


@pytest.mark.proves("question")
def test_the_tutorials_row_has_2304_numbers():
    model = first_cnn((32, 32, 3), 10)
    flatten = next(layer for layer in model.layers if isinstance(layer, keras.layers.Flatten))
    dense = model.layers[model.layers.index(flatten) + 1]
    assert flatten.input.shape[1:] == (6, 6, 64)
    assert flatten.output.shape[1:] == (2304,)
    assert dense.count_params() / dense.units == 2305
    assert dense.units == 512
