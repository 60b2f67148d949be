"""Words: figures as people read them, on pages and in the terminal."""

from pathlib import Path


def percent(share: float | None, digits: int = 1) -> str:
    """A share of 1; one that is not all of it is never rounded up to 100%."""
    if share is None:
        return "–"
    text = f"{100 * share:.{digits}f}%"
    if share < 1 and text == f"{100:.{digits}f}%":
        return f"> {100 - 10**-digits:.{digits}f}%"
    return text


def printable(name: str) -> str:
    """A file's name as UTF-8 can write it: bytes of another encoding become the replacement character."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def in_which_folder(path: Path) -> str:
    """Where a path was looked for, to be said behind it; nothing of one that says it itself."""
    return "" if path.is_absolute() else f" in the current folder, {Path.cwd()}"
