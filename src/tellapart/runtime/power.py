"""Power: the energy that the processor uses while something runs, where the machine measures it.

Linux counts the joules of each processor package (Intel's RAPL, which AMD has too) in files that often only
root may read. Memory, disks, fans and the losses of the power supply are not included.
"""

import time
from pathlib import Path

POWERCAP = Path("/sys/class/powercap")
SECONDS_BETWEEN_READINGS = 10.0
"""A counter wraps around to zero after some minutes at full power; reading it so often misses no wrap."""


class EnergyMeter:
    """The energy of all processor packages since the meter was made."""

    def __init__(self, folder: Path = POWERCAP) -> None:
        self.counters = {path: int(_text(path.parent / "max_energy_range_uj")) for path in _readable(folder)}
        self.last = {path: int(_text(path)) for path in self.counters}
        self.read_at = time.monotonic()
        self.microjoules = 0

    @property
    def joules(self) -> float | None:
        """Energy since the meter was made, in joules; None where the machine does not measure it."""
        self.read()
        return self.microjoules / 1e6 if self.counters else None

    def read(self) -> None:
        """Read the counters, and add what they have moved by."""
        for path, highest in self.counters.items():
            now = int(_text(path))
            self.microjoules += (now - self.last[path]) % (highest + 1)
            self.last[path] = now
        self.read_at = time.monotonic()

    def read_if_due(self) -> None:
        """Read the counters if the last reading is more than `SECONDS_BETWEEN_READINGS` old."""
        if time.monotonic() - self.read_at > SECONDS_BETWEEN_READINGS:
            self.read()


def _readable(folder: Path) -> list[Path]:
    """Return the counters of whole packages: `intel-rapl:0`, not a part of one such as `intel-rapl:0:1`."""
    counters = []
    for zone in sorted(folder.glob("intel-rapl:*")):
        path = zone / "energy_uj"
        try:
            is_package = zone.name.count(":") == 1 and _text(zone / "name").startswith("package")
            if is_package and _text(path) and _text(zone / "max_energy_range_uj"):
                counters.append(path)
        except OSError:
            continue  # only root may read it
    return counters


def _text(path: Path) -> str:
    return path.read_text(encoding="ascii").strip()
