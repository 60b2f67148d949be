"""Cleaned: a labels and split file without the pictures that spoil a result. No picture is moved or changed.

What is left out, in this order: unreadable pictures; pictures with the same pixels and different labels, all of them;
of shots in two splits those outside the test split; of exact copies within a split all but the first. What only looks
alike stays where it is in one split: a person should look.
"""

from dataclasses import dataclass
from pathlib import Path

from tellapart.checks.check import Checked
from tellapart.checks.repeats import ORDER
from tellapart.data.images import FileImages
from tellapart.data.multi_label import label_text
from tellapart.data.split import SPLIT_COLUMNS
from tellapart.errors import ConfigError
from tellapart.files import write_whole
from tellapart.pages.card import Readable
from tellapart.text import as_bytes, counted, csv_line, short_name

REASONS = {
    "unreadable": "cannot be read",
    "conflicting labels": "same picture with another label",
    "leak": "same picture in another split",
    "near leak": "nearly the same picture in another split",
    "duplicate": "same picture twice in the split",
}
"""Kinds of findings whose pictures are left out -> why, in the order in which they are."""


@dataclass(frozen=True, slots=True)
class Cleaned(Readable):
    """A cleaned labels file, and what it leaves out."""

    path: Path
    kept: int
    """Pictures in it."""

    left_out: dict[str, str]
    """Id -> why."""

    counts: dict[str, int]
    """Reason -> pictures."""

    def _parts(self) -> list[str]:
        return [in_words(self), short_name(str(self.path))]


def refuse_fix(checked_images: object, where: str) -> None:
    """Raise unless the pictures are files of a folder, which a labels file can name.

    Args:
        checked_images: of a split.
        where: the data's place.

    Raises:
        ConfigError: they are not.
    """
    if not isinstance(checked_images, FileImages):
        raise ConfigError(
            f"{where}: --fix works only for folders of picture files. To list what was found, pass --csv FILE."
        )


def rows_to_leave_out(checked: Checked) -> dict[int, str]:
    """Return row -> why, for every picture that is left out."""
    left: dict[int, str] = {}
    by_kind = {finding.kind: finding for finding in checked.findings}
    for kind, reason in REASONS.items():
        if kind not in by_kind:
            continue
        for group in by_kind[kind].groups:
            kept = [row for row in group if row not in left]
            for row in _dropped(checked, kind, kept):
                left[row] = reason
    return left


def _dropped(checked: Checked, kind: str, group: list[int]) -> list[int]:
    if kind == "unreadable":
        return group
    if kind == "conflicting labels":
        same = len({checked.album.digests[row].tobytes() for row in group}) == 1
        return group if same else []
    if kind == "duplicate":
        return group[1:]
    splits = [checked.album.split(row) for row in group]
    last = max(splits, key=ORDER.index, default="")
    return [row for row, split in zip(group, splits, strict=True) if split != last]


def write_cleaned(checked: Checked, path: Path) -> Cleaned:
    """Write the file: id, label, split, as `--labels` reads it.

    Raises:
        ConfigError: the pictures are no files of a folder, the file exists, or nothing would be left.
        SaveError: it cannot be written; nothing half-written is left.
    """
    album = checked.album
    for split in album.dataset.splits.values():
        refuse_fix(split.images, album.dataset.where)
    if path.exists():
        raise ConfigError(f"{path} already exists and is not overwritten. Choose another --fix.")
    left = rows_to_leave_out(checked)
    kept = [row for row in range(len(album.ids)) if row not in left]
    if not kept:
        raise ConfigError(
            f"{album.dataset.where}: --fix would leave out every picture; {path} was not written."
        )
    lines, names = [csv_line(SPLIT_COLUMNS)], album.dataset.class_names
    lines += [
        csv_line((album.ids[row], label_text(album.labels[row], names), album.split(row))) for row in kept
    ]
    text = as_bytes("".join(lines))
    write_whole(path, lambda place: _write(place, text))
    counts = {reason: sum(why == reason for why in left.values()) for reason in REASONS.values()}
    return Cleaned(
        path,
        len(kept),
        {album.ids[row]: reason for row, reason in left.items()},
        {reason: count for reason, count in counts.items() if count},
    )


def in_words(cleaned: Cleaned) -> str:
    """Return what was written and left out, in a line."""
    left = ", ".join(f"{count:,} ({reason})" for reason, count in cleaned.counts.items()) or "none"
    return f"{counted(cleaned.kept, 'picture')} kept, left out: {left}"


def _write(place: Path, text: bytes) -> None:
    place.write_bytes(text)
