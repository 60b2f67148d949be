"""Fifty mutants of good model files and run folders: an answer or a refusal. `benchmarks/faults/` runs more."""

import os
import subprocess
import sys
from pathlib import Path

FUZZER = Path(__file__).parents[2] / "benchmarks" / "faults" / "mutated_models.py"


def test_mutated_models_are_answered_or_refused():
    command = [sys.executable, FUZZER, "--mutants", "50", "--dry"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=900, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "50 mutants from number 0" in done.stdout
