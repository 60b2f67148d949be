"""Assemble: a template, style sheets, modules and data become one HTML file that opens without a network.

Modules stay modules: an import map gives each its text as a data URL. Libraries are plain scripts. The data is JSON
in the page.

Libraries: D3 (ISC license, Bostock), Observable Plot (ISC license, Observable) and ONNX Runtime (MIT license,
Microsoft), whose licenses lie beside them.
"""

import base64
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tellapart.text import on_page, percent

HOME = Path(__file__).parent
ASSETS = HOME / "assets"
GENERATOR = '<meta name="generator" content="tellapart">'
"""Stands in the head of every page, which identifies it."""

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
    libraries: Sequence[str] = LIBRARIES,
) -> str:
    """Fill in a template.

    Args:
        template: its name under `templates`.
        values: variables of the template.
        data: plain values, which the page's modules read.
        styles: file names under `assets`, in this order after `page.css`.
        modules: file names under `assets`, each imported by its name without `.js`.
        entry: the module that is run.
        beside: folder beside the page that holds the libraries, where many pages share them; None: the page holds
            them itself.
        mark: identifies the page's subject to `is_marked`.
        libraries: file names under `assets` of those that the page uses.

    Returns:
        HTML.
    """
    imports = json.dumps({"imports": {Path(name).stem: _as_url(_text(name)) for name in modules}})
    page = {
        "generator": GENERATOR if mark is None else GENERATOR + _mark_in_html(mark),
        "styles": "".join(map(_text, ("page.css", *styles))),
        "libraries": [] if beside else [_script(_text(name)) for name in libraries],
        "links": [f"{beside}/{Path(name).name}" for name in libraries] if beside else [],
        "import_map": imports,
        "data": as_json(data),
        "entry": entry,
        "hashes": " ".join(_hash_of(script) for script in (imports, f'import "{entry}";')),
    }
    return fill_in(template, page=page, **values)


def fill_in(template: str, **values: Any) -> str:
    """Return a template with its variables filled in, every text escaped."""
    return _environment().get_template(template).render(**values)


def style(name: str) -> str:
    """Return a style sheet's text, without the line breaks."""
    return " ".join(_text(name).split())


def is_marked(path: Path, mark: str) -> bool:
    """Return whether a file is a page that was assembled with that mark."""
    with path.open("rb") as file:
        return (GENERATOR + _mark_in_html(mark)).encode() in file.read(1000)


def _mark_in_html(mark: str) -> str:
    return f'<meta name="tells-of" content="{mark}">'


def as_json(data: Any) -> str:
    """Return JSON that may stand in a script element; NaN and infinity become null, names are escaped."""
    return json.dumps(_for_page(data), separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")


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
    environment.finalize = lambda value: on_page(value) if type(value) is str else value
    environment.filters["percent"] = percent
    environment.filters["number"] = lambda value: "–" if value is None else f"{value:,}"
    environment.filters["duration"] = duration
    return environment


def duration(seconds: float | None) -> str:
    """Return a time as text, with up to two units; a dash for None."""
    if seconds is None:
        return "–"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def asset_bytes(name: str) -> bytes:
    """Return a file under `assets`, as it is."""
    return (ASSETS / name).read_bytes()


def _text(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")


def _hash_of(script: str) -> str:
    """Return what allows a script of this text in a Content-Security-Policy."""
    return "'sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() + "'"


def _script(text: str) -> str:
    """Return a script's text as it may stand in a script element."""
    return text.replace("</script", "<\\/script")


def _as_url(text: str) -> str:
    return "data:text/javascript;base64," + base64.b64encode(text.encode()).decode()


def _for_page(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_for_page(key): _for_page(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_for_page(item) for item in value]
    if isinstance(value, str):
        return on_page(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value
