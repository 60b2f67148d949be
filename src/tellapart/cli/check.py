"""The command `check`."""

from pathlib import Path
from typing import Any

import typer

from tellapart.cli import options
from tellapart.cli.label_options import with_label_options
from tellapart.cli.terminal.console import say_json
from tellapart.cli.terminal.startup import importing

SERIOUS = 5
"""The exit code of a check that found something serious."""


@with_label_options
def check(
    data: options.CheckData,
    labels: Any = None,
    split: options.CheckSplit = None,
    out: options.CheckOut = Path("check.html"),
    csv: options.Csv = None,
    fix: options.Fix = None,
    opens: options.OpenPage = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Find problems in labeled pictures before training.

    Finds copies and near copies within and across splits, labels that look wrong, unreadable, blank, dark and blurred
    pictures, unequal and missing classes, and pictures unlike all others. Writes a page with the pictures side by side.
    No picture is moved or changed.

    \b
    Examples:
      tellapart check photos/
      tellapart check photos/ --fix clean.csv
      tellapart train photos/ --labels clean.csv

    \b
    Exit codes: 0 nothing serious found, 1 failed, 2 wrong option,
    3 unusable data, 5 something serious found
    """
    with importing():
        from tellapart.api.check import check as check_data
        from tellapart.checks.page import MARK
        from tellapart.cli.terminal import data_check
        from tellapart.cli.terminal.browser import open_page, refuse_other_page
        from tellapart.cli.terminal.progress import ProgressListener

    options.refuse_empty(data)
    options.refuse_two_outputs(csv, as_json)
    refuse_other_page(out, MARK)
    data_check.refuse_existing(fix)
    with ProgressListener(quiet=quiet) as listener:
        result = check_data(data, labels=labels, split=split and split.value, listener=listener)
        cleaned = None if fix is None else result.fix(fix)
        place = result.save(out)
    if csv is not None:
        data_check.give_csv(result, csv)
    if as_json:
        say_json(data_check.as_dict(result, place, cleaned))
    elif csv != "-":
        data_check.report_check(result, place, cleaned, data)
    if opens:
        open_page(place)
    raise typer.Exit(SERIOUS if result.is_serious else 0)
