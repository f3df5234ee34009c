"""Log formats: text for people and JSON lines for machines."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Final

_OWN_FIELDS: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""Attributes of every record. All others come from `extra`."""


class TextFormatter(logging.Formatter):
    """Time, level, logger and message on one line, followed by a traceback if any."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of a record, with control characters escaped."""
        text = super().format(record)
        line = f"{_time(record)} {record.levelname} {record.name}: {text}"
        return line if line.isprintable() else "".join(map(_visible, line))


class JsonFormatter(logging.Formatter):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the document of a record, with the values of `extra` as additional members."""
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
    """Return the time of a record in RFC 3339 format, in UTC."""
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _visible(character: str) -> str:
    if character.isprintable() or character in "\n\t":
        return character
    return character.encode("unicode_escape").decode()
