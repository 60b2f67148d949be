"""The two output streams: results on stdout, everything else on stderr.

Color and bars appear on terminals alone, and NO_COLOR is honored. Where
output is piped, lines keep their natural length, so that nothing is cut.
"""

import json
import os
import shlex
import shutil
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart.errors import TellapartError
from tellapart.text import as_bytes, printable

if TYPE_CHECKING:
    from rich.console import Console  # a fifth of the time of `--help`, which does not need it

NATURAL_WIDTH = 4000
"""Columns granted to a pipe: more than any table needs."""


def results() -> "Console":
    """Return stdout, for results."""
    return _console(stderr=False)


def notes() -> "Console":
    """Return stderr, for progress, warnings and errors."""
    return _console(stderr=True)


def _console(stderr: bool) -> "Console":
    from rich.console import Console

    console = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = NATURAL_WIDTH
    return console


def say(text: str = "", style: str | None = None) -> None:
    """Print a line or paragraph of a result, unwrapped, so that it can be copied whole."""
    results().print(printable(text), style=style, soft_wrap=True)


def note(text: str, style: str | None = None) -> None:
    """Print a line or paragraph on stderr, wrapped between words on a terminal."""
    notes().print(printable(text), style=style)


def say_json(value: Any) -> None:
    """Print the one JSON object of a command."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def say_csv(table: str) -> None:
    """Print a table: as a file would have it, byte for byte; on a terminal with what it would obey escaped."""
    bytes_below = getattr(sys.stdout, "buffer", None)
    if sys.stdout.isatty() or bytes_below is None:
        sys.stdout.write(printable(table))
        return
    sys.stdout.flush()
    bytes_below.write(as_bytes(table))
    bytes_below.flush()


def command(*words: str | Path) -> str:
    """Return a command line to copy, quoted where needed; a path that looks like an option gets a leading ./"""
    return shlex.join([program(), *map(_word, words)])


def program() -> str:
    """Return how this shell can call tellapart: by its name where that finds this one, otherwise by the typed path."""
    called = Path(sys.argv[0])
    found = shutil.which("tellapart")
    if called.name != "tellapart" or not called.exists() or (found and os.path.samefile(found, called)):
        return "tellapart"
    typed = str(called.relative_to(Path.cwd()) if called.is_relative_to(Path.cwd()) else called)
    return typed if os.sep in typed else f".{os.sep}{typed}"


def _word(word: str | Path) -> str:
    return f"./{word}" if isinstance(word, Path) and str(word).startswith("-") else str(word)


def let_streams_print_anything() -> None:
    """Let characters that the terminal's encoding lacks be printed escaped."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def report_error(error: TellapartError, as_json: bool, of: Exception | None = None) -> int:
    """Print what went wrong, in one paragraph, and return the exit code.

    Args:
        error: says it.
        as_json: also as the one JSON object.
        of: what was raised, if not `error` itself; under TELLAPART_DEBUG its traceback is shown.
    """
    if os.environ.get("TELLAPART_DEBUG"):
        traceback.print_exception(of or error)
    else:
        from rich.text import Text

        notes().print(Text("Error: ", "bold red") + Text(printable(str(error))))
    if as_json:
        say_error(type(of or error).__name__, str(error), error.exit_code)
    return error.exit_code


def report_system_error(error: OSError, as_json: bool) -> int:
    """Print what the system refused, such as a permission: the path and the reason, no traceback."""
    words = error.strerror or str(error) or type(error).__name__
    message = f"{error.filename}: {words}." if error.filename is not None else f"{words}."
    return report_error(TellapartError(message), as_json, of=error)


def report_bug(error: Exception, as_json: bool) -> int:
    """Print the traceback of an exception that nobody meant to raise."""
    traceback.print_exception(error)
    note("This is a bug in tellapart. Please report it, with the lines above.", "bold red")
    if as_json:
        say_error(type(error).__name__, str(error), 1)
    return 1


def say_error(kind: str, message: str, exit_code: int) -> None:
    """Print an error as the one JSON object of a command."""
    say_json(error_as_dict(kind, message, exit_code))


def error_as_dict(kind: str, message: str, exit_code: int) -> dict[str, Any]:
    """Return an error as part of a JSON object."""
    return {"error": {"type": kind, "message": message, "exit_code": exit_code}}


def leave_broken_pipe() -> int:
    """End quietly, as other commands do, where the reader of our output has gone (`| head`)."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 128 + 13
