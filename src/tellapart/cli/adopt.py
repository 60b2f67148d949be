"""The command `adopt`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from tellapart.cli import options
from tellapart.cli.model_options import with_model_options
from tellapart.cli.terminal.console import say_json
from tellapart.cli.terminal.startup import importing

PlainModel = Annotated[
    Path, typer.Argument(metavar="MODEL", help="A .keras or .h5 file that tellapart did not save.")
]
To = Annotated[
    Path | None,
    typer.Option(
        "--to", metavar="FILE.keras", help="The file to write. Default: NAME-tellapart.keras beside it."
    ),
]


@with_model_options
def adopt(
    model: PlainModel,
    to: To = None,
    said: Any = None,
    as_json: options.Json = False,
) -> None:
    """Save how a Keras model from elsewhere is used: its pixels, class names and picture size.

    Writes a copy that every command uses without asking. The model itself is not changed.

    \b
    Example:
      tellapart adopt keras_model.h5 --pixels 0-1 --classes cat,dog

    \b
    Exit codes: 0 done, 1 failed, 2 wrong or missing option
    """
    with importing():
        from tellapart.api.adopt import adopt as adopt_model
        from tellapart.cli.terminal.usage import report_adopted

    adopted = adopt_model(model, to, **said)
    if as_json:
        say_json(adopted.to_dict())
    else:
        report_adopted(adopted)
