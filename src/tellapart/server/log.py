"""The log: one JSON object a line, on stderr."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

LOG = logging.getLogger("tellapart.server")

LONGEST = 500
"""Characters of a text: clients choose some of them."""


def say(event: str, level: int = logging.INFO, **fields: Any) -> None:
    """Log an event with its fields, plain values."""
    LOG.log(level, event, extra={"fields": fields})


class JsonLines(logging.Formatter):
    """Writes a record as a line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; what is no ASCII is escaped, so that nobody can write lines of their own."""
        values = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            values["traceback"] = self.formatException(record.exc_info)
        return json.dumps({name: _short(name, value) for name, value in values.items()})


def _short(name: str, value: Any) -> Any:
    return value[:LONGEST] if isinstance(value, str) and name != "traceback" else value


def log_to_stderr(level: int = logging.INFO) -> None:
    """Write this log, and what uvicorn has to say, to stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    for name, least in (("tellapart.server", level), ("uvicorn.error", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(least)
