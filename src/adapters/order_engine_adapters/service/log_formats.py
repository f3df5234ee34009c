"""The two forms of a log: lines for people, and JSON lines for machines."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Final

_OWN_FIELDS: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""What every record has; whatever else it has was given by `extra`."""


class TextFormatter(logging.Formatter):
    """Time, level, logger and message in one line, with a traceback below it where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of a record, with escape sequences for what a terminal would not show."""
        text = super().format(record)
        line = f"{_time(record)} {record.levelname} {record.name}: {text}"
        return line if line.isprintable() else "".join(map(_visible, line))


class JsonFormatter(logging.Formatter):
    """One JSON object in one line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the document of a record. What was given as `extra` stands beside our own members."""
        members: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
        }
        members |= {name: value for name, value in vars(record).items() if name not in _OWN_FIELDS | members.keys()}
        if record.exc_info and record.exc_info[0] is not None:
            members["error"] = record.exc_info[0].__name__
            members["traceback"] = self.formatException(record.exc_info)
        return json.dumps(members, default=str)


def _time(record: logging.LogRecord) -> str:
    """Return the time of a record as in RFC 3339, in UTC."""
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _visible(character: str) -> str:
    if character.isprintable() or character in "\n\t":
        return character
    return character.encode("unicode_escape").decode()
