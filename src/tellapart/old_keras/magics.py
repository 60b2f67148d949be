"""Lines of IPython in a notebook's cell, as Python that can be parsed, and back.

Each line stays one line. A command becomes `pass`, with the command in a comment; of `%time f(x)` the statement stays
Python. What continues a statement is none: `% b` below `(a` is a remainder.
"""

import io
import re
import tokenize
from collections.abc import Iterator

PYTHON_CELLS = frozenset({"time", "timeit", "capture", "prun", "debug", "memit", "mprun", "lprun"})
"""Cell magics below which the cell is Python."""

OTHER_LANGUAGES = frozenset(
    (
        *(
            "bash",
            "sh",
            "cmd",
            "system",
            "sx",
            "html",
            "HTML",
            "javascript",
            "js",
            "latex",
            "markdown",
            "svg",
            "SVG",
        ),
        *("perl", "ruby", "R", "sql", "cython", "writetemplate"),
    )
)
"""Cell magics of cells in which there is no Python script."""

_COMMAND = "pass  #%line "
_TIMED = "  #%before "
_LINE = re.compile(r"[%!?]|[\w., \t]+=\s*(!|%\w)|[\w.*]+\?{1,2}\s*$")
_STATEMENT = re.compile(r"(%(?:time|timeit|prun|memit)(?:[ \t]+-\w+(?:[ \t]+\d+)?)*[ \t]+)(\S.*)")
_PARSED = re.compile(rf"([ \t]*){re.escape(_COMMAND)}(.*)", re.DOTALL)


def cell_magic(source: str) -> str | None:
    """Return `time` of a cell that begins with `%%time`; None if it begins with no magic."""
    found = re.match(r"\s*%%(\w*)", source)
    return None if found is None else found[1]


def as_command(line: str) -> str:
    """Return a line that is no Python as a statement that does nothing."""
    return f"{_COMMAND}{line}"


def as_python(source: str) -> str:
    """Return a cell whose commands of IPython can be parsed."""
    return "\n".join(_parsed(line) if is_command else line for line, is_command in _lines(source))


def from_python(source: str) -> str:
    """Return a text with the commands of IPython as they were."""
    return "\n".join(_shown(line) for line in source.split("\n"))


def _lines(source: str) -> Iterator[tuple[str, bool]]:
    """Yield each line, and whether it is a command and not a part of the statement above it."""
    statement = ""
    for line in source.split("\n"):
        is_command = not statement and _LINE.match(line.lstrip()) is not None
        yield line, is_command
        if not is_command:
            statement += line + "\n"
            statement = statement if _goes_on(statement) else ""


def _goes_on(statement: str) -> bool:
    """Return whether a parenthesis or a text is still open, or a backslash ends the line."""
    if statement.endswith("\\\n"):
        return True
    try:
        list(tokenize.generate_tokens(io.StringIO(statement.lstrip(" \t")).readline))
    except tokenize.TokenError:
        return True
    except SyntaxError:
        return False
    return False


def _parsed(line: str) -> str:
    indent = line[: len(line) - len(line.lstrip())]
    command = line[len(indent) :]
    timed = _STATEMENT.fullmatch(command)
    if timed is None or not _is_python(timed[2]):
        return f"{indent}{_COMMAND}{command}"
    return f"{indent}{timed[2]}{_TIMED}{timed[1]}"


def _is_python(statement: str) -> bool:
    try:
        compile(statement, "cell", "single", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True


def _shown(line: str) -> str:
    command = _PARSED.fullmatch(line)
    if command is not None:
        return command[1] + command[2]
    statement, mark, magic = line.rpartition(_TIMED)
    if not mark:
        return line
    indent = statement[: len(statement) - len(statement.lstrip())]
    return indent + magic + statement[len(indent) :]
