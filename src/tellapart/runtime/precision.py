"""Precision: whether bfloat16 is worth it on this machine.

A processor that supports bfloat16 is timed once. The gain is remembered in the cache folder, by processor,
version of torch and number of threads.
"""

import datetime
import json
import platform
import statistics
import time
from pathlib import Path
from typing import NamedTuple

import torch

from tellapart.errors import ConfigError, SaveError
from tellapart.files import write_text
from tellapart.paths import cache_folder
from tellapart.runtime.machine import processor_name

PRECISIONS = ("float32", "bfloat16", "auto")
"""The values of the setting `precision` of predictions."""

WORTH_IT = 1.2
"""How many times as fast as float32 bfloat16 must be to be worth its rounding."""

WARM_UPS, PAIRS = 2, 15
"""Timed pairs of one convolution in each precision: a disturbance that lasts disturbs both of a pair."""


def has_fast_bfloat16() -> bool:
    """Return whether bfloat16 products run natively: AVX512-BF16 or AMX on CPUs, Ampere or later on NVIDIA GPUs.

    Elsewhere torch emulates them, more slowly than float32.
    """
    if torch.cuda.is_available():
        return torch.cuda.get_device_capability() >= (8, 0)
    if platform.machine() not in ("x86_64", "AMD64"):
        return False
    return torch.cpu._is_avx512_bf16_supported()


class Gain(NamedTuple):
    """How many times as fast as float32 this machine convolves in bfloat16."""

    times: float
    timed_on: str
    """Date of the measurement, YYYY-MM-DD."""


def bfloat16_gain(*, again: bool = False) -> Gain:
    """Return the gain remembered for this machine; measure and remember it where there is none.

    Args:
        again: whether to measure it in any case.
    """
    path, machine = cache_folder() / "precision.json", _machine()
    gain = None if again else _remembered(path, machine)
    if gain is None:
        gain = Gain(_timed_gain(), datetime.date.today().isoformat())
        _remember(path, machine, gain)
    return gain


def _machine() -> str:
    if torch.cuda.is_available():
        return f"{torch.cuda.get_device_name()}, torch {torch.__version__}"
    return f"{processor_name()}, {torch.get_num_threads()} threads, torch {torch.__version__}"


def _timed_gain() -> float:
    """Return float32's time over bfloat16's for a convolution of a small network: the median of alternating pairs."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    maps, kernel = torch.randn(64, 64, 16, 16, device=device), torch.randn(64, 64, 3, 3, device=device)
    operands = {
        dtype: [t.to(dtype, memory_format=torch.channels_last) for t in (maps, kernel)]
        for dtype in (torch.float32, torch.bfloat16)
    }

    def seconds(dtype: torch.dtype) -> float:
        cast_maps, cast_kernel = operands[dtype]
        began = time.perf_counter()
        torch.nn.functional.conv2d(cast_maps, cast_kernel, padding=1)
        if device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - began

    with torch.inference_mode():
        ratios = [seconds(torch.float32) / seconds(torch.bfloat16) for _ in range(WARM_UPS + PAIRS)]
    return statistics.median(ratios[WARM_UPS:])


def _remembered(path: Path, machine: str) -> Gain | None:
    """Return a machine's gain from the file; None where it has no valid one."""
    try:
        entry = json.loads(path.read_text())[machine]
        return Gain(float(entry["times"]), datetime.date.fromisoformat(entry["timed_on"]).isoformat())
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _remember(path: Path, machine: str, gain: Gain) -> None:
    try:
        entries = json.loads(path.read_text())
    except (OSError, ValueError):
        entries = {}
    entries = entries if isinstance(entries, dict) else {}
    try:
        write_text(path, json.dumps({**entries, machine: gain._asdict()}, indent=1))
    except SaveError:
        return  # a cache folder that cannot be written: the gain is measured again next time


def resolve(precision: str) -> str:
    """Return the precision that "auto" stands for on this machine; other names unchanged."""
    if precision != "auto":
        return precision
    return "bfloat16" if has_fast_bfloat16() and bfloat16_gain().times >= WORTH_IT else "float32"


def resolve_checked(precision: str) -> str:
    """Return `resolve(precision)`, for a name that a user gave.

    Raises:
        ConfigError: it is none of `PRECISIONS`.
    """
    if precision not in PRECISIONS:
        raise ConfigError(f"precision must be one of {', '.join(PRECISIONS)}; got {precision!r}.")
    return resolve(precision)
