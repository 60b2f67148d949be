"""What the system refuses (a permission, a full disk, a strange name) is one paragraph, and never a bug."""

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import SMALL, make_pictures, tellapart

from tellapart.classifier.classifier import Classifier
from tellapart.cli.terminal.console import command
from tellapart.errors import SaveError


@pytest.fixture
def locked(pictures, monkeypatch):
    """One of the two class folders, locked for whoever runs the tests, root as well."""
    place = str(pictures / "light")
    real_scandir, real_stat = os.scandir, os.stat

    def refuse(path):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), os.fspath(path))

    def scandir(path="."):
        return refuse(path) if os.fspath(path) == place else real_scandir(path)

    def stat(path, **options):
        inside = not isinstance(path, int) and os.fspath(path).startswith(place + os.sep)
        return refuse(path) if inside else real_stat(path, **options)

    def open_(path, *arguments, **options):
        inside = not isinstance(path, int) and os.fspath(path).startswith(place)
        return refuse(path) if inside else real_open(path, *arguments, **options)

    real_open = os.open
    monkeypatch.setattr(os, "open", open_)
    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.setattr(os, "stat", stat)
    return Path(place)


def is_bad_data(result, place):
    assert result.code == 3, result.err
    assert str(place) in result.err
    assert "Permission denied" in result.err
    assert "bug" not in result.err
    assert "Traceback" not in result.err


def test_a_locked_class_folder_is_bad_data(locked):
    is_bad_data(tellapart("train", locked.parent), locked)


def test_a_locked_folder_is_bad_data_to_train_and_show(locked):
    is_bad_data(tellapart("train", locked), locked)
    is_bad_data(tellapart("data", "show", locked), locked)


def test_a_locked_data_folder_is_bad_data(locked, monkeypatch):
    monkeypatch.setenv("TELLAPART_DATA", str(locked))
    is_bad_data(tellapart("data", "list"), locked)


def test_a_locked_folder_to_predict_is_bad_data(run, locked):
    is_bad_data(tellapart("predict", run, locked), locked)
    is_bad_data(tellapart("predict", run, locked / "1.png"), locked)


def test_a_locked_place_to_save_to_is_refused_before_training(pictures, locked):
    result = tellapart("train", pictures, "--out", "new", "--save-to", locked / "model.keras")
    assert (result.code, result.out) == (2, "")
    assert "cannot be written (Permission denied)" in result.err
    assert not Path("new").exists()


def test_another_refusal_of_the_system_is_no_bug(monkeypatch):
    def unreadable(again):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/etc/shadow")

    monkeypatch.setattr("tellapart.profiling.doctor.examine", unreadable)
    result = tellapart("doctor")
    assert (result.code, result.err) == (1, "Error: /etc/shadow: Permission denied.\n")
    monkeypatch.setenv("TELLAPART_DEBUG", "1")
    assert "Traceback" in tellapart("doctor").err


def test_a_full_disk_is_one_paragraph_and_leaves_no_half_of_a_file(pictures, tmp_path):
    """Files may grow to 64 KB: less than the model."""

    def limit_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))

    words = [
        sys.executable,
        "-m",
        "tellapart",
        "train",
        str(pictures),
        *SMALL,
        "--out",
        str(tmp_path / "run"),
    ]
    done = subprocess.run(words, preexec_fn=limit_files, capture_output=True, text=True, timeout=100)
    assert done.returncode == 1, done.stderr
    assert "could not be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert "bug" not in done.stderr
    assert done.stderr.count("Error: ") == 1
    hidden = {path.name for path in tmp_path.rglob("*") if path.name.startswith(".")}
    assert hidden <= {".lock"}  # of the run, which can be resumed
    assert not list(tmp_path.rglob("*.safetensors"))
    assert not list(tmp_path.rglob("*.keras"))


def test_what_was_trained_is_reported_although_it_could_not_be_saved_elsewhere(
    pictures, tmp_path, monkeypatch
):
    """The place was good when the training began."""

    place, save_anywhere = tmp_path / "new" / "mine.keras", Classifier.save

    def save(self, path):
        if path == place:
            raise SaveError("the stick was pulled out")
        save_anywhere(self, path)

    monkeypatch.setattr(Classifier, "save", save)
    options = (pictures, *SMALL, "--quiet", "--save-to", place)
    told = tellapart("train", *options)
    assert told.code == 1
    assert "Test accuracy" in told.out
    assert told.err == "Error: the stick was pulled out\n"
    as_json = tellapart("train", *options, "--json")
    assert as_json.code == 1
    assert as_json.json["scores"]
    assert as_json.json["saved_to"] is None
    assert as_json.json["error"]["type"] == "SaveError"


def test_a_path_that_looks_like_an_option_is_printed_so_that_it_can_be_copied():
    assert command("evaluate", Path("-dash")) == "tellapart evaluate ./-dash"
    assert command("train", "--resume", Path("run")) == "tellapart train --resume run"


def test_names_that_are_no_utf8_train_and_predict(run, tmp_path):
    """As an archive of another system leaves them."""
    folder = make_pictures(tmp_path / "pictures", {"dark": 6, "light": 6})
    os.rename(folder / "light", os.path.join(os.fsencode(folder), b"caf\xe9"))
    os.rename(folder / "dark" / "1.png", os.path.join(os.fsencode(folder), b"dark", b"\xff.png"))
    assert tellapart("data", "show", folder).code == 0
    result = tellapart("train", folder, *SMALL, "--out", tmp_path / "run", "--quiet")
    assert result.code == 0, result.err
    assert tellapart("predict", run, folder, "--csv", tmp_path / "answers.csv").code == 0
    assert b"\xff.png" in (tmp_path / "answers.csv").read_bytes()


def test_a_line_break_in_a_name_does_not_break_the_table(run, folder, tmp_path):
    (tmp_path / "two\nlines.png").write_bytes((folder / "dark" / "1.png").read_bytes())
    alone = tellapart("predict", run, tmp_path / "two\nlines.png").out
    among = tellapart("predict", run, tmp_path / "two\nlines.png", folder / "dark" / "1.png").out
    assert r"two\nlines.png" in alone
    assert r"two\nlines.png" in among
