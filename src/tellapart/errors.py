"""Every exception that tellapart raises on purpose, and the exit code each one means.

    TellapartError            1  something failed; the message says what and what to do next
    ├── ConfigError           2  a setting out of range, an unknown recipe or option value
    │   └── ArgumentError     2  an argument that a function does not have; a TypeError, as Python's own
    ├── DataError             3  pictures, labels or data files that cannot be used as they are
    │   └── PictureError      3  one picture that cannot be read; a run leaves it out and names it
    ├── MissingExtraError     4  an optional package is not installed; the message has the install line
    ├── SaveError             1  a file could not be written; nothing half-written is left behind
    ├── TeamError             1  a process that trains with others cannot reach them any more
    ├── ModelError            1  a model file that cannot be read, or a model the engine refuses
    └── DownloadError         1  a file could not be fetched, or arrived with the wrong checksum

A message has up to three parts: what was met, what is accepted, the next step.
Anything else that escapes is a bug, and keeps its traceback.
"""


class TellapartError(Exception):
    """The base of all tellapart errors. The message says what was met, what is accepted and what to do next."""

    exit_code = 1


class ConfigError(TellapartError, ValueError):
    """A setting is out of range or unknown. A ValueError too."""

    exit_code = 2


class ArgumentError(ConfigError, TypeError):
    """A function was given an argument that it does not have, such as one that an older Keras had. A ConfigError, and a
    TypeError as Python's own."""


class DataError(TellapartError, ValueError):
    """Pictures, labels or data files cannot be used as they are. A ValueError too."""

    exit_code = 3


class PictureError(DataError):
    """One picture cannot be read. A DataError."""


class MissingExtraError(TellapartError, ImportError):
    """An optional package is not installed."""

    exit_code = 4

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package {package}. Install it with: pip install 'tellapart[{extra}]'"
        )
        self.package = package
        self.extra = extra


class SaveError(TellapartError, OSError):
    """A file could not be written; nothing half-written is left behind."""


class TeamError(TellapartError, ConnectionError):
    """A process that trains with others cannot reach them any more."""


class ModelError(TellapartError, ValueError):
    """A model file cannot be read, or the engine refuses the model."""


class DownloadError(TellapartError, OSError):
    """A file could not be fetched, or arrived with the wrong checksum."""
