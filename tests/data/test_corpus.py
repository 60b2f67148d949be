"""Odd, damaged and hostile pictures: read or refused. `benchmarks/corpus.py` runs thousands, and Pillow's own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CORPUS = Path(__file__).parents[2] / "benchmarks" / "corpus.py"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="each file is read in a forked process")
def test_odd_pictures_are_read_or_refused_in_bounded_time_and_memory():
    done = subprocess.run(
        [sys.executable, CORPUS, "--dry", "--mutants", "30", "--every", "9"],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Nothing crashed" in done.stdout
