"""Precision: which arithmetic this machine computes fastest in without losing accuracy.

A processor that names bfloat16 among its abilities is timed once, and what was found is remembered in the
cache folder, by processor, torch and number of threads.
"""

import datetime
import json
import platform
import statistics
import time
from pathlib import Path
from typing import Any, NamedTuple

import torch

from tellapart.errors import ConfigError, SaveError
from tellapart.files import write_text
from tellapart.paths import cache_folder
from tellapart.runtime.machine import processor_name

PRECISIONS = ("float32", "bfloat16", "auto")
"""That predictions can be asked in."""

WORTH_IT = 1.2
"""How many times as fast as float32 bfloat16 must be, to be worth its rounding."""

WARM_UPS, PAIRS = 2, 15
"""Of one convolution in each precision, in turn: what disturbs the machine for a while disturbs both of a pair."""


def has_fast_bfloat16() -> bool:
    """Whether bfloat16 products run natively: AVX512-BF16 or AMX on CPUs, Ampere or later on NVIDIA GPUs.

    Elsewhere torch emulates them, slower than float32.
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
    """The day, YYYY-MM-DD."""


def bfloat16_gain(*, again: bool = False) -> Gain:
    """What was timed on this machine once, and remembered; or is timed now.

    Args:
        again: to time it now, whatever is remembered, and remember that instead.
    """
    place, key = cache_folder() / "precision.json", _machine()
    known = None if again else _remembered(place, key)
    if known is None:
        known = Gain(_timed_gain(), datetime.date.today().isoformat())
        _remember(place, {key: known._asdict()})
    return known


def _machine() -> str:
    if torch.cuda.is_available():
        return f"{torch.cuda.get_device_name()}, torch {torch.__version__}"
    return f"{processor_name()}, {torch.get_num_threads()} threads, torch {torch.__version__}"


def _timed_gain() -> float:
    """float32's time over bfloat16's for a convolution of a small network: the median of PAIRS, taken in turn."""
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


def _remembered(place: Path, key: str) -> Gain | None:
    """What the file says of this machine; None where it says nothing that can be understood."""
    try:
        found = json.loads(place.read_text())[key]
        return Gain(float(found["times"]), datetime.date.fromisoformat(found["timed_on"]).isoformat())
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _remember(place: Path, found: dict[str, Any]) -> None:
    try:
        known = json.loads(place.read_text())
    except (OSError, ValueError):
        known = {}
    text = json.dumps({**(known if isinstance(known, dict) else {}), **found}, indent=1)
    try:
        write_text(place, text)
    except SaveError:
        return  # a cache folder that cannot be written: it is timed again next time


def resolve(precision: str) -> str:
    """ "auto" as the precision that it means on this machine; others unchanged."""
    if precision != "auto":
        return precision
    return "bfloat16" if has_fast_bfloat16() and bfloat16_gain().times >= WORTH_IT else "float32"


def resolve_checked(precision: str) -> str:
    """The same of a precision to predict in.

    Raises:
        ConfigError: it is none of `PRECISIONS`.
    """
    if precision not in PRECISIONS:
        raise ConfigError(f"precision is one of {', '.join(PRECISIONS)}; got {precision!r}.")
    return resolve(precision)
