"""Precision: which arithmetic this machine computes fastest in without losing accuracy.

A processor that names bfloat16 among its abilities is timed once, and what was found is remembered in the
cache folder, by processor, torch and number of threads.
"""

import json
import platform
import statistics
import time
from pathlib import Path

import torch

from tellapart.data.known import cache_folder
from tellapart.errors import ConfigError, SaveError
from tellapart.files import write_text
from tellapart.runs import processor_name

PRECISIONS = ("float32", "bfloat16", "auto")
"""That predictions can be asked in."""


WORTH_IT = 1.2
"""How many times as fast as float32 bfloat16 must be, to be worth its rounding."""


def has_fast_bfloat16() -> bool:
    """Whether bfloat16 products run natively: AVX512-BF16 or AMX on CPUs, Ampere or later on NVIDIA GPUs.

    Elsewhere torch emulates them, slower than float32.
    """
    if torch.cuda.is_available():
        return torch.cuda.get_device_capability() >= (8, 0)
    if platform.machine() not in ("x86_64", "AMD64"):
        return False
    return torch.cpu._is_avx512_bf16_supported()


def bfloat16_gain() -> float:
    """How many times as fast as float32 this machine convolves in bfloat16; timed once, then remembered."""
    place, key = cache_folder() / "precision.json", _machine()
    try:
        return float(json.loads(place.read_text())[key])
    except (OSError, ValueError, KeyError, TypeError):
        gain = _timed_gain()
        _remember(place, {key: gain})
        return gain


def _machine() -> str:
    if torch.cuda.is_available():
        return f"{torch.cuda.get_device_name()}, torch {torch.__version__}"
    return f"{processor_name()}, {torch.get_num_threads()} threads, torch {torch.__version__}"


def _timed_gain() -> float:
    """float32's median time over bfloat16's, both in turn, for a convolution of a small network."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    operands = {}
    for dtype in (torch.float32, torch.bfloat16):
        maps, kernel = torch.randn(64, 64, 16, 16, device=device), torch.randn(64, 64, 3, 3, device=device)
        operands[dtype] = [t.to(dtype, memory_format=torch.channels_last) for t in (maps, kernel)]
    times: dict[torch.dtype, list[float]] = {dtype: [] for dtype in operands}
    with torch.inference_mode():
        for _ in range(9):
            for dtype, (maps, kernel) in operands.items():
                began = time.perf_counter()
                torch.nn.functional.conv2d(maps, kernel, padding=1)
                if device == "cuda":
                    torch.cuda.synchronize()
                times[dtype].append(time.perf_counter() - began)
    slow, fast = (statistics.median(found[2:]) for found in times.values())
    return slow / fast


def _remember(place: Path, found: dict[str, float]) -> None:
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
    return "bfloat16" if has_fast_bfloat16() and bfloat16_gain() >= WORTH_IT else "float32"


def resolve_known(precision: str) -> str:
    """The same of a precision to predict in.

    Raises:
        ConfigError: it is none of `PRECISIONS`.
    """
    if precision not in PRECISIONS:
        raise ConfigError(f"precision is one of {', '.join(PRECISIONS)}; got {precision!r}.")
    return resolve(precision)
