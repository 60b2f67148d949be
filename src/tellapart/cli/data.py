"""The commands `data list`, `data show` and `data get`."""

from typing import Any

from tellapart.cli import options
from tellapart.cli.label_options import with_label_options


def list_sets(as_json: options.Json = False) -> None:
    """List the known data sets and show which are on this machine.

    \b
    Example:
      tellapart data list

    \b
    Exit codes: 0 done, 2 wrong option
    """
    from tellapart.cli.terminal import data_sets

    data_sets.report_sets(as_json)


@with_label_options
def show(name: options.SetOrFolder, labels: Any = None, as_json: options.Json = False) -> None:
    """Show a data set's classes, its pictures per class and split, and notes on how it was read.

    \b
    Examples:
      tellapart data show cifar10
      tellapart data show photos/
      tellapart data show photos/ --labels labels.csv

    \b
    Exit codes: 0 done, 2 wrong option, 3 unusable data, 4 missing optional package
    """
    from tellapart.cli.terminal import data_sets

    options.refuse_empty(name)
    data_sets.report_set(name, as_json, labels)


def get(name: options.SetName, as_json: options.Json = False, quiet: options.Quiet = False) -> None:
    """Download a known data set, or resume a stopped download.

    \b
    Example:
      tellapart data get cifar10

    \b
    Exit codes: 0 done, 1 failed, 2 wrong option, 3 no such data set
    """
    from tellapart.cli.terminal import data_sets

    data_sets.get_set(name, as_json, quiet)
