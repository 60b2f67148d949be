"""Every package and every file of others has a license that was looked at."""

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def licenses():
    spec = importlib.util.spec_from_file_location("licenses", ROOT / "scripts" / "licenses.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_all_licenses_are_known_and_permissive_or_accepted(licenses):
    assert not licenses.problems()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems need a package more or fewer")
def test_the_page_lists_what_is_installed(licenses):
    page = licenses.PAGE.read_text(encoding="utf-8").splitlines()
    rows = [line for line in licenses.page().splitlines() if line.startswith("|")]
    assert len(rows) > 50
    assert [row for row in rows if row not in page] == [], "Run python scripts/licenses.py."


@pytest.mark.parametrize("license", ["GPL-3.0-only", "MIT AND LGPL-3.0-only", "unknown"])
def test_a_license_that_binds_or_is_unknown_is_named_with_its_package(licenses, monkeypatch, license):
    real = licenses.license_of
    monkeypatch.setattr(licenses, "license_of", lambda name: license if name == "rich" else real(name))
    (problem,) = licenses.problems()
    assert problem.startswith(f"rich: its license is '{license}'")


@pytest.mark.parametrize(
    "license",
    ["MIT OR GPL-3.0-only", "Apache-2.0 WITH LLVM-exception AND MIT", "(MIT AND ISC) OR GPL-2.0-only"],
)
def test_one_permissive_choice_is_enough(licenses, license):
    assert licenses.is_permissive(license)


def test_a_vendored_file_without_a_license_is_named(licenses, monkeypatch):
    monkeypatch.setattr(licenses, "CONTAINED", [entry for entry in licenses.CONTAINED if entry[0] != "D3"])
    assert any("d3.min.js: add it to CONTAINED" in problem for problem in licenses.problems())


def test_a_package_that_states_nothing_is_told_by_its_text(licenses):
    assert licenses.license_of("namex") == "Apache-2.0"
