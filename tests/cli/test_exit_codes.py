"""Each kind of mistake has its exit code, one clear paragraph on stderr, and no traceback."""

import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import SMALL, make_pictures, tellapart


def refused(code, *arguments):
    result = tellapart(*arguments)
    assert result.code == code, result.err
    assert "Traceback" not in result.err
    assert result.err.strip()
    assert result.out == ""
    return result.err


def test_a_missing_path_is_bad_data_and_near_names_are_offered(pictures):
    assert "pictures" in refused(3, "train", pictures.parent / "picture")


def test_a_file_that_is_no_picture_folder_is_bad_data(tmp_path):
    (tmp_path / "notes.txt").write_text("no pictures")
    refused(3, "train", tmp_path / "notes.txt")


def test_class_folders_of_damaged_pictures_are_bad_data(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / "damaged" / name).mkdir(parents=True)
        (tmp_path / "damaged" / name / "1.png").write_bytes(b"not a picture")
    refused(3, "train", tmp_path / "damaged")


def test_an_empty_folder_is_bad_data(tmp_path):
    (tmp_path / "empty").mkdir()
    assert "class folders" in refused(3, "train", tmp_path / "empty")


def test_one_class_is_bad_data(tmp_path):
    assert "one class" in refused(3, "train", make_pictures(tmp_path / "one", {"cat": 4}))


@pytest.mark.parametrize(
    "options",
    [
        ("--recipe", "slow"),
        ("--size", "big"),
        ("--size", "0"),
        ("--size", "4"),
        ("--epochs", "0"),
        ("--epochs", "many"),
        ("--policy", "squeeze"),
        ("--precision", "float8"),
        ("--validation-share", "1.5"),
        ("--save-to", "model.pt"),
        ("--frobnicate",),
    ],
)
def test_a_bad_option_is_a_usage_error(options, pictures):
    refused(2, "train", pictures, *options)


def test_nothing_to_train_on_is_a_usage_error():
    assert "DATA" in refused(2, "train") or "Nothing to train on" in refused(2, "train")


def test_a_run_folder_is_never_overwritten(pictures, tmp_path):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.txt").write_text("precious")
    assert "never overwritten" in refused(2, "train", pictures, "--out", tmp_path / "taken")
    assert [path.name for path in (tmp_path / "taken").iterdir()] == ["thesis.txt"]


def test_an_existing_model_is_refused_before_training(pictures, tmp_path):
    (tmp_path / "model.keras").write_text("precious")
    refused(2, "train", pictures, *SMALL, "--out", tmp_path / "new", "--save-to", tmp_path / "model.keras")
    assert not (tmp_path / "new").exists()
    assert (tmp_path / "model.keras").read_text() == "precious"


def test_a_size_too_small_for_the_network_leaves_no_run_folder(pictures, tmp_path):
    assert "at least 14 x 14" in refused(2, "train", pictures, "--size", "8", "--out", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_settings_are_refused_before_data_is_fetched():
    """mnist is not on this machine, and asking for it would download 12 MB."""
    assert "epochs" in refused(2, "train", "mnist", "--epochs", "0")


def test_a_missing_extra_names_the_line_that_installs_it(tmp_path, monkeypatch):
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table({"image": [b""], "label": [0]})
    pyarrow.parquet.write_table(table, tmp_path / "train.parquet")
    for name in [name for name in sys.modules if name.split(".")[0] == "pyarrow"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert "pip install 'tellapart[parquet]'" in refused(4, "train", tmp_path / "train.parquet")


def test_a_missing_model_says_how_to_make_one(tmp_path):
    assert "tellapart train" in refused(1, "predict", tmp_path / "none.keras", tmp_path / "x.png")


def test_a_model_that_is_not_there_is_said_with_the_folder_that_it_was_looked_for_in(tmp_path):
    here = f"in the current folder, {Path.cwd()}."
    for name in ("runs/photos", "none.keras"):
        assert here in refused(1, "predict", name, "x.jpg")
        assert here in refused(1, "evaluate", name, "digits")
    assert here in refused(3, "train", "--resume", "runs/photos")
    assert "current folder" not in refused(1, "predict", tmp_path / "none.keras", "x.jpg")


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("train", "my", "photos", "--epochs", "1"), "tellapart train 'my photos' --epochs 1"),
        (("predict", "my", "photos"), "tellapart predict 'my photos'"),
        (("predict", "none.keras", "a", "new", "cat.jpg"), "tellapart predict none.keras 'a new cat.jpg'"),
        (("evaluate", "my", "photos"), "tellapart evaluate 'my photos'"),
        (("data", "show", "my", "photos"), "tellapart data show 'my photos'"),
    ],
)
def test_a_name_with_spaces_and_without_quotes_is_recognized(words, meant):
    Path("my photos").mkdir()
    Path("a new cat.jpg").write_bytes(b"x")
    result = tellapart(*words)
    assert result.code != 0
    assert result.err.endswith(f"A name with spaces goes in quotes. Is this meant?\n  {meant}\n")


def test_a_resumed_run_keeps_its_settings(run):
    refused(2, "train", "--resume", run, "--seed", "5")
    refused(2, "train", "--resume", run, "--no-augment")
    refused(2, "train", "--resume", run, "--recipe", "quick")
    refused(2, "train", "--resume", run, "--out", "other")


def test_an_error_is_one_json_object_too(tmp_path):
    result = tellapart("train", tmp_path / "none", "--json")
    assert result.json["error"]["type"] == "DataError"
    assert result.json["error"]["exit_code"] == result.code == 3
    assert result.json["error"]["message"] in result.err.replace("Error: ", "")


def test_a_usage_error_is_one_json_object_too():
    result = tellapart("train", "--frobnicate", "--json")
    assert result.json["error"]["exit_code"] == result.code == 2


def test_debugging_shows_the_traceback(tmp_path, monkeypatch):
    monkeypatch.setenv("TELLAPART_DEBUG", "1")
    assert "Traceback" in tellapart("train", tmp_path / "none").err


def test_a_bug_keeps_its_traceback_and_asks_for_a_report(monkeypatch):
    def broken(again):
        raise RuntimeError("a cable came loose")

    monkeypatch.setattr("tellapart.profiling.doctor.examine", broken)
    result = tellapart("doctor")
    assert result.code == 1
    assert "a cable came loose" in result.err
    assert "Traceback" in result.err
    assert "report it" in result.err


def test_an_empty_name_is_not_the_folder_one_stands_in(run):
    assert "DATA is empty" in refused(2, "train", "")
    refused(2, "evaluate", run, "")
    refused(2, "data", "show", "")


def test_labels_of_a_resumed_run_are_its_own(run, tmp_path):
    assert "--labels" in refused(2, "train", "--resume", run, "--labels", tmp_path / "labels.csv")


def test_a_place_that_cannot_be_saved_to_is_refused_before_training(pictures, tmp_path):
    (tmp_path / "file").write_text("no folder")
    place = tmp_path / "file" / "model.keras"
    assert "--save-to" in refused(2, "train", pictures, "--out", tmp_path / "new", "--save-to", place)
    assert not (tmp_path / "new").exists()


def test_a_data_folder_that_does_not_exist_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("TELLAPART_DATA", str(tmp_path / "gone"))
    assert "does not exist" in refused(3, "train", "mnist")
    assert "does not exist" in refused(3, "data", "get", "mnist")
    findings = tellapart("doctor", "--json").json["findings"]
    found = next(finding for finding in findings if finding["name"] == "TELLAPART_DATA")
    assert found["verdict"] == "optional"
    assert "no such folder" in found["value"]


@pytest.mark.parametrize("content", [b"", b"words, not a model", b"PK\x03\x04 cut short"])
def test_a_broken_model_file_is_said_in_one_paragraph(content, tmp_path):
    (tmp_path / "model.keras").write_bytes(content)
    said = refused(1, "predict", tmp_path / "model.keras", tmp_path / "x.png")
    assert "cannot be read as a Keras model" in said
    assert "accessible" not in said
    assert len(said.splitlines()) == 1


def test_an_archive_that_is_no_model_is_said_in_one_paragraph(tmp_path):
    np.savez(tmp_path / "ok.npz", x=np.zeros(3))
    (tmp_path / "ok.npz").rename(tmp_path / "ok.keras")
    said = refused(1, "predict", tmp_path / "ok.keras", tmp_path / "x.png")
    assert "without a Keras model" in said
    assert len(said.splitlines()) == 1
