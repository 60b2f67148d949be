"""Classes that images' names show, such as `cat.0.jpg`: the regular expression that a refusal suggests."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

_ENOUGH_MATCHED = 0.9
"""Share of the names that a suggested expression matches."""

_SUGGESTIONS = (
    r"(?P<label>n\d{8})_\d+",
    r"(?P<label>[^\W\d_]+)[ ._-]*\(?\d+\)?",
    r"(?P<label>.*[^\W\d_])[ ._-]+\(?\d+\)?",
    r"\d+[ ._-]+(?P<label>[^\W\d_].*)",
)
"""For a name without its ending: n01440764_10, cat.0 or dog (12), yorkshire_terrier_2, 0001_cat."""

_SIMPLE = (
    r"(?P<label>n\d{8})_",
    *(
        rf"(?P<label>{letters}+){gap}\d"
        for gap in (r"\.", "_", "-", " ", "")
        for letters in ("[a-z]", "[A-Za-z]")
    ),
    r"(?P<label>[^/]+)_\d",
    r"\d_(?P<label>[^/]+)\.",
)
"""The same for people to read, where they find the same."""

_OF_CAMERAS = frozenset(
    {
        "img", "dsc", "dscn", "dscf", "dcim", "image", "images", "photo", "photos", "pic", "picture", "pictures", "p",
        "pxl", "mvimg", "wp", "screenshot", "scan", "frame", "vid", "video", "gopr", "unnamed", "download", "file",
        "test", "train", "val", "whatsapp",
    }
)  # fmt: skip
"""Lower case. Words that begin names and mean no class."""


def suggested_pattern(names: Iterable[str]) -> str | None:
    """Return a regular expression by which images' names show two classes or more; None: they show none.

    Args:
        names: paths of images.
    """
    names = list(names)
    stems = [PurePosixPath(name).stem for name in names]
    for suggestion in _SUGGESTIONS:
        expression = re.compile(suggestion)
        labels = Counter(match["label"] for stem in stems if (match := expression.fullmatch(stem)))
        repeated = sum(count for count in labels.values() if count > 1)
        if (
            len(labels) > 1
            and repeated >= _ENOUGH_MATCHED * len(stems)
            and not any(label.lower().strip(" ._-") in _OF_CAMERAS for label in labels)
        ):
            return _simplest(rf"(?:^|/){suggestion}\.\w+$", names)
    return None


def _simplest(suggestion: str, names: Sequence[str]) -> str:
    """Return the shortest of some regular expressions that finds the same classes as one, which may be itself."""
    meant = _labels(suggestion, names)
    return next((simple for simple in _SIMPLE if _labels(simple, names) == meant), suggestion)


def _labels(pattern: str, names: Sequence[str]) -> list[str | None]:
    expression = re.compile(pattern)
    return [match["label"] if (match := expression.search(name)) else None for name in names]


def labels_by(pattern: str, names: Iterable[str]) -> list[str]:
    """Return the classes that a suggested expression finds, the most frequent first."""
    found = Counter(label for label in _labels(pattern, list(names)) if label is not None)
    return [label for label, _ in found.most_common()]
