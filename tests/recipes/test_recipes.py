"""Recipes are complete, frozen, and survive being written down."""

import dataclasses
import json
import statistics
import tomllib
from pathlib import Path

import numpy as np
import pytest
import tomli_w

from tellapart.errors import ConfigError
from tellapart.keras_backend import import_keras
from tellapart.recipes.adapt import adapted_to, changed, for_target
from tellapart.recipes.build import build_optimizer
from tellapart.recipes.config import TrainConfig
from tellapart.recipes.measured import MEASURED
from tellapart.recipes.recipes import RECIPES, fast, find_recipe, first_cnn, quick, transfer

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


def test_the_measured_accuracy_of_fast_is_that_of_the_newest_results():
    newest = max(RESULTS.glob("cifar10_to_94-*.json"))
    runs = [row for row in json.loads(newest.read_text())["runs"] if row["who"] == "tellapart fast"]
    measured = MEASURED["fast"]
    assert (measured.trainings, measured.epochs) == (len(runs), fast().epochs)
    assert measured.accuracy == pytest.approx(statistics.mean(row["with views"] for row in runs), abs=5e-5)
    assert measured.without_tta == pytest.approx(statistics.mean(row["without"] for row in runs), abs=5e-5)


@pytest.mark.parametrize("name", ["first-cnn", "quick"])
def test_the_measured_accuracy_is_that_of_its_page(name):
    page = max(RESULTS.glob(f"*-{name}-cifar10.md")).read_text()
    measured = MEASURED[name]
    assert f"# {name} on CIFAR-10, {measured.epochs} epochs" in page
    assert f"**{measured.accuracy:.4f}** (95% interval" in page
    assert f"n = {measured.pictures:,}" in page


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("mirrors", [True, False])
def test_a_config_survives_toml(name, mirrors):
    config = RECIPES[name](mirrors=mirrors).changed(size=(48, 64), seed=5)
    assert TrainConfig.from_dict(tomllib.loads(tomli_w.dumps(config.to_dict()))) == config


def test_a_config_without_augmentation_survives_toml():
    config = dataclasses.replace(first_cnn(), augmentation=None)
    assert TrainConfig.from_dict(tomllib.loads(tomli_w.dumps(config.to_dict()))) == config


def test_first_cnn_has_the_tutorials_constants():
    config = first_cnn()
    assert (config.batch_size, config.epochs, config.predictions) == (32, 200, 20)
    assert (config.optimizer.name, config.optimizer.learning_rate, config.optimizer.decay) == (
        "RMSprop",
        1e-4,
        1e-6,
    )
    augmentation = config.augmentation
    assert (augmentation.width_shift_range, augmentation.height_shift_range) == (0.1, 0.1)
    assert (augmentation.horizontal_flip, augmentation.vertical_flip, augmentation.rotation_range) == (
        True,
        False,
        0,
    )
    assert config.validation == "test"


def test_a_recipe_that_scores_on_the_test_split_never_picks_an_epoch_by_it():
    for recipe in RECIPES.values():
        config = recipe()
        assert not (config.validation == "test" and config.keep == "best")


def test_the_decay_is_old_keras_one():
    optimizer = build_optimizer(first_cnn().optimizer, steps=100)
    for step in (0, 1, 1000, 1_000_000):
        assert float(
            optimizer.learning_rate if step == 0 else optimizer._learning_rate(step)
        ) == pytest.approx(1e-4 / (1 + 1e-6 * step), rel=1e-6)


def test_one_step_of_the_optimizer_is_old_keras_one():
    """keras 2.2, optimizers.RMSprop.get_updates: p - lr * g / (sqrt(0.1 g^2) + 1e-7), at any size of gradient."""
    keras = import_keras()
    optimizer = build_optimizer(first_cnn().optimizer, steps=100)
    gradients = np.array([1e-5, -1e-4, 1e-2, 1.0], "float32")
    weights = keras.Variable(np.zeros(4, "float32"))
    optimizer.apply([keras.ops.convert_to_tensor(gradients)], [weights])
    expected = -1e-4 * gradients / (np.sqrt(0.1 * gradients**2) + 1e-7)
    np.testing.assert_allclose(
        weights.numpy(), expected, rtol=0.05
    )  # of 1e-6, where the two ways differ most
    np.testing.assert_allclose(weights.numpy()[1:], expected[1:], rtol=0.005)


def test_an_unknown_recipe_is_refused_with_the_available_ones():
    with pytest.raises(ConfigError, match="first-cnn, quick"):
        find_recipe("better")


@pytest.mark.parametrize(
    "change",
    [{"epochs": 0}, {"batch_size": -1}, {"validation_share": 1.5}, {"seed": -1}, {"precision": "int4"}],
)
def test_a_setting_out_of_range_is_refused_by_name(change):
    with pytest.raises(ConfigError, match=next(iter(change))):
        first_cnn().changed(**change)


@pytest.mark.parametrize(
    "change",
    [
        {"depth": 5},
        {"depth": 1},
        {"widths": (64, 128)},
        {"widths": (64, -1, 3)},
        {"widths": ("a", 1, 3)},
        {"target": 63.0},
    ],
)
def test_a_network_or_target_that_cannot_be_is_refused(change):
    with pytest.raises(ConfigError, match=next(iter(change)).removesuffix("s")):
        fast().changed(**change)


@pytest.mark.parametrize("recipe", ["first-cnn", "quick"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"widths": (8, 8, 8)}, "has fixed widths; got .* Omit widths"),
        ({"depth": 3}, "depth of the network first-cnn is 2; got 3"),
    ],
)
def test_the_tutorials_network_takes_neither_widths_nor_depth(recipe, change, message):
    with pytest.raises(ConfigError, match=message):
        RECIPES[recipe]().changed(**change)


def test_a_seed_out_of_range_is_refused_with_the_range():
    assert quick().changed(seed=2**63 - 1).seed == 2**63 - 1
    with pytest.raises(ConfigError, match="seed must be a whole number from 0 to 9223372036854775807; got"):
        quick().changed(seed=99999999999999999999)


@pytest.mark.parametrize(
    "change",
    [
        {"learning_rate": -1.0},
        {"whitening_share": 7.0},
        {"momentum": -0.1},
        {"bias_rate": 0.0},
        {"head_rate": 0.0},
    ],
)
def test_a_rate_of_muon_out_of_range_is_refused(change):
    with pytest.raises(ConfigError, match=next(iter(change))):
        dataclasses.replace(fast().optimizer, **change)


def test_the_test_split_never_decides_when_to_stop():
    with pytest.raises(ConfigError, match="must not decide"):
        first_cnn().changed(target=0.4)


def test_a_short_way_to_a_target_is_for_many_pictures():
    assert for_target(fast(), 0.63, 50_000).epochs == 1
    assert for_target(fast(), 0.63, 500) == fast().changed(target=0.63)
    assert for_target(quick(), 0.63, 50_000) == quick().changed(target=0.63)


@pytest.mark.parametrize("pictures", [10, 96, 1_437, 19_999])
def test_few_pictures_get_smaller_batches_and_more_of_them_held_out(pictures):
    config = adapted_to(fast(), pictures)
    assert config.batch_size == max(32, pictures // 20)
    assert config.statistics_over <= config.batch_size
    rate = fast().optimizer.learning_rate * (config.batch_size / fast().batch_size) ** 0.5
    assert config.optimizer.learning_rate == pytest.approx(rate)
    assert config.validation_share == pytest.approx(max(0.02, min(0.2, 100 / pictures)))


def test_enough_pictures_change_nothing_and_no_other_recipe_is_changed():
    assert adapted_to(fast(), 50_000) == fast()
    assert adapted_to(quick(), 10) == quick()


def test_epochs_and_batch_size_of_a_transfer_are_those_of_its_fine_tuning_which_they_ask_for():
    config = changed(transfer(), {"epochs": 3, "batch_size": 8, "seed": 5})
    assert (config.fine_tuning.epochs, config.fine_tuning.batch_size) == (3, 8)
    assert (config.fine_tune, config.seed) == ("on", 5)
    assert changed(transfer(), {"epochs": None}) == transfer()


def test_a_learning_rate_is_the_highest_of_the_schedule_and_muon_keeps_its_proportions():
    assert changed(quick(), {"learning_rate": 0.02}).optimizer == dataclasses.replace(
        quick().optimizer, learning_rate=0.02
    )
    before, after = fast().optimizer, changed(fast(), {"learning_rate": 0.02}).optimizer
    assert after.learning_rate == 0.02
    for name in ("bias_rate", "head_rate"):
        assert getattr(after, name) / getattr(before, name) == pytest.approx(0.02 / before.learning_rate)
    tuned = changed(transfer(), {"learning_rate": 0.02})
    assert (tuned.fine_tune, tuned.fine_tuning.optimizer.learning_rate) == ("on", 0.02)
    assert tuned.optimizer == transfer().optimizer
    with pytest.raises(
        ConfigError,
        match=r"uses the learning rate only in fine-tuning, which is off. Leave it out",
    ):
        changed(transfer(), {"learning_rate": 0.02, "fine_tune": "off"})


@pytest.mark.parametrize("rate", [0, -1.0, float("nan"), float("inf"), True, "fast", 10**400, 1e39, 1e-320])
def test_a_learning_rate_that_is_none_is_refused(rate):
    with pytest.raises(
        ConfigError, match=r"learning_rate is a number from 1e-12 to 1e\+06, such as 0.001; got"
    ):
        changed(quick(), {"learning_rate": rate})


def test_epochs_of_a_training_from_scratch_are_its_own():
    assert changed(fast(), {"epochs": 3}) == fast().changed(epochs=3)
