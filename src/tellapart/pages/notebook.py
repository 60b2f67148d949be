"""Whether a notebook runs this program, so that HTML is shown; IPython is asked only where it is loaded already."""

import sys


def in_notebook() -> bool:
    """Return whether the program runs in a Jupyter kernel: JupyterLab, VS Code, Colab, nbconvert."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None
