"""What the command `explain` prints: of each picture the answer, what of it is doubtful, and where its page is."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tellapart.api.explain import Page
from tellapart.cli.predict import note_who_answers
from tellapart.cli.terminal.console import note, one_line, say, say_json
from tellapart.data.store import UnreadableImage
from tellapart.text import percent


def report_pages(
    model: Path, pages: Sequence[Page], unreadable: Sequence[UnreadableImage], as_json: bool
) -> None:
    """In the form asked for; on stderr, the pictures that could not be read and what could not be shown."""
    for one in unreadable:
        note(one_line(f"Not read: {one.reason}"), "yellow")
    if as_json:
        unreadable = [{"picture": one.id, "reason": one.reason} for one in unreadable]
        told = [{"page": str(page.path), **page.told} for page in pages]
        say_json({"explanations": told, "unreadable": unreadable})
        return
    if pages:
        note_who_answers(model, list(pages[0].told["probabilities"]))
    for gap in dict.fromkeys(gap for page in pages for gap in page.told["missing"]):
        note(f"Not on the page: {gap}", "yellow")
    for page in pages:
        say(one_line(f"{page.told['picture']}: {_in_words(page.told)}"))
        say(f"  {page.path}")


def _in_words(told: Mapping[str, Any]) -> str:
    best = told["predicted"]
    said = f"{best}, {percent(told['probabilities'][best])}"
    if told["calibrated"] is not None:
        said += f" ({percent(told['calibrated'][best])} calibrated by held-out pictures)"
    return said + ("; but it is unlike anything trained on" if told["is_unfamiliar"] else "")
