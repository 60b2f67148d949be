"""`modernize`: an old Keras script in today's Keras, trained by `tellapart.fit`; it is read and never run."""

from __future__ import annotations

import io
import os
import tokenize
from pathlib import Path

from tellapart.errors import ConfigError, DataError
from tellapart.files import unreadable_is_bad_data, write_whole
from tellapart.old_keras.findings import Remark
from tellapart.old_keras.magics import from_python
from tellapart.old_keras.modernize import modernized
from tellapart.old_keras.notebook import in_cells, notebook_of, notebook_with
from tellapart.pages.card import Card, Code, Readable, Table
from tellapart.text import counted, described, short_name

LARGEST = 20_000_000
"""Bytes of a script that is read."""


class ModernizedScript(Readable):
    """An old script, and its text today."""

    def __init__(self, path: Path, content: bytes) -> None:
        self.path = path
        """The file that was read."""
        is_notebook = path.suffix.lower() == ".ipynb"
        self._content = content
        self._encoding = "utf-8" if is_notebook else _encoding(path, content)
        text = _decoded(path, content, self._encoding)
        self._notebook = notebook_of(text, str(path)) if is_notebook else None
        self._result = modernized(text if self._notebook is None else self._notebook.text, str(path))

    def _parts(self) -> list[str]:
        changed = "rewritten" if self.is_changed else "nothing to rewrite"
        left = counted(len(self.remarks), "place")
        return [
            short_name(str(self.path)),
            changed,
            f"{left} to do by hand" if self.remarks else "nothing left to do",
        ]

    def _card(self) -> Card:
        rows = [(str(each).partition(":")[0], each.code, each.advice) for each in self.remarks]
        left = Table(("where", "what", "what to write"), rows, "To do by hand")
        return Card("ModernizedScript", ", ".join(self._parts()), [left, Code(self.diff)])

    @property
    def is_changed(self) -> bool:
        """Whether anything is written otherwise today."""
        return self._result.is_changed

    @property
    def diff(self) -> str:
        """The changes as a unified diff; of a notebook, that of its code."""
        return self._result.diff if self._notebook is None else self._result.shown(from_python).diff

    @property
    def remarks(self) -> tuple[Remark, ...]:
        """Places that cannot be rewritten safely: `line` in the file as it was, `code`, and `advice` what to write.

        Of a notebook, `cell` is one of its cells, from 0, and `line` a line in it.
        """
        if self._notebook is None:
            return self._result.remarks
        return in_cells(self._notebook, {*self._result.remarks, *self._notebook.remarks})

    @property
    def text(self) -> str:
        """The whole file as it is written today."""
        return (
            self._result.text if self._notebook is None else notebook_with(self._notebook, self._result.text)
        )

    def save(self, path: str | Path) -> Path:
        """Write today's form to a new file.

        Raises:
            ConfigError: the file exists.
            SaveError: it cannot be written.
        """
        place = Path(path)
        if place.exists() or place.is_symlink():
            raise ConfigError(
                f"{place} exists and is not overwritten. Choose another name, or remove it first."
            )
        content = self.text.encode(self._encoding) if self.is_changed else self._content
        write_whole(place, lambda temporary: _write(temporary, content))
        return place

    def write(self) -> Path:
        """Write today's form in the script's place; the old one is kept beside it. Returns where.

        Raises:
            ConfigError: what was kept earlier is still there.
            SaveError: a file cannot be written.
        """
        kept = self.path.with_name(f"{self.path.name}.old")
        if kept.exists() or kept.is_symlink():
            raise ConfigError(
                f"{kept} exists: the script was modernized before, and its old form is not overwritten. "
                "Move it away first, or write to another file with --to."
            )
        new, old = self.text.encode(self._encoding), self._content
        write_whole(kept, lambda temporary: _write(temporary, old))
        write_whole(self.path, lambda temporary: _write(temporary, new))
        return kept


def modernize(script: str | Path) -> ModernizedScript:
    """Rewrite a script for Keras 1 or 2 in today's Keras, with `tellapart.fit`. It is read, never run.

    Args:
        script: a Python file or a Jupyter notebook.

    Returns:
        Its text today, a diff, and the places that are left to do by hand. Nothing is written before
        `save` or `write` is called.

    Raises:
        ConfigError: this is no path.
        DataError: it cannot be read, or is not Python.
    """
    if not isinstance(script, str | os.PathLike) or not os.fspath(script):
        raise ConfigError(
            f"modernize takes the path of a Python file or a Jupyter notebook; got {described(script)}."
        )
    path = Path(script)
    if path.is_dir():
        raise DataError(f"{path} is a folder. Give one Python file or Jupyter notebook.")
    with unreadable_is_bad_data(path):
        size = path.stat().st_size
        if size > LARGEST:
            raise DataError(
                f"{path} has {size / 1e6:.0f} MB, too much for a script. Give a Python file or a notebook."
            )
        content = path.read_bytes()
    return ModernizedScript(path, content)


def _encoding(path: Path, content: bytes) -> str:
    """Return the encoding that a script states, UTF-8 otherwise."""
    try:
        return tokenize.detect_encoding(io.BytesIO(content).readline)[0]
    except SyntaxError as error:
        raise _undecodable(path, str(error)) from error


def _decoded(path: Path, content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except (UnicodeDecodeError, LookupError) as error:
        raise _undecodable(path, str(error)) from error


def _undecodable(path: Path, reason: str) -> DataError:
    return DataError(
        f"{path} cannot be read in its declared encoding, or as UTF-8 if it declares none ({reason}). Save it as UTF-8."
    )


def _write(place: Path, content: bytes) -> None:
    place.write_bytes(content)
