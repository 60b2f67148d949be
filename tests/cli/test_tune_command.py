"""`tellapart tune`: a line for each trial, the best with its command, JSON, and an end by Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import in_own_process, tellapart

from tellapart.cli.tune_options import parse_space
from tellapart.errors import ConfigError

pytest.importorskip("optuna")

SMALL = (
    "--recipe", "quick", "--epochs", "2", "--size", "16", "--validation-share", "0.3", "--batch-size", "8",
    "--space", "optimizer.warmup_fraction=none",
)  # fmt: skip


def test_a_search_prints_a_line_for_each_trial_then_the_best_its_command_and_the_page(pictures):
    done = tellapart("tune", pictures, *SMALL, "--trials", "3", "--out", "tuned")
    assert done.code == 0, done.err
    rows = [line for line in done.err.splitlines() if line.strip()[:1].isdigit()]
    assert [row.split()[0] for row in rows] == ["0", "1", "2"]
    assert "the untuned recipe" in rows[0]
    assert "learning_rate" in rows[1]
    assert "(3/3 done" in rows[2]
    assert "Best: trial" in done.out
    assert "tellapart train" in done.out
    assert "Held-out accuracy" in done.out
    assert "Test accuracy" in done.out
    assert str(Path("tuned/tuning.html")) in done.out
    assert Path("tuned/tuning.html").exists()


def test_json_is_one_object_and_quiet_is_quiet(pictures):
    done = tellapart("tune", pictures, *SMALL, "--trials", "2", "--out", "tuned", "--json", "--quiet")
    assert done.code == 0, done.err
    assert done.err == ""
    assert done.json["finished"] is True
    assert [trial["state"] for trial in done.json["trials"]] == ["complete"] * 2
    assert done.json["best"]["command"].startswith("tellapart train ")
    again = tellapart("tune", "--resume", "tuned", "--trials", "2", "--json", "--quiet")
    assert again.json["trials"] == done.json["trials"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "no end of its own"),
        (("--trials", "2", "--space", "learning_rate"), 2, "--space takes NAME=RANGE"),
        (("--trials", "2", "--space", "learning_rate=1..0"), 2, "from a lower to a higher"),
        (("--trials", "2", "--space", "speed=1..2"), 2, "no setting 'speed'"),
        (("--trials", "2", "--recipe", "slow"), 2, "Unknown recipe"),
        (("--trials", "2", "--resume", "nowhere"), 2, "Leave out size"),
    ],
)
def test_what_makes_no_sense_is_refused(pictures, arguments, code, words):
    done = tellapart("tune", pictures, *SMALL[4:6], *arguments)
    assert done.code == code
    assert words in " ".join(done.err.split())


def test_a_setting_comes_once_in_a_space():
    assert parse_space(["a=1..2", " b = x,y "]) == {"a": "1..2", "b": "x,y"}
    with pytest.raises(ConfigError, match="has a twice"):
        parse_space(["a=1..2", "a=2..3"])


def test_without_optuna_the_line_that_installs_it_is_said(pictures, tmp_path):
    hidden = tmp_path / "hidden" / "optuna"
    hidden.mkdir(parents=True)
    (hidden / "__init__.py").write_text(
        "raise ModuleNotFoundError('No module named optuna', name='optuna')\n"
    )
    done = in_own_process("tune", pictures, "--trials", "1", PYTHONPATH=with_path(hidden.parent))
    assert done.code == 4
    assert "pip install 'tellapart[tune]'" in done.err


def with_path(folder):
    return os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])


def test_ctrl_c_saves_the_search_and_says_how_to_go_on(pictures):
    command = [
        sys.executable,
        "-m",
        "tellapart",
        "tune",
        str(pictures),
        *SMALL,
        "--trials",
        "2",
        "--out",
        "tuned",
    ]
    command[command.index("--epochs") + 1] = "500"
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if line.startswith("  trial"):
            break
    log = Path("tuned/trials/000/metrics.csv")
    while not log.exists() and process.poll() is None:
        pass
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=100)
    assert process.returncode == 130, err
    assert "tellapart tune --resume tuned" in err
    events = [
        json.loads(line)["event"] for line in Path("tuned/trials/000/log.jsonl").read_text().splitlines()
    ]
    assert events[-1] in ("Stopped", "Cost")
