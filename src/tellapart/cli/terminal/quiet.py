"""Quiet: what Keras, absl and torch say to their own developers is kept from people who train a model."""

import logging
import os
import sys
import warnings


def silence_libraries() -> None:
    """Hide other packages' warnings, unless somebody debugs (TELLAPART_DEBUG) or asked for them (python -W)."""
    if os.environ.get("TELLAPART_DEBUG") or sys.warnoptions:
        return
    warnings.filterwarnings("ignore")
    for name in ("absl", "keras", "torch", "PIL"):
        logging.getLogger(name).setLevel(logging.ERROR)
