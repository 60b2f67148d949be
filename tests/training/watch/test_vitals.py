"""What is measured on a network, held against Keras and NumPy."""

import keras
import numpy as np
import pytest
import torch

from tellapart.lowering import lower
from tellapart.training.step import TrainStep
from tellapart.training.watch.vitals import EARLY_STEP, FEWEST_SAMPLED, Inside, Updates, WatchedStep

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (100, 12, 12, 3)).astype(np.uint8)
LABELS = RANDOM.integers(0, 4, 100)


@pytest.fixture
def model():
    keras.utils.set_random_seed(0)
    layers = keras.layers
    network = keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(6, 3, name="conv"),
            layers.Activation("relu", name="relu"),
            layers.Flatten(),
            layers.Dense(5, activation="relu", name="dense"),
            layers.Dense(4, activation="softmax", name="out"),
        ]
    )
    kernel, bias = network.get_layer("conv").get_weights()
    network.get_layer("conv").set_weights([kernel, bias + np.array([-100, -100, 0, 0, 0, 0])])
    network.compile(optimizer=keras.optimizers.SGD(0.01), loss="categorical_crossentropy")
    return network


def test_constant_units_inputs_and_accuracy_are_what_keras_and_numpy_give(model):
    inside = Inside(model, IMAGES, LABELS, seed=0)
    seen = inside.look(Updates({}, 0.0))
    sample = inside.images.numpy()
    assert seen.sampled == len(sample) == FEWEST_SAMPLED
    outputs = keras.Model(model.inputs[0], [model.get_layer(n).output for n in ("relu", "dense")])(sample)
    for units, output in zip(seen.constant, outputs, strict=True):
        rows = output.detach().numpy().reshape(-1, output.shape[-1])
        assert (units.constant, units.units) == ((rows == rows[0]).all(0).sum(), rows.shape[1])
    assert [(units.layer, units.constant) for units in seen.constant[:1]] == [("relu", 2)]
    assert seen.input_mean == pytest.approx((sample / 255).mean(), rel=1e-5)
    assert seen.input_std == pytest.approx((sample / 255).std(), rel=1e-5)
    answers = model.predict(sample, verbose=0).argmax(1)
    assert seen.sample_accuracy == pytest.approx((answers == inside.labels.numpy()).mean())


def test_images_that_pass_in_parts_are_seen_as_one_sample(model, monkeypatch):
    whole = Inside(model, IMAGES, LABELS, seed=0).look(Updates({}, 0.0))
    monkeypatch.setattr("tellapart.training.watch.vitals.PIXELS_AT_ONCE", 12 * 12 * 7)
    assert Inside(model, IMAGES, LABELS, seed=0).look(Updates({}, 0.0)).constant == whole.constant


def test_looking_changes_nothing(model):
    before = [np.array(weight) for weight in model.get_weights()]
    state = torch.get_rng_state()
    Inside(model, IMAGES, LABELS, seed=0).look(Updates({}, 0.0))
    assert torch.equal(state, torch.get_rng_state())
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_updates_are_the_median_of_what_steps_change_by(model):
    step = WatchedStep(TrainStep(lower(model, "float32")), steps_per_epoch=16)
    kernels = [v for v in model.trainable_variables if len(v.shape) > 1]
    ratios = {kernel.path: [] for kernel in kernels}
    for made in range(1, 9):
        before = [np.array(kernel.numpy()) for kernel in kernels]
        step(torch.from_numpy(IMAGES[:16]).float(), torch.eye(4)[torch.from_numpy(LABELS[:16])])
        if made % 4 == 0 or made == EARLY_STEP:
            for kernel, old in zip(kernels, before, strict=True):
                change = np.linalg.norm(np.array(kernel.numpy()) - old) / np.linalg.norm(old)
                ratios[kernel.path].append(change)
    measured = step.updates()
    for path, changes in ratios.items():
        assert measured.medians[path] == pytest.approx(np.median(changes), rel=1e-4)
    assert measured.largest == pytest.approx(max(map(max, ratios.values())), rel=1e-4)
    assert step.updates() == Updates({}, 0.0)
