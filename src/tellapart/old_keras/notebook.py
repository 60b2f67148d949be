"""A Jupyter notebook as one text, and back: its code cells one below the other, what is not Python as comments."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tellapart.errors import DataError

_CELL = "# %% cell {}"
_MAGIC = "#%magic "


@dataclass(frozen=True, slots=True)
class Notebook:
    """A notebook's code."""

    content: dict[str, Any]
    text: str
    """Its code cells, each below a line that names it."""


def notebook_of(text: str, name: str) -> Notebook:
    """Read a notebook.

    Raises:
        DataError: it is none.
    """
    try:
        content = json.loads(text)
        cells = list(_code_cells(content))
        parts = [f"{_CELL.format(number)}\n{_as_python(_source(cell))}\n" for number, cell in cells]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise DataError(f"{name} is not a Jupyter notebook: its cells cannot be read ({error}).") from error
    return Notebook(content, "".join(parts))


def notebook_with(notebook: Notebook, text: str) -> str:
    """Return the notebook's file with this code in its cells; outputs and other cells stay."""
    content = json.loads(json.dumps(notebook.content))
    sources = _sources(text)
    for number, cell in _code_cells(content):
        new = _from_python(sources.get(number, ""))
        if new != _source(cell):
            cell["source"] = new.splitlines(keepends=True) if isinstance(cell["source"], list) else new
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _code_cells(content: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, cell in enumerate(content["cells"]):
        if cell["cell_type"] == "code" and not _source(cell).lstrip().startswith("%%"):
            yield number, cell


def _source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def _as_python(source: str) -> str:
    return "\n".join(
        _MAGIC + line if line.lstrip()[:1] in ("%", "!", "?") else line for line in source.split("\n")
    )


def _from_python(source: str) -> str:
    return "\n".join(line.removeprefix(_MAGIC) for line in source.split("\n"))


def _sources(text: str) -> dict[int, str]:
    """Return the code below each line that names a cell."""
    found: dict[int, list[str]] = {}
    number = -1
    for line in text.removesuffix("\n").split("\n"):
        if line.startswith(_CELL.format("")):
            number = int(line.removeprefix(_CELL.format("")))
            found[number] = []
        elif number >= 0:
            found[number].append(line)
    return {number: "\n".join(lines) for number, lines in found.items()}
