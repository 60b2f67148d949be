"""`python -m tellapart` is the command `tellapart`."""

import sys

from tellapart.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
