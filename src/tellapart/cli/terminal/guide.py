"""What `learn` does and prints."""

import sys
import webbrowser
from pathlib import Path

from tellapart.cli.terminal.browser import has_browser
from tellapart.cli.terminal.console import note, say
from tellapart.cli.terminal.startup import importing
from tellapart.errors import ConfigError


def write(folder: Path) -> None:
    """Write the guide's pages.

    Raises:
        ConfigError: `folder` is a file.
        SaveError: a page could not be written.
    """
    from tellapart.guide.render import write_guide

    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file. The guide is written into a folder.")
    pages = write_guide(folder)
    say(f"Wrote {len(pages)} pages. Open the first in a browser:")
    say(f"  {pages[0]}")


def serve(port: int | None, opens_browser: bool) -> None:
    """Serve the guide until Ctrl-C.

    Raises:
        ConfigError: the port cannot be listened on.
    """
    with importing():
        from tellapart.guide import server as serving

    listener = serving.listening(port)
    address = f"http://{serving.HOST}:{listener.getsockname()[1]}/"
    say(f"Guide: {address}")
    sys.stdout.flush()
    note("Leave this running while you read; stop it with Ctrl-C. Only this machine can open the pages.")
    if opens_browser and has_browser():
        webbrowser.open(address)
    serving.server().run(sockets=[listener])
