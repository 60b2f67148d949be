"""Tables and lines about scores, predictions and layers, which fit 80 columns."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from tellapart.classifier.prediction import Prediction
from tellapart.cli.terminal.console import results
from tellapart.cli.terminal.fitting_table import FittingTable, add_row, new_table
from tellapart.metrics.label_scores import LabelScores
from tellapart.metrics.scores import Scores
from tellapart.profiling.summary import Summary
from tellapart.recipes.measured import Measured
from tellapart.reports.prediction_grid import PredictedImage
from tellapart.runs.untrusted_pictures import TrustedScores
from tellapart.text import counted, one_line, percent

MOST_CONFUSIONS = 5
BAR_CELLS = 24

FEWEST_UNTRUSTED = 0.01
"""Share of the test pictures that cannot be trusted, from which on the score without them is printed."""

OF_UNDIVIDED = "train/"
"""Prefix of ids in data without splits, also for pictures held out for the test."""

FEW_PICTURES = 100
"""Below this, an accuracy is uncertain by some ten points either way."""

DETAILED_FROM = 1_000
"""Pictures from which an accuracy is worth a second digit."""


def score_lines(scores: Scores) -> list[str]:
    """Return loss, accuracy with its interval, and the baseline, with a remark where they say little."""
    low, high = scores.interval
    split, digits = scores.split.capitalize(), 2 if scores.pictures >= DETAILED_FROM else 1
    correct = sum(row[index] for index, row in enumerate(scores.confusion))
    commonest = max(scores.classes, key=lambda row: row.pictures).name
    return [
        f"{split} loss: {scores.loss:.4f}",
        f"{split} accuracy: {percent(scores.accuracy, digits)} ({correct:,} of {counted(scores.pictures, 'picture')})",
        f"95% confidence interval: {percent(low, digits)} to {percent(high, digits)}",
        *_few_in_words(scores),
        f"Baseline: {percent(scores.naive_accuracy, digits)} (always predicting {commonest})",
        *_beside_guessing(scores),
        *_with_classes_equal(scores),
    ]


def _with_classes_equal(scores: Scores) -> list[str]:
    """Return the scores in which every class counts the same; the rarest's where accuracy alone would hide it."""
    rare = ""
    if scores.is_unequal:
        rarest = min((row for row in scores.classes if row.pictures), key=lambda row: row.pictures)
        correct = round((rarest.recall or 0.0) * rarest.pictures)
        rare = f"; of {rarest.name}, {correct:,} of {counted(rarest.pictures, 'picture')} correct"
    return [
        f"Balanced accuracy: {percent(scores.balanced_accuracy)} (each class counts the same{rare})",
        f"Macro averages: precision {percent(scores.macro_precision)}, recall {percent(scores.macro_recall)}, "
        f"F1 {percent(scores.macro_f1)}",
    ]


def trusted_lines(trusted: TrustedScores | None, pictures: int) -> list[str]:
    """Return the accuracy without copies of training pictures and doubtful pictures, where they are 1% or more.

    Args:
        trusted: None where there are none of them.
        pictures: of the test split, all of them.
    """
    if trusted is None or trusted.copies + trusted.doubtful < FEWEST_UNTRUSTED * pictures:
        return []
    scores = trusted.scores
    if scores is None:
        what = "is a copy of a training picture" if trusted.copies == pictures else "is a copy or doubtful"
        return [f"Every test picture {what}: this accuracy says nothing about new pictures."]
    copies = [f"{trusted.copies:,} that are copies of training pictures"] * bool(trusted.copies)
    doubtful = [f"{trusted.doubtful:,} blank or with two labels"] * bool(trusted.doubtful)
    without = f"Without {' and '.join(copies + doubtful)}"
    if isinstance(scores, LabelScores):
        return [
            f"{without}: {percent(scores.mean_average_precision)} ({counted(scores.pictures, 'picture')})"
        ]
    correct = sum(row[index] for index, row in enumerate(scores.confusion))
    return [f"{without}: {percent(scores.accuracy)} ({correct:,} of {scores.pictures:,})"]


def _beside_guessing(scores: Scores) -> list[str]:
    low, high = scores.interval
    if len([row for row in scores.classes if row.pictures]) < 2 or low > scores.naive_accuracy:
        return []
    return [
        "The model is worse than this baseline."
        if high < scores.naive_accuracy
        else "The model may be no better than this baseline."
    ]


def _few_in_words(scores: Scores) -> list[str]:
    if scores.pictures >= FEW_PICTURES:
        return []
    return ["With so few pictures the accuracy is uncertain. More pictures help most."]


def tta_line(plain: Scores | LabelScores, tta_views: int) -> str:
    """Return the score without test-time augmentation, and what that is."""
    score = plain.mean_average_precision if isinstance(plain, LabelScores) else plain.accuracy
    digits = 2 if plain.pictures >= DETAILED_FROM else 1
    copies = (
        "the picture and its mirror image" if tta_views == 2 else f"{tta_views} shifted and mirrored copies"
    )
    return (
        f"Without test-time augmentation: {percent(score, digits)} "
        f"(with it, the prediction averages {copies})"
    )


def measured_lines(measured: Measured | None) -> list[str]:
    """Return what a recipe reached where it was measured, with and without test-time augmentation."""
    if measured is None:
        return ["not measured"]
    plain = (
        ""
        if measured.without_tta is None
        else f"{percent(measured.without_tta, 2)} without test-time augmentation; "
    )
    runs = "one run" if measured.trainings == 1 else f"mean of {measured.trainings} runs"
    return [
        f"{percent(measured.accuracy, 2)} on the {measured.pictures:,} test pictures of {measured.data}",
        f"({plain}{runs}, {measured.epochs} epochs)",
    ]


def classes_table(scores: Scores) -> FittingTable:
    """Return a table of each class's precision, recall and F1."""
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


def unfamiliar_line(unfamiliar: int, pictures: int) -> str:
    """Return how many pictures are unlike the training pictures."""
    return (
        f"Wrongly taken for none of these classes: {unfamiliar:,} of {counted(pictures, 'picture')} "
        f"({percent(unfamiliar / pictures)})"
    )


def confusion_lines(scores: Scores) -> list[str]:
    """Return the most frequent mistakes: true class, predicted class, how often."""
    names = [row.name for row in scores.classes]
    mistakes = sorted(
        (
            (count, true, predicted)
            for true, row in enumerate(scores.confusion)
            for predicted, count in enumerate(row)
            if count and true != predicted
        ),
        key=lambda mistake: (-mistake[0], mistake[1], mistake[2]),
    )
    return [
        f"{names[true]} predicted as {names[predicted]}: {count:,} of {scores.classes[true].pictures:,}"
        for count, true, predicted in mistakes[:MOST_CONFUSIONS]
    ]


def predictions_table(shown: Sequence[PredictedImage]) -> FittingTable:
    """Return a table of test pictures with their predictions."""
    table = new_table(
        "test picture",
        "predicted",
        "probability",
        "true",
        "correct",
        right=("probability",),
        long=("test picture", "predicted", "true"),
        spare=("correct", "true"),
    )
    for item in shown:
        verdict = Text("yes", "green") if item.is_correct else Text("no", "red")
        prediction = item.prediction
        add_row(
            table,
            prediction.picture.removeprefix(OF_UNDIVIDED),
            prediction.names[0],
            percent(prediction.probabilities[0]),
            item.target,
            verdict,
        )
    return table


def one_prediction_table(prediction: Prediction) -> FittingTable:
    """Return a table of one picture's classes with a bar each."""
    block = "█" if results().encoding.startswith("utf") else "#"
    table = new_table("class", "probability", "", right=("probability",), long=("class",), spare=("",))
    for name, probability in zip(prediction.names, prediction.probabilities, strict=True):
        add_row(table, name, percent(probability), block * round(BAR_CELLS * probability))
    return table


def answer_of(prediction: Prediction) -> str:
    """Return a prediction in a line: `cat 98%`, or `probably none of these; if it is one: cat 98%`."""
    return _unless_unfamiliar(prediction, _likeliest(prediction))


def _unless_unfamiliar(prediction: Prediction, answer: str) -> str:
    return f"probably none of these; if it is one: {answer}" if prediction.familiar is False else answer


def _likeliest(prediction: Prediction) -> str:
    """Return the likeliest class and its probability, or the likeliest group: `dog 97% (Labrador retriever 62%)`."""
    group = prediction.group
    if group is None:
        return f"{prediction.names[0]} {percent(prediction.probabilities[0], 0)}"
    return (
        f"{group.name} {percent(group.probability, 0)} ({group.kind} {percent(group.class_probability, 0)})"
    )


def many_predictions_table(predictions: Sequence[Prediction]) -> FittingTable:
    """Return a table with a row for each picture, its likeliest class first."""
    table = new_table(
        "picture",
        "predicted",
        "probability",
        "other classes",
        right=("probability",),
        long=("picture", "predicted", "other classes"),
        spare=("other classes",),
    )
    for prediction in predictions:
        shares = dict(zip(prediction.names, prediction.probabilities, strict=True))
        if (group := prediction.group) is None:
            name, share = prediction.names[0], shares.pop(prediction.names[0])
        else:
            name = f"{group.name} ({group.kind} {percent(group.class_probability)})"
            share = group.probability
            shares.pop(group.class_name, None)
        others = Text(one_line(", ".join(f"{other} {percent(value)}" for other, value in shares.items())))
        add_row(table, prediction.picture, _unless_unfamiliar(prediction, name), percent(share), others)
    return table


def summary_table(summary: Summary) -> FittingTable:
    """Return a table with a row for each layer."""
    numbers = ("parameters", "MFLOPs")
    texts = ("layer", "type", "output shape")
    spare = ("fast path", "type", "output shape")
    table = new_table(*texts, *numbers, "fast path", right=numbers, long=texts, spare=spare)
    for row in summary.layers:
        shape = " x ".join(map(str, row.output_shape))
        flops = "" if row.flops is None else f"{row.flops / 1e6:,.2f}"
        add_row(
            table, row.name, row.kind, shape, f"{row.parameters:,}", flops, "yes" if row.lowered else "no"
        )
    return table


def two_columns() -> Table:
    """Return an empty table of names and values, without lines or headings."""
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    return table


def facts_table(facts: Mapping[str, Any]) -> Table:
    """Return a table of names and values, without a heading."""
    table = two_columns()
    for name, value in facts.items():
        add_row(table, name.replace("_", " "), Text(one_line(in_words(value))))
    return table


def in_words(value: Any) -> str:
    """Return a plain value as text: lists with commas, mappings as name value, yes and no."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "-"}[value]
    if isinstance(value, Mapping):
        return ", ".join(f"{name.replace('_', ' ')} {in_words(inner)}" for name, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(in_words, value))
    return f"{value:,}" if isinstance(value, int) else str(value)
