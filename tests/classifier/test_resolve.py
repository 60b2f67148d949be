"""Which model a path or a name means."""

import ast
from pathlib import Path

import numpy as np
import pytest

import tellapart
from tellapart.classifier.classifier import Classifier
from tellapart.classifier.resolve import (
    display_name,
    model_and_pictures,
    model_file,
    resolve_model,
    run_folder_of,
    shadow_warning,
    title_of,
)
from tellapart.errors import ModelError
from tellapart.models.pretrained import pretrained_model

SOURCE = Path(__file__).parents[2] / "src" / "tellapart"


def test_a_run_folder_means_the_model_in_it(trained):
    file = trained.folder / "model.keras"
    assert [model_file(path) for path in (trained.folder, str(trained.folder), file)] == [file] * 3
    assert run_folder_of(trained.folder) == trained.folder
    assert run_folder_of(file) is None


def test_the_folder_of_a_stopped_run_says_how_it_goes_on(tmp_path):
    (tmp_path / "run.toml").touch()
    with pytest.raises(ModelError, match=r"(?s)holds no model.*tellapart train --resume "):
        model_file(tmp_path)


@pytest.mark.parametrize(
    "use",
    [
        lambda model: tellapart.load(model),
        lambda model: tellapart.predict(model, np.zeros((4, 4, 3), np.uint8)),
        lambda model: tellapart.predict(model),
        lambda model: tellapart.explain(model),
        lambda model: tellapart.evaluate(model, "digits"),
    ],
)
def test_a_keras_model_in_memory_is_to_be_saved_first(use):
    import keras

    class Own(keras.Model):
        pass

    for model in (keras.Sequential(name="inner"), Own()):
        with pytest.raises(
            ModelError, match=rf"^Got {type(model).__name__}, .*model\.save\('model\.keras'\)"
        ):
            use(model)


def test_a_name_means_a_built_in_model_unless_a_path_has_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert resolve_model("digits") == model_file("digits") == pretrained_model("digits")
    assert (run_folder_of("digits"), display_name(pretrained_model("digits")), shadow_warning("digits")) == (
        None,
        "digits",
        "",
    )
    assert title_of(pretrained_model("digits")) == "the built-in digits model"
    assert title_of("runs/digits") == "runs/digits"
    Path("digits").mkdir()
    assert resolve_model("digits") == Path("digits")
    assert model_file("digits") == Path("digits/model.keras")
    assert shadow_warning("digits") == "digits: using the folder of that name, not the built-in model."


def test_without_a_model_the_pictures_are_for_the_imagenet_model(tmp_path, monkeypatch):
    """Also where a folder of that name, of ImageNet's photos perhaps, stands beside them."""
    monkeypatch.chdir(tmp_path)
    Path("imagenet").mkdir()
    assert model_and_pictures([Path("photo.jpg")]) == (pretrained_model("imagenet"), [Path("photo.jpg")])
    assert display_name(pretrained_model("imagenet")) == "imagenet"


def test_every_way_to_load_finds_the_same_model(trained):
    weights = [v.numpy() for v in trained.classifier.model.weights]
    for load in (tellapart.load, Classifier.load):
        for ours, saved in zip(load(trained.folder).model.weights, weights, strict=True):
            np.testing.assert_array_equal(ours.numpy(), saved)
        assert load("digits").class_names == tuple("0123456789")


def test_no_other_module_says_which_file_of_a_run_is_its_model():
    naming = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and node.value == "model.keras"
    }
    assert naming == {"paths.py"}
