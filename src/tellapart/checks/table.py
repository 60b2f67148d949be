"""Table: the findings as CSV, a line for each finding and picture."""

from pathlib import Path

from tellapart.checks.check import Checked
from tellapart.files import write_whole
from tellapart.text import as_bytes, csv_line

COLUMNS = ("finding", "severity", "group", "id", "split", "label", "suggested", "note")


def csv_table(checked: Checked) -> str:
    """Return the whole table; pictures that belong together have the same number of a group."""
    album, lines = checked.album, [csv_line(COLUMNS)]
    for finding in checked.findings:
        for number, group in enumerate(finding.groups, 1):
            for row in group:
                cells = album.ids[row], album.split(row), album.label(row)
                note = finding.notes.get(row, "")
                lines.append(
                    csv_line(
                        (finding.kind, finding.severity, number, *cells, finding.suggested.get(row, ""), note)
                    )
                )
        if not finding.groups:
            lines.append(csv_line((finding.kind, finding.severity, "", "", "", "", "", finding.seen)))
    return "".join(lines)


def write_csv(checked: Checked, path: Path) -> None:
    """Write the table.

    Raises:
        SaveError: the file cannot be written; nothing half-written is left.
    """
    write_whole(path, lambda place: _write(place, csv_table(checked)))


def _write(place: Path, text: str) -> None:
    place.write_bytes(as_bytes(text))
