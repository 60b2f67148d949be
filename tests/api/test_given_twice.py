"""Settings that contradict each other, or that nothing would read, are refused before anything is opened."""

from types import SimpleNamespace

import numpy as np
import pytest

import tellapart
from tellapart.api import configure as configure_module
from tellapart.api.completed import default_recipe
from tellapart.api.configure import configured
from tellapart.errors import ConfigError
from tellapart.recipes.given import settings_from

TRANSFER = configured("transfer", True, True, None, {}, 9)
TUNING, HEAD = TRANSFER.fine_tuning, TRANSFER.head


def configure(recipe="quick", augment=True, **changes):
    return configured(recipe, True, augment, None, changes, 1000)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"set": {"mixing_strength": "0.5"}}, "Add a mixing"),
        ({"mixing_strength": 0.5}, "Add a mixing"),
        ({"augment": "none", "set": {"augmentation.rotation_range": "15"}}, "choose one"),
        ({"augment": "none", "set": {"mixing": "cutmix"}}, "choose one"),
        ({"augment": "cutmix", "set": {"mixing_strength": "0.5"}}, "both change the augmentation"),
        ({"augment": {"rotation_range": 5}, "mixing": "cutmix"}, "both change the augmentation"),
        ({"recipe": "transfer", "set": {"network": "first-cnn"}}, "A transfer has no network"),
        ({"set": {"optimizer.momentum": "0.8"}}, "Adam with the schedule cosine does not use momentum"),
        ({"set": {"optimizer.decay": "0.1"}}, "does not use decay"),
        ({"optimizer": {"name": "adam", "momentum": 0.9}}, "does not use momentum"),
        (
            {"optimizer": {"name": "sgd", "epsilon": 1e-3}},
            "SGD with the schedule cosine does not use epsilon",
        ),
        (
            {"recipe": "first-cnn", "set": {"optimizer.warmup_fraction": "0.2"}},
            "does not use warmup_fraction",
        ),
        ({"recipe": "transfer", "set": {"fine_tuning.optimizer.momentum": "0.8"}}, "does not use momentum"),
        (
            {"optimizer": {"name": "sgd", "learning_rate": 0.1}, "set": {"optimizer.learning_rate": "0.2"}},
            "optimizer.learning_rate is given twice",
        ),
        (
            {
                "recipe": "transfer",
                "optimizer": {"epsilon": 0.1},
                "set": {"fine_tuning.optimizer.epsilon": 0.2},
            },
            "fine_tuning.optimizer.epsilon is given twice",
        ),
        ({"optimizer": {"learning_rate": 0.1}, "learning_rate": 0.2}, "learning_rate is given twice"),
        (
            {"optimizer": configured("quick", True, True, None, {}, 9).optimizer, "learning_rate": 0.2},
            "learning_rate is given twice",
        ),
        ({"recipe": "transfer", "fine_tuning": TUNING, "epochs": 5}, "epochs is given twice"),
        (
            {"recipe": "transfer", "fine_tuning": TUNING, "set": {"fine_tuning.epochs": 5}},
            "fine_tuning.epochs is given twice",
        ),
        (
            {"recipe": "transfer", "head": HEAD, "set": {"head.folds": "3"}},
            "head.folds is given twice",
        ),
        ({"recipe": "transfer", "fine_tuning": TUNING, "optimizer": "sgd"}, "optimizer is given twice"),
        (
            {"recipe": "transfer", "fine_tuning": {"optimizer": TUNING.optimizer}, "optimizer": "sgd"},
            "optimizer is given twice: by itself and in fine_tuning",
        ),
        ({"recipe": "fast", "fine_tune": "auto"}, "nothing can be fine-tuned. Leave out --fine-tune"),
        ({"set": {"network": "own"}}, "The network own cannot be set"),
        ({"set": {"network": "backbone"}}, "The network backbone cannot be set"),
    ],
)
def test_what_would_be_dropped_is_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        configure(**settings)


def test_no_augmentation_by_its_name_is_no_augmentation():
    for recipe in ("quick", "transfer"):
        assert configure(recipe, augment="none") == configure(recipe, augment=False)
    assert configure("transfer", augment="none").fine_tune == "auto"


def test_what_the_chosen_optimizer_reads_is_taken():
    assert configure(optimizer={"name": "sgd", "momentum": 0.8}).optimizer.momentum == 0.8
    assert configure(optimizer="sgd", set={"optimizer.momentum": "0.7"}).optimizer.momentum == 0.7
    assert configure("fast", set={"optimizer.momentum": "0.7"}).optimizer.momentum == 0.7


def test_class_weights_and_size_are_taken_away_by_none():
    had = configure("fast", class_weight="balanced", size=48)
    for changes in (
        {"class_weight": "none", "size": "None"},
        {"set": {"class_weight": "none", "size": "none"}},
    ):
        without = configured(had, True, True, None, changes, 1000)
        assert (without.class_weight, without.size) == (None, None)


@pytest.mark.parametrize(
    "settings",
    [
        {"set": {"head.folds": "10"}},
        {"set": ["fine-tuning.epochs=3"]},
        {"set": ["backbone=lite0"]},
        {"set": ["fine_tune=on"]},
        {"head": {"folds": 10}},
        {"fine_tuning": {"epochs": 3}},
        {"backbone": "lite0"},
        {"freeze": "none"},
    ],
)
def test_settings_of_a_transfer_choose_it(settings):
    assert default_recipe(None, settings) == default_recipe(None, settings_from(settings)) == "transfer"
    assert default_recipe(None, {"set": {"optimizer.epsilon": 1e-5}, "head": None}) == "auto"


def test_a_backbone_beside_settings_to_be_repeated_is_read_as_it_asks(monkeypatch):
    repeated = configure("transfer")
    padded = SimpleNamespace(argument="/photos/net.keras", preprocessing=SimpleNamespace(policy="pad"))
    monkeypatch.setattr(configure_module, "choose_backbone", lambda *_: padded)
    config = configured(repeated, True, True, None, {"backbone": "net.keras"}, 1000)
    assert (config.backbone, config.policy) == ("/photos/net.keras", "pad")
    assert configured(repeated, True, True, None, {"epochs": 3}, 1000).policy == repeated.policy


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"class_depth": "2"}, "class_depth of the labels is a whole number or None"),
        ({"class_depth": True}, "class_depth of the labels is a whole number or None"),
        ({"multi_label": "no"}, "multi_label of the labels is True or False or None"),
        ({"label_separator": 5, "multi_label": True}, "label_separator of the labels is a text or None"),
    ],
)
def test_fields_of_labels_have_their_types(fields, message):
    with pytest.raises(ConfigError, match=message):
        tellapart.Labels(**fields)


def test_a_strength_beside_its_mixing_is_taken():
    assert configure(mixing="cutmix", mixing_strength=0.5).mixing_strength == 0.5


def test_labels_beside_a_resumed_run_without_data_are_refused(trained):
    with pytest.raises(ConfigError, match="A resumed run has the labels of its data"):
        tellapart.train(resume=trained.folder, labels="labels.csv")


@pytest.mark.parametrize("names", ["cat", 3])
def test_class_names_are_a_list(names):
    arrays = np.zeros((4, 8, 8, 3), np.uint8), [0, 1, 0, 1]
    with pytest.raises(ConfigError, match="class_names is a list of names"):
        tellapart.open_dataset(arrays, class_names=names)


def test_labels_that_deny_several_are_not_overruled():
    labels = tellapart.Labels(file="labels.csv", multi_label=False)
    with pytest.raises(ConfigError, match="multi_label=False"):
        tellapart.train("photos", labels=labels, multi_label=True)
