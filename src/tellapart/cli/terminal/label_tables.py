"""Tables and lines about several labels a picture, which fit 80 columns."""

from collections.abc import Sequence

from rich.text import Text

from tellapart.classifier.prediction import Prediction
from tellapart.cli.terminal.console import results
from tellapart.cli.terminal.fitting_table import FittingTable
from tellapart.cli.terminal.tables import BAR_CELLS, DETAILED_FROM, OF_UNDIVIDED, add_row, new_table
from tellapart.data.multi_label import in_words
from tellapart.metrics.label_scores import LabelScores
from tellapart.reports.prediction_grid import PredictedImage
from tellapart.text import counted, one_line, percent


def label_score_lines(scores: LabelScores) -> list[str]:
    """Return loss, mean average precision with its interval, F1, exact matches, and the baseline."""
    split, digits = scores.split.capitalize(), 2 if scores.pictures >= DETAILED_FROM else 1

    def shown(value: float) -> str:
        return percent(value, digits)

    exact = round(scores.exact_match * scores.pictures)
    interval = []
    if scores.interval is not None:
        interval = [f"95% confidence interval: {shown(scores.interval[0])} to {shown(scores.interval[1])}"]
    low, high = scores.exact_match_interval
    return [
        f"{split} loss: {scores.loss:.4f} (binary cross-entropy)",
        f"{split} mean average precision: {shown(scores.mean_average_precision)} "
        f"({len(scores.labels)} labels, {counted(scores.pictures, 'picture')})",
        *interval,
        f"Micro average precision: {shown(scores.micro_average_precision)}",
        f"F1 at the thresholds: {shown(scores.macro_f1)} macro, {shown(scores.micro_f1)} micro",
        f"All labels right: {shown(scores.exact_match)} ({exact:,} of {counted(scores.pictures, 'picture')}; 95% "
        f"confidence interval {shown(low)} to {shown(high)})",
        f"Baseline: {shown(scores.naive_average_precision)} mean average precision (random order)",
    ]


def labels_table(scores: LabelScores) -> FittingTable:
    """Return a table with a row for each label."""
    numbers = ("avg. precision", "95% interval", "threshold", "precision", "recall", "F1", "pictures")
    table = new_table("label", *numbers, right=numbers, long=("label",), spare=("95% interval", "threshold"))
    for row in scores.labels:
        interval = "–" if row.interval is None else " to ".join(percent(end) for end in row.interval)
        add_row(
            table,
            row.name,
            _share(row.average_precision),
            interval,
            percent(row.threshold),
            *map(_share, (row.precision, row.recall, row.f1)),
            f"{row.pictures:,}",
        )
    return table


def _share(value: float | None) -> str:
    return "–" if value is None else percent(value)


def labeled_predictions_table(shown: Sequence[PredictedImage]) -> FittingTable:
    """Return a table of test pictures with the labels that they are given, and their own."""
    long = ("test picture", "predicted", "true")
    table = new_table("test picture", "predicted", "true", "correct", long=long, spare=("correct",))
    for item in shown:
        verdict = Text("yes", "green") if item.is_correct else Text("no", "red")
        add_row(table, item.prediction.picture.removeprefix(OF_UNDIVIDED), item.answer, item.target, verdict)
    return table


def labels_answer(prediction: Prediction) -> str:
    """Return the labels that a picture is given in a line, each with its probability: `cat 98%, dog 71%`."""
    shares = dict(zip(prediction.names, prediction.probabilities, strict=True))
    given = prediction.labels or ()
    return in_words([f"{name} {percent(shares[name], 0)}" if name in shares else name for name in given])


def one_picture_table(prediction: Prediction, thresholds: dict[str, float]) -> FittingTable:
    """Return a table of one picture's labels with a bar each, and whether they reach their threshold."""
    block = "█" if results().encoding.startswith("utf") else "#"
    right = ("probability", "threshold")
    table = new_table(
        "label", "probability", "threshold", "given", "", right=right, long=("label",), spare=("",)
    )
    given = prediction.labels or ()
    for name, probability in zip(prediction.names, prediction.probabilities, strict=True):
        verdict = Text("yes", "green") if name in given else Text("no")
        bar = block * round(BAR_CELLS * probability)
        add_row(table, name, percent(probability), percent(thresholds[name]), verdict, bar)
    return table


def many_pictures_table(predictions: Sequence[Prediction]) -> FittingTable:
    """Return a table with a row for each picture: the labels that it is given, then the likeliest others."""
    columns = ("picture", "labels", "other labels")
    table = new_table(*columns, long=columns, spare=("other labels",))
    for prediction in predictions:
        shares = dict(zip(prediction.names, prediction.probabilities, strict=True))
        others = {name: share for name, share in shares.items() if name not in (prediction.labels or ())}
        rest = Text(one_line(", ".join(f"{name} {percent(value)}" for name, value in others.items())))
        add_row(table, prediction.picture, labels_answer(prediction), rest)
    return table
