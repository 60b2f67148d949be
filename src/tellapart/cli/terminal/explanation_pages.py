"""What the command `explain` prints: of each picture the answer, what of it is doubtful, and where its page is."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tellapart.api.explain import Page
from tellapart.cli.terminal.console import note, one_line, say, say_json
from tellapart.cli.terminal.predictions import note_who_answers
from tellapart.data.store import UnreadableImage
from tellapart.text import percent


def report_pages(
    model: Path, pages: Sequence[Page], unreadable: Sequence[UnreadableImage], as_json: bool
) -> None:
    """In the form asked for; on stderr, the pictures that could not be read and what could not be shown."""
    for one in unreadable:
        note(one_line(f"Not read: {one.reason}"), "yellow")
    if as_json:
        say_json(
            {
                "explanations": [{"page": str(page.path), **page.values} for page in pages],
                "unreadable": [{"picture": image.id, "reason": image.reason} for image in unreadable],
            }
        )
        return
    if pages:
        note_who_answers(model, list(pages[0].values["probabilities"]))
    for gap in dict.fromkeys(gap for page in pages for gap in page.values["missing"]):
        note(f"Not on the page: {gap}", "yellow")
    for page in pages:
        say(one_line(f"{page.values['picture']}: {_in_words(page.values)}"))
        say(f"  {page.path}")


def _in_words(told: Mapping[str, Any]) -> str:
    best = told["predicted"]
    said = f"{best}, {percent(told['probabilities'][best])}"
    if told["calibrated"] is not None:
        said += f" ({percent(told['calibrated'][best])} calibrated by held-out pictures)"
    return said + ("; but it is unlike anything trained on" if told["is_unfamiliar"] else "")
