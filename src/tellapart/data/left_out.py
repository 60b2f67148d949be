"""Files of a folder that are skipped: a line for each reason, with their number and the first names."""

from collections.abc import Sequence
from pathlib import PurePath

from tellapart.data.decode import IMAGE_SUFFIXES
from tellapart.text import counted, one_line, short_name

SKIPPED_NAMED = 3
"""At most so many are named."""

LONGEST_NAME = 100
"""Characters of a name."""

REASONS = {
    "picture": "outside the class folders",
    "folder": "",
    "non-picture file": "",
}
"""Kind of file -> why it is skipped, where its kind does not say so."""


def left_out_of_folders(names: Sequence[str], count: int | None = None) -> list[str]:
    """Return the lines.

    Args:
        names: relative paths, as `Dataset.ignored` has them.
        count: of all of them, where they are of one kind and `names` are only the first.
    """
    lines = []
    for kind, reason in REASONS.items():
        skipped = [name for name in names if _kind(name) == kind]
        if skipped:
            number = len(skipped) if count is None else count
            more = f" and {number - SKIPPED_NAMED:,} more" if number > SKIPPED_NAMED else ""
            listed = ", ".join(short_name(name, LONGEST_NAME) for name in skipped[:SKIPPED_NAMED])
            what = " ".join(filter(None, (counted(number, kind), reason)))
            lines.append(one_line(f"Skipped {what}: {listed}{more}"))
    return lines


def _kind(name: str) -> str:
    if name.endswith("/"):
        return "folder"
    return "picture" if is_picture_or_folder(name) else "non-picture file"


def is_picture_or_folder(name: str) -> bool:
    """Return whether what is skipped may hold pictures that were meant to be used."""
    return name.endswith("/") or PurePath(name).suffix.lower() in IMAGE_SUFFIXES
