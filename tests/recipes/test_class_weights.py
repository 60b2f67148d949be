"""Class weights: their forms, and what they become for the classes of the data."""

import json

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from tellapart.errors import ConfigError, DataError
from tellapart.recipes.class_weights import ClassWeights, class_weights_from, resolved
from tellapart.recipes.config import TrainConfig
from tellapart.recipes.recipes import quick

NAMES = ("cat", "dog", "emu")
LABELS = np.array([0] * 60 + [1] * 30 + [2] * 3)


def weights_of(given, names=NAMES):
    return dict(resolved(class_weights_from(given), names, np.bincount(LABELS)).weights)


def test_balanced_is_scikit_learns():
    expected = compute_class_weight("balanced", classes=np.arange(3), y=LABELS)
    assert list(weights_of("balanced").values()) == pytest.approx(list(expected))


def test_a_class_that_is_not_named_counts_one():
    assert weights_of({"emu": 5}) == {"cat": 1, "dog": 1, "emu": 5}


def test_classes_go_by_their_names_else_by_their_numbers():
    assert weights_of({2: 5.0}) == {"cat": 1, "dog": 1, "emu": 5}
    assert weights_of({np.int64(2): np.float32(5)}) == {"cat": 1, "dog": 1, "emu": 5}
    assert weights_of({7: 5.0}, ("7", "8", "9")) == {"7": 5, "8": 1, "9": 1}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("weights.csv", "emu,5\ncat,0.5\n"),
        ("headed.csv", "class,weight\nemu,5\ncat,0.5\n"),
        ("weights.json", json.dumps({"emu": 5, "cat": 0.5})),
    ],
)
def test_a_file_of_weights(name, text, tmp_path):
    (tmp_path / name).write_text(text)
    assert weights_of(str(tmp_path / name)) == {"cat": 0.5, "dog": 1, "emu": 5}
    assert class_weights_from(tmp_path / name).file == str(tmp_path / name)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no class weights"),
        ("cat,1\ncat,2\n", "cat is there twice"),
        ("cat,1\ndog\n", "line 2 is 'dog'"),
        ("cat,1\ndog,heavy\n", "line 2 is 'dog,heavy'"),
        ("cat,nan\n", "number from 0"),
        ("cat,-1\n", "number from 0"),
    ],
)
def test_a_damaged_file_is_named_with_what_is_wrong(text, words, tmp_path):
    (tmp_path / "weights.csv").write_text(text)
    with pytest.raises(DataError, match=words):
        class_weights_from(tmp_path / "weights.csv")


def test_a_class_that_the_data_lacks_is_refused_with_those_that_it_has():
    with pytest.raises(ConfigError, match=r"the class Dogs, which the data does not have\. Did you mean dog"):
        weights_of({"Dogs": 2})
    with pytest.raises(ConfigError, match="the class 3"):
        weights_of({3: 2})


def test_a_run_keeps_the_numbers_and_where_they_came_from():
    weights = resolved(class_weights_from("balanced"), NAMES, np.bincount(LABELS))
    config = quick().changed(class_weight=weights)
    saved = config.to_dict()
    assert saved["class_weight"]["origin"] == "balanced"
    assert TrainConfig.from_dict(saved) == config
    assert weights.of(NAMES).tolist() == pytest.approx(list(weights.weights.values()))


def test_old_settings_are_read_as_before():
    saved = quick().to_dict()
    assert not {"class_weight", "patience"} & set(saved)
    saved.pop("sampling")
    assert TrainConfig.from_dict(saved) == quick()


def test_given_weights_are_not_none():
    with pytest.raises(ConfigError):
        ClassWeights(origin="given")
