"""A name with spaces, given without quotes: the shell makes several words of it, of which none is there."""

import os
from collections.abc import Sequence

from tellapart.cli.terminal.console import command


def unquoted_name(words: Sequence[str]) -> str | None:
    """What to say where words of a command line that failed are together the name of something that is there.

    Args:
        words: the command and what was given to it.
    """
    for start in range(1, len(words)):
        if os.path.exists(words[start]):
            continue
        for end in range(start + 2, len(words) + 1):
            name = " ".join(words[start:end])
            if os.path.exists(name):
                meant = command(*words[:start], name, *words[end:])
                return f"A name with spaces goes in quotes. Is this meant?\n  {meant}"
    return None
