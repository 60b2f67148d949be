"""Recipes are complete, frozen, and survive being written down."""

import tomllib

import pytest
import tomli_w

from tellapart.build import build_optimizer
from tellapart.errors import ConfigError
from tellapart.recipes import RECIPES, Run, find_recipe, first_cnn


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("mirrors", [True, False])
def test_a_run_is_the_same_after_toml(name, mirrors):
    run = RECIPES[name](mirrors=mirrors).changed(size=(48, 64), seed=5)
    assert Run.from_dict(tomllib.loads(tomli_w.dumps(run.to_dict()))) == run


def test_a_run_without_augmentation_is_the_same_after_toml():
    import dataclasses

    run = dataclasses.replace(first_cnn(), augmentation=None)
    assert Run.from_dict(tomllib.loads(tomli_w.dumps(run.to_dict()))) == run


def test_first_cnn_has_the_tutorials_constants():
    run = first_cnn()
    assert (run.batch_size, run.epochs, run.predictions) == (32, 200, 20)
    assert (run.optimizer.name, run.optimizer.learning_rate, run.optimizer.decay) == ("RMSprop", 1e-4, 1e-6)
    augmentation = run.augmentation
    assert (augmentation.width_shift_range, augmentation.height_shift_range) == (0.1, 0.1)
    assert (augmentation.horizontal_flip, augmentation.vertical_flip, augmentation.rotation_range) == (
        True,
        False,
        0,
    )
    assert run.validation == "test"


def test_a_recipe_that_scores_on_the_test_split_never_picks_an_epoch_by_it():
    for recipe in RECIPES.values():
        run = recipe()
        assert not (run.validation == "test" and run.keep == "best")


def test_the_decay_is_old_keras_one():
    optimizer = build_optimizer(first_cnn().optimizer, steps=100)
    for step in (0, 1, 1000, 1_000_000):
        assert float(
            optimizer.learning_rate if step == 0 else optimizer._learning_rate(step)
        ) == pytest.approx(1e-4 / (1 + 1e-6 * step), rel=1e-6)


def test_an_unknown_recipe_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match="first-cnn, quick"):
        find_recipe("best")


@pytest.mark.parametrize(
    "change",
    [{"epochs": 0}, {"batch_size": -1}, {"validation_share": 1.5}, {"seed": -1}, {"precision": "int4"}],
)
def test_a_setting_out_of_range_is_refused_by_name(change):
    with pytest.raises(ConfigError, match=next(iter(change))):
        first_cnn().changed(**change)
