"""The folder of a new run: nothing is overwritten, one training wins, and what killed ones left is removed."""

import os
import subprocess
import sys
from contextlib import ExitStack

import pytest

from tellapart.errors import ConfigError
from tellapart.files import _HOST
from tellapart.runs.folder import RunFolder
from tellapart.runs.lock import locked
from tellapart.runs.new_folder import new_run_folder, refuse_taken


@pytest.fixture
def held():
    with ExitStack() as held:
        yield held


def made(out, held):
    return new_run_folder(out, "cats", "quick", held).path


def dead_process():
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def temporary(folder, process, host=_HOST):
    place = folder / f".last-{host}-{process}-abcd_123"
    place.mkdir(parents=True)
    (place / "last.safetensors").write_bytes(b"half")
    (place / ".tmpLVkEfF").write_bytes(b"a library's own")
    return place


def test_two_trainings_with_one_folder_get_it_once(tmp_path, held):
    assert made(tmp_path / "run", held) == tmp_path / "run"
    with pytest.raises(ConfigError, match=f"in use: process {os.getpid()}"):
        made(tmp_path / "run", held)


def test_trainings_that_begin_in_the_same_second_get_folders_of_their_own(tmp_path, held, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("time.strftime", lambda *_: "2026-01-02-030405")
    names = [made(None, held).name for _ in range(3)]
    assert names == [f"2026-01-02-030405-cats-quick{end}" for end in ("", "-2", "-3")]


def test_a_folder_in_which_no_training_began_is_taken(tmp_path, held):
    """Killed before run.toml was written: whatever it left is no reason to choose another name."""
    left = temporary(tmp_path, dead_process())
    for name in (".lock", ".lock-holder.json", ".lock-marker.break.17.abc", "split.csv"):
        (tmp_path / name).write_text("{}")
    assert made(tmp_path, held) == tmp_path
    assert not left.exists()


def test_somebodys_own_files_are_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(ConfigError, match="already exists, and a run is never overwritten"):
        refuse_taken(tmp_path)


def unfinished(folder):
    for name in ("run.toml", "split.csv"):
        (folder / name).write_text("x")


def test_a_training_that_was_not_finished_is_named_with_the_command_that_continues_it(tmp_path):
    unfinished(tmp_path)
    with pytest.raises(
        ConfigError, match=f"not finished. Continue it with\n  tellapart train --resume {tmp_path}"
    ):
        refuse_taken(tmp_path)


def test_a_training_that_is_running_is_not_to_be_continued(tmp_path):
    unfinished(tmp_path)
    with locked(tmp_path), pytest.raises(ConfigError, match="Wait for its end") as reason:
        refuse_taken(tmp_path)
    assert "--resume" not in str(reason.value)


def test_a_finished_run_is_not_to_be_continued(tmp_path):
    unfinished(tmp_path)
    (tmp_path / "log.jsonl").write_text('{"event": "Scored"}\n')
    with pytest.raises(ConfigError, match="never overwritten"):
        refuse_taken(tmp_path)


def test_temporary_folders_of_dead_processes_are_removed_and_those_of_living_ones_stay(tmp_path):
    """One with this process's own number is of a dead one: a container gives its processes the same numbers again."""
    dead = dead_process()
    removed = [temporary(tmp_path, dead), temporary(tmp_path / "checkpoints", dead)]
    removed.append(temporary(tmp_path, os.getpid()))
    stay = [temporary(tmp_path, os.getppid()), temporary(tmp_path, dead, "00000000")]
    RunFolder(tmp_path).remove_litter()
    assert not any(place.exists() for place in removed)
    assert all(place.exists() for place in stay)
