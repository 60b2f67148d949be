"""What `evaluate` prints."""

from tellapart.api.evaluate import Evaluation
from tellapart.cli.terminal import label_tables, tables
from tellapart.cli.terminal.console import note, results, say
from tellapart.metrics.label_scores import LabelScores


def report_evaluation(evaluation: Evaluation) -> None:
    """Print the scores, each class's, and the most frequent mistakes."""
    if evaluation.note:
        note(evaluation.note, "yellow")
    say(f"Data: {evaluation.data} ({evaluation.where})")
    if isinstance(evaluation.scores, LabelScores):
        _report_labels(evaluation, evaluation.scores)
        return
    for line in tables.score_lines(evaluation.scores):
        say(line)
    for line in tables.trusted_lines(evaluation.trusted, evaluation.scores.pictures):
        say(line, "bold red")
    if evaluation.plain_scores is not None:
        say(tables.tta_line(evaluation.plain_scores, evaluation.tta_views))
    if evaluation.unfamiliar is not None:
        say(tables.unfamiliar_line(evaluation.unfamiliar, evaluation.scores.pictures))
    results().print(tables.classes_table(evaluation.scores))
    mistakes = tables.confusion_lines(evaluation.scores)
    if mistakes:
        say("Most frequent mistakes:")
        for line in mistakes:
            say(f"  {line}")


def _report_labels(evaluation: Evaluation, scores: LabelScores) -> None:
    """Print the scores of several labels a picture, and each label's."""
    for line in label_tables.label_score_lines(scores):
        say(line)
    for line in tables.trusted_lines(evaluation.trusted, scores.pictures):
        say(line, "bold red")
    if evaluation.plain_scores is not None:
        say(tables.tta_line(evaluation.plain_scores, evaluation.tta_views))
    results().print(label_tables.labels_table(scores))
    say(f"Thresholds: {evaluation.thresholds_from}")
