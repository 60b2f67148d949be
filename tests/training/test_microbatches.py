"""A batch learned from in parts: the same learning where nothing couples pictures, and never otherwise."""

import numpy as np
import pytest
import torch

from tellapart.keras_backend import import_keras
from tellapart.lowering import lower
from tellapart.training.microbatches import FEWEST_IMAGES, MicroBatches, divide
from tellapart.training.step import TrainStep

keras = import_keras()
B = 2 * FEWEST_IMAGES


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def model_of(*layers, loss="categorical_crossentropy"):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8, 8, 3)), *layers, keras.layers.Flatten(), keras.layers.Dense(4)])
    model.add(keras.layers.Softmax())
    model.compile(keras.optimizers.SGD(0.1), loss)
    return model


def plain_layers():
    return [keras.layers.Rescaling(1 / 255), keras.layers.Conv2D(8, 3, activation="relu", padding="same")]


def batch(n=B, seed=0):
    random = np.random.default_rng(seed)
    images = torch.from_numpy(random.integers(0, 256, (n, 8, 8, 3)).astype("float32"))
    return images, torch.eye(4)[torch.from_numpy(random.integers(0, 4, n))]


def parts_of(model, precision="bfloat16", part_size=None, weight=None, n=B):
    step = TrainStep(lower(model, precision), part_size=part_size)
    return len(MicroBatches.of_batch(step.net, step.loss, part_size, *batch(n), weight).items)


def test_a_batch_is_divided_where_nothing_couples_its_pictures():
    assert parts_of(model_of(*plain_layers())) == 2


@pytest.mark.parametrize(
    "keep_whole",
    [
        {"model": lambda: model_of(*plain_layers(), keras.layers.BatchNormalization())},
        {"model": lambda: model_of(*plain_layers()), "precision": "float32"},
        {"model": lambda: model_of(*plain_layers()), "n": B - 1},
        {"model": lambda: model_of(*plain_layers(), keras.layers.ActivityRegularization(1e-3))},
        {"model": lambda: model_of(*plain_layers(), loss="mse")},
    ],
    ids=["batch statistics", "float32", "a small batch", "a layer that runs as itself", "a loss of Keras's"],
)
def test_a_batch_stays_whole_where_dividing_would_change_something(keep_whole):
    assert parts_of(keep_whole.pop("model")(), **keep_whole) == 1


def test_a_batch_stays_whole_if_its_output_is_a_list():
    plain = model_of(*plain_layers())
    model = keras.Model([plain.inputs[0]], [plain.outputs[0]])
    model.compile("sgd", "categorical_crossentropy")
    step = TrainStep(lower(model, "bfloat16"))
    assert len(MicroBatches.of_batch(step.net, step.loss, None, *batch(), None).items) == 1


def test_a_recipe_may_ask_for_parts_of_its_own_size_whatever_the_threads():
    model = model_of(*plain_layers(), keras.layers.BatchNormalization())
    assert parts_of(model, part_size=B // 4) == 4
    torch.set_num_threads(1)
    assert parts_of(model, part_size=B // 4) == 4


@pytest.mark.parametrize("weighted", [False, True])
def test_learning_in_parts_is_learning_from_the_whole(weighted):
    weight = torch.linspace(0.1, 2, B) if weighted else None
    learned, losses = [], []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        model = model_of(*plain_layers())
        before = model.get_weights()
        result = TrainStep(lower(model, "bfloat16"))(*batch(), weight)
        learned.append([after - start for start, after in zip(before, model.get_weights(), strict=True)])
        losses.append(float(result.loss))
        assert result.output.shape == (B, 4)
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    for whole, parts in zip(*learned, strict=True):
        assert np.abs(whole - parts).max() <= 2e-2 * np.abs(whole).max()


def test_statistics_of_parts_move_the_averages_as_far_as_the_whole_batch_would():
    moved = []
    for part_size in (None, B // 4):
        model = model_of(*plain_layers(), keras.layers.BatchNormalization(momentum=0.6))
        step = TrainStep(lower(model, "bfloat16"), part_size=part_size)
        images, targets = batch(B // 4)
        step(images.repeat(4, 1, 1, 1), targets.repeat(4, 1))  # each part the same pictures as the whole
        moved.append(model.layers[2].moving_mean.numpy())
    np.testing.assert_allclose(moved[0], moved[1], rtol=2e-2, atol=1e-3)
    assert np.abs(moved[0]).max() > 0.01


def test_the_same_seed_gives_the_same_learning_however_threads_run():
    learned = []
    for _ in range(3):
        model = model_of(*plain_layers(), keras.layers.Dropout(0.5), keras.layers.BatchNormalization())
        step = TrainStep(lower(model, "bfloat16"), part_size=B // 4)
        torch.manual_seed(5)
        for seed in range(3):
            step(*batch(seed=seed))
        learned.append(model.get_weights())
    for one, two, three in zip(*learned, strict=True):
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(one, three)


def test_an_error_in_a_part_reaches_the_caller_and_leaves_no_cast_weights():
    model = model_of(*plain_layers())
    step = TrainStep(lower(model, "bfloat16"))
    images, targets = batch()
    with pytest.raises(RuntimeError):
        step(images[:, :5], targets)
    assert not any(part._cast_values for part in step.net.operations)


@pytest.mark.parametrize(("pictures", "count"), [(10, 3), (4, 4), (7, 1)])
def test_sizes_of_parts_differ_by_one_at_most_and_shares_sum_to_one(pictures, count):
    items = divide(torch.arange(pictures), torch.arange(pictures), None, count)
    sizes = [len(inputs) for inputs, _, _, _ in items]
    assert max(sizes) - min(sizes) <= 1
    assert sum(share for *_, share in items) == pytest.approx(1)
    assert torch.cat([inputs for inputs, *_ in items]).tolist() == list(range(pictures))
