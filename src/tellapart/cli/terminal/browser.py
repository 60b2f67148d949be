"""Opening a page in the reader's browser."""

import os
import sys
import webbrowser
from pathlib import Path

from tellapart.cli.terminal.console import note
from tellapart.errors import ConfigError
from tellapart.pages.assemble import is_marked
from tellapart.paths import real_path


def open_page(path: Path) -> None:
    """Open a page in the browser; where none can be opened, say where the page is."""
    if not (has_browser() and webbrowser.open(real_path(path).as_uri())):
        note(f"No browser can be opened from here. Open this file yourself: {real_path(path)}", "yellow")


def has_browser() -> bool:
    """Return whether there is a screen, or the user names a browser: pages do not work in a terminal browser."""
    return sys.platform in ("win32", "darwin") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    )


def refuse_other_page(out: Path, mark: str) -> None:
    """Refuse to replace a file that is not a page of its kind, before any work is done.

    Args:
        out: where a page is to be written.
        mark: of its kind, such as "check".

    Raises:
        ConfigError: it is none.
    """
    if out.exists() and not (out.is_file() and is_marked(out, mark)):
        raise ConfigError(
            f"{out} already exists and is not a page of an earlier {mark}. Choose another --out."
        )
