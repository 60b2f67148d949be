"""Energy: what the processor took while something ran, where the machine tells.

Linux counts the joules of each processor package (Intel's RAPL, which AMD has too)
in files that often only root may read. Memory, disks, fans and the power supply's losses are not in them.
"""

import time
from pathlib import Path

POWERCAP = Path("/sys/class/powercap")
SECONDS_BETWEEN_READINGS = 10.0
"""A counter begins again at zero after some minutes at full power; looking so often misses no turn."""


class EnergyMeter:
    """Adds up what the packages' counters moved by."""

    def __init__(self, place: Path = POWERCAP) -> None:
        self.counters = {path: int(_text(path.parent / "max_energy_range_uj")) for path in _readable(place)}
        self.last = {path: int(_text(path)) for path in self.counters}
        self.read_at = time.monotonic()
        self.microjoules = 0

    @property
    def joules(self) -> float | None:
        """Since the meter was made; None where the machine does not tell."""
        self.read()
        return self.microjoules / 1e6 if self.counters else None

    def read(self) -> None:
        """Take the counters' new state in."""
        for path, turn in self.counters.items():
            now = int(_text(path))
            self.microjoules += (now - self.last[path]) % (turn + 1)
            self.last[path] = now
        self.read_at = time.monotonic()

    def read_if_due(self) -> None:
        """The same, where the last look was a while ago."""
        if time.monotonic() - self.read_at > SECONDS_BETWEEN_READINGS:
            self.read()


def _readable(place: Path) -> list[Path]:
    """Counters of whole packages: `intel-rapl:0`, not the parts of one, `intel-rapl:0:1`."""
    found = []
    for folder in sorted(place.glob("intel-rapl:*")):
        path = folder / "energy_uj"
        try:
            is_package = folder.name.count(":") == 1 and _text(folder / "name").startswith("package")
            if is_package and _text(path) and _text(folder / "max_energy_range_uj"):
                found.append(path)
        except OSError:
            continue  # only root may read it
    return found


def _text(path: Path) -> str:
    return path.read_text(encoding="ascii").strip()
