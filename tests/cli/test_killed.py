"""Killed with SIGKILL at any moment, a run can be resumed, or the same command begins it anew."""

import os
import subprocess
import sys

import numpy as np
import pytest
from command_line import in_own_process, tellapart

from tellapart.api.load import load
from tellapart.runs.lock import locked

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGKILL")

OPTIONS = (
    "--recipe",
    "quick",
    "--size",
    "16",
    "--epochs",
    "2",
    "--batch-size",
    "4",
    "--precision",
    "float32",
)

KILLED = """
import os, signal, sys
from importlib import import_module
from tellapart.cli.main import main

module, name, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
target, calls = import_module(module), []
function = getattr(target, name)

def killing(*arguments, **named):
    calls.append(None)
    if len(calls) == number:
        os.kill(os.getpid(), signal.SIGKILL)
    return function(*arguments, **named)

setattr(target, name, killing)
sys.exit(main(sys.argv[4:]))
"""


def killed_at(module, name, number, *arguments):
    """Run the command in a process that kills itself where it would call a function for the number-th time."""
    words = [sys.executable, "-c", KILLED, module, name, str(number), *map(str, arguments)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=100)
    assert done.returncode == -9, done.stderr


def weights(run):
    return load(run).model.get_weights()


@pytest.fixture
def begin(pictures, tmp_path):
    return ("train", pictures, *OPTIONS, "--out", tmp_path / "run", "--quiet")


@pytest.mark.parametrize("step", [1, 3])
def test_killed_in_its_first_epoch_a_run_is_resumed_exactly(step, begin, pictures, tmp_path):
    run = tmp_path / "run"
    killed_at("tellapart.training.loop", "_learn_one_batch", step, *begin)
    assert not (run / "last.safetensors").exists()
    again = tellapart(*begin)
    assert again.code == 2
    assert f"not finished. Continue it with\n  tellapart train --resume {run}\n" in again.err
    assert "--out" in again.err
    resumed = tellapart("train", "--resume", run, "--quiet")
    assert resumed.code == 0, resumed.err
    unbroken = tellapart("train", pictures, *OPTIONS, "--out", tmp_path / "unbroken", "--quiet")
    assert unbroken.code == 0
    for ours, theirs in zip(weights(run), weights(tmp_path / "unbroken"), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert "never overwritten" in tellapart(*begin).err


@pytest.mark.parametrize(("name", "number"), [("fsync", 1), ("replace", 1), ("fsync", 3), ("replace", 2)])
def test_killed_while_its_folder_is_made_the_same_command_begins_it(name, number, begin, tmp_path):
    """At the first file's write and rename, and at those of the second, run.toml."""
    killed_at("os", name, number, *begin)
    assert (tmp_path / "run").exists()
    assert not (tmp_path / "run" / "run.toml").exists()
    done = tellapart(*begin)
    assert done.code == 0, done.err
    assert [place.name for place in (tmp_path / "run").glob(".*")] == [".lock"]


def test_killed_while_it_is_scored_a_run_is_resumed(begin, tmp_path):
    killed_at("tellapart.api.training_run", "conclude", 1, *begin)
    resumed = tellapart("train", "--resume", tmp_path / "run", "--json", "--quiet")
    assert resumed.code == 0, resumed.err
    assert resumed.json["scores"]["pictures"] == 8


def test_of_two_commands_with_one_folder_one_trains_and_the_other_is_told(begin, tmp_path):
    """Both at the same moment, in processes of their own."""
    words = [sys.executable, "-m", "tellapart", *map(str, begin)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    both = [subprocess.Popen(words, **pipes) for _ in range(2)]
    ends = [(process.communicate(timeout=100)[1], process.returncode) for process in both]
    assert sorted(code for _, code in ends) == [0, 2], ends
    (told,) = [" ".join(err.split()) for err, code in ends if code == 2]
    assert "is in use: process" in told or "never overwritten" in told
    lines = (tmp_path / "run" / "metrics.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["epoch", "1", "2"]


def test_a_report_is_read_while_the_folder_is_held(begin, tmp_path):
    assert tellapart(*begin).code == 0
    with locked(tmp_path / "run"):
        assert in_own_process("report", tmp_path / "run", "--quiet").code == 0
        refused = in_own_process("train", "--resume", tmp_path / "run", "--quiet")
    assert refused.code == 2
    assert f"is in use: process {os.getpid()} on " in " ".join(refused.err.split())
