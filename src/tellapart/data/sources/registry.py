"""The kinds of source, in the order in which they are tried. A new kind is a file of this folder and a line here."""

from tellapart.data.sources.arrays import ARRAYS
from tellapart.data.sources.csv_labels import CSV_LABELS, LABEL_FILE
from tellapart.data.sources.folder import CLASS_FOLDERS
from tellapart.data.sources.known_name import KNOWN_NAME
from tellapart.data.sources.npz import NPZ
from tellapart.data.sources.official import HOLDS_KNOWN_SET, OFFICIAL_LAYOUT
from tellapart.data.sources.source import Source

SOURCES: tuple[Source, ...] = (
    KNOWN_NAME,
    ARRAYS,
    CSV_LABELS,
    LABEL_FILE,
    NPZ,
    OFFICIAL_LAYOUT,
    HOLDS_KNOWN_SET,
    CLASS_FOLDERS,  # last: it accepts every folder
)
