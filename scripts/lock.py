"""The locks: every version that the tests run with, and the sha256 of each of its files.

    pip install uv
    python scripts/lock.py              # keeps the versions of constraints.txt; after a change of pyproject.toml
    python scripts/lock.py --upgrade    # takes the newest

To move one version, edit it in `constraints.txt` first. That file, for users, has the same versions without hashes.
The locks are for all systems; torch has two of its own, as PyTorch's CPU build and PyPI's are different files.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from tellapart.files import write_text

ROOT = Path(__file__).parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
LOCK = ROOT / "requirements.lock"
TORCH_LOCK = ROOT / "requirements-torch.lock"
CPU_LOCK = ROOT / "requirements-torch-cpu.lock"

OF_TORCH = re.compile(r"(cuda|nvidia)-|(torch|triton)==")
CPU_HASHES = {"2.13.0": "6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b"}
"""The hash of PyTorch's own CPU build for Python 3.11 on Linux (x86_64), by version: PyPI does not list it."""

HEAD = "# Made by `python scripts/lock.py`: {}.\n"


def main() -> None:
    entries = resolved(upgrade="--upgrade" in sys.argv[1:])
    of_torch = [entry for entry in entries if OF_TORCH.match(entry)]
    others = [entry for entry in entries if entry not in of_torch]
    torch = next(pin(entry) for entry in of_torch if entry.startswith("torch=="))
    pins = [pin(entry) for entry in entries if entry in others or pin(entry) == torch]
    for path, about, content in (
        (LOCK, "what the tests run with, but for torch", others),
        (TORCH_LOCK, "PyPI's torch; on Linux that is a build for GPUs, which needs all this", of_torch),
        (CPU_LOCK, "PyTorch's own CPU build, which is not on PyPI", [cpu_build(torch)]),
        (CONSTRAINTS, "the versions that the tests run with, for pip install -c", pins),
    ):
        write_text(path, HEAD.format(about) + "".join(f"{entry}\n" for entry in content))
        print(path.name, len(content))


def resolved(*, upgrade: bool) -> list[str]:
    """Return one entry for each package, its pin and marker followed by its hashes."""
    command = ["uv", "pip", "compile", "pyproject.toml", "-", "--extra=test", "--universal", "--quiet"]
    command += [
        "--python-version=3.11",
        "--generate-hashes",
        "--no-emit-index-url",
        "--no-header",
        "--no-annotate",
    ]
    if not upgrade:
        command.append(f"--constraints={CONSTRAINTS.name}")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    to_build = [
        *project["build-system"]["requires"],
        "editables",
    ]  # what hatchling asks for at `pip install -e`
    done = subprocess.run(
        command, cwd=ROOT, input="\n".join(to_build), stdout=subprocess.PIPE, text=True, check=True
    )
    return re.split(r"\n(?=\w)", done.stdout.strip())


def cpu_build(torch: str) -> str:
    """Return the entry of PyTorch's CPU build, from the pin of torch."""
    version = torch.removeprefix("torch==")
    if version not in CPU_HASHES:
        sys.exit(f"The hash of PyTorch's CPU build of torch {version} is not known: add it to CPU_HASHES.")
    return f"{torch}+cpu \\\n    --hash=sha256:{CPU_HASHES[version]}"


def pin(entry: str) -> str:
    """Return an entry without its hashes."""
    return entry.splitlines()[0].removesuffix("\\").rstrip()


if __name__ == "__main__":
    main()
