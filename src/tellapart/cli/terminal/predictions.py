"""Reports of evaluate, predict and summary."""

import sys
from collections.abc import Sequence
from pathlib import Path

from tellapart.api.predict import Predictions
from tellapart.classifier.classifier import Prediction
from tellapart.classifier.resolve import named, taken_name
from tellapart.cli.terminal import tables
from tellapart.cli.terminal.console import counted, note, one_line, results, say, say_json
from tellapart.cli.terminal.left_out import left_out_of_folders
from tellapart.files import write_whole
from tellapart.models.pretrained import shipped_model

CLASSES_NAMED = 12
"""Of a model's classes, where it has more."""


def note_taken_name(model: str | Path) -> None:
    """Say, in a line, that a path has the name of a model that comes along."""
    if said := taken_name(model):
        note(said, "yellow")


def note_left_out(files: Sequence[Path]) -> None:
    """Say, in a line, which files of folders are not asked about because their ending is no picture's."""
    for line in left_out_of_folders([str(path) for path in files]):
        note(line, "yellow")


def note_who_answers(model: Path, class_names: Sequence[str]) -> None:
    """Say, in a line, what the model knows that answers: nothing else will it ever name."""
    others = len(class_names) - CLASSES_NAMED
    *names, last = [*class_names[:CLASSES_NAMED], f"{others:,} others"] if others > 1 else class_names
    which = ", the model that comes along" if model == shipped_model() else ""
    known = f"{', '.join(names)} and {last}," if names else last
    note(one_line(f"{named(model)} answers{which}: it knows {known} and nothing else."))


def report_predictions(answers: Predictions, model: Path, csv: str | None, as_json: bool) -> None:
    """Answers in the form asked for; on stderr, the pictures that could not be read."""
    for unreadable in answers.unreadable:
        note(one_line(f"Not read: {unreadable.reason}"), "yellow")
    if as_json:
        say_json({"model": named(model), **answers.to_dict()})
    elif csv == "-":
        sys.stdout.write(answers.to_csv())
    elif csv is not None:
        table = answers.to_csv().encode("utf-8", "surrogateescape")  # names as the file system has them
        write_whole(Path(csv), lambda place: _write_bytes(place, table))
        note(f"{counted(len(answers.predictions), 'prediction')} written to {csv}")
    elif answers.predictions:
        note_who_answers(model, answers.class_names)
        _print_answers(answers.predictions)


def _print_answers(predictions: Sequence[Prediction]) -> None:
    if len(predictions) > 1:
        results().print(tables.many_predictions_table(predictions))
        return
    say(one_line(predictions[0].picture))
    results().print(tables.one_prediction_table(predictions[0]))


def _write_bytes(place: Path, content: bytes) -> None:
    place.write_bytes(content)
