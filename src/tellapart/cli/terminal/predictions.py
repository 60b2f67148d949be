"""What `predict` prints, and notes on the model and the files that several commands share."""

from collections.abc import Sequence
from pathlib import Path

from tellapart.api.predict import Predictions
from tellapart.classifier.prediction import Prediction
from tellapart.classifier.resolve import display_name, shadow_warning, title_of
from tellapart.cli.terminal import label_tables, tables
from tellapart.cli.terminal.console import note, results, say, say_csv, say_json
from tellapart.data.left_out import left_out_of_folders
from tellapart.data.reading_notes import ReadingNote, in_words
from tellapart.files import write_whole
from tellapart.models.pretrained import built_in
from tellapart.text import as_bytes, counted, one_line

CLASSES_NAMED = 12
"""At most so many of a model's classes are listed."""


def note_taken_name(model: str | Path) -> None:
    """Note that a path is used although a built-in model has the same name."""
    if warning := shadow_warning(model):
        note(warning, "yellow")


def note_left_out(files: Sequence[Path], count: int | None = None) -> None:
    """Note which files of folders are skipped because they are not pictures; `count`: where `files` are the first."""
    for line in left_out_of_folders([str(path) for path in files], count):
        note(line, "yellow")


def note_reading(notes: Sequence[ReadingNote]) -> None:
    """Note which pictures were read by an assumption about their levels."""
    for line in in_words(notes):
        note(line, "yellow")


def note_model(model: Path, class_names: Sequence[str], *, numbered: bool = False) -> None:
    """Note which model predicts, and the only classes that it knows, unless they are mere numbers."""
    own = built_in(model)
    known = own.knows if own is not None and own.knows else f": {_listed(class_names)}"
    note(one_line(f"Using {title_of(model)}.{'' if numbered else f' It recognizes only{known}.'}"))


def _listed(names: Sequence[str]) -> str:
    others = len(names) - CLASSES_NAMED
    return ", ".join([*names[:CLASSES_NAMED], f"{others:,} more"] if others > 1 else names)


TOO_FEW_TO_TELL = "It was trained with too few pictures to say when a picture shows none of these."


def report_predictions(predictions: Predictions, model: Path, csv: str | None, as_json: bool) -> None:
    """Print predictions in the chosen form; on stderr, the pictures that could not be read."""
    for image in predictions.unreadable:
        note(one_line(f"Skipped: {image.reason}"), "yellow")
    note_reading([ReadingNote(each.picture, each.note) for each in predictions if each.note])
    if as_json:
        say_json({"model": display_name(model), **predictions.to_dict()})
    elif csv == "-":
        say_csv(predictions.to_csv())
    elif csv is not None:
        table = as_bytes(predictions.to_csv())
        write_whole(Path(csv), lambda place: _write_bytes(place, table))
        note(f"{counted(len(predictions.predictions), 'prediction')} written to {csv}")
    elif predictions.predictions:
        usage = predictions.usage
        numbered = usage is not None and usage.classes.source == "assumed"
        note_model(model, predictions.class_names, numbered=numbered)
        if predictions.novelty_limit is None and predictions.predictions[0].novelty is not None:
            note(TOO_FEW_TO_TELL)
        if predictions.thresholds is not None:
            _print_labels(predictions)
            return
        _print_tables(predictions.predictions)


def _print_labels(predictions: Predictions) -> None:
    """Print predictions of several labels a picture."""
    if len(predictions) > 1:
        results().print(label_tables.many_pictures_table(predictions.predictions))
        return
    only = predictions[0]
    say(one_line(f"{only.picture}: {label_tables.labels_answer(only)}"))
    results().print(label_tables.one_picture_table(only, dict(predictions.thresholds or {})))


def _print_tables(predictions: Sequence[Prediction]) -> None:
    if len(predictions) > 1:
        results().print(tables.many_predictions_table(predictions))
        return
    say(one_line(f"{predictions[0].picture}: {tables.answer_of(predictions[0])}"))
    results().print(tables.one_prediction_table(predictions[0]))


def _write_bytes(place: Path, content: bytes) -> None:
    place.write_bytes(content)
