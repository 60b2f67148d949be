"""Recomputes the numbers of some lessons, or of all: python -m tellapart.guide.lessons [LESSON ...]."""

import json
import sys
from importlib import import_module
from importlib.util import find_spec

from tellapart.files import write_text
from tellapart.guide.contents import FACTS, LESSONS


def main(names: list[str]) -> None:
    """Write `facts/LESSON.json` for each lesson that has numbers."""
    for name in names or [lesson.name for lesson in LESSONS]:
        module = f"tellapart.guide.lessons.{name.replace('-', '_')}"
        if find_spec(module) is None:
            continue
        facts = import_module(module).facts()
        write_text(FACTS / f"{name}.json", json.dumps(facts, separators=(",", ":")) + "\n")
        print(f"{name}: {(FACTS / f'{name}.json').stat().st_size:,} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
