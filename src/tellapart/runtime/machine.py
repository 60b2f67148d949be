"""The machine and the package versions that a result was made with."""

import os
import platform
import time
from pathlib import Path
from typing import Any


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that a result depends on."""
    from importlib.metadata import version

    packages = ("torch", "keras", "numpy", "pillow", "simplejpeg")
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}


def hardware() -> dict[str, Any]:
    """Return the processor, its cores, the system, and the GPU where torch sees one."""
    import torch

    facts = {"processor": processor_name(), "cores": os.cpu_count() or 1, "system": platform.platform()}
    return facts | ({"gpu": torch.cuda.get_device_name()} if torch.cuda.is_available() else {})


def processor_name() -> str:
    """Return the processor's model name, as the system reports it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def crowding(processor_seconds: float = 0.1) -> float:
    """Return how many times its processor time a piece of work takes: 1 on an idle machine, more beside other programs.

    Args:
        processor_seconds: of the work that it is measured with.
    """
    began, used = time.monotonic(), time.thread_time()
    while time.thread_time() - used < processor_seconds:
        sum(range(1000))
    return max(1.0, (time.monotonic() - began) / processor_seconds)
