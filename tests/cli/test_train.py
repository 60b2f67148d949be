"""What `train` prints and leaves behind."""

import csv
import re
import shutil

import keras
import numpy as np
import pytest
from command_line import SMALL, make_pictures, tellapart

from tellapart.api import finish
from tellapart.cli.terminal.estimate import in_words
from tellapart.cli.terminal.tables import score_lines
from tellapart.data.left_out import left_out_of_folders
from tellapart.metrics.scores import score, wilson_interval
from tellapart.recipes import recipes


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    place = tmp_path_factory.mktemp("digits")
    options = ("--recipe", "first-cnn", "--out", place / "run", "--save-to", place / "saved_models")
    return place, tellapart("train", "digits", *SMALL, *options)


def test_it_begins_as_the_tutorial_did(digits):
    lines = digits[1].out.splitlines()
    assert lines[:4] == [
        "x_train shape: (1438, 16, 16, 1)",
        "1438 train samples",
        "359 test samples",
        "Using real-time data augmentation.",
    ]


def test_the_tutorial_says_which_pictures_score_its_epochs(digits):
    assert "for both validation and test, as in the tutorial" in digits[1].out
    assert "Saves   the last epoch\n" in digits[1].out


def test_it_ends_with_loss_accuracy_interval_and_the_baseline(digits):
    assert "\nTest loss: " in digits[1].out
    assert re.search(r"\nTest accuracy: \d+\.\d% \(\d+ of 359 pictures\)\n", digits[1].out)
    assert re.search(r"\n95% confidence interval: \d+\.\d% to \d+\.\d%\n", digits[1].out)
    assert "Baseline: 10.3% (always predicting 3)" in digits[1].out


def test_twenty_predictions_are_shown_of_pictures_that_do_not_seem_to_have_been_learned_from(digits):
    rows = [line for line in digits[1].out.splitlines() if re.match(r" *\d{5} ", line)]
    assert len(rows) == 20
    assert "test picture" in digits[1].out
    assert "train/" not in digits[1].out
    assert (digits[0] / "run" / "predictions.png").stat().st_size > 0


def test_a_few_test_pictures_are_called_few():
    answers = np.eye(2, dtype=np.float32)[[0, 1] * 50]
    labels = np.array([0, 1] * 50)
    labels[:2] = 1 - labels[:2]
    few = score_lines(score(answers[:20], labels[:20], ("cat", "dog"), "test"))
    low, high = wilson_interval(18, 20)
    assert few[1:4] == [
        "Test accuracy: 90.0% (18 of 20 pictures)",
        f"95% confidence interval: {low:.1%} to {high:.1%}",
        "With so few pictures the accuracy is uncertain. More pictures help most.",
    ]
    assert not any("few" in line for line in score_lines(score(answers, labels, ("cat", "dog"), "test")))


def test_the_tutorials_model_file_is_a_model_for_plain_keras(digits):
    model = keras.models.load_model(digits[0] / "saved_models" / "keras_first_cnn_test.h5", compile=False)
    assert model.output_shape == (None, 10)


def test_epochs_are_lines_on_stderr_where_it_is_no_terminal(digits):
    header, forecast, row = digits[1].err.splitlines()
    assert header.split() == ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "seconds"]
    assert re.fullmatch(r"Estimated time left: \d+ (seconds?|minutes)", forecast)
    assert row.split()[0] == "1/1"


def test_a_target_ends_the_training_and_is_told_of(pictures, tmp_path):
    options = ("--epochs", "30", "--size", "16", "--batch-size", "8", "--predictions", "0")
    result = tellapart("train", pictures, "--target", "1%", *options, "--out", tmp_path / "run")
    assert result.code == 0, result.err
    assert "Target reached: validation accuracy" in result.out
    assert len((tmp_path / "run" / "metrics.csv").read_text().splitlines()) < 31


@pytest.mark.parametrize(
    ("recipe", "ways"),
    [
        ("fast", "averages 6 shifted and mirrored copies"),
        ("best", "averages the picture and its mirror image"),
    ],
)
def test_accuracy_is_told_with_and_without_views(pictures, tmp_path, monkeypatch, recipe, ways):
    made = recipes.RECIPES[recipe]
    small = {"fast": {}, "best": {"widths": (4, 8, 12), "depth": 1}}[recipe]
    monkeypatch.setitem(recipes.RECIPES, recipe, lambda **given: made(**given).changed(**small))
    monkeypatch.setattr(finish, "FEWEST_HELD_OUT", 1)
    monkeypatch.setattr(finish, "is_better", lambda *_: True)  # the views help
    options = ("--epochs", "1", "--size", "16", "--batch-size", "8", "--predictions", "0")
    trained = tellapart("train", pictures, "--recipe", recipe, *options, "--quiet", "--out", tmp_path / "run")
    evaluated = tellapart("evaluate", tmp_path / "run", "--quiet")
    for told in (trained.out, evaluated.out):
        assert "Test accuracy: " in told
        assert "Without test-time augmentation: " in told
        assert ways in told
    plain = tellapart("evaluate", tmp_path / "run", "--json").json["scores_without_tta"]
    assert f"Without test-time augmentation: {plain['accuracy']:.1%}" in trained.out


def test_views_that_were_not_shown_to_help_are_not_used(pictures, tmp_path):
    """With so few held-out pictures nothing can be shown."""
    options = ("--epochs", "1", "--size", "16", "--batch-size", "8", "--predictions", "0", "--quiet")
    trained = tellapart("train", pictures, "--recipe", "fast", *options, "--out", tmp_path / "run")
    assert trained.code == 0, trained.err
    assert "test-time augmentation" not in trained.out
    assert tellapart("evaluate", tmp_path / "run", "--json").json["scores_without_tta"] is None


@pytest.mark.parametrize("target", ["0", "100%", "1.5", "much"])
def test_a_target_that_is_no_accuracy_is_refused(target, pictures):
    result = tellapart("train", pictures, "--target", target)
    assert result.code == 2
    assert "--target is an accuracy between 0 and 1" in result.err


def test_the_tutorial_has_no_target_because_it_scores_on_the_test_split(pictures):
    result = tellapart("train", pictures, "--recipe", "first-cnn", "--target", "63%")
    assert result.code == 2
    assert "must not decide when to stop" in result.err


def test_the_next_commands_are_there_to_copy(digits):
    assert f"  tellapart evaluate {digits[0] / 'run'}\n" in digits[1].out


def test_json_is_one_object_with_everything(pictures_and_run):
    _, run, told = pictures_and_run
    assert told["model"] == str(run / "model.keras")
    assert [done["epoch"] for done in told["history"]] == [1]
    assert told["scores"]["pictures"] == 8
    assert len(told["predictions"]) == 8
    with open(run / "metrics.csv", newline="") as file:
        assert float(next(csv.DictReader(file))["val_accuracy"]) == told["history"][0]["val_accuracy"]


@pytest.mark.parametrize(
    ("recipe", "told"),
    [("quick", ", no augmentation, seed 0\n"), ("first-cnn", "\nNot using data augmentation.\n")],
)
def test_without_augmentation_it_says_so(pictures, recipe, told):
    options = ("--recipe", recipe, "--no-augment", "--quiet", "--predictions", "0")
    result = tellapart("train", pictures, *SMALL, *options)
    assert told in result.out
    assert result.err == ""
    assert "predictions.png" not in result.out


def test_the_pictures_that_score_the_epochs_are_counted_and_told_whose_they_are(tmp_path, pictures):
    held_out = tellapart("train", pictures, *SMALL, "--validation-share", "0.03").out
    assert " 1 validation (held out from training), " in held_out
    make_pictures(tmp_path / "divided" / "train", {"dark": 10, "light": 10})
    make_pictures(tmp_path / "divided" / "validation", {"dark": 3, "light": 3})
    own = tellapart("train", tmp_path / "divided", *SMALL, "--out", tmp_path / "run").out
    assert " 6 validation (the data's own split), " in own
    resumed = tellapart("train", "--resume", tmp_path / "run").out
    assert " 6 validation (the data's own split), " in resumed


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "1 second"), (1.4, "1 second"), (1.6, "2 seconds"), (170, "3 minutes")]
)
def test_a_length_of_time_is_told_as_people_say_it(seconds, words):
    assert in_words(seconds) == words


def test_pictures_left_out_are_named_with_the_reason(pictures):
    (pictures / "dark" / "broken.png").write_bytes(b"no picture")
    shutil.copy(pictures / "dark" / "1.png", pictures / "loose.png")
    (pictures / "dark" / "notes.txt").write_text("dark ones")
    (pictures / ".DS_Store").write_bytes(b"x")
    result = tellapart("train", pictures, *SMALL, "--test-share", "0.3")
    assert "Skipped 1 picture outside the class folders: loose.png\n" in result.out
    assert "Skipped 1 non-picture file: dark/notes.txt\n" in result.out
    assert "Skipped 1 picture that could not be read:" in result.out
    assert "broken.png: text, not a picture" in result.out
    assert "DS_Store" not in result.out
    assert "\nWith so few pictures the accuracy is uncertain." in result.out


def test_of_much_that_is_left_out_three_are_named():
    assert left_out_of_folders([*(f"a/{n}.txt" for n in range(1_005)), "0.jpg", "old/"]) == [
        "Skipped 1 picture outside the class folders: 0.jpg",
        "Skipped 1 folder: old/",
        "Skipped 1,005 non-picture files: a/0.txt, a/1.txt, a/2.txt and 1,002 more",
    ]
    assert left_out_of_folders(["1.txt", "2.txt", "3.txt", "4.txt"], 9_000) == [
        "Skipped 9,000 non-picture files: 1.txt, 2.txt, 3.txt and 8,997 more"
    ]


def test_in_a_folder_a_model_is_named_after_data_and_recipe(tmp_path, pictures):
    place = tmp_path / "saved"
    trained = tellapart("train", pictures, *SMALL, "--out", tmp_path / "run", "--save-to", place)
    assert f"\n  {place / 'pictures-quick.h5'}\n" in trained.out
    again = tellapart("train", "--resume", tmp_path / "run", "--save-to", place)
    assert again.code == 2
    assert f"{place / 'pictures-quick.h5'} already exists" in again.err
    first = ("--recipe", "quick", "--epochs", "1", "--predictions", "0", "--json")
    told = tellapart("train", "digits", *first, "--save-to", place)
    assert told.json["saved_to"] == str(place / "digits-quick.h5")
    assert sorted(path.name for path in place.iterdir()) == ["digits-quick.h5", "pictures-quick.h5"]


def test_an_exact_file_name_is_used_as_it_is(pictures, tmp_path):
    result = tellapart("train", pictures, *SMALL, "--save-to", tmp_path / "mine.keras")
    assert result.code == 0
    assert tellapart("summary", tmp_path / "mine.keras").code == 0


def test_a_labels_file_is_remembered_with_the_run(tmp_path, pictures):
    lines = [f"{path.relative_to(pictures)},{path.parent.name}" for path in sorted(pictures.rglob("*.png"))]
    (tmp_path / "labels.csv").write_text("\n".join(["file,label", *lines]) + "\n")
    trained = tellapart("train", pictures, *SMALL, "--labels", tmp_path / "labels.csv", "--out", "run")
    assert trained.code == 0, trained.err
    assert tellapart("evaluate", "run").code == 0


def test_the_demo_trains_on_digits_and_says_what_to_try(monkeypatch):
    """With its epochs cut to one."""
    monkeypatch.setattr(recipes, "DEMO_EPOCHS", 1)
    result = tellapart("demo", "--out", "demo")
    assert result.code == 0, result.err
    assert "digits, 10 classes" in result.out
    assert "1,294 training, 144 validation (held out from training), 359 test" in result.out
    assert "loss: how wrong the predictions are; 0 is perfect." in result.out
    assert "x_train" not in result.out
    assert "tellapart train cifar10 --recipe first-cnn" in result.out


@pytest.mark.parametrize(
    ("right", "told"),
    [
        (9, "The model may be no better than this baseline."),
        (2, "The model is worse than this baseline."),
        (19, None),
    ],
)
def test_what_guessing_reaches_as_well_is_called_that(right, told):
    answers, labels = np.eye(2, dtype=np.float32)[[0] * 20], np.array([0, 1] * 10)
    answers[:] = np.eye(2, dtype=np.float32)[np.where(np.arange(20) < right, labels, 1 - labels)]
    lines = score_lines(score(answers, labels, ("cat", "dog"), "test"))
    assert [line for line in lines if "this baseline" in line] == ([told] if told else [])


def test_of_one_class_nothing_is_said_of_guessing():
    answers, labels = np.eye(2, dtype=np.float32)[[0] * 20], np.zeros(20, int)
    assert not any(
        "this baseline" in line for line in score_lines(score(answers, labels, ("cat", "dog"), "test"))
    )
