"""Processes that are killed, and several at once: no trial is lost, and none is trained twice."""

import os
import signal
import subprocess
import sys
import time

import pytest
from tiny_tuning import SMALL, SPACE, scored_runs, write_pictures

import tellapart
from tellapart.tuning.base import base_again
from tellapart.tuning.folder import TuningFolder
from tellapart.tuning.tuning import MOST_ATTEMPTS, opened_tuning

pytest.importorskip("optuna")

SCRIPT = """
import sys, tellapart

class Marking(tellapart.TuningListener):
    def trial_epoch(self, number, done):
        print(f"trial {number} epoch {done.epoch}", flush=True)

tellapart.tune(sys.argv[1], out=sys.argv[2], trials=int(sys.argv[3]), space=SPACE, listener=Marking(), **SMALL)
"""


@pytest.fixture
def pictures(tmp_path):
    return write_pictures(tmp_path / "pictures.npz")


def started(pictures, out, trials):
    """A process that tunes, its epochs printed."""
    script = f"SPACE, SMALL = {SPACE!r}, {SMALL!r}\n{SCRIPT}"
    return subprocess.Popen(
        [sys.executable, "-c", script, pictures, out, str(trials)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def killed_after(process, line):
    """Kill a process as soon as it has printed a line."""
    for said in process.stdout:
        if said.strip() == line:
            process.send_signal(signal.SIGKILL)
            break
    process.wait()
    process.stdout.close()


def tuning_of(out):
    folder = TuningFolder(out)
    return opened_tuning(folder, base_again(folder, None, None, None), None)


def test_a_killed_trial_is_gone_on_with_from_its_checkpoint(pictures, tmp_path):
    out = tmp_path / "tuning"
    killed_after(started(pictures, out, 2), "trial 1 epoch 0")
    before = tuning_of(out).trials()
    assert [trial.state for trial in before] == ["complete", "interrupted"]
    result = tellapart.tune(resume=out, trials=2, verbose=False)
    assert [trial.state for trial in result.trials] == ["complete", "complete"]
    assert result.trials[0] == before[0]
    assert result.trials[1].settings == before[1].settings
    epochs = [
        line.split(",")[0] for line in (out / "trials" / "001" / "metrics.csv").read_text().splitlines()
    ]
    assert epochs == ["epoch", "1", "2"]


def test_a_killed_trial_ends_as_the_unbroken_one_would_have(pictures, tmp_path):
    killed_after(started(pictures, tmp_path / "killed", 2), "trial 1 epoch 0")
    broken = tellapart.tune(resume=tmp_path / "killed", trials=2, verbose=False)
    unbroken = tellapart.tune(
        str(pictures), out=tmp_path / "whole", trials=2, space=SPACE, verbose=False, **SMALL
    )
    assert broken.trials[1].settings == unbroken.trials[1].settings
    assert broken.trials[1].score == unbroken.trials[1].score
    assert broken.trials[1].loss == pytest.approx(unbroken.trials[1].loss, rel=1e-4)


def test_a_trial_that_ends_its_process_each_time_is_given_up(pictures, tmp_path):
    tellapart.tune(str(pictures), out=tmp_path / "tuning", trials=1, space=SPACE, verbose=False, **SMALL)
    tuning = tuning_of(tmp_path / "tuning")
    numbers = [tuning.next_trial("nobody", 9, 100.0).number for _ in range(MOST_ATTEMPTS + 1)]
    assert numbers == [*[1] * MOST_ATTEMPTS, 2]
    assert tuning.trials()[1].state == "failed"
    assert "process ended" in tuning.trials()[1].note


def test_three_processes_share_the_trials_of_one_folder(pictures, tmp_path):
    out = tmp_path / "tuning"
    processes = [started(pictures, out, 6) for _ in range(3)]
    said = [process.communicate(timeout=300)[0].splitlines() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    lines = [line for of_process in said for line in of_process]
    assert len(lines) == len(set(lines))  # no epoch was trained twice
    trials = tuning_of(out).trials()
    assert [trial.number for trial in trials] == list(range(6))
    assert all(trial.has_ended for trial in trials)
    assert sum(scored_runs(out).values()) in (1, 2)
    assert (out / "tuning.html").exists()


def test_jobs_start_processes_that_end_with_the_one_that_started_them(pictures, tmp_path):
    out = tmp_path / "tuning"
    result = tellapart.tune(str(pictures), out=out, trials=4, jobs=2, space=SPACE, verbose=False, **SMALL)
    assert [trial.has_ended for trial in result.trials] == [True] * 4
    assert result.finished
    assert not [place for place in (out / "workers").iterdir() if place.is_dir()]


def test_jobs_stop_when_they_are_asked_to(pictures, tmp_path):
    out, began = tmp_path / "tuning", time.monotonic()
    given = {**SMALL, "epochs": 200}
    result = tellapart.tune(
        str(pictures), out=out, trials=4, jobs=2, space=SPACE, verbose=False, **given,
        should_stop=lambda: any(out.glob("trials/*/metrics.csv")) or time.monotonic() > began + 100,
    )  # fmt: skip
    assert not result.finished
    assert "running" not in {trial.state for trial in result.trials}
    assert scored_runs(out) == {}
