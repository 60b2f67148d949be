"""The licenses of everything that tellapart needs or contains, as docs/licenses.md.

    python scripts/licenses.py          # rewrites docs/licenses.md

Reads what the installed packages say of themselves. Exits with 1, naming the package, where a license is unknown or
not permissive and `ACCEPTED` gives no reason.
"""

import importlib.metadata
import re
import sys
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tellapart.files import write_text

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "licenses.md"
PACKAGE = ROOT / "src" / "tellapart"

PERMISSIVE = {
    *("0BSD", "Apache-2.0", "BSD", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0"),
    *("CC0-1.0", "ISC", "MIT", "MIT-CMU", "PSF-2.0", "Zlib"),
}
"""By SPDX's names. BSD: two or three clauses, the package does not say which."""

KNOWN = PERMISSIVE | {"MPL-2.0"}

ACCEPTED = {
    "axe-playwright-python": "axe-core is MPL-2.0, which binds its own files alone",
    "pathspec": "binds its own files alone",
    "pillow-heif": "libheif and libde265; x265, an encoder that tellapart never calls. Installed when asked for",
    "tqdm": "binds its own files alone",
}
"""Packages whose license is not permissive, and why they are used all the same."""

IN_WHEELS = {
    "axe-playwright-python": "MIT AND MPL-2.0",
    "pillow-heif": "BSD-3-Clause AND LGPL-3.0-or-later AND GPL-2.0-or-later",
}
"""Licenses of packages that hold more than they state."""

GPU = re.compile(r"(cuda|nvidia)-|triton$")

SHORT = {
    "Apache": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD 3-Clause License": "BSD-3-Clause",
    "BSD License": "BSD",
    "ISC license": "ISC",
    "ISC License": "ISC",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
"""SPDX's name for what packages call their licenses."""

FIRST_WORDS = {
    "MIT License": "MIT",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache Software License 2.0": "Apache-2.0",
}
"""What tells the license from its text, of packages that state none."""

CONTAINED = (
    ("D3", "pages/assets/vendor/d3.min.js", "ISC", "pages/assets/vendor/d3.LICENSE"),
    ("Observable Plot", "pages/assets/vendor/plot.umd.min.js", "ISC", "pages/assets/vendor/plot.LICENSE"),
    (
        "Chelsea the cat, a photo by Stéfan van der Walt",
        "guide/photos/cat.jpg",
        "CC0-1.0",
        "guide/photos/README.md",
    ),
    (
        "Names and groups of ImageNet's classes, from WordNet",
        "models/pretrained/imagenet.tsv",
        "WordNet",
        "models/pretrained/WORDNET-LICENSE.txt",
    ),
)
"""What in the package others made: what, file, license, file with the license."""

HEAD = """# Licenses

tellapart is Apache-2.0. Made by `python scripts/licenses.py`, which fails on a license that is unknown, or neither
permissive nor accepted for a reason.

## Contained in the package

{contained}

The models `cifar10` and `digits` were trained by tellapart: on CIFAR-10, whose authors state no license, and on the
Optical Recognition of Handwritten Digits (CC BY 4.0).

## Installed with it

{installed}

PyPI's PyTorch for Linux also installs NVIDIA's CUDA libraries, under NVIDIA's licenses; PyTorch's CPU build does not.
The extra `hub` (KerasHub) is not installed by the tests, so what it needs is not listed.

## For the tests alone

{tests}
"""


def main() -> None:
    write_text(PAGE, page())
    found = problems()
    for problem in found:
        print(problem, file=sys.stderr)
    sys.exit(bool(found))


def page() -> str:
    """Return docs/licenses.md."""
    always, optional, tests = needed()
    contained = [(what, f"`{file}`", license) for what, file, license, _ in CONTAINED]
    installed = [row(name, "") for name in sorted(always)]
    installed += [row(name, ", ".join(sorted(optional[name]))) for name in sorted(optional)]
    return HEAD.format(
        contained=table(("what", "file", "license"), contained),
        installed=table(("package", "only with the extra", "license"), installed),
        tests=", ".join(f"{name} ({license_of(name)})" for name in sorted(tests)) + ".",
    )


def row(name: str, extra: str) -> tuple[str, str, str]:
    """Return a package's line of the table."""
    reason = ACCEPTED.get(name)
    return name, extra, license_of(name) + (f": {reason}" if reason else "")


def needed() -> tuple[set[str], dict[str, set[str]], set[str]]:
    """Return the packages that are always installed, those of extras with the extras' names, and those of the tests."""
    extras = importlib.metadata.metadata("tellapart").get_all("Provides-Extra") or []
    always = closure("tellapart", "")
    optional: dict[str, set[str]] = {}
    for extra in extras:
        if extra != "test":
            for name in closure("tellapart", extra) - always:
                optional.setdefault(name, set()).add(extra)
    return always, optional, closure("tellapart", "test") - always - optional.keys()


def closure(package: str, extra: str) -> set[str]:
    """Return all installed packages that a package with one of its extras needs on this machine, but for GPUs."""
    todo, seen = [(package, extra)], set()
    while todo:
        name, extra = todo.pop()
        seen.add((name, extra))
        for wanted in map(Requirement, importlib.metadata.requires(name) or ()):
            needs = canonicalize_name(wanted.name)
            applies = wanted.marker is None or wanted.marker.evaluate({"extra": extra})
            if applies and not GPU.match(needs) and is_installed(needs):
                todo += {(needs, wish) for wish in ("", *wanted.extras)} - seen
    return {name for name, _ in seen} - {package}


def is_installed(name: str) -> bool:
    """Return whether a package is installed; extras may be missing."""
    try:
        importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def license_of(name: str) -> str:
    """Return an SPDX expression from what a package states, its classifiers or its license's text; else `unknown`."""
    if name in IN_WHEELS:
        return IN_WHEELS[name]
    distribution = importlib.metadata.distribution(name)
    metadata = distribution.metadata
    if expression := metadata.get("License-Expression"):
        return expression
    stated = [(metadata.get("License") or "").split("\n")[0]]
    stated += [
        line.split(" :: ")[-1] for line in metadata.get_all("Classifier") or [] if line.startswith("License")
    ]
    for text in stated:
        short = SHORT.get(text, text)
        if all(part in KNOWN for part in parts_of(short)):
            return short
    files = [file for file in distribution.files or () if "LICENSE" in file.name.upper()]
    texts = " ".join(file.read_text()[:2000] for file in files)
    return next((short for words, short in FIRST_WORDS.items() if words in texts), "unknown")


def parts_of(expression: str) -> list[str]:
    """Return the licenses of an SPDX expression without OR; exceptions to them only allow more."""
    return [re.sub(r" WITH \S+", "", part).strip(" ()") for part in expression.split(" AND ")]


def is_permissive(expression: str) -> bool:
    """Return whether all licenses of one of the choices are."""
    return any(set(parts_of(choice)) <= PERMISSIVE for choice in expression.split(" OR "))


def problems() -> list[str]:
    """Return a line for each license that nobody looked at, and for each contained file without one."""
    always, optional, tests = needed()
    packages = sorted(always | optional.keys() | tests)
    found = [
        f"{name}: its license is {license_of(name)!r}. Add it to ACCEPTED with the reason, or do without it."
        for name in packages
        if name not in ACCEPTED and not is_permissive(license_of(name))
    ]
    listed = {PACKAGE / path for entry in CONTAINED for path in (entry[1], entry[3])}
    found += [f"{path} is listed and missing" for path in sorted(listed) if not path.exists()]
    others = [*PACKAGE.glob("**/vendor/*"), *PACKAGE.glob("**/photos/*")]
    return found + [f"{path}: add it to CONTAINED with its license" for path in others if path not in listed]


def table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Return rows as a Markdown table."""
    lines = [columns, tuple("---" for _ in columns), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    main()
