"""Doctor: what this machine has for tellapart, and what is missing. Prints nothing.

Findings are independent: a package that fails to load hides none of the others.
"""

import importlib
import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from tellapart import __version__

Verdict = Literal["ok", "missing", "optional"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked."""

    name: str
    value: str
    verdict: Verdict = "ok"
    """missing: tellapart cannot work without it. optional: not there, and needed by some commands only."""

    remedy: str = ""
    """What to do about it, often a command."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return asdict(self)


REQUIRED = {
    "torch": "torch",
    "keras": "keras",
    "numpy": "numpy",
    "pillow": "PIL",
    "simplejpeg": "simplejpeg",
    "scikit-learn": "sklearn",
    "h5py": "h5py",
    "safetensors": "safetensors",
}
"""Package -> the module that it installs."""


def examine(again: bool = False) -> list[Finding]:
    """Check the installation, the processor and the data sets.

    Args:
        again: time bfloat16 now instead of reading the last measurement.
    """
    return [
        Finding("tellapart", __version__),
        Finding("python", platform.python_version()),
        _backend_setting(),
        *(_package(package, module) for package, module in REQUIRED.items()),
        _optional_package("pillow-heif", "HEIC photos", "pip install 'tellapart[heic]'"),
        _optional_package("pyarrow", "parquet files", "pip install 'tellapart[parquet]'"),
        *_guarded("processor", partial(_processor, again)),
        *_guarded("known sets", _data),
    ]


def is_well(findings: list[Finding]) -> bool:
    """Return whether everything that tellapart needs is there."""
    return all(finding.verdict != "missing" for finding in findings)


def _guarded(name: str, check: Callable[[], Iterator[Finding]]) -> list[Finding]:
    """Return the findings of `check`; a failure is a finding too."""
    try:
        return list(check())
    except Exception as reason:  # whatever a broken installation raises
        return [Finding(name, f"could not be checked: {reason}", "missing")]


def _package(package: str, module: str) -> Finding:
    try:
        importlib.import_module(module)
        return Finding(package, metadata.version(package))
    except Exception as reason:  # a broken binary raises nearly anything
        return Finding(package, f"does not load: {reason}", "missing", f"pip install --upgrade {package}")


def _optional_package(package: str, purpose: str, remedy: str) -> Finding:
    finding = _package(package, package.replace("-", "_"))
    if finding.verdict == "ok":
        return finding
    return Finding(package, f"not installed; needed for {purpose}", "optional", remedy)


def _backend_setting() -> Finding:
    chosen = os.environ.setdefault("KERAS_BACKEND", "torch")  # before keras is imported below
    if chosen == "torch":
        return Finding("KERAS_BACKEND", "torch")
    return Finding("KERAS_BACKEND", chosen, "missing", "export KERAS_BACKEND=torch")


def _processor(again: bool) -> Iterator[Finding]:
    import torch

    from tellapart.runtime.machine import processor_name
    from tellapart.runtime.precision import resolve

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU (no GPU found)"
    yield Finding("device", device)
    yield Finding("processor", processor_name())
    yield Finding("cores", str(os.cpu_count()))
    yield Finding("threads", f"{torch.get_num_threads()} (set OMP_NUM_THREADS to change it)")
    yield Finding("bfloat16", f"{_bfloat16(again)}; training uses {resolve('auto')}")


def _bfloat16(again: bool) -> str:
    from tellapart.runtime.precision import bfloat16_gain, has_fast_bfloat16

    if not has_fast_bfloat16():
        return "not supported by this processor"
    gain = bfloat16_gain(again=again)
    return (
        f"{gain.times:.1f} times as fast as float32 (timed on {gain.timed_on}; "
        "time it again: tellapart doctor --again)"
    )


def _data() -> Iterator[Finding]:
    from tellapart.data.sources.known import missing_data_folder
    from tellapart.paths import cache_folder

    missing = missing_data_folder()
    if missing is None:
        yield Finding("TELLAPART_DATA", os.environ.get("TELLAPART_DATA") or "not set")
    else:
        remedy = "set it to an existing folder, or: unset TELLAPART_DATA"
        yield Finding("TELLAPART_DATA", f"{missing}: no such folder", "optional", remedy)
    for name, place in known_sets_here().items():
        if place is None:
            yield Finding(
                f"data: {name}", "not found on this machine", "optional", f"tellapart data get {name}"
            )
        else:
            yield Finding(f"data: {name}", place)
    yield _cache(cache_folder())


def _cache(cache: Path) -> Finding:
    """Check that the cache folder, or the folder that it would be made in, is writable."""
    above = next(folder for folder in (cache, *cache.parents) if folder.exists())
    try:
        with tempfile.TemporaryDirectory(dir=above):
            return Finding("cache", f"{cache} ({shutil.disk_usage(above).free / 1e9:,.0f} GB free)")
    except OSError as reason:
        return Finding(
            "cache",
            f"{cache} is not writable ({reason.strerror}): data sets cannot be downloaded, and timings are not kept",
            "optional",
            "make it writable, or set XDG_CACHE_HOME to a writable folder",
        )


def known_sets_here() -> dict[str, str | None]:
    """Return where each known data set is on this machine; None where it is not."""
    from tellapart.data.sources.catalog import KNOWN_SETS
    from tellapart.data.sources.known import find_on_this_machine

    places: dict[str, str | None] = {}
    for name, known in KNOWN_SETS.items():
        place = find_on_this_machine(known) if known.files else None
        places[name] = str(place[0]) if place else None if known.files else "included with scikit-learn"
    return places
