"""The command `predict`."""

from typing import Any

import typer

from tellapart.cli import options
from tellapart.cli.model_options import with_model_options
from tellapart.cli.terminal.startup import importing


@with_model_options
def predict(
    pictures: options.ModelAndPictures,
    top: options.Top = None,
    precision: options.PredictionPrecision = options.Precision.FLOAT32,
    csv: options.Csv = None,
    out: options.PredictionsOut = None,
    workers: options.Workers = None,
    said: Any = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Predict what is in pictures.

    Without MODEL, the built-in ImageNet model is used: 1,000 kinds of animals, plants and objects. Where the
    likeliest ones are kinds of one thing, their sum leads: dog 97% (Labrador retriever 62%). Dogs and cats
    divide theirs as if photos of both were equally common.

    Of a picture unlike those that the model learned from, it says "probably none of these".

    JSON and CSV hold every class's probability, unless --top is given; `familiar` (true or false, null where the
    model cannot tell), `novelty` and `novelty_limit`, above which a picture is unfamiliar; and for the ImageNet model
    `group` (dog), `group_probability` and `group_class` (Labrador retriever).

    For many pictures, --out: rows are written while the next pictures are predicted, and memory does not grow with
    their number. It has the columns of --csv, with --top N instead N pairs class_1, probability_1, ...; and `error`.

    \b
    Examples:
      tellapart predict photo.jpg
      tellapart predict runs/photos new/ --csv predictions.csv
      tellapart predict imagenet archive/ --top 5 --out predictions.parquet

    \b
    Exit codes: 0 done, 1 failed, 2 wrong option, 3 unreadable picture
    """
    with importing():
        from tellapart.api.files_in import files_in
        from tellapart.api.load import load
        from tellapart.api.predict import predict_images
        from tellapart.classifier.resolve import model_and_pictures
        from tellapart.cli.terminal.predictions import note_left_out, note_taken_name, report_predictions
        from tellapart.cli.terminal.progress import ProgressListener
        from tellapart.cli.terminal.usage import note_usage
        from tellapart.cli.terminal.volume import note_many, write_predictions
        from tellapart.volume.pipeline import Asking

    options.refuse_two_outputs(csv, as_json)
    options.refuse_beside_out(out, csv, as_json, workers)
    note_taken_name(pictures[0])
    model, pictures = model_and_pictures(pictures)
    classifier = load(model, **said)
    note_usage(classifier.usage, model)
    if out is not None:
        asking = Asking(classifier, top, precision.value)
        raise typer.Exit(write_predictions(asking, pictures, out, workers, quiet=quiet))
    files, left_out = files_in(pictures)
    note_left_out(left_out)
    note_many(len(files))
    count = top if csv or as_json else top or options.CLASSES_SHOWN
    with ProgressListener(quiet=quiet) as listener:
        predictions = predict_images(classifier, files, count, precision.value, listener)
    report_predictions(predictions, model, csv, as_json)
    raise typer.Exit(predictions.exit_code({str(path) for path in pictures}))
