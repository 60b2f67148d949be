"""Tables: scores, predictions, layers and sets as rich tables that fit 80 columns."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from tellapart.classifier.classifier import Prediction
from tellapart.cli.terminal.console import counted, one_line, results
from tellapart.cli.terminal.fitting_table import FittingTable
from tellapart.metrics.scores import Scores
from tellapart.profiling.summary import Summary
from tellapart.recipes.measured import Measured
from tellapart.reports.prediction_grid import Shown
from tellapart.text import percent

MOST_CONFUSIONS = 5
BAR_CELLS = 24

OF_UNDIVIDED = "train/"
"""What ids of undivided data begin with, those of pictures held out for the test as well."""

FEW_PICTURES = 100
"""Below which an accuracy is uncertain by ten points or so to either side."""


def new_table(
    *columns: str, right: Sequence[str] = (), long: Sequence[str] = (), spare: Sequence[str] = ()
) -> FittingTable:
    """An empty table; its arguments are those of FittingTable."""
    return FittingTable(columns, right, long, spare)


def add_row(table: Table | FittingTable, *cells: Any) -> None:
    """A row of plain text; Text cells keep their style."""
    table.add_row(*(cell if isinstance(cell, Text) else Text(one_line(str(cell))) for cell in cells))


def score_lines(scores: Scores) -> list[str]:
    """Loss and accuracy with the 95% interval, what that means where it is wide, and what guessing would get."""
    low, high = scores.interval
    split = scores.split.capitalize()
    commonest = max(scores.classes, key=lambda row: row.pictures).name
    return [
        f"{split} loss: {scores.loss:.4f}",
        f"{split} accuracy: {scores.accuracy:.4f} (95% interval {low:.4f} to {high:.4f}, n = {scores.pictures:,})",
        *_few_in_words(scores),
        f"Naive guess: {scores.naive_accuracy:.4f} (always answering {commonest})",
        *_beside_guessing(scores),
    ]


def _beside_guessing(scores: Scores) -> list[str]:
    low, high = scores.interval
    if len([row for row in scores.classes if row.pictures]) < 2 or low > scores.naive_accuracy:
        return []
    return [
        "That is worse than guessing."
        if high < scores.naive_accuracy
        else "That may be no better than guessing."
    ]


def _few_in_words(scores: Scores) -> list[str]:
    if scores.pictures >= FEW_PICTURES:
        return []
    low, high = scores.interval
    count = counted(scores.pictures, f"{scores.split} picture")
    return [
        f"{count} {'is' if scores.pictures == 1 else 'are'} few: the truth may be anywhere from "
        f"{percent(low, 0)} to {percent(high, 0)}.",
        "More pictures help most.",
    ]


def tta_line(plain: Scores, tta_views: int) -> str:
    """The accuracy without test-time views, and what these are."""
    ways = "as it is and mirrored" if tta_views == 2 else "mirrored and moved by a pixel"
    return (
        f"Without test-time views: {plain.accuracy:.4f} "
        f"(above, the answers about a picture {ways} are averaged)"
    )


def measured_lines(measured: Measured | None) -> list[str]:
    """What a recipe reached where it was measured, with and without test-time views."""
    if measured is None:
        return ["not measured"]
    plain = "" if measured.without_tta is None else f"{measured.without_tta:.4f} without test-time views; "
    trainings = "one training" if measured.trainings == 1 else f"mean of {measured.trainings} trainings"
    return [
        f"{measured.accuracy:.4f} on the {measured.pictures:,} test pictures of {measured.data}",
        f"({plain}{trainings} of {measured.epochs} epochs)",
    ]


def classes_table(scores: Scores) -> FittingTable:
    """Each class's precision, recall and F1."""
    table = new_table(
        "class",
        "precision",
        "recall",
        "F1",
        "pictures",
        right=("precision", "recall", "F1", "pictures"),
        long=("class",),
        spare=("F1", "pictures"),
    )
    for row in scores.classes:
        add_row(
            table, row.name, percent(row.precision), percent(row.recall), percent(row.f1), f"{row.pictures:,}"
        )
    return table


def confusion_lines(scores: Scores) -> list[str]:
    """The most frequent mistakes: true class, answer, how often."""
    names = [row.name for row in scores.classes]
    mistakes = sorted(
        (
            (count, true, answer)
            for true, row in enumerate(scores.confusion)
            for answer, count in enumerate(row)
            if count and true != answer
        ),
        key=lambda mistake: (-mistake[0], mistake[1], mistake[2]),
    )
    return [
        f"{names[true]} taken for {names[answer]}: {count} of {scores.classes[true].pictures:,}"
        for count, true, answer in mistakes[:MOST_CONFUSIONS]
    ]


def predictions_table(shown: Sequence[Shown]) -> FittingTable:
    """Test pictures with what was said of each."""
    table = new_table(
        "test picture",
        "predicted",
        "probability",
        "true",
        "right?",
        right=("probability",),
        long=("test picture", "predicted", "true"),
        spare=("right?", "true"),
    )
    for item in shown:
        verdict = Text("yes", "green") if item.right else Text("no", "red")
        prediction = item.prediction
        add_row(
            table,
            prediction.picture.removeprefix(OF_UNDIVIDED),
            prediction.names[0],
            percent(prediction.probabilities[0]),
            item.truth,
            verdict,
        )
    return table


def one_prediction_table(prediction: Prediction) -> FittingTable:
    """One picture's classes with a bar each."""
    block = "█" if results().encoding.startswith("utf") else "#"
    table = new_table("class", "probability", "", right=("probability",), long=("class",), spare=("",))
    for name, probability in zip(prediction.names, prediction.probabilities, strict=True):
        add_row(table, name, percent(probability), block * round(BAR_CELLS * probability))
    return table


def many_predictions_table(predictions: Sequence[Prediction]) -> FittingTable:
    """A row for each picture, its likeliest class first."""
    table = new_table(
        "picture",
        "predicted",
        "probability",
        "then",
        right=("probability",),
        long=("picture", "predicted", "then"),
        spare=("then",),
    )
    for prediction in predictions:
        best, *others = [
            (name, percent(share))
            for name, share in zip(prediction.names, prediction.probabilities, strict=True)
        ]
        add_row(table, prediction.picture, *best, ", ".join(f"{name} {share}" for name, share in others))
    return table


def summary_table(summary: Summary) -> FittingTable:
    """A row for each layer."""
    numbers = ("parameters", "MFLOPs")
    texts = ("layer", "type", "output shape")
    spare = ("lowered?", "type", "output shape")
    table = new_table(*texts, *numbers, "lowered?", right=numbers, long=texts, spare=spare)
    for row in summary.layers:
        shape = " x ".join(map(str, row.output_shape))
        flops = "" if row.flops is None else f"{row.flops / 1e6:,.2f}"
        add_row(
            table, row.name, row.kind, shape, f"{row.parameters:,}", flops, "yes" if row.lowered else "no"
        )
    return table


def two_columns() -> Table:
    """An empty table of names and what is to say of them, without lines or headings."""
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    return table


def facts_table(facts: Mapping[str, Any]) -> Table:
    """Names and values, without a heading."""
    table = two_columns()
    for name, value in facts.items():
        add_row(table, name.replace("_", " "), in_words(value))
    return table


def in_words(value: Any) -> str:
    """A plain value for people: lists with commas, mappings as name value, yes and no."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "-"}[value]
    if isinstance(value, Mapping):
        return ", ".join(f"{name.replace('_', ' ')} {in_words(inner)}" for name, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(in_words, value))
    return f"{value:,}" if isinstance(value, int) else str(value)
