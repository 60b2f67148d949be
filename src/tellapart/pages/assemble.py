"""Assemble: a template and what it needs become one HTML file that opens from a disk without a network.

Modules stay modules: an import map gives each its text as a data URL. Libraries
are plain scripts. The page's data is JSON in the page.

Libraries: D3 (ISC license, Bostock) and Observable Plot (ISC license, Observable), whose licenses lie beside them.
"""

import base64
import json
import math
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tellapart.text import percent

HOME = Path(__file__).parent
ASSETS = HOME / "assets"
GENERATOR = '<meta name="generator" content="tellapart">'
"""In the head of every page, by which it is known."""

LIBRARIES = ("vendor/d3.min.js", "vendor/plot.umd.min.js")
LICENSES = ("vendor/d3.LICENSE", "vendor/plot.LICENSE")


def assemble(
    template: str,
    values: Mapping[str, Any],
    data: Mapping[str, Any],
    *,
    styles: Sequence[str],
    modules: Sequence[str],
    entry: str,
    beside: str | None = None,
    mark: str | None = None,
) -> str:
    """Fill in a template.

    Args:
        template: its name under `templates`.
        values: what the template writes as text.
        data: what the page's modules read: plain values.
        styles: file names under `assets`, in this order behind `page.css`.
        modules: file names under `assets`, each imported by the name that stands before its `.js`.
        entry: the module that runs.
        beside: the folder beside the page from which libraries are read, where many pages share them; None: the
            page carries them itself.
        mark: of what the page tells of, by which `is_marked` knows it again.

    Returns:
        HTML.
    """
    page = {
        "generator": GENERATOR if mark is None else GENERATOR + _mark_in_html(mark),
        "styles": "".join(map(_text, ("page.css", *styles))),
        "libraries": [] if beside else [_script(_text(name)) for name in LIBRARIES],
        "links": [f"{beside}/{Path(name).name}" for name in LIBRARIES] if beside else [],
        "import_map": json.dumps({"imports": {Path(name).stem: _as_url(_text(name)) for name in modules}}),
        "data": as_json(data),
        "entry": entry,
    }
    return _environment().get_template(template).render(page=page, **values)


def is_marked(path: Path, mark: str) -> bool:
    """Whether a file is a page that was assembled with that mark."""
    with path.open("rb") as file:
        return (GENERATOR + _mark_in_html(mark)).encode() in file.read(1000)


def _mark_in_html(mark: str) -> str:
    return f'<meta name="tells-of" content="{mark}">'


def as_json(data: Any) -> str:
    """JSON that may stand within a script element; a number that is none is null."""
    return json.dumps(_finite(data), separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")


@cache
def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(HOME / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = percent
    environment.filters["number"] = lambda value: "–" if value is None else f"{value:,}"
    environment.filters["duration"] = duration
    return environment


def duration(seconds: float | None) -> str:
    """In words, to two units."""
    if seconds is None:
        return "–"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def _text(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")


def _script(text: str) -> str:
    """A script's text as it may stand in a script element."""
    return text.replace("</script", "<\\/script")


def _as_url(text: str) -> str:
    return "data:text/javascript;base64," + base64.b64encode(text.encode()).decode()


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
