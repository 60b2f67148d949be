"""The command `tellapart`, also as `python -m tellapart`.

Interrupted while its modules are imported, it ends as any interrupted command does, without a traceback.
"""

import sys


def run() -> int:
    """Run the command line; return the exit code."""
    try:
        from tellapart.cli.terminal.startup import leave_when_interrupted

        leave_when_interrupted()
        from tellapart.cli.main import main

        return main()
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(run())
