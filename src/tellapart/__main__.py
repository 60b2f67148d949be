"""The command `tellapart`, also as `python -m tellapart`.

Interrupted while its modules are imported, it ends as any interrupted command does, without a traceback.
"""

import atexit
import os
import sys
from contextlib import suppress

INTERRUPTED = (129, 130, 143)
"""Exit codes after SIGHUP, Ctrl-C and SIGTERM."""


def run() -> int:
    """Run the command line; return the exit code."""
    try:
        from tellapart.cli.terminal.startup import leave_when_interrupted

        leave_when_interrupted()
        from tellapart.cli.main import main

        code = main()
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        code = 130
    if code in INTERRUPTED:
        _leave(code)
    return code


def _leave(code: int) -> None:
    """End the process with this exit code.

    Where an interruption was raised within `exec`, such as that of a named tuple, Python would not: it remembers that,
    and ends by SIGINT although it was handled.
    """
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    sys.exit(run())
