"""The meter on counters like Linux's, in a folder of files."""

import pytest

from tellapart.runtime import power
from tellapart.runtime.power import EnergyMeter


@pytest.fixture
def counters(tmp_path):
    def make(name, kind, microjoules, highest=1_000_000):
        folder = tmp_path / name
        folder.mkdir()
        for file, text in [("name", kind), ("energy_uj", microjoules), ("max_energy_range_uj", highest)]:
            (folder / file).write_text(f"{text}\n")
        return folder / "energy_uj"

    make.folder = tmp_path
    return make


def test_packages_are_added_up_and_their_parts_are_not_counted_twice(counters):
    first, second = counters("intel-rapl:0", "package-0", 100), counters("intel-rapl:1", "package-1", 0)
    core = counters("intel-rapl:0:0", "core", 0)
    meter = EnergyMeter(counters.folder)
    first.write_text("400100")
    second.write_text("500000")
    core.write_text("999999")
    assert meter.joules == pytest.approx(0.9)


def test_a_counter_that_wraps_around_is_counted_on(counters):
    file = counters("intel-rapl:0", "package-0", 900_000)
    meter = EnergyMeter(counters.folder)
    file.write_text("100000")
    assert meter.joules == pytest.approx(0.200001)


def test_readings_add_up(counters):
    file = counters("intel-rapl:0", "package-0", 0)
    meter = EnergyMeter(counters.folder)
    for microjoules in (600_000, 200_000, 700_000):
        file.write_text(str(microjoules))
        meter.read()
    assert meter.joules == pytest.approx(1.700001)


def test_a_machine_without_counters_gives_none(tmp_path):
    assert EnergyMeter(tmp_path).joules is None


def test_the_counters_are_read_again_once_the_last_reading_is_old(counters, monkeypatch):
    file = counters("intel-rapl:0", "package-0", 0)
    meter = EnergyMeter(counters.folder)
    file.write_text("400000")
    meter.read_if_due()
    assert meter.microjoules == 0
    monkeypatch.setattr(power, "SECONDS_BETWEEN_READINGS", 0.0)
    meter.read_if_due()
    assert meter.microjoules == 400_000
