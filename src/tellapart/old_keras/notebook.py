"""A Jupyter notebook as one text, and back: its code cells one below the other.

Lines of IPython are made Python by `magics.py`. Of a cell that is another language only its first line is in the text.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from tellapart.errors import DataError
from tellapart.old_keras.findings import Remark
from tellapart.old_keras.magics import (
    OTHER_LANGUAGES,
    PYTHON_CELLS,
    as_command,
    as_python,
    cell_magic,
    from_python,
)

_CELL = "# %% cell {}"
_LEFT = (
    "This cell stays as it is, and it names Keras. If it holds a script, modernize that as a file of its own."
)


@dataclass(frozen=True, slots=True)
class Notebook:
    """A notebook's code."""

    content: dict[str, Any]
    text: str
    """Its code cells, each below a line that names it."""

    remarks: tuple[Remark, ...]
    """Cells that are left as they are and may hold old Keras."""


def notebook_of(text: str, name: str) -> Notebook:
    """Read a notebook.

    Raises:
        DataError: it is none.
    """
    try:
        content = json.loads(text)
        parts = [
            f"{_CELL.format(number)}\n{as_python(_source(cell)) if is_python else _first_line(cell)}\n"
            for number, cell, is_python in _code_cells(content)
        ]
        left = [
            Remark("".join(parts[:place]).count("\n") + 2, _source(cell).split("\n")[0].strip(), _LEFT)
            for place, (_, cell, is_python) in enumerate(_code_cells(content))
            if not is_python and _may_hold_keras(_source(cell))
        ]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise DataError(f"{name} is not a Jupyter notebook: its cells cannot be read ({error}).") from error
    return Notebook(content, "".join(parts), tuple(left))


def in_cells(notebook: Notebook, remarks: Iterable[Remark]) -> tuple[Remark, ...]:
    """Return remarks on the code of a notebook, each with its cell and its line there."""
    lines = notebook.text.split("\n")
    heads = {place: line for place, line in enumerate(lines, 1) if line.startswith(_CELL.format(""))}
    found = []
    for remark in sorted(remarks):
        head = max(place for place in heads if place < remark.line)
        number = int(heads[head].removeprefix(_CELL.format("")))
        found.append(replace(remark, line=remark.line - head, cell=number))
    return tuple(found)


def notebook_with(notebook: Notebook, text: str) -> str:
    """Return the notebook's file with this code in its cells; outputs and other cells stay."""
    content = json.loads(json.dumps(notebook.content))
    sources = _sources(text)
    for number, cell, is_python in _code_cells(content):
        new = from_python(sources.get(number, "")) if is_python else _source(cell)
        if new != _source(cell):
            cell["source"] = new.splitlines(keepends=True) if isinstance(cell["source"], list) else new
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _code_cells(content: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any], bool]]:
    """Yield the place of each code cell, the cell, and whether it is Python."""
    for number, cell in enumerate(content["cells"]):
        if cell["cell_type"] == "code":
            magic = cell_magic(_source(cell))
            yield number, cell, magic is None or magic in PYTHON_CELLS


def _source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def _first_line(cell: dict[str, Any]) -> str:
    return as_command(_source(cell).strip().split("\n")[0])


def _may_hold_keras(source: str) -> bool:
    return cell_magic(source) not in OTHER_LANGUAGES and "keras" in source


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
