"""The tutorial as a notebook with its outputs: docs/tutorial.ipynb, from docs/tutorial.py.

    python scripts/tutorial_notebook.py          # runs it, a minute or two, and rewrites the notebook

What depends on the moment is left out: times of execution, what libraries print on stderr.
"""

import hashlib
import tempfile
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

from tellapart.files import write_text

DOCS = Path(__file__).parent.parent / "docs"
SCRIPT, NOTEBOOK = DOCS / "tutorial.py", DOCS / "tutorial.ipynb"


def unexecuted():
    """Return the script's cells as a notebook; a cell keeps its id as long as its source stays."""
    notebook = jupytext.read(SCRIPT)
    notebook.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    for number, cell in enumerate(notebook.cells):
        cell.id = hashlib.sha256(f"{number} {cell.source}".encode()).hexdigest()[:8]
        cell.metadata = {}
    return notebook


def executed():
    """Return the notebook with what its cells give."""
    notebook = unexecuted()
    with tempfile.TemporaryDirectory() as place:
        resources = {"metadata": {"path": place}}
        NotebookClient(notebook, timeout=1200, kernel_name="python3", resources=resources).execute()
    for cell in notebook.cells:
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
            for output in cell.outputs:
                output.pop("metadata", None) if output.output_type == "stream" else None
                if "transient" in output:
                    del output["transient"]
    notebook.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return notebook


if __name__ == "__main__":
    write_text(NOTEBOOK, nbformat.writes(executed()) + "\n")
