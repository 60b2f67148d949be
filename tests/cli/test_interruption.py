"""Ctrl-C stops a training at a whole step; --resume goes on as if it had never stopped."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import tellapart

from tellapart.cli.terminal.interruption import Interruption


@pytest.fixture(autouse=True)
def heard():
    """Signals as at a terminal: in the background and under nohup some are ignored, and children inherit that."""
    heard = {signal.SIGINT: signal.default_int_handler}
    heard |= {signal.SIGHUP: signal.SIG_DFL} if hasattr(signal, "SIGHUP") else {}
    before = {number: signal.signal(number, handler) for number, handler in heard.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


OPTIONS = ("--recipe", "quick", "--size", "16", "--epochs", "400", "--seed", "3")


def begin(*arguments):
    """The command in a process of its own, past its first epoch."""
    command = [sys.executable, "-u", "-m", "tellapart", "train", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(command, **pipes, text=True, env=dict(os.environ))  # not readline's COLUMNS
    while not (line := process.stderr.readline()).strip().startswith("1/"):
        assert line, process.stdout.read()
    return process


ENDS = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
ENDS += [(signal.SIGHUP, 129)] if hasattr(signal, "SIGHUP") else []


@pytest.mark.parametrize(("number", "code"), ENDS)
def test_a_signal_stops_at_a_whole_step_and_saves(number, code, tmp_path):
    process = begin("digits", *OPTIONS, "--out", str(tmp_path / "run"), "--json")
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert (tmp_path / "run" / "last.safetensors").exists()
    assert f"tellapart train --resume {tmp_path / 'run'}" in err
    assert "Traceback" not in err
    assert json.loads(out) == {"run": str(tmp_path / "run"), "finished": False}


def test_a_stopped_run_resumed_ends_where_an_unbroken_one_does(pictures, tmp_path):
    """40 epochs: long enough to be stopped on its way."""
    options = (str(pictures), "--recipe", "quick", "--size", "16", "--epochs", "40", "--precision", "float32")
    process = begin(*options, "--out", str(tmp_path / "stopped"))
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    resumed = tellapart("train", "--resume", tmp_path / "stopped", "--json", "--quiet").json
    unbroken = tellapart("train", *options, "--out", tmp_path / "unbroken", "--json", "--quiet").json
    assert len(resumed["history"]) == 40
    assert resumed["scores"] == unbroken["scores"]


def test_a_second_signal_stops_at_once():
    with Interruption() as interruption:
        interruption.steps_are_running = True
        signal.raise_signal(signal.SIGINT)
        assert interruption.should_stop()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="watches the process's memory map in /proc")
def test_before_the_steps_begin_one_signal_is_enough(tmp_path):
    command = [sys.executable, "-m", "tellapart", "train", "digits", *OPTIONS, "--out", str(tmp_path / "run")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while "libtorch" not in Path(f"/proc/{process.pid}/maps").read_text():  # past the start, before the steps
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err


WAITING = """
import sys, time
from tellapart.api import training_run as training
from tellapart.cli.main import main

def wait(*_):
    print("waiting", file=sys.stderr, flush=True)
    time.sleep(60)

setattr(training, sys.argv[1], wait)
sys.exit(main(sys.argv[2:]))
"""


def begin_and_wait_in(function, run):
    """A training in a process of its own, its run folder made, that waits where it would call `function`."""
    options = [*OPTIONS, "--epochs", "1"]
    words = [sys.executable, "-c", WAITING, function, "train", "digits", *options, "--out", run, "--json"]
    process = subprocess.Popen(
        list(map(str, words)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while process.stderr.readline() != "waiting\n":
        assert process.poll() is None
    assert (run / "split.csv").exists()
    return process


BEGINS_AGAIN = (
    "Stopped before the first checkpoint; the run begins again from its start. Continue with "
    "tellapart train --resume {run}"
)


@pytest.mark.parametrize(("number", "code"), ENDS)
def test_stopped_before_its_first_step_a_run_begins_again(number, code, tmp_path):
    process = begin_and_wait_in("build_model", tmp_path / "run")
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert " ".join(err.split()) == BEGINS_AGAIN.format(run=tmp_path / "run")
    assert json.loads(out) == {"run": str(tmp_path / "run"), "finished": False}


def test_stopped_at_once_before_the_first_checkpoint_a_run_begins_again_and_it_says_so(tmp_path):
    process = begin_and_wait_in("run_epochs", tmp_path / "run")
    process.send_signal(signal.SIGINT)
    assert process.stderr.readline().startswith("Stopping after this step")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    said = " ".join(err.split())  # wrapped, where somebody set COLUMNS
    assert BEGINS_AGAIN.format(run=tmp_path / "run") in said
    assert json.loads(out) == {"run": str(tmp_path / "run"), "finished": False}
    resumed = tellapart("train", "--resume", tmp_path / "run", "--epochs", "2")
    assert "Going on after epoch 0 to 2" in resumed.err
    assert resumed.code == 0


SIGNALLED = """
import importlib, os, signal, sys
from tellapart.cli.main import main

module, name, number = importlib.import_module(sys.argv[1]), sys.argv[2], int(sys.argv[3])
function, calls = getattr(module, name), []

def signalled(*given):
    calls.append(None)
    if len(calls) == number:
        os.kill(os.getpid(), signal.SIGTERM)
    return function(*given)

setattr(module, name, signalled)
sys.exit(main(sys.argv[4:]))
"""


def signalled_at(module, name, number, *arguments):
    """Run the command in a process that gets SIGTERM where it calls a function for the number-th time."""
    words = [sys.executable, "-c", SIGNALLED, module, name, str(number), *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, timeout=100, env=dict(os.environ))


def test_asked_to_stop_after_its_last_step_a_training_does_not_go_on_to_the_scores(pictures, tmp_path):
    """In the last validation nobody asks any more; nor where a resumed run has no step to do."""
    run = tmp_path / "run"
    options = ("--recipe", "quick", "--size", "16", "--epochs", "2", "--out", run, "--quiet")
    done = signalled_at("tellapart.training.loop", "_last_learning_rate", 2, "train", pictures, *options)
    assert done.returncode == 143
    assert f"tellapart train --resume {run}" in done.stderr
    assert not (run / "predictions.safetensors").exists()
    resume = ("train", "--resume", run, "--quiet")
    again = signalled_at("tellapart.api.training_run", "conclude", 1, *resume)
    assert again.returncode == 143
    assert not (run / "predictions.safetensors").exists()
    assert tellapart(*resume).code == 0
    assert (run / "predictions.safetensors").exists()


def test_an_ignored_signal_stays_ignored():
    """As `nohup` has it for SIGHUP, and a shell for Ctrl-C of what runs in the background."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interruption() as interruption:
            signal.raise_signal(signal.SIGINT)
        assert not interruption.should_stop()
    finally:
        signal.signal(signal.SIGINT, before)


def test_keys_of_a_terminal_reach_the_training(tmp_path):
    """Ctrl-C as a terminal sends it: to the whole group, with bars on the screen."""
    import pty

    pid, leader = pty.fork()
    if pid == 0:
        os.execvp(
            sys.executable,
            [sys.executable, "-m", "tellapart", "train", "digits", *OPTIONS, "--out", str(tmp_path / "run")],
        )
    written = b""
    while b"Epoch 2/" not in written:
        written += os.read(leader, 65536)
    os.write(leader, b"\x03")
    while True:
        try:
            piece = os.read(leader, 65536)
        except OSError:
            break
        if not piece:
            break
        written += piece
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 130
    assert b"--resume" in written
    assert b"Stopping after this step. Press Ctrl-C again to stop at once.\r\n" in written
    assert written.rstrip().endswith(str(tmp_path / "run").encode())
