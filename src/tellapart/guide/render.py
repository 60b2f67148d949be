"""Renders lessons as HTML pages, and the guide as a folder of them."""

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
"""Scripts that every lesson may import."""

STYLES = ("explain/layers.css", "guide/guide.css")
VENDOR = "vendor"


def page_of(lesson: Lesson, live: bool = False) -> str:
    """Render a lesson as HTML.

    Args:
        lesson: the lesson.
        live: whether a running tellapart serves the page, as `tellapart learn` does.
    """
    index = LESSONS.index(lesson)
    values = {
        **_common(),
        "lesson": lesson,
        "place": index + 1,
        "before": LESSONS[index - 1] if index else None,
        "after": LESSONS[index + 1] if index + 1 < len(LESSONS) else None,
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
    """Render the first page, which lists the lessons."""
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
    """Write the guide as static pages.

    Args:
        folder: created if missing; pages of the same names are replaced.

    Returns:
        The pages' paths, the index first.

    Raises:
        SaveError: a file could not be written.
    """
    write_libraries(folder)
    pages = {"index": index_page(), **{lesson.name: page_of(lesson) for lesson in LESSONS}}
    for name, text in pages.items():
        write_text(folder / f"{name}.html", text)
    return [folder / f"{name}.html" for name in pages]


def write_libraries(folder: Path) -> None:
    """Copy the scripts that pages load, with their licenses.

    Raises:
        SaveError: a file could not be written.
    """
    try:
        (folder / VENDOR).mkdir(parents=True, exist_ok=True)
        for name in (*LIBRARIES, *LICENSES):
            shutil.copyfile(ASSETS / name, folder / name)
    except OSError as reason:
        raise SaveError(f"Cannot write the guide to {folder}: {reason.strerror or reason}.") from reason


def _common() -> dict[str, object]:
    return {"lessons": LESSONS, "version": __version__}
