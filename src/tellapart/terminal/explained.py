"""What the command `explain` prints: of each picture the answer, what of it is doubtful, and where its page is."""

from collections.abc import Sequence

from tellapart.data.store import Refused
from tellapart.explanation.explaining import Page
from tellapart.explanation.explanation import Explanation
from tellapart.terminal.console import note, one_line, say, say_json


def report_pages(pages: Sequence[Page], refused: Sequence[Refused], as_json: bool) -> None:
    """In the form asked for; on stderr, the pictures that could not be read and what could not be shown."""
    for one in refused:
        note(one_line(f"Not read: {one.reason}"), "yellow")
    if as_json:
        unreadable = [{"picture": one.id, "reason": one.reason} for one in refused]
        told = [{"page": str(page.path), **page.explanation.to_dict()} for page in pages]
        say_json({"explanations": told, "unreadable": unreadable})
        return
    for gap in dict.fromkeys(gap for page in pages for gap in page.explanation.gaps):
        note(f"Not on the page: {gap}", "yellow")
    for page in pages:
        say(one_line(f"{page.explanation.subject.picture}: {_in_words(page.explanation)}"))
        say(f"  {page.path}")


def _in_words(explanation: Explanation) -> str:
    answer, names = explanation.answer, explanation.subject.class_names
    best = int(answer.in_views.argmax())
    said = f"{names[best]}, {100 * answer.in_views[best]:.1f}%"
    if answer.calibrated is not None:
        said += f" ({100 * answer.calibrated[best]:.1f}% calibrated)"
    return said + ("; but it is unlike anything trained on" if answer.is_unfamiliar else "")
