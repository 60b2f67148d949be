"""The text of run.toml under a line with its digest, so that damage is noticed before it is used.

Names of files and classes that are not UTF-8 are written as their own bytes, and read back as Python holds them.
Knows nothing of what the settings mean, and imports nothing heavy.
"""

import hashlib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tellapart.errors import ConfigError
from tellapart.files import write_text
from tellapart.untrusted.regular_file import open_regular, read_regular

LARGEST_SETTINGS = 100_000_000
"""Bytes. The names of the pictures that were left out are in it."""

_SEAL = "# sha256 of the lines below: "


def write_sealed(path: Path, settings: Mapping[str, Any]) -> None:
    """Write settings under their digest.

    Raises:
        SaveError: it could not be written.
    """
    import tomli_w

    text = tomli_w.dumps(settings)
    write_text(path, f"{_SEAL}{_digest(text)}\n{text}")


def read_sealed(path: Path) -> dict[str, Any]:
    """Return the settings of a run.toml, whatever they are.

    A file without a digest, as earlier versions wrote it, is read as it is.

    Raises:
        ConfigError: there is no such file, it cannot be read, is no TOML, or somebody changed it.
    """
    try:
        content = read_regular(path, LARGEST_SETTINGS)
        text = content.decode("utf-8", "surrogateescape").replace("\r\n", "\n")
    except FileNotFoundError as reason:
        raise ConfigError(f"{path.parent} is not a run folder: it has no {path.name}.") from reason
    except OSError as reason:
        raise ConfigError(f"{path} cannot be read ({reason.strerror or reason}).") from reason
    first, newline, rest = text.partition("\n")
    if first.startswith(_SEAL) and newline and first.removeprefix(_SEAL) != _digest(rest):
        raise ConfigError(
            f"{path} is not as it was written: the disk or a copy damaged it, or somebody changed it. Restore it, "
            "or use it as it is by deleting its first line."
        )
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as reason:
        raise damaged(path, reason) from reason


def damaged(path: Path, reason: Exception) -> ConfigError:
    """Return the error about a file that was read and makes no sense."""
    words = f"{reason} is missing" if isinstance(reason, KeyError) else str(reason)
    return ConfigError(f"{path} is damaged ({words}). Start the training again, in a new run folder.")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", errors="surrogateescape")).hexdigest()


def digest_of_file(path: Path) -> str:
    """Return a file's sha256 (hexadecimal).

    Raises:
        OSError: it cannot be read.
    """
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
