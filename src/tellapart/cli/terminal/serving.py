"""What `serve` prints: its address, and the log."""

import logging
import sys
from collections.abc import Sequence
from typing import Any

from tellapart.cli.terminal.console import note, say
from tellapart.server.log import log_to_stderr
from tellapart.server.serve import serve


def serve_and_say(models: Sequence[str], *, quiet: bool, **settings: Any) -> None:
    """Serve until the process is told to stop.

    Args:
        models: as for `tellapart.serve`.
        quiet: whether to log warnings and errors alone.
        settings: as for `tellapart.serve`.
    """

    def started(address: str) -> None:
        say(f"Serving: {address}")
        sys.stdout.flush()
        if not quiet and sys.stderr.isatty():  # elsewhere stderr is the log, and for programs
            note("Stop with Ctrl-C; what was accepted is answered first.")

    log_to_stderr(logging.WARNING if quiet else logging.INFO)
    serve(list(models), started=started, **settings)
