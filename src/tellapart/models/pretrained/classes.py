"""The classes of a built-in model that is a backbone: a table of synsets, names and groups, in the outputs' order."""

from pathlib import Path
from typing import NamedTuple

COLUMNS = "synset\tname\tgroup"


class KnownClass(NamedTuple):
    """One of the classes."""

    synset: str
    """WordNet 3.0's number of it, such as n02099712."""

    name: str
    """What it is called, such as Labrador retriever; no two are called the same."""

    group: str
    """The everyday thing that it is a kind of, such as dog; empty where it is one of its own."""


def read_classes(path: Path) -> tuple[KnownClass, ...]:
    """Read a table of classes (`imagenet.tsv`; `scripts/imagenet_classes.py` writes it)."""
    header, *rows = path.read_text("utf-8").splitlines()
    assert header == COLUMNS, header
    return tuple(KnownClass(*row.split("\t")) for row in rows)
