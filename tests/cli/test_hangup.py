"""A closed terminal, and Ctrl-C while modules are imported: nothing is lost, and no traceback is printed."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest
from command_line import tellapart

from tellapart.runs.event_log import read_log

pty = pytest.importorskip("pty", reason="Windows has no such terminals")

OPTIONS = ("--recipe", "quick", "--size", "16", "--epochs", "400", "--seed", "3")


def at_a_terminal(*arguments):
    """Begin the command at a terminal of its own; return its process and the terminal's other end."""
    pid, leader = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ignored by whoever runs the tests under nohup
        os.execvp(sys.executable, [sys.executable, "-m", "tellapart", *map(str, arguments)])
    return pid, leader


def read_until(leader, words):
    written = b""
    while words not in written:
        written += os.read(leader, 65536)


@pytest.mark.parametrize("quiet", [(), ("--quiet",)])
def test_a_closed_terminal_stops_a_training_which_saves(quiet, tmp_path):
    run = tmp_path / "run"
    pid, leader = at_a_terminal("train", "digits", *OPTIONS, "--out", run, *quiet)
    if quiet:
        while not (run / "metrics.csv").exists():
            time.sleep(0.05)
    else:
        read_until(leader, b"Epoch 2/")
    os.close(leader)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 129
    assert (run / "last.safetensors").exists()
    events = [line["event"] for line in read_log(run / "log.jsonl")[0]]
    assert "Stopped" in events


def test_a_training_whose_hangup_is_ignored_goes_on_without_a_terminal(tmp_path, pictures):
    """As `nohup` has it: writing to the closed terminal fails, and that is no reason to stop."""
    run = tmp_path / "run"
    begin = [sys.executable, "-m", "tellapart", "train", str(pictures), "--recipe", "quick", "--size", "16"]
    command = [*begin, "--epochs", "40", "--batch-size", "4", "--out", str(run)]
    pid, leader = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        os.execvp(sys.executable, command)
    read_until(leader, b"Epoch 2/")
    os.close(leader)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert len((run / "metrics.csv").read_text().splitlines()) == 41
    assert tellapart("report", run, "--quiet").code == 0


IMPORTED = [
    ("tellapart.cli.terminal.startup", 3, "SIGINT"),
    ("tellapart.errors", 0, "SIGINT"),
    ("typer", 0, "SIGINT"),
    ("numpy.core", 0, "SIGINT"),
    ("torch._C", 0, "SIGINT"),
    ("torch._C", 40, "SIGINT"),
    ("torch._C", 200, "SIGINT"),
    ("torch._C", 500, "SIGINT"),
    ("typer", 0, "SIGTERM"),
    ("torch._C", 40, "SIGHUP"),
]


@pytest.mark.parametrize(("module", "further", "name"), IMPORTED)
def test_interrupted_while_modules_are_imported_it_prints_no_traceback(module, further, name, tmp_path):
    """Python names each module once it is imported; so many further ones later, the signal is sent."""
    number = getattr(signal, name)
    words = [
        sys.executable,
        "-X",
        "importtime",
        "-m",
        "tellapart",
        "train",
        "digits",
        "--out",
        str(tmp_path / "run"),
    ]
    process = subprocess.Popen(
        words,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    imported = re.compile(rf"\| +{re.escape(module)}\b")
    while (line := process.stderr.readline()) and not imported.search(line):
        pass
    assert line, f"{module} was not imported"
    for _ in range(further):
        process.stderr.readline()
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    said = [line for line in err.splitlines() if not line.startswith("import time:")]
    assert process.returncode == 128 + number, said
    assert said[-1].endswith(("Interrupted.", "Stopped before the training began."))
    assert not [line for line in said if "Traceback" in line or "Exception ignored" in line]
    assert not (tmp_path / "run").exists()


SWALLOWED = """
import signal, sys
from tellapart import __main__

signal.signal(signal.SIGINT, signal.default_int_handler)

class Swallowing:
    def find_spec(name, *_):
        if name == "tellapart.cli.main":
            try:
                signal.raise_signal(signal.SIGINT)
            except BaseException:
                pass

sys.meta_path.insert(0, Swallowing)
sys.argv[1:] = ["--version"]
sys.exit(__main__.run())
"""


def test_an_interruption_is_not_lost_in_a_module_that_catches_everything():
    done = subprocess.run([sys.executable, "-c", SWALLOWED], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "Interrupted.\n")
