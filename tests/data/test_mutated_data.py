"""Mutants of good data: an answer or a refusal, never a traceback. `benchmarks/faults/` runs thousands."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FUZZER = Path(__file__).parents[2] / "benchmarks" / "faults" / "mutated_data.py"


def test_mutated_data_are_answered_or_refused():
    pytest.importorskip("pyarrow")
    kinds = (
        "pictures",
        "npz",
        "idx",
        "idx.gz",
        "CIFAR binary",
        "CIFAR pickles",
        "archives",
        "picture archives",
        "parquet",
        "labels",
    )
    command = [sys.executable, FUZZER, "--mutants", "60", "--dry", "--kinds", *kinds]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=900, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "60 mutants from number 0" in done.stdout
