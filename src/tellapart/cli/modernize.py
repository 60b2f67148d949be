"""The command `modernize`."""

import typer

from tellapart.cli import options
from tellapart.cli.terminal.console import say_json

LEFT_TO_DO = 5
"""The exit code where something is left to do by hand."""


def modernize(
    script: options.Script,
    write: options.WriteScript = False,
    to: options.ToScript = None,
    as_json: options.Json = False,
) -> None:
    """Rewrite an old Keras script in today's Keras, with tellapart.fit.

    Reads a Python file or a Jupyter notebook for Keras 1 or 2 (keras or tf.keras) and prints a diff. The script is
    never run. Only names that the script imports from Keras are touched. Places that cannot be rewritten safely are
    listed at the end, each with its line and what to write.

    \b
    Examples:
      tellapart modernize cifar10_cnn.py
      tellapart modernize cifar10_cnn.py --to today.py
      tellapart modernize cifar10_cnn.py --write

    \b
    Exit codes: 0 done or nothing to do, 1 failed, 2 wrong option,
    3 not a readable script, 5 something is left to do by hand
    """
    from tellapart.api.modernize import modernize as rewrite
    from tellapart.cli.terminal import old_script

    old_script.refuse_two_places(write, to)
    result = rewrite(script)
    saved = result.save(to) if to is not None else None
    kept = result.write() if write and result.is_changed else None
    if as_json:
        say_json(old_script.as_dict(result, saved, kept))
    else:
        old_script.report(result, saved, kept)
    raise typer.Exit(LEFT_TO_DO if result.remarks else 0)
