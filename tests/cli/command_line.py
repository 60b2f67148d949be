"""The command as people run it: arguments in; exit code, stdout and stderr out."""

import contextlib
import gc
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from tellapart.cli.main import main

SMALL = ("--recipe", "quick", "--epochs", "1", "--size", "16")


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


def tellapart(*arguments) -> Result:
    """The command, in this process: its imports are paid once."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(argument) for argument in arguments])
    gc.unfreeze()  # this process goes on: what the command left behind is to be collected
    return Result(code, out.getvalue(), err.getvalue())


def in_own_process(*arguments, cwd=None, **environment) -> Result:
    """The command in a process of its own, both streams piped."""
    command = [sys.executable, "-m", "tellapart", *map(str, arguments)]
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, timeout=100
    )
    return Result(done.returncode, done.stdout, done.stderr)


def make_pictures(root: Path, counts: dict[str, int]) -> Path:
    """Noise of a class's own brightness, 16 x 16, as PNG files in a folder for each class."""
    rng = np.random.default_rng(0)
    for number, (name, count) in enumerate(counts.items()):
        (root / name).mkdir(parents=True, exist_ok=True)
        for picture in range(count):
            pixels = rng.integers(0, 100, (16, 16, 3)) + 70 * number
            Image.fromarray(pixels.astype(np.uint8)).save(root / name / f"{picture}.png")
    return root
