"""The command that a report gives makes the run again."""

import dataclasses
import shlex

import pytest

from tellapart.api.configure import configured
from tellapart.cli.main import app
from tellapart.recipes.recipes import DEMO_CHANGES, DEMO_EPOCHS, RECIPES
from tellapart.reports.rerun_command import rerun_command

PICTURES = 5000


def config_of(command, monkeypatch, images=PICTURES):
    """The configuration that the command line would train with, from the words of the command."""
    from tellapart.cli.terminal import training

    caught = {}
    monkeypatch.setattr(
        training, "train_and_report", lambda data, settings, **_: caught.update(settings) or 0
    )
    app(args=shlex.split(command)[1:], standalone_mode=False)
    given = {name: value for name, value in caught.items() if value is not None}
    recipe, augment = given.pop("recipe"), given.pop("augment")
    target = given.pop("target", None)
    return configured(recipe, True, augment, target, given, images)


@pytest.mark.parametrize("recipe", sorted(RECIPES))
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"epochs": 3, "seed": 7},
        {"batch_size": 16, "predictions": 0},
        {"size": (48, 64), "policy": "pad"},
        {"learning_rate": 3e-4, "batch_size": 64},
        {"weight_decay": 0.01, "label_smoothing": 0.1},
        {"optimizer": "sgd", "lr": 0.02},
        {"class_weight": "balanced"},
    ],
)
def test_it_trains_with_the_same_configuration(recipe, changes, monkeypatch):
    config = configured(recipe, True, True, None, changes, PICTURES)
    command = rerun_command(config, {"argument": "some photos"}, PICTURES)
    assert command.startswith("tellapart train 'some photos'")
    assert config_of(command, monkeypatch) == config


@pytest.mark.parametrize("recipe", sorted(RECIPES))
@pytest.mark.parametrize(
    "spec",
    ["rotation_range=15,zoom_range=0.8:1.2", "none,random-resized-crop,rand-augment.magnitude=5", "cutmix"],
)
def test_its_augmentation_is_repeated(recipe, spec, monkeypatch):
    if recipe == "transfer" and spec == "cutmix":
        pytest.skip("pictures are not mixed in fine-tuning")
    config = configured(recipe, True, spec, None, {}, PICTURES)
    command = rerun_command(config, {"argument": "photos"}, PICTURES)
    assert "--augment" in command
    assert config_of(command, monkeypatch) == config


def test_a_transfer_with_augmentation_of_its_own_holds_pictures_out(monkeypatch):
    """It fine-tunes, and without held-out pictures nothing could tell whether that helps."""
    config = configured("transfer", True, "rotation_range=15", None, {}, 400)
    assert (config.fine_tune, config.validation) == ("on", "held out")
    command = rerun_command(config, {"argument": "photos"}, 400)
    assert config_of(command, monkeypatch, 400) == config


def test_the_demo_is_repeated_as_the_demo():
    changes = {"epochs": DEMO_EPOCHS, **DEMO_CHANGES}
    config = configured("quick", False, True, None, changes, 1438)
    assert rerun_command(config, {"argument": "digits"}, 1438) == "tellapart demo"
    assert "--set keep=last" in rerun_command(config, {"argument": "others"}, 1438)
    shorter = configured("quick", False, True, None, {"epochs": 3}, 1438)
    assert (
        rerun_command(shorter, {"argument": "digits"}, 1438)
        == "tellapart train digits --recipe quick --epochs 3"
    )


def test_held_out_pictures_of_a_transfer_are_repeated(monkeypatch):
    config = configured("transfer", True, True, None, {"validation_share": 0.3}, 400)
    assert (config.validation, config.validation_share) == ("held out", 0.3)
    command = rerun_command(config, {"argument": "photos"}, 400)
    assert command == "tellapart train photos --recipe transfer --validation-share 0.3"
    assert config_of(command, monkeypatch, 400) == config


@pytest.mark.parametrize("images", [30, 400, PICTURES])
@pytest.mark.parametrize("fine_tune", ["off", "on"])
def test_fine_tuning_is_repeated_with_as_many_pictures_held_out(images, fine_tune, monkeypatch):
    config = configured("transfer", True, True, None, {"fine_tune": fine_tune}, images)
    command = rerun_command(config, {"argument": "photos"}, images)
    assert command == f"tellapart train photos --recipe transfer --fine-tune {fine_tune}"
    assert config_of(command, monkeypatch, images) == config


def test_a_run_without_augmentation_or_with_a_target_is_repeated_too(monkeypatch):
    for recipe, augment, target in [("fast", False, None), ("fast", True, 0.63), ("transfer", False, None)]:
        config = configured(recipe, True, augment, target, {}, 50_000)
        command = rerun_command(config, {"argument": "cifar10"}, 50_000)
        assert (
            config_of(command, monkeypatch).to_dict()
            == configured(recipe, True, augment, target, {}, PICTURES).to_dict()
        )


def test_what_only_python_can_make_has_no_command():
    weights = configured("quick", True, True, None, {"class_weight": {"cat": 2}}, PICTURES)
    assert rerun_command(weights, {"argument": "x"}, PICTURES) is None
    assert rerun_command(configured("quick", True, True, None, {}, PICTURES), {}, PICTURES) is None


@pytest.mark.parametrize(
    ("recipe", "changes"),
    [
        ("fast", {"widths": (8, 8, 8), "sampling": "balanced"}),
        ("quick", {"optimizer": {"name": "sgd", "momentum": 0.3}, "set": {"optimizer.warmup_fraction": 0.2}}),
        ("transfer", {"freeze": "none", "patience": 2}),
        ("fast", {"patience": 3}),
        ("transfer", {"freeze": "all-but-2", "set": {"fine_tuning.stage_factor": 0.5, "head.folds": 3}}),
        ("fast", {"set": {"statistics_over": None}}),
    ],
)
def test_any_setting_is_repeated(recipe, changes, monkeypatch):
    config = configured(recipe, True, True, None, changes, PICTURES)
    command = rerun_command(config, {"argument": "photos"}, PICTURES)
    assert config_of(command, monkeypatch) == config


def test_the_steps_that_minutes_planned_are_repeated(monkeypatch):
    config = configured("fast", True, True, None, {}, PICTURES)
    config = config.changed(epochs=2, planned_steps=(0, 29, 2, 25))
    command = rerun_command(config, {"argument": "photos"}, PICTURES)
    assert "planned_steps=0:29:2:25" in command
    assert config_of(command, monkeypatch) == config


def test_the_steps_of_fine_tuning_that_minutes_planned_are_repeated(monkeypatch):
    config = configured("transfer", True, True, None, {"fine_tune": "on"}, PICTURES)
    tuning = dataclasses.replace(config.fine_tuning, epochs=3, planned_steps=(0, 400, 40, 390))
    config = config.changed(fine_tuning=tuning, size=(160, 160))
    command = rerun_command(config, {"argument": "photos"}, PICTURES)
    assert config_of(command, monkeypatch) == config
