"""What `explain` prints: each picture's prediction, a warning where it is unfamiliar, and where its page is."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tellapart.api.explain import Page
from tellapart.cli.terminal.console import note, one_line, say, say_json
from tellapart.cli.terminal.predictions import note_model
from tellapart.data.store import UnreadableImage
from tellapart.text import percent


def report_pages(
    model: Path, pages: Sequence[Page], unreadable: Sequence[UnreadableImage], as_json: bool
) -> None:
    """Print the predictions in the chosen form; on stderr, unreadable pictures and what the pages lack."""
    for image in unreadable:
        note(one_line(f"Skipped: {image.reason}"), "yellow")
    if as_json:
        say_json(
            {
                "explanations": [{"page": str(page.path), **page.values} for page in pages],
                "unreadable": [{"picture": image.id, "reason": image.reason} for image in unreadable],
            }
        )
        return
    if pages:
        note_model(model, list(pages[0].values["probabilities"]))
    for gap in dict.fromkeys(gap for page in pages for gap in page.values["missing"]):
        note(f"Missing on the page: {gap}", "yellow")
    for page in pages:
        say(one_line(f"{page.values['picture']}: {_in_words(page.values)}"))
        say(f"  {page.path}")


def _in_words(values: Mapping[str, Any]) -> str:
    best = values["predicted"]
    text = f"{best}, {percent(values['probabilities'][best])}"
    if values["familiar"] is False:
        return f"probably none of the model's classes; if it is one of them: {text}"
    return text
