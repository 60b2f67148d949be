"""The locks hold everything that pyproject.toml asks for, at the versions of constraints.txt, by hash."""

import importlib.metadata
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = ("requirements.lock", "requirements-torch.lock", "requirements-torch-cpu.lock")


def entries(name):
    """Each requirement of a lock, and its hashes."""
    text = re.sub(r"^#.*\n", "", (ROOT / name).read_text(), flags=re.MULTILINE)
    for entry in text.replace(" \\\n", " ").splitlines():
        requirement, *hashes = entry.split(" --hash=")
        yield Requirement(requirement), [digest.strip() for digest in hashes]


def locked(*names):
    return {canonicalize_name(wanted.name): wanted for name in names for wanted, _ in entries(name)}


BY_PYPI = locked("requirements.lock", "requirements-torch.lock")


@pytest.mark.parametrize("name", LOCKS)
def test_every_entry_is_one_version_with_hashes_and_no_address(name):
    for wanted, hashes in entries(name):
        assert re.fullmatch(r"==[^,*]+", str(wanted.specifier)), wanted
        assert hashes, wanted
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest) for digest in hashes), wanted
    assert not re.search(r"^\s*(-i|-f|--(?!hash=))|://|@", (ROOT / name).read_text(), re.MULTILINE)


def test_locks_and_constraints_hold_the_same_versions():
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    constraints = {str(Requirement(line)) for line in lines}
    of_torch_alone = locked("requirements-torch.lock").keys() - {"torch"}
    assert constraints == {str(wanted) for name, wanted in BY_PYPI.items() if name not in of_torch_alone}


def test_both_builds_of_torch_are_one_version():
    (cpu,) = locked("requirements-torch-cpu.lock").values()
    assert str(cpu.specifier) == f"{BY_PYPI['torch'].specifier}+cpu"


def test_the_locks_hold_what_pyproject_asks_for():
    wanted = PROJECT["project"]["dependencies"] + PROJECT["project"]["optional-dependencies"]["test"]
    for requirement in map(Requirement, wanted + PROJECT["build-system"]["requires"]):
        assert_locked(requirement)


def test_the_locks_hold_what_those_ask_for():
    """By the metadata of what is installed here, down to the last."""
    todo, seen = ["tellapart"], set()
    while todo:
        name = todo.pop()
        seen.add(name)
        extras = ("test",) if name == "tellapart" else ("",)
        for requirement in map(Requirement, importlib.metadata.requires(name) or ()):
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras):
                assert_locked(requirement)
                todo += {canonicalize_name(requirement.name)} - seen
    assert len(seen) > 90


def assert_locked(requirement):
    name = canonicalize_name(requirement.name)
    assert name in BY_PYPI, f"{requirement}: run python scripts/lock.py"
    (pin,) = BY_PYPI[name].specifier
    assert requirement.specifier.contains(pin.version, prereleases=True), (
        f"{requirement}: run python scripts/lock.py"
    )


@pytest.mark.skipif(shutil.which("make") is None, reason="no make")
def test_the_tests_install_nothing_without_a_hash(tmp_path):
    done = subprocess.run(
        ["make", "-n", f"VENV={tmp_path}", "TORCH=torch", f"{tmp_path}/installed-test"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    installs = [line for line in done.stdout.splitlines() if "pip install" in line]
    assert installs
    for line in installs:
        own = "--no-deps --no-build-isolation -e ." in line
        assert own or all(
            option in line for option in ("--require-hashes", "--only-binary :all:", "--no-deps")
        ), line
