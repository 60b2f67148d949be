"""The command `explain`."""

from pathlib import Path
from typing import Any

import typer

from tellapart.cli import options
from tellapart.cli.model_options import with_model_options
from tellapart.cli.terminal.startup import importing
from tellapart.errors import DataError


@with_model_options
def explain(
    pictures: options.ModelAndPictures,
    classes: options.Asked = None,
    quick: options.QuickPage = False,
    out: options.PagesOut = Path("explanations"),
    said: Any = None,
    opens: options.OpenPage = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Explain predictions: one HTML page per picture.

    Shows why the model predicts this class and not another, what would change the prediction, and every
    layer's numbers. If MODEL is a run folder, it shows training pictures for and against the prediction
    too. Without MODEL, the built-in ImageNet model is used.

    \b
    Example:
      tellapart explain runs/photos new.jpg --open

    \b
    Exit codes: 0 done, 1 failed, 2 wrong option, 3 unreadable picture
    """
    with importing():
        from tellapart.api.explain import explain_to_pages
        from tellapart.api.files_in import files_in
        from tellapart.api.load import load, run_folder_of
        from tellapart.classifier.resolve import model_and_pictures
        from tellapart.cli.terminal.browser import open_page
        from tellapart.cli.terminal.explanation_pages import report_pages
        from tellapart.cli.terminal.predictions import note_left_out, note_taken_name
        from tellapart.cli.terminal.progress import ProgressListener
        from tellapart.cli.terminal.usage import note_usage

    note_taken_name(pictures[0])
    model, pictures = model_and_pictures(pictures, "explain")
    classifier = load(model, **said)
    note_usage(classifier.usage, model)
    files, left_out = files_in(pictures)
    note_left_out(left_out)
    with ProgressListener(quiet=quiet) as listener:
        pages, unreadable = explain_to_pages(
            classifier, files, out, classes or (), listener, quick, run=run_folder_of(model)
        )
    report_pages(model, pages, unreadable, as_json)
    if opens and pages:
        open_page(pages[0].path)
    raise typer.Exit(DataError.exit_code if unreadable else 0)
