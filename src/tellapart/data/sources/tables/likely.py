"""Which of several files is most likely the one of labels, for advice: told by the words of their first lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath

from tellapart.data.sources.tables.roles import LABEL_NAMES, PATH_NAMES, squashed
from tellapart.untrusted.regular_file import open_regular

_LOOKED_AT = 4096
"""Bytes."""

_NOT_LABELS = re.compile(r"sample|submission|example|readme|licen[cs]e|requirements", re.IGNORECASE)


def likely_label_file(files: Sequence[PurePath]) -> PurePath:
    """Return the file that most likely names the classes.

    Args:
        files: at least one.
    """
    return max(files, key=lambda file: (says_labels(file), not _NOT_LABELS.search(file.name)))


def says_labels(file: PurePath) -> bool:
    """Return whether the first line has a column for paths and one for labels, by their names."""
    try:
        with open_regular(file) as content:
            first = content.read(_LOOKED_AT).decode("utf-8", "replace").partition("\n")[0]
    except OSError:
        return False
    words = {squashed(cell) for cell in re.split(r"[,;\t|:{}]", first)}
    return bool(words & {*PATH_NAMES}) and bool(words & {*LABEL_NAMES})
