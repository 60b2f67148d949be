"""Boxes: how annotations of objects within pictures are recognized, and what is said about them."""

from __future__ import annotations

from collections.abc import Collection

from tellapart.data.sources.tables.roles import squashed
from tellapart.errors import DataError

_CORNERS = (
    {"xmin", "ymin", "xmax", "ymax"},
    {"x1", "y1", "x2", "y2"},
    {"left", "top", "right", "bottom"},
    {"bboxx", "bboxy"},
)
_BOX_KEYS = frozenset({"bbox", "bboxes", "boxes", "objects", "segmentation", "boundingbox", "polygon"})


def is_box_key(name: str) -> bool:
    """Return whether a column or a field of this name holds boxes."""
    return squashed(name) in _BOX_KEYS


def are_box_columns(names: Collection[str]) -> bool:
    """Return whether columns of these names are those of boxes."""
    words = {squashed(name) for name in names}
    return bool(words & _BOX_KEYS) or any(corners <= words for corners in _CORNERS)


def boxes_refused(place: object, what: str) -> DataError:
    """Return the error for labels of objects in pictures.

    Args:
        place: of the labels.
        what: in it holds them.
    """
    verb = "hold" if what.split(" (")[0].endswith("s") else "holds"
    return DataError(
        f"{place}: {what} {verb} boxes around objects, but tellapart needs one class per picture.\n"
        "To classify the objects, crop them and sort the crops into one folder per class. To classify whole pictures, "
        "write a CSV with the columns file,label and pass it with --labels."
    )
