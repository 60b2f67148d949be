"""FLOPs and parameters against sums done by hand."""

import tellapart.api  # noqa: F401 (chooses Keras's backend)

import keras  # isort: skip
import pytest

from tellapart.errors import ConfigError
from tellapart.models.first_cnn import first_cnn
from tellapart.profiling.summary import describe, summarize

layers = keras.layers


def flops_of(*stack, shape):
    return summarize(keras.Sequential([keras.Input(shape), *stack])).flops


@pytest.mark.parametrize(
    ("padding", "stride", "height", "width"), [("same", 1, 9, 7), ("valid", 1, 7, 5), ("same", 2, 5, 4)]
)
def test_a_convolution_costs_two_per_multiply_add(padding, stride, height, width):
    convolution = layers.Conv2D(4, 3, strides=stride, padding=padding)
    assert flops_of(convolution, shape=(9, 7, 3)) == 2 * (3 * 3 * 3) * 4 * height * width


def test_a_dense_layer_costs_two_per_multiply_add():
    assert flops_of(layers.Flatten(), layers.Dense(5), shape=(4, 4, 1)) == 2 * 16 * 5


def test_the_tutorials_network_adds_up():
    by_hand = {
        "Conv2D": 2 * 9 * (32 * 32 * 3 * 32 + 30 * 30 * 32 * 32 + 15 * 15 * 32 * 64 + 13 * 13 * 64 * 64),
        "Dense": 2 * (6 * 6 * 64 * 512 + 512 * 10),
    }
    summary = summarize(first_cnn((32, 32, 3), 10))
    for kind, flops in by_hand.items():
        assert sum(row.flops for row in summary.layers if row.kind == kind) == flops
    assert summary.flops == sum(by_hand.values()) == sum(row.flops for row in summary.layers)
    assert summary.parameters == summary.trainable_parameters == 1_250_858
    assert summary.bytes == 4 * 1_250_858
    assert all(row.lowered for row in summary.layers)


class Doubled(layers.Dense):
    """A user's own layer, which runs as itself."""


def test_layers_that_run_as_themselves_are_counted_too():
    summary = summarize(keras.Sequential([keras.Input((4, 4, 1)), layers.Flatten(), Doubled(5, name="own")]))
    own = summary.layers[-1]
    assert (own.name, own.kind, own.lowered, own.flops) == ("own", "Doubled", False, 2 * 16 * 5)
    assert own.parameters == 16 * 5 + 5


def test_a_nested_models_layers_have_rows_of_their_own():
    inner = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(2, 1, name="one")], name="inner")
    summary = summarize(keras.Sequential([keras.Input((8, 8, 3)), inner, layers.Flatten()]))
    assert summary.layers[0].name == "inner/one"
    assert summary.layers[0].flops == summary.flops == 2 * 8 * 8 * 3 * 2


def test_a_layer_called_twice_is_one_row_with_the_cost_of_both_calls():
    shared, pixels = layers.Dense(6), keras.Input((2, 3, 6))
    model = keras.Model(pixels, layers.Flatten()(shared(shared(pixels))))
    rows = [row for row in summarize(model).layers if row.kind == "Dense"]
    assert [(row.parameters, row.flops) for row in rows] == [(6 * 6 + 6, 2 * (2 * 2 * 3 * 6 * 6))]


def test_frozen_weights_are_not_counted_as_trainable():
    model = first_cnn((32, 32, 3), 10)
    model.layers[1].trainable = False
    summary = summarize(model)
    assert summary.parameters - summary.trainable_parameters == 3 * 3 * 3 * 32 + 32


def test_a_model_that_runs_as_itself_is_counted_as_a_whole():
    """Masks travel beside the tensors, so such a model is not lowered."""
    summary = summarize(
        keras.Sequential([keras.Input((4, 4, 1)), layers.Masking(), layers.Flatten(), layers.Dense(5)])
    )
    assert summary.flops == 2 * 16 * 5
    last = summary.layers[-1]
    assert (last.kind, last.output_shape, last.flops, last.lowered) == ("Dense", (5,), None, False)


def test_a_recipe_lists_its_settings():
    assert describe("quick", size=(28, 28), channels=1).facts["recipe"]["recipe"] == "quick"


def test_a_recipe_gives_the_cost_of_its_training():
    description = describe("first-cnn")
    assert description.training is not None
    assert (description.training.pictures, description.training.epochs) == (50_000, 200)
    assert description.training.flops == 3 * 50_000 * 200 * description.summary.flops
    assert description.to_dict()["training"]["flops"] == description.training.flops


def test_held_out_images_cost_no_training():
    description = describe("quick")
    assert description.training is not None
    assert description.training.pictures == 45_000


@pytest.mark.parametrize("settings", [{"classes": 0}, {"classes": 1}, {"channels": 0}])
def test_a_recipe_is_not_described_for_impossible_settings(settings):
    with pytest.raises(ConfigError):
        describe("first-cnn", **settings)
