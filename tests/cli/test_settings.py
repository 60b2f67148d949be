"""Every option of `train`: it, its keyword in Python and the field of the configuration are one setting."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
from settings_table import NO_FIELD, PAGE, ROWS, options_of_train, page

import tellapart
from tellapart.api.configure import configured
from tellapart.cli.main import app
from tellapart.errors import ConfigError
from tellapart.recipes.given import settings_from

IMAGES = 5000


def from_command_line(monkeypatch, *words):
    """What the command line hands to `tellapart.train`."""
    from tellapart.cli.terminal import training

    caught = {}
    monkeypatch.setattr(
        training, "train_and_report", lambda data, settings, **_: caught.update(settings) or 0
    )
    app(args=["train", "photos", *words], standalone_mode=False)
    return {name: value for name, value in caught.items() if value is not None}


def config_of(given):
    given = dict(given)
    recipe, augment, target = (given.pop(name, None) for name in ("recipe", "augment", "target"))
    return configured(recipe, True, True if augment is None else augment, target, given, IMAGES)


def field_of(settings, dotted):
    for name in dotted.split("."):
        settings = getattr(settings, name)
    return settings


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.option}-{row.written}-{row.recipe}")
def test_option_and_keyword_set_the_field(row, monkeypatch):
    words = [row.option, *([row.written] if row.written else [])]
    words += [] if row.recipe is None else ["--recipe", row.recipe]
    by_option = config_of(from_command_line(monkeypatch, *words))
    in_python = {row.keyword: row.value, **({} if row.recipe is None else {"recipe": row.recipe})}
    assert by_option == config_of(in_python)
    assert by_option != config_of({"recipe": row.recipe or "quick"})
    assert {name: field_of(by_option, name) for name in row.fields} == row.fields


def test_every_option_has_a_row():
    known = {row.option for row in ROWS} | set(NO_FIELD)
    assert set(options_of_train()) == known


def test_the_page_is_current():
    assert PAGE.read_text() == page(), "run `python scripts/settings_table.py` and look at what changed"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"optimizr": "adam"}, "Did you mean optimizer"),
        ({"optimizer": "adagrad"}, "one of sgd, adam, adamw, rmsprop, muon"),
        ({"optimizer": 3}, "is a name"),
        ({"optimizer": {"name": "adam", "momntum": 0.9}}, "Did you mean momentum"),
        ({"optimizer": {"name": "adam", "momentum": 2.0}}, "share from 0 to 1"),
        ({"optimizer": {"name": "adam", "learning_rate": -1.0}}, "learning_rate is 0 or more"),
        ({"optimizer": {"learning_rate": float("nan")}}, "finite"),
        ({"optimizer": "muon"}, "fast, accurate and photos-from-scratch"),
        ({"lr": 0.1, "learning_rate": 0.1}, "given twice"),
        ({"lr": 0.1, "optimizer": {"learning_rate": 0.1}}, "given twice"),
        ({"lr": "fast"}, "learning_rate is a number"),
        ({"lr": 0}, "learning_rate is a number from"),
        ({"weight_decay": -1.0}, "weight_decay is 0 or more"),
        ({"weight_decay": "much"}, "weight_decay is of type"),
        ({"label_smoothing": 1.0}, "share from 0 to below 1"),
        ({"size": 0}, "size is a side"),
        ({"size": (48, 0)}, "size is a side"),
        ({"size": "48x"}, "size is a side"),
        ({"size": 48.5}, "size is a side"),
        ({"size": True}, "size is a side"),
        ({"patience": 0}, "patience is a number of epochs from 1"),
        ({"patience": 2.5}, "patience is of type"),
        ({"patience": 3, "recipe": "first-cnn"}, "patience needs held-out pictures"),
        ({"freeze": "all"}, "freeze is for pretrained networks"),
        ({"freeze": "half", "recipe": "transfer"}, "all, none, or all-but-N"),
        ({"freeze": 2, "recipe": "transfer"}, "all, none, or all-but-N"),
        ({"freeze": "all", "fine_tune": "on", "recipe": "transfer"}, "freeze sets fine_tune too"),
        ({"freeze": "all", "epochs": 3, "recipe": "transfer"}, "leave out --freeze all"),
        ({"class_weight": "balances"}, "no such file"),
        ({"class_weight": {}}, "empty mapping"),
        ({"class_weight": {"cat": -1}}, "number from 0"),
        ({"class_weight": {"cat": "much"}}, "number from 0"),
        ({"class_weight": {"cat": 0.0}}, "no class in the loss"),
        ({"class_weight": 3}, "class_weight is"),
        ({"class_weight": ["cat"]}, "class_weight is"),
        ({"sampling": "even"}, "'shuffled' or 'balanced'"),
        ({"sampling": "balanced", "recipe": "transfer"}, "class_weight balanced"),
        ({"set": {"optimizer.momentun": 0.8}}, "Did you mean optimizer.momentum"),
        ({"set": {"momentum": 0.8}}, "optimizer.momentum"),
        ({"set": {"optimizer.momentum": "much"}}, "optimizer.momentum is a number; got 'much'"),
        ({"set": {"batch_size": "many"}}, "batch_size is a whole number"),
        ({"set": {"epochs": 3}, "epochs": 4}, "given twice"),
        ({"set": {"optimizer.learning_rate": 0.1}, "lr": 0.1}, "Give one of them"),
        ({"set": {"augmentation": "none"}}, "--augment"),
        ({"set": {"fine_tuning.epochs": 3}}, "no fine_tuning"),
        ({"set": {"optimizer.momentum": 0.5}, "recipe": "transfer"}, "fine_tuning.optimizer.epsilon"),
        ({"set": {"optimizer.bias_rate": 0.5}}, "The optimizer Adam has no setting optimizer.bias_rate"),
        ({"set": {"optimizer.decay": 0.5}, "recipe": "fast"}, "The optimizer Muon has no setting optimizer.decay"),
        ({"set": "epochs"}, "NAME=VALUE"),
        ({"set": ["epochs=3", "epochs=4"]}, "twice"),
        ({"set": 3}, "set is a dict"),
        ({"set": {"recipe": "fast"}}, "--recipe"),
        ({"keep": "best", "recipe": "first-cnn"}, "keep is 'last'"),
        ({"augment": ""}, "augment is False"),
        ({"augment": 3}, "augment is False"),
        ({"augment": {"rotation_rang": 3}}, "rotation_range"),
        ({"augment": {"rotation_range": "far"}}, "rotation_range is a number"),
        ({"augmentation": {"rotation_range": -3}}, "rotation_range"),
        ({"head": {"folds": 1}, "recipe": "transfer"}, "folds is a whole number from 2"),
        ({"head": {"folds": 3}}, "no head"),
        ({"fine_tuning": {"stages": 0}, "recipe": "transfer"}, "stages must be a whole number of at least 1"),
        ({"augment": False, "mixing": "cutmix"}, "choose one"),
        ({"augment": False, "set": {"augmentation.rotation_range": 15}}, "choose one"),
        ({"validation": "test", "recipe": "transfer"}, "must not choose"),
        ({"validation": "cross-validation", "fine_tune": "on", "recipe": "transfer"}, "holds out no pictures"),
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_is_refused_with_what_can(settings, words):
    with pytest.raises((ConfigError, tellapart.DataError), match=None) as caught:
        config_of({"recipe": "quick", **settings})
    assert words in str(caught.value)


@pytest.mark.parametrize("size", [64, "64", "64x64", (64, 64), [64, 64]])
def test_a_size_has_several_forms(size):
    assert settings_from({"size": size}) == {"size": (64, 64)}


@pytest.mark.parametrize("recipe", ["quick", "transfer"])
@pytest.mark.parametrize("augment", ["rotation_range=15", {"rotation_range": 15}, {"rotation_range": "15"}])
def test_augmentation_has_several_forms(augment, recipe):
    config = config_of({"recipe": recipe, "augment": augment})
    assert config == config_of({"recipe": recipe, "augment": "rotation_range=15"})
    tuned = config.fine_tuning.augmentation if recipe == "transfer" else config.augmentation
    assert tuned.rotation_range == 15
    assert config_of({"recipe": recipe, "augment": tuned}) == config


def test_settings_in_their_final_form_stay_as_they_are():
    given = {"size": 64, "freeze": "all-but-2", "class_weight": {"cat": 3}, "set": {"head.folds": "3"}}
    once = settings_from(given)
    assert settings_from(once) == once


def test_a_dict_without_a_name_changes_the_recipes_own_optimizer():
    config = config_of({"recipe": "fast", "optimizer": {"momentum": 0.7}})
    assert (config.optimizer.name, config.optimizer.momentum) == ("Muon", 0.7)
    assert config.optimizer.learning_rate == config_of({"recipe": "fast"}).optimizer.learning_rate


def test_a_configuration_of_ones_own_keeps_its_schedule_under_a_target():
    """For the recipe fast, a target chooses a shorter schedule; not where somebody wrote all settings."""
    config = config_of({"recipe": "fast"}).changed(epochs=7)
    with_target = configured(config, True, True, 0.6, {}, 50_000)
    assert with_target == config.changed(target=0.6)


def test_without_augmentation_nothing_is_mixed():
    assert config_of({"recipe": "best", "augment": False}).mixing == "none"
