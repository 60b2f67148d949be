"""Page: the findings with their pictures side by side, as one HTML file."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tellapart import __version__
from tellapart.checks.album import Album
from tellapart.checks.check import Checked, facts_of
from tellapart.checks.findings import KINDS, Finding
from tellapart.data.preprocess import Preprocessing
from tellapart.data.types import Pixels
from tellapart.errors import PictureError
from tellapart.pages.assemble import assemble
from tellapart.pages.sprite_sheet import Sheet, sheet

MARK = "check"
"""Tells a page of a check from other files."""

MODULES = ("check.js", "theme.js", "contents.js", "scrolling.js")

MOST_PICTURES = 48
"""Pictures that a finding shows."""

MOST_OF_A_GROUP = 6
LARGEST_SIDE = 128
"""Pixels of a picture on the page; smaller pictures keep their size."""

SPLITS_NAMED = {"train": "train", "validation": "validation", "test": "test"}


def page(checked: Checked) -> str:
    """Return the findings as HTML."""
    album = checked.album
    shown = {finding.kind: list(_shown_groups(finding)) for finding in checked.findings}
    rows = sorted({row for groups in shown.values() for group in groups for row in group})
    sprites = _sprites(album, rows)
    sections = [_section(album, finding, shown[finding.kind]) for finding in checked.findings]
    values = {
        "facts": facts_of(album),
        "name": album.dataset.name,
        "where": album.dataset.where,
        "version": __version__,
        "sections": sections,
        "serious": sum(section["severity"] == "serious" for section in sections),
        "remarks": checked.remarks,
        "sheet": sprites,
        "positions": {} if sprites is None else sprites.positions,
        "total": len(album.ids),
    }
    return assemble("check.html", values, {}, styles=["check.css"], modules=MODULES, entry="check", mark=MARK)


def _shown_groups(finding: Finding) -> Iterator[tuple[int, ...]]:
    """Yield the groups that are shown, each with not too many pictures."""
    left = MOST_PICTURES
    for group in finding.groups:
        if left <= 0:
            return
        yield group[:MOST_OF_A_GROUP]
        left -= len(group)


def _section(album: Album, finding: Finding, groups: list[tuple[int, ...]]) -> dict[str, Any]:
    kind = KINDS[finding.kind]
    return {
        "id": finding.kind.replace(" ", "-"),
        "title": kind.title,
        "severity": kind.severity,
        "seen": finding.seen,
        "effect": kind.effect,
        "advice": kind.advice,
        "count": len(finding.groups),
        "pictures": len(finding.rows),
        "paired": any(len(group) > 1 for group in finding.groups),
        "groups": [[_tile(album, finding, row) for row in group] for group in groups],
        "more": len(finding.groups) - len(groups),
    }


def _tile(album: Album, finding: Finding, row: int) -> dict[str, Any]:
    return {
        "name": str(row),
        "readable": row not in album.unreadable,
        "id": album.ids[row],
        "short": album.ids[row].rsplit("/", 1)[-1],
        "split": album.split(row),
        "label": album.label(row),
        "suggested": finding.suggested.get(row),
        "note": finding.notes.get(row, ""),
    }


def _sprites(album: Album, rows: list[int]) -> Sheet | None:
    """Lay out the pictures that the page shows; they are read again."""
    readable = [row for row in rows if row not in album.unreadable]
    if not readable:
        return None
    side = int(np.clip(album.shapes[readable].max(), 16, LARGEST_SIDE))
    fit = Preprocessing(height=side, width=side, policy="pad")
    return sheet({str(row): fit.apply(_pixels(album, row)) for row in readable}, side=side)


def _pixels(album: Album, row: int) -> Pixels:
    images, index = album.place(row)
    try:
        return images.read(index)
    except PictureError:  # gone since it was checked
        return album.thumbnails[row]
