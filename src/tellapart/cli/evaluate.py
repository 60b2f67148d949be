"""The command `evaluate`."""

from typing import Any

from tellapart.cli import options
from tellapart.cli.label_options import with_label_options
from tellapart.cli.model_options import with_model_options
from tellapart.cli.terminal.console import say_json
from tellapart.cli.terminal.startup import importing


@with_label_options
@with_model_options
def evaluate(
    model: options.Model,
    data: options.EvaluateData = None,
    split: options.SplitOption = None,
    labels: Any = None,
    precision: options.ScorePrecision = None,
    said: Any = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Score a model on labeled pictures.

    Prints accuracy with its 95% confidence interval, loss, each class's precision, recall and F1, and the
    most frequent mistakes.

    \b
    Example:
      tellapart evaluate runs/photos

    \b
    Exit codes: 0 done, 1 failed, 2 wrong option, 3 unusable data,
    4 missing optional package
    """
    with importing():
        from tellapart.api.evaluate import evaluate as evaluate_model
        from tellapart.cli.terminal.evaluation import report_evaluation
        from tellapart.cli.terminal.predictions import note_taken_name
        from tellapart.cli.terminal.progress import ProgressListener
        from tellapart.cli.terminal.usage import note_usage

    options.refuse_empty(data)
    note_taken_name(model)
    with ProgressListener(quiet=quiet) as listener:
        evaluation = evaluate_model(
            model,
            data,
            split=split and split.value,
            labels=labels,
            precision=precision and precision.value,
            listener=listener,
            **said,
        )
    note_usage(evaluation.usage, model)
    if as_json:
        say_json({"model": str(model), **evaluation.to_dict()})
    else:
        report_evaluation(evaluation)
