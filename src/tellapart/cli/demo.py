"""The command `demo`."""

import typer

from tellapart.cli import options
from tellapart.cli.terminal.startup import importing


def demo(out: options.Out = None, as_json: options.Json = False, quiet: options.Quiet = False) -> None:
    """Train on handwritten digits (about one minute, no download).

    The 1,797 digits come with scikit-learn.

    \b
    Example:
      tellapart demo

    \b
    Exit codes: 0 done, 1 failed, 2 wrong option, 129 closed terminal, 130 Ctrl-C, 143 SIGTERM
    """
    with importing():
        from tellapart.cli.terminal.training import train_and_report
        from tellapart.recipes.recipes import DEMO_CHANGES, DEMO_EPOCHS

    settings = {"recipe": "quick", "out": out, "epochs": DEMO_EPOCHS, **DEMO_CHANGES}
    raise typer.Exit(train_and_report("digits", settings, as_json=as_json, quiet=quiet, is_demo=True))
