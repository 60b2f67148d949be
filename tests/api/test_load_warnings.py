"""What Python says of a model that tellapart did not save."""

import warnings

import keras
import numpy as np
import pytest

import tellapart

IMAGE = np.full((8, 8, 3), 100, np.uint8)
ALL = {"pixels": "0-1", "policy": "stretch", "resampling": "bilinear", "class_names": ("0", "1", "2")}


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("plain") / "plain.keras"
    layers = [keras.layers.Flatten(), keras.layers.Dense(3, activation="softmax")]
    keras.Sequential([keras.Input((8, 8, 3)), *layers]).save(path)
    return path


WAYS = {
    "load": lambda file, **said: tellapart.load(file, **said),
    "predict": lambda file, **said: tellapart.predict(file, IMAGE, **said),
    "explain": lambda file, **said: tellapart.explain(file, IMAGE, **said),
    "evaluate": lambda file, **said: tellapart.evaluate(file, (IMAGE[None].repeat(3, 0), [0, 1, 2]), **said),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_is_assumed_is_warned_of_with_the_keywords_that_change_it(way, file):
    with pytest.warns(UserWarning, match=r"plain.keras .*pixels 0 to 255; policy stretch.*pixels=, policy="):
        WAYS[way](file)


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_warned_of_where_all_was_said(way, file):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        WAYS[way](file, **ALL)
    assert not [each for each in caught if "not saved by tellapart" in str(each.message)]


def test_another_size_than_the_file_s_is_said(file):
    usage = tellapart.load(file, **ALL).usage
    assert (usage.size.value, usage.size.why) == ("8 x 8", "")
    path = file.with_name("pooled.keras")
    pooled = [
        keras.layers.Conv2D(4, 3),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(3, "softmax"),
    ]
    keras.Sequential([keras.Input((8, 8, 3)), *pooled]).save(path)
    usage = tellapart.load(path, **ALL, size=(6, 12)).usage
    assert (usage.size.value, usage.size.source) == ("6 x 12", "given")
    assert "the file says 8 x 8" in usage.size.why
