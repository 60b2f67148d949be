"""A script's text in, today's text out: Python 2 is read too, and nothing is run.

Knows nothing of files; a notebook is brought here as one text by `notebook.py`.
"""

import difflib
from collections.abc import Callable
from dataclasses import dataclass, replace

import libcst as cst

from tellapart.errors import DataError
from tellapart.old_keras.findings import Remark
from tellapart.old_keras.python2 import as_python_3
from tellapart.old_keras.rewrite import rewrite


@dataclass(frozen=True, slots=True)
class Modernized:
    """A script in today's form, and what is left to do by hand."""

    name: str
    """Its file's name, for the diff."""

    old: str
    """The text as it was."""

    text: str
    """The text as it is written today."""

    remarks: tuple[Remark, ...]
    """Places that could not be rewritten safely, in the order of their lines in the old text."""

    @property
    def is_changed(self) -> bool:
        """Whether anything is written otherwise today."""
        return self.text != self.old

    def shown(self, written: Callable[[str], str]) -> "Modernized":
        """Return this with both texts as people wrote them, where that is another form than the one that is parsed."""
        return replace(self, old=written(self.old), text=written(self.text))

    @property
    def diff(self) -> str:
        """The changes as a unified diff, for `patch`."""
        lines = difflib.unified_diff(
            self.old.splitlines(keepends=True), self.text.splitlines(keepends=True), self.name, self.name
        )
        return "".join(
            line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
        )


def modernized(text: str, name: str) -> Modernized:
    """Return a script in today's Keras, trained by `tellapart.fit`.

    Args:
        text: the script.
        name: what it is called in the diff and in errors.

    Raises:
        DataError: it is not Python.
    """
    try:
        read = as_python_3(text)
        found = rewrite(read.text, read.is_python_2)
    except (cst.ParserSyntaxError, SyntaxError, RecursionError, ValueError) as error:
        raise DataError(_unreadable(name, error)) from error
    is_old = found.uses_keras
    return Modernized(name, text, found.text if is_old else text, found.remarks)


def _unreadable(name: str, error: Exception) -> str:
    line = getattr(error, "raw_line", None) or getattr(error, "lineno", None)
    words = str(getattr(error, "message", None) or getattr(error, "msg", None) or "nested too deeply")
    where = f"line {line}: " if line else ""
    return (
        f"{name} cannot be read as Python: {where}{words.splitlines()[0]}. "
        "Of Python 2, print, except, raise, exec, and numbers are understood. "
        "Fix this line by hand, then run modernize again."
    )
