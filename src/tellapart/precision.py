"""Precision: which arithmetic this machine computes fastest in without losing accuracy."""

import platform

import torch

from tellapart.errors import ConfigError

PRECISIONS = ("float32", "bfloat16", "auto")
"""That predictions can be asked in."""


def has_fast_bfloat16() -> bool:
    """Whether bfloat16 products run natively: AVX512-BF16 or AMX on CPUs, Ampere or later on NVIDIA GPUs.

    Elsewhere torch emulates them, slower than float32.
    """
    if torch.cuda.is_available():
        return torch.cuda.get_device_capability() >= (8, 0)
    if platform.machine() not in ("x86_64", "AMD64"):
        return False
    return torch.cpu._is_avx512_bf16_supported()


def resolve(precision: str) -> str:
    """ "auto" as the precision that it means on this machine; others unchanged."""
    if precision != "auto":
        return precision
    return "bfloat16" if has_fast_bfloat16() else "float32"


def resolve_known(precision: str) -> str:
    """The same of a precision to predict in.

    Raises:
        ConfigError: it is none of `PRECISIONS`.
    """
    if precision not in PRECISIONS:
        raise ConfigError(f"precision is one of {', '.join(PRECISIONS)}; got {precision!r}.")
    return resolve(precision)
