"""The kinds of source, in the order in which they are tried. A new kind is a file of this folder and a line here.

A kind of your own comes before them: registered by a script, or found in an installed package.
"""

from __future__ import annotations

import functools
from importlib.metadata import entry_points

from tellapart.data.sources.archive import ARCHIVE
from tellapart.data.sources.arrays import ARRAYS
from tellapart.data.sources.csv_labels import CSV_LABELS, LABEL_FILE
from tellapart.data.sources.doubtful_folder import BOXES, FLAT_FOLDER
from tellapart.data.sources.folder import CLASS_FOLDERS
from tellapart.data.sources.hugging_face import HUB, SAVED
from tellapart.data.sources.known_name import KNOWN_NAME
from tellapart.data.sources.metadata import METADATA
from tellapart.data.sources.npy import NPY
from tellapart.data.sources.npz import NPZ
from tellapart.data.sources.official import HOLDS_KNOWN_SET, OFFICIAL_LAYOUT
from tellapart.data.sources.pattern import PATTERN
from tellapart.data.sources.sharded import SHARD_ADDRESS, SHARD_FOLDER
from tellapart.data.sources.source import OpenRequest, Source
from tellapart.data.sources.webdataset import WEBDATASET
from tellapart.errors import ConfigError, DataError

SOURCES: tuple[Source, ...] = (
    KNOWN_NAME,
    HUB,
    SHARD_ADDRESS,
    SHARD_FOLDER,
    SAVED,
    ARRAYS,
    NPY,
    CSV_LABELS,
    LABEL_FILE,
    PATTERN,
    NPZ,
    METADATA,
    OFFICIAL_LAYOUT,
    HOLDS_KNOWN_SET,
    WEBDATASET,
    ARCHIVE,
    BOXES,
    FLAT_FOLDER,
    CLASS_FOLDERS,  # last: it accepts every folder
)

ENTRY_POINTS = "tellapart.sources"
"""The group of entry points in which an installed package names its sources."""

_registered: dict[str, Source] = {}


def register_source(source: Source) -> None:
    """Add a kind of source for this process; it is tried before tellapart's own.

    A source is a test and a function: whether a request is of this kind, and what it opens to. `dataset_of` builds the
    result from one `LabeledImage` per image. In a package, name the source as an entry point of the group
    `tellapart.sources` instead: the commands, and `train(resume=...)` in another process, then find it too.

        def accepts(request):
            return str(request.data).startswith("shop:")

        def open_shop(request):
            rows = read_table_of_shop(str(request.data).removeprefix("shop:"))
            return dataset_of("shop", [LabeledImage(row.id, Path(row.photo), row.product) for row in rows])

        tellapart.register_source(Source(title="a shop's photos", accepts=accepts, open=open_shop, by_name=True))
        tellapart.train("shop:shoes")

    Args:
        source: its title must differ from the others'; one of the same title, registered before, is replaced.

    Raises:
        ConfigError: it is no Source, or has the title of one of tellapart's own.
    """
    if not isinstance(source, Source):
        raise ConfigError(f"A source is a tellapart.Source; got {type(source).__name__}.")
    if source.title in {own.title for own in SOURCES}:
        raise ConfigError(f"tellapart has a source called {source.title!r} already. Choose another title.")
    _registered[source.title] = source


def source_of(request: OpenRequest) -> Source | None:
    """Return the first source that accepts a request; None: none does."""
    every = (*_registered.values(), *_installed(), *SOURCES)
    return next((source for source in every if source.accepts(request)), None)


@functools.cache
def _installed() -> tuple[Source, ...]:
    sources = []
    for point in entry_points(group=ENTRY_POINTS):
        try:
            source = point.load()
        except Exception as reason:
            raise DataError(
                f"The data source {point.name} ({point.value}) cannot be loaded "
                f"({type(reason).__name__}: {reason}). Update or uninstall its package."
            ) from reason
        sources.append(source)
    return tuple(sources)
