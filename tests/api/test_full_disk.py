"""A full disk: what a finished training can do without is a warning; nothing that was saved is removed."""

import fnmatch
import os

import numpy as np
import pytest

import tellapart
from tellapart import files
from tellapart.api.listener import Listener
from tellapart.errors import SaveError
from tellapart.files import is_temporary
from tellapart.runs import checkpointer

SMALL = {"recipe": "quick", "epochs": 3, "size": (16, 16), "batch_size": 8, "validation_share": 0.2}


class Ears(Listener):
    """Listener that records warnings."""

    def __init__(self):
        self.warnings = []

    def warned(self, words):
        self.warnings.append(words)


def fail_to_write(monkeypatch, pattern, since=1):
    """Let the disk be full for files of such a name, from the since-th of them on."""
    real, met = files.os.replace, []

    def replace(source, target):
        if fnmatch.fnmatch(os.path.basename(target), pattern):
            met.append(target)
            if len(met) >= since:
                raise OSError(28, "No space left on device")
        real(source, target)

    monkeypatch.setattr(files.os, "replace", replace)
    return met


def litter(folder):
    return [place for place in folder.rglob("*") if is_temporary(place)]


@pytest.mark.parametrize("name", ["run.toml", "split.csv"])
def test_a_disk_full_before_anything_began_leaves_no_folder(name, color_photos, tmp_path, monkeypatch):
    fail_to_write(monkeypatch, name)
    with pytest.raises(SaveError, match=r"No space left on device.*run the command again"):
        tellapart.train(str(color_photos), out=tmp_path / "run", **SMALL)
    assert not (tmp_path / "run").exists()


SIDE_FILES = ["predictions.png", "report.html", "epoch-*.safetensors", "predictions.safetensors"]


@pytest.mark.parametrize("name", SIDE_FILES)
def test_a_side_file_that_cannot_be_written_is_a_warning(name, trained, color_photos, tmp_path, monkeypatch):
    met, ears = fail_to_write(monkeypatch, name), Ears()
    result = tellapart.train(str(color_photos), out=tmp_path / "run", listener=ears, **SMALL)
    assert met
    assert result.finished
    assert result.scores == trained.scores
    assert len(ears.warnings) == len(met)
    assert all("No space left on device" in words and "\n" not in words for words in ears.warnings)
    assert litter(tmp_path) == []
    written = {place.name for place in (tmp_path / "run").iterdir()}
    rest = {
        "run.toml",
        "split.csv",
        "log.jsonl",
        "metrics.csv",
        "model.keras",
        "last.safetensors",
        *SIDE_FILES,
    }
    assert written >= rest - {name, "epoch-*.safetensors"}


@pytest.mark.parametrize("since", [1, 2, 3, 4])
def test_a_checkpoint_that_cannot_be_written_ends_the_run_and_removes_nothing(
    since, trained, color_photos, tmp_path, monkeypatch
):
    """With `since` 1 nothing was learned yet; the run can be resumed all the same."""
    monkeypatch.setattr(checkpointer, "SECONDS_BETWEEN_CHECKPOINTS", -1.0)
    monkeypatch.setattr(checkpointer, "SHARE_FOR_SAVING", np.inf)
    run = tmp_path / "run"
    with monkeypatch.context() as full:
        fail_to_write(full, "last*.safetensors", since)
        with pytest.raises(
            SaveError, match=f"No space left on device.*`tellapart train --resume {run}`"
        ) as reason:
            tellapart.train(str(color_photos), out=run, **SMALL)
    assert "\n" not in str(reason.value)
    assert litter(tmp_path) == []
    assert any(run.glob("last*.safetensors")) == (since > 1)
    assert ("Everything up to the last checkpoint is saved" in str(reason.value)) == (since > 1)
    resumed = tellapart.train(resume=run, verbose=False)
    for ours, theirs in zip(resumed.classifier.model.weights, trained.classifier.model.weights, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_a_model_that_cannot_be_written_is_written_by_resuming(trained, color_photos, tmp_path, monkeypatch):
    with monkeypatch.context() as full:
        fail_to_write(full, "model.keras")
        with pytest.raises(SaveError, match="Resume with `tellapart train --resume"):
            tellapart.train(str(color_photos), out=tmp_path / "run", **SMALL)
    assert litter(tmp_path) == []
    assert tellapart.train(resume=tmp_path / "run").scores == trained.scores
