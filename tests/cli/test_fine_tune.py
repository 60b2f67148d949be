"""`train --fine-tune`: asked for, stopped by Ctrl-C, resumed; and refused where there is nothing to fine-tune."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from command_line import tellapart
from sklearn.datasets import load_digits

from tellapart.api.transfer_lines import event_line
from tellapart.events import FineTuned, FineTuningSkipped


@pytest.fixture
def heard():
    """Ctrl-C as at a terminal: whoever starts the tests in the background has it ignored, and children inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heard")
def test_ctrl_c_stops_it_at_a_whole_step_and_resume_finishes_it(tmp_path):
    """Without a recipe: fine-tuning is what transfer alone has."""
    run, data = tmp_path / "run", load_digits()
    np.savez(
        tmp_path / "digits.npz", x=(16 * data.images[:400]).clip(0, 255).astype(np.uint8), y=data.target[:400]
    )
    command = [
        sys.executable,
        "-u",
        "-m",
        "tellapart",
        "train",
        str(tmp_path / "digits.npz"),
        "--fine-tune",
        "on",
        "--size",
        "16",
    ]
    process = subprocess.Popen(
        [*command, "--out", str(run)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )
    while not (line := process.stderr.readline()).strip().startswith("1/5"):
        assert line, process.stdout.read()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert f"tellapart train --resume {run}" in err
    assert not (run / "report.html").exists()
    resumed = tellapart("train", "--resume", run, "--json")
    assert resumed.code == 0
    assert "Fine-tuning: " in resumed.err
    assert "  1/5" not in resumed.err
    assert "  5/5" in resumed.err
    assert len(resumed.json["history"]) in (0, 5)


def test_a_network_trained_from_scratch_has_nothing_to_fine_tune(pictures, tmp_path):
    result = tellapart("train", pictures, "--recipe", "fast", "--fine-tune", "on", "--out", tmp_path / "run")
    assert result.code == 2
    assert "Leave out --fine-tune, or use the recipe transfer." in " ".join(result.err.split())


def test_its_outcome_is_a_line():
    figures = {
        "head_val_loss": 0.5, "head_val_accuracy": 0.8, "val_loss": 0.4, "val_accuracy": 0.9, "val_pictures": 1000,
        "only_head_correct": 20, "only_tuned_correct": 120, "seconds": 61.25,
    }  # fmt: skip
    begins = (
        "Fine-tuning: 61.2 s, validation accuracy 80.0% before, 90.0% after (1,000 pictures, mirror images averaged in "
        "where that helps; loss 0.500 and 0.400)"
    )
    assert event_line(FineTuned(kept=True, **figures)) == f"{begins}: fine-tuned network kept"
    assert event_line(FineTuned(kept=False, **figures)) == f"{begins}: no clear gain, frozen network kept"
    assert event_line(FineTuned(False, 0.5, 0.8, 1000, 3.0)) == (
        "Fine-tuning: 3.0 s, its loss diverged: frozen network kept"
    )
    assert event_line(FineTuningSkipped("too much")) == (
        "Fine-tuning not tried: too much. To try it: --fine-tune on"
    )
