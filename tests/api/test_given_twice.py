"""Settings that contradict each other, or that nothing would read, are refused before anything is opened."""

import numpy as np
import pytest

import tellapart
from tellapart.api.configure import configured
from tellapart.errors import ConfigError


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
