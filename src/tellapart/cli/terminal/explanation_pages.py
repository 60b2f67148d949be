"""What `explain` prints: each picture's prediction, a warning where it is unfamiliar, and where its page is."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tellapart.api.explain import Page
from tellapart.classifier.groups import Group
from tellapart.classifier.prediction import Prediction
from tellapart.cli.terminal.console import note, say, say_json
from tellapart.cli.terminal.label_tables import labels_answer
from tellapart.cli.terminal.predictions import TOO_FEW_TO_TELL, note_model, note_reading
from tellapart.cli.terminal.tables import answer_of
from tellapart.data.reading_notes import ReadingNote
from tellapart.data.store import UnreadableImage
from tellapart.text import one_line


def report_pages(
    model: Path,
    pages: Sequence[Page],
    unreadable: Sequence[UnreadableImage],
    as_json: bool,
) -> None:
    """Print the predictions in the chosen form; on stderr, unreadable pictures and what the pages lack."""
    for image in unreadable:
        note(one_line(f"Skipped: {image.reason}"), "yellow")
    note_reading(
        [ReadingNote(page.values["picture"], page.values["note"]) for page in pages if page.values["note"]]
    )
    if as_json:
        say_json(
            {
                "explanations": [{"page": str(page.path), **page.values} for page in pages],
                "unreadable": [{"picture": image.id, "reason": image.reason} for image in unreadable],
            }
        )
        return
    if pages:
        values = pages[0].values
        numbered = values.get("usage", {}).get("classes", {}).get("source") == "assumed"
        note_model(model, list(values["probabilities"]), numbered=numbered)
        if values["familiar"] is None and values["novelty"] is not None:
            note(TOO_FEW_TO_TELL)
    for gap in dict.fromkeys(gap for page in pages for gap in page.values["missing"]):
        note(f"Missing on the page: {gap}", "yellow")
    for page in pages:
        prediction = _prediction(page.values)
        answer = answer_of(prediction) if prediction.labels is None else labels_answer(prediction)
        say(one_line(f"{page.values['picture']}: {answer}"))
        say(f"  {page.path}")


def _prediction(values: Mapping[str, Any]) -> Prediction:
    """Return what a page says as `predict` would, so that both print the same line."""
    probabilities = values["probabilities"]
    names = sorted(probabilities, key=probabilities.__getitem__, reverse=True)
    group = None
    if values.get("group") is not None:
        kind = values["group_class"]
        group = Group(values["group"], values["group_probability"], kind, probabilities[kind])
    shares = tuple(probabilities[name] for name in names)
    labels = tuple(values["predicted"]) if isinstance(values["predicted"], list) else None
    return Prediction(values["picture"], tuple(names), shares, group, values["familiar"], labels=labels)
