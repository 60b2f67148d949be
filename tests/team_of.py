"""Starts a script as torchrun does, in several processes that train together."""

import os
import subprocess
import sys
from pathlib import Path

import tellapart

SOURCE = Path(tellapart.__file__).parents[1]


def run_together(processes: int, *arguments: str, timeout: float = 240, **environment: str) -> str:
    """Run a Python script or module in several processes on one thread each; return what they print.

    Args:
        processes: how many; 1 runs it alone.
        *arguments: of Python, such as a script's path, or -m and a module.
        timeout: seconds.
        **environment: further variables.
    """
    torchrun = ("torch.distributed.run", "--standalone", f"--nproc-per-node={processes}")
    start = (
        [sys.executable, "-m", *torchrun, *_without_dash_m(arguments)]
        if processes > 1
        else [sys.executable, *arguments]
    )
    variables = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(SOURCE),
        "KERAS_BACKEND": "torch",
        **environment,
    }
    done = subprocess.run(start, capture_output=True, text=True, timeout=timeout, env=variables, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _without_dash_m(arguments: tuple[str, ...]) -> tuple[str, ...]:
    """Return them as torchrun takes them."""
    return ("--module", *arguments[1:]) if arguments[0] == "-m" else arguments
