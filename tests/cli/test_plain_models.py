"""The commands say how a model from elsewhere is used, take what is said of it, and can save it."""

import json

import pytest
from command_line import make_pictures, tellapart

from tellapart.keras_backend import import_keras

CLASSES = ("ant", "Bee", "cow")


@pytest.fixture
def folder(tmp_path):
    return make_pictures(tmp_path / "train", dict.fromkeys(CLASSES, 3))


def saved(path, *first, outputs=3, size=16):
    keras = import_keras()
    layers = [
        *first,
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(outputs, activation="softmax"),
    ]
    keras.Sequential([keras.Input((size, size, 3)), *layers]).save(path)
    return path


@pytest.fixture
def model(tmp_path):
    return saved(tmp_path / "net.keras", import_keras().layers.Rescaling(1 / 255, name="divide"))


@pytest.mark.parametrize("command", ["predict", "evaluate", "explain"])
def test_each_command_says_once_how_the_model_is_used(command, model, folder):
    target = folder if command == "evaluate" else folder / "ant" / "0.png"
    options = ("--quick",) if command == "explain" else ()
    result = tellapart(command, model, target, *options)
    assert result.code == 0, result.err
    assert result.err.count("was not saved by tellapart") == 1
    assert "pixels: 0 to 255 (found: its layer divide scales them)" in result.err
    assert "policy: stretch (assumed" in result.err
    assert "tellapart adopt" in result.err


@pytest.mark.parametrize("command", ["predict", "evaluate", "explain"])
def test_json_holds_the_same(command, model, folder):
    target = folder if command == "evaluate" else folder / "ant" / "0.png"
    options = ("--quick",) if command == "explain" else ()
    values = tellapart(command, model, target, "--json", *options).json
    usage = (values["explanations"][0] if command == "explain" else values)["usage"]
    assert usage["pixels"]["source"] == "found"
    assert usage["policy"] == {
        "value": "stretch",
        "source": "assumed",
        "why": "Keras's loaders do so",
        "otherwise": "Else: --policy crop or pad",
    }


def test_class_names_are_those_that_are_given(model, folder, tmp_path):
    (tmp_path / "names.txt").write_text("0 Bee\n1 ant\n2 cow\n")
    picture = folder / "ant" / "0.png"
    for classes in ("Bee,ant,cow", tmp_path / "names.txt", folder):
        result = tellapart("predict", model, picture, "--classes", classes, "--json")
        assert list(result.json["predictions"][0]["probabilities"]) == sorted(
            CLASSES, key=lambda name: -result.json["predictions"][0]["probabilities"][name]
        )


def test_what_was_said_is_used_though_it_begins_with_a_dash(tmp_path, folder):
    file = saved(tmp_path / "plain.keras")
    options = ("--pixels", "-1-1", "--policy", "pad", "--resampling", "nearest", "--size", "20")
    usage = tellapart("predict", file, folder / "ant" / "0.png", *options, "--json").json["usage"]
    assert [usage[name]["value"] for name in ("pixels", "policy", "resampling")] == [
        "-1 to 1",
        "pad",
        "nearest",
    ]
    assert {usage[name]["source"] for name in ("pixels", "policy", "resampling")} == {"given"}


def test_other_counts_of_classes_are_refused(model, folder, tmp_path):
    more = make_pictures(tmp_path / "more", dict.fromkeys(("a", "b", "c", "d"), 2))
    result = tellapart("evaluate", model, more)
    assert result.code == 3
    assert "net.keras has 3 classes without names" in result.err
    assert "--classes" in result.err
    assert tellapart("evaluate", model, folder, "--classes", "a,b").code == 2


def test_a_model_with_a_card_takes_no_options(run, folder):
    result = tellapart("predict", run, folder / "ant" / "0.png", "--pixels", "0-1")
    assert result.code == 2
    assert "Leave out --pixels" in result.err


def test_adopt_saves_the_answers_and_nobody_is_told_again(model, folder, tmp_path):
    result = tellapart("adopt", model, "--classes", folder, "--json")
    assert result.code == 0, result.err
    assert result.json["class_names"] == ["Bee", "ant", "cow"]
    picture = folder / "ant" / "0.png"
    before = tellapart("predict", model, picture, "--classes", folder, "--json").json["predictions"]
    after = tellapart("predict", tmp_path / "net-tellapart.keras", picture, "--json")
    assert after.json["predictions"] == before
    assert "usage" not in after.json
    assert "was not saved by tellapart" not in after.err


def test_adopt_says_what_is_recorded_and_from_where(model, folder, tmp_path):
    out = tellapart("adopt", model, "--classes", folder, "--to", tmp_path / "mine.keras").out
    assert out.startswith("Saved: ")
    assert "classes: Bee, ant, cow (given)" in out
    assert "pixels: 0 to 255 (found" in out


def test_adopt_asks_for_class_names(model):
    result = tellapart("adopt", model)
    assert result.code == 2
    assert "--classes a,b,c" in result.err


def test_summary_says_how_a_model_would_be_used(model):
    result = tellapart("summary", model, "--json")
    assert "found: its layer divide scales them" in json.dumps(result.json["usage"])
