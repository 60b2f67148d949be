"""Rendering: a lesson becomes a page, and the guide a folder of them."""

import shutil
from pathlib import Path

from tellapart import __version__
from tellapart.errors import SaveError
from tellapart.files import write_text
from tellapart.guide.contents import LESSONS, Lesson
from tellapart.pages.assemble import ASSETS, LIBRARIES, LICENSES, assemble

SHARED = (
    "theme.js",
    "charts.js",
    "scrolling.js",
    "explain/maps.js",
    "explain/arithmetic.js",
    "guide/lesson.js",
)
"""Modules that every lesson may import."""

STYLES = ("explain/layers.css", "guide/guide.css")
VENDOR = "vendor"


def page_of(lesson: Lesson, live: bool = False) -> str:
    """A lesson's HTML.

    Args:
        lesson: which.
        live: whether tellapart answers behind the page, as `tellapart learn` does.
    """
    at = LESSONS.index(lesson)
    values = {
        **_common(),
        "lesson": lesson,
        "place": at + 1,
        "before": LESSONS[at - 1] if at else None,
        "after": LESSONS[at + 1] if at + 1 < len(LESSONS) else None,
        "facts": lesson.facts,
        "live": live,
    }
    return assemble(
        f"guide/{lesson.name}.html",
        values,
        {"facts": lesson.facts, "live": live},
        styles=STYLES,
        modules=(*SHARED, *lesson.modules, f"guide/{lesson.name}.js"),
        entry=lesson.name,
        beside=VENDOR,
    )


def index_page() -> str:
    """The first page: what there is to learn."""
    return assemble(
        "guide/index.html",
        _common(),
        {},
        styles=STYLES,
        modules=(*SHARED, "guide/index.js"),
        entry="index",
        beside=VENDOR,
    )


def write_guide(folder: Path) -> list[Path]:
    """Write the whole guide as static pages, which open from a disk.

    Args:
        folder: is made where it is not there; earlier pages of these names are replaced.

    Returns:
        The files, the first page first.

    Raises:
        SaveError: a file could not be written.
    """
    write_libraries(folder)
    pages = {"index": index_page(), **{lesson.name: page_of(lesson) for lesson in LESSONS}}
    for name, text in pages.items():
        write_text(folder / f"{name}.html", text)
    return [folder / f"{name}.html" for name in pages]


def write_libraries(folder: Path) -> None:
    """Put what the pages read beside them, with its licenses.

    Raises:
        SaveError: it could not be written.
    """
    try:
        (folder / VENDOR).mkdir(parents=True, exist_ok=True)
        for name in (*LIBRARIES, *LICENSES):
            shutil.copyfile(ASSETS / name, folder / name)
    except OSError as reason:
        raise SaveError(f"The guide cannot be written into {folder}: {reason.strerror}.") from reason


def _common() -> dict[str, object]:
    return {"lessons": LESSONS, "version": __version__}
