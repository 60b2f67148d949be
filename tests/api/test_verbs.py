"""One public function for each command, with the same name and meaning."""

import inspect
from pathlib import Path

import numpy as np
import pytest

import tellapart
from tellapart.cli.main import COMMANDS, DATA_COMMANDS

CAT = Path(tellapart.__file__).parent / "guide" / "photos" / "cat.jpg"

COMMANDS_ALONE = {"demo", "learn", "doctor", "bench"}
"""Commands without a function: they need a terminal or a browser."""

FUNCTIONS_ALONE = {"fit", "load", "load_data", "compare", "dataset_of", "register_source", "server_app"}
"""Functions without a command of that name: for Keras users, for scripts, `report --compare`, and an ASGI server."""


def public_functions():
    return {name for name in tellapart.__all__ if inspect.isfunction(getattr(tellapart, name))}


def test_each_command_has_its_function():
    functions = public_functions() - FUNCTIONS_ALONE - set(DATA_COMMANDS) - {"open_dataset"}
    assert set(COMMANDS) - COMMANDS_ALONE == functions


@pytest.fixture
def image():
    return np.full((20, 24, 3), 200, np.uint8)


def test_a_classifier_a_path_and_a_name_are_all_models(trained, image):
    by_path = tellapart.predict(trained.folder, image)
    by_classifier = tellapart.predict(trained.classifier, image)
    assert by_path.to_dict() == by_classifier.to_dict()
    assert by_path.predictions[0].picture == "picture 0"
    assert len(tellapart.predict("cifar10", image, top=3).predictions[0].names) == 3


def test_predict_takes_one_picture_several_and_folders(trained, tmp_path):
    from PIL import Image

    for name in ("a.png", "b.png"):
        Image.fromarray(np.full((9, 9, 3), 90, np.uint8)).save(tmp_path / name)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    alone = tellapart.predict(trained.folder, tmp_path / "a.png")
    everything = tellapart.predict(trained.folder, tmp_path)
    assert [Path(row.picture).name for row in alone.predictions] == ["a.png"]
    assert [Path(row.picture).name for row in everything.predictions] == ["a.png", "b.png"]
    assert [Path(row.id).name for row in everything.unreadable] == ["broken.png"]
    # The number of pictures decides how a processor multiplies, to the last bit.
    assert everything.predictions[0].probabilities == pytest.approx(
        alone.predictions[0].probabilities, abs=1e-6
    )


def test_many_arrays_keep_their_numbers(trained, image):
    names = [row.picture for row in tellapart.predict(trained.classifier, [image] * 3).predictions]
    assert names == ["picture 0", "picture 1", "picture 2"]


def test_evaluate_takes_a_classifier_too(trained, color_photos):
    by_classifier = tellapart.evaluate(trained.classifier, str(color_photos))
    assert by_classifier.scores.pictures == 15
    assert by_classifier.scores == tellapart.evaluate(trained.folder, precision="float32").scores


def test_explain_takes_a_classifier_and_its_run(trained, image):
    explanation = tellapart.explain(trained.classifier, image, run=trained.folder)
    assert explanation.to_dict()["training"] is not None
    assert tellapart.explain(trained.classifier, image).to_dict()["training"] is None
    assert tellapart.explain(trained.folder, image).to_dict()["training"] is not None


def test_summary_takes_a_recipe_and_a_model(trained):
    assert tellapart.summary("first-cnn").summary.parameters == 1_250_858
    assert tellapart.summary(trained.folder).summary.input_shape == (16, 16, 3)


def test_train_prints_its_epochs_unless_verbose_is_off(color_photos, tmp_path, capsys):
    settings = {"recipe": "quick", "epochs": 2, "size": (16, 16), "batch_size": 8, "predictions": 0}
    tellapart.train(str(color_photos), out=tmp_path / "loud", **settings)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["Epoch 1/2", "Epoch 2/2"]
    assert "val_accuracy" in lines[0]
    tellapart.train(str(color_photos), out=tmp_path / "quiet", verbose=False, **settings)
    assert capsys.readouterr().out == ""


def test_train_prints_the_stages_of_a_transfer(color_photos, tmp_path, capsys):
    tellapart.train(str(color_photos), size=(32, 32), predictions=0, out=tmp_path / "run")
    begins = [line.split(":")[0] for line in capsys.readouterr().out.splitlines()]
    assert begins[0].startswith("Features of 36 training pictures and their mirrored copies")
    assert begins[1:] == ["Last layer", "Fine-tuning not tried"]


def test_summary_takes_a_classifier_too(trained):
    assert tellapart.summary(trained.classifier).to_dict() == tellapart.summary(trained.folder).to_dict()


def test_load_gives_a_classifier_back(trained):
    assert tellapart.load(trained.classifier) is trained.classifier


@pytest.mark.parametrize("verb", ["load", "evaluate", "summary"])
@pytest.mark.parametrize("model", [None, 3, ""])
def test_what_is_no_model_is_refused_in_one_paragraph(verb, model):
    with pytest.raises(tellapart.TellapartError, match="run folder") as reason:
        getattr(tellapart, verb)(model)
    assert "\n" not in str(reason.value)


def test_an_empty_path_is_not_the_current_folder(trained):
    with pytest.raises(tellapart.TellapartError, match="path is empty"):
        tellapart.predict(trained.classifier, "")


def test_one_run_alone_is_not_compared_letter_by_letter(trained):
    with pytest.raises(tellapart.TellapartError, match="two or more different runs"):
        tellapart.compare(str(trained.folder))


def test_without_a_model_the_built_in_imagenet_model_predicts_and_explains():
    picture = CAT
    (prediction,) = tellapart.predict(picture, top=2)
    assert prediction.group.name == "cat"
    assert prediction == tellapart.predict("imagenet", [picture], top=2)[0]
    explanation = tellapart.explain(picture, quick=True)
    assert explanation.answer.is_unfamiliar is False


@pytest.mark.parametrize("model", [None, "digits"])
def test_a_model_without_pictures_is_asked_for_some(model):
    with pytest.raises(tellapart.TellapartError, match="Which pictures"):
        tellapart.predict(model)
