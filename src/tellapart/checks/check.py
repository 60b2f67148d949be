"""Check: read a data set's pictures once, and look for everything that `findings.KINDS` lists."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tellapart.checks.album import Album, read_album
from tellapart.checks.balance import class_counts, findings_of_balance
from tellapart.checks.duplicates import MOST_COMPARED, Pair, exact_pairs, near_pairs
from tellapart.checks.findings import KINDS, Finding
from tellapart.checks.look import look_for
from tellapart.checks.quality import blank_pictures, findings_of_quality, modes_in
from tellapart.checks.repeats import findings_of_repeats
from tellapart.checks.suspicion import findings_of_labels
from tellapart.data.dataset import SPLIT_NAMES, Dataset
from tellapart.data.left_out import left_out_of_folders
from tellapart.events import Progress
from tellapart.pages.card import Card, Pictures, Readable, Table, Words
from tellapart.pages.thumbnail import MOST, thumbnail
from tellapart.text import counted, short_name


@dataclass(frozen=True, slots=True, eq=False)
class Checked(Readable):
    """Everything that a check found, and the pictures that it is about."""

    album: Album
    findings: tuple[Finding, ...]
    """In the order of KINDS."""

    pairs: tuple[Pair, ...]
    """Of pictures that show the same shot, exact ones first."""

    not_looked_for: tuple[str, ...]
    """What was not looked for, each with its reason: a sentence without its full stop."""

    def _parts(self) -> list[str]:
        dataset = self.album.dataset
        kinds = [f"{KINDS[each.kind].title} ({len(each.rows):,})" for each in self.findings]
        found = "nothing found" if not kinds else f"{counted(len(kinds), 'finding')}: {'; '.join(kinds)}"
        return [
            f"{'serious, ' * self.is_serious}{found}",
            f"{counted(len(self.album.ids), 'picture')} of {short_name(dataset.name)}",
        ]

    def _card(self) -> Card:
        dataset = self.album.dataset
        rows = [
            (KINDS[each.kind].title, each.severity, len(each.rows), each.seen, KINDS[each.kind].advice)
            for each in self.findings
        ]
        headline = (
            f"{counted(len(rows), 'finding')} in {counted(len(self.album.ids), 'picture')} of {dataset.name}"
        )
        found = Table(("finding", "severity", "pictures", "what was seen", "what to do"), rows)
        shown = [row for each in self.findings for row in each.rows[:2]][:MOST]
        pictures = [thumbnail(self.album.thumbnails[row], self.album.ids[row], 64) for row in shown]
        remarks = [Words(f"{remark}.") for remark in self.remarks[:5]]
        return Card("Checked", headline, [found, Pictures(pictures, "Some of these pictures"), *remarks])

    @property
    def remarks(self) -> tuple[str, ...]:
        """What was assumed about the data, left out of it, or not looked for: sentences without their full stops."""
        dataset = self.album.dataset
        return (*dataset.notices, *left_out_of_folders(dataset.ignored), *self.not_looked_for)

    @property
    def is_serious(self) -> bool:
        """Whether something was found that makes numbers wrong or loses pictures."""
        return any(finding.severity == "serious" for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        album, dataset = self.album, self.album.dataset
        return {
            "data": dataset.name,
            "where": dataset.where,
            **facts_of(album),
            "serious": self.is_serious,
            "findings": [finding.to_dict(album.ids) for finding in self.findings],
            "pairs": [
                {
                    "first": album.ids[pair.first],
                    "second": album.ids[pair.second],
                    "similarity": round(pair.similarity, 4),
                    "exact": pair.exact,
                }
                for pair in self.pairs
            ],
            "notices": list(dataset.notices),
            "not_looked_for": list(self.not_looked_for),
            "ignored_files": list(dataset.ignored),
        }


def facts_of(album: Album) -> dict[str, Any]:
    """Return counts, sizes and kinds of pixels as plain values."""
    dataset, readable = album.dataset, album.readable
    counts = class_counts(dataset)
    names = [name for name in SPLIT_NAMES if name in dataset.splits]
    shapes = album.shapes[readable]
    sizes = None
    if len(readable):
        smallest, largest = (pick(shapes.prod(1)) for pick in (np.argmin, np.argmax))
        sizes = {
            "smallest": shapes[smallest].tolist(),
            "median": np.median(shapes, axis=0).astype(int).tolist(),
            "largest": shapes[largest].tolist(),
            "different": len(np.unique(shapes, axis=0)),
        }
    return {
        "classes": list(dataset.class_names),
        "pictures": {name: len(dataset.splits[name]) for name in names},
        "counts": {
            name: dict(zip(dataset.class_names, counts[name].tolist(), strict=True)) for name in names
        },
        "sizes": sizes,
        "modes": modes_in(album),
    }


def check_dataset(dataset: Dataset, progress: Progress | None = None, alone: bool = False) -> Checked:
    """Look at every picture.

    Args:
        dataset: as opened.
        progress: called with (pictures read, pictures in all).
        alone: whether it is one split of several, of which nothing else is looked at.

    Raises:
        ModelError: the pretrained network's weights are missing or damaged.
    """
    look = look_for(dataset)
    album = read_album(dataset, look, progress)
    left_out: list[str] = []
    blank = blank_pictures(album)
    exact = exact_pairs(album)
    near: list[Pair] = []
    if len(album.ids) <= MOST_COMPARED:
        near = near_pairs(album, blank, exact)
    else:
        left_out.append(
            f"Near duplicates: not checked, because {len(album.ids):,} pictures are more than {MOST_COMPARED:,}"
        )
    findings = [
        *findings_of_repeats(album, exact, near),
        *findings_of_balance(dataset, alone),
        *findings_of_quality(album),
        *findings_of_labels(album, blank, exact, left_out),
    ]
    order = list(KINDS)
    findings.sort(key=lambda finding: order.index(finding.kind))
    return Checked(album, tuple(findings), (*exact, *near), tuple(left_out))
