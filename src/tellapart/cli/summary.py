"""The command `summary`."""

from tellapart.cli import options
from tellapart.cli.terminal.console import say_json
from tellapart.cli.terminal.startup import importing


def summary(
    model: options.ModelOrRecipe,
    size: options.SummarySize = None,
    channels: options.Channels = None,
    classes: options.Classes = None,
    as_json: options.Json = False,
) -> None:
    """Show a network layer by layer.

    Prints shapes, parameters and FLOPs, then the recipe's settings or the model card.

    \b
    Examples:
      tellapart summary fast
      tellapart summary runs/photos

    \b
    Exit codes: 0 done, 1 failed, 2 wrong option
    """
    with importing():
        from tellapart.api.summary import summary as describe
        from tellapart.cli.terminal.network import report_summary
        from tellapart.cli.terminal.predictions import note_taken_name

    note_taken_name(model)
    shape = None if size is None else options.parse_size(size)
    description = describe(model, size=shape, channels=channels, classes=classes)
    if as_json:
        say_json(description.to_dict())
    else:
        report_summary(description)
