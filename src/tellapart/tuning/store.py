"""Store: the trials as Optuna keeps them, in SQLite by default.

SQLite lets one process write at a time; the others wait for up to a minute instead of Optuna's five seconds. Which
process takes which trial is decided under the lock of the tuning's folder, since SQLite has no row locks and two
processes would both take a trial that waits (`benchmarks/tune_stores.py`).
"""

import warnings
from typing import Any, Final

from tellapart.errors import ConfigError, MissingExtraError
from tellapart.tuning.folder import TuningFolder

SECONDS_TO_WAIT: Final = 60.0
"""For another process to end its writing into SQLite."""

HIDDEN: Final = "***"
"""Stands for a password in a recorded address."""


def import_optuna() -> Any:
    """Return Optuna, its own lines switched off.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import optuna
    except ModuleNotFoundError as reason:
        if reason.name != "optuna":
            raise
        raise MissingExtraError("optuna", "tune", "Tuning") from reason
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    return optuna


def open_study(folder: TuningFolder, name: str, address: str | None) -> Any:
    """Return the Optuna study of a tuning; make it where there is none.

    Args:
        folder: of the tuning.
        name: of the study.
        address: of the store, whatever Optuna takes; None: SQLite in the folder.

    Raises:
        ConfigError: the store cannot be opened.
        MissingExtraError: Optuna, or the database's own package, is not installed.
    """
    optuna = import_optuna()
    try:
        storage = _storage(optuna, f"sqlite:///{folder.database}" if address is None else address)
        return optuna.create_study(
            study_name=name, storage=storage, direction="maximize", load_if_exists=True
        )
    except Exception as reason:
        where = folder.database if address is None else without_password(address)
        words = str(reason).strip().partition("\n")[0] or type(reason).__name__
        raise ConfigError(
            f"The store {where} cannot be opened ({words}). --storage takes an address as Optuna does, such as "
            "sqlite:///study.db or postgresql://user@host/database; the database's own package must be installed."
        ) from reason


def _storage(optuna: Any, address: str) -> Any:
    if not address.startswith("sqlite"):
        return optuna.storages.get_storage(address)
    waits = {"connect_args": {"timeout": SECONDS_TO_WAIT}}
    return optuna.storages.RDBStorage(address, engine_kwargs=waits)


def without_password(address: str) -> str:
    """Return an address as it may be recorded and shown."""
    scheme, separator, rest = address.partition("://")
    user, at, place = rest.rpartition("@")
    name, colon, _ = user.partition(":")
    return f"{scheme}{separator}{name}{':' if colon else ''}{HIDDEN if colon else ''}{at}{place}"
