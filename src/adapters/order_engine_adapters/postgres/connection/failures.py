"""Mapping of PostgreSQL, driver and network errors to the errors of the port."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import asyncpg

from order_engine.domain.errors import Unavailable

CONNECTION_LOST: Final = (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""Errors of the driver for a lost connection. They have no common base class: after a session was terminated, the
driver may raise "cannot switch to state", an InternalClientError."""

RACES: Final = frozenset({"40001", "40P01"})
"""Serialization failure and deadlock. Nothing was changed, and a retry is likely to succeed."""

_ENDS_THE_SESSION: Final = frozenset({"FATAL", "PANIC"})
"""Severities that close the connection whatever the code, possibly between a commit and its response."""

_ROLLED_BACK_CLASSES: Final = frozenset({
    "09", "0A", "0B", "0F", "0L", "0P", "0Z", "10", "20", "21", "22", "23", "24", "25", "26", "27", "28", "2B", "2D",
    "2F", "34", "38", "39", "3B", "3D", "3F", "40", "42", "44", "53", "54", "55", "72", "F0", "HV", "P0",
})  # fmt: skip
"""Error classes with which PostgreSQL rejects a statement and thus its transaction. Other classes concern the
connection or the server, or are not from PostgreSQL; the outcome is unknown then."""
_STATEMENT_CANCELLED: Final = "57014"
_STATEMENT_COMPLETION_UNKNOWN: Final = "40003"
_IDLE_IN_TRANSACTION: Final = "25P03"
"""Fatal, but the outcome is known: the server ended the transaction while waiting for a statement."""

_HARMLESS_CLASSES: Final = frozenset({"22", "23", "54"})
_HARMLESS_CODES: Final = RACES | {
    "3F000", "42P01", "42703", "42704", "42883", "53100", "53400", "55P03", _STATEMENT_CANCELLED,
}  # fmt: skip
"""Errors about values, rows, tables or the disk. The session is still usable."""

_STALE_CODES: Final = frozenset({"0A000", "25001", "25006", "25P01", "25P02", "26000", "42501", "42P05"})
"""Errors that may not occur in another session: this one is read-only or has another role because of an earlier
configuration, its plans are for changed tables, or it has a leftover transaction or statement."""

_HANDED_AROUND: Final = (
    "has lost a prepared statement, probably because of a pooler such as PgBouncer in transaction mode: "
    "set statement_cache_size=0 in the URL"
)
_NO_SCHEMA: Final = (
    "lacks a table, column or function of order_engine: the schema was dropped or is being restored. "
    "Restore it or run `order-engine migrate`"
)

_SENTENCES: Final[Mapping[str, str]] = {
    "0A": "rejected a statement: the tables have changed, or the server is not supported",
    "53": "has no disk space, memory or connections left",
    "26": _HANDED_AROUND,
    "42P05": _HANDED_AROUND,
    "25": "had a session in an invalid state, which was closed",
    "25006": "is read-only: it is a standby or was set to read-only",
    "25P03": "terminated a session that was idle in a transaction",
    "25P04": "terminated a transaction that exceeded transaction_timeout",
    "3F000": _NO_SCHEMA,
    "42P01": _NO_SCHEMA,
    "42703": _NO_SCHEMA,
    "42704": _NO_SCHEMA,
    "42883": _NO_SCHEMA,
    "42501": "denies this user the privileges that order_engine requires",
    "55": "has an object that is in use or not ready",
    "55P03": "did not grant a lock in time",
    "57014": "cancelled a statement that took too long",
    "57": "is shutting down or starting",
    "58": "had a system error",
    "08": "lost the connection",
    "28P01": "rejected the password. Check the password in the URL, PGPASSWORD or the password file",
    "28": "rejected this user. Check pg_hba.conf for this user, client address and TLS",
    "3D": "does not exist",
    "40": "had too many concurrent writes to the same orders",
    "F0": "cannot read its configuration",
    "XX": "has an internal error",
}
"""Messages by code or class for errors of the environment. All others are bugs and are not converted."""

_LASTING: Final = frozenset({"26", "28", "42P05", "42501"})
"""Errors that need a configuration change, by code or class. A missing database may be about to be created."""

UNSTORABLE_CLASSES: Final = frozenset({"22", "54"})
"""Values that the server cannot store, including values that are too large. One item of a batch may cause them."""


def as_unavailable(error: BaseException, place: str) -> Unavailable | None:
    """Return the error to raise for an environment error without effect; None for other errors."""
    code = code_of(error)
    if code is None:
        return Unavailable(f"The PostgreSQL database at {place} did not respond.") if is_lost(error) else None
    sentence = _SENTENCES.get(code) or _SENTENCES.get(code[:2])
    if sentence is None and _is_fatal(error):
        sentence = "terminated the session"
    if sentence is None:
        return None
    lasting = code in _LASTING or code[:2] in _LASTING
    return Unavailable(f"The PostgreSQL database at {place} {sentence} ({code}).", lasting=lasting)


def leaves_doubt(error: BaseException) -> bool:
    """Return whether the transaction may have been committed despite this error."""
    code = code_of(error)
    if code is None:
        return is_lost(error)
    if code in {_STATEMENT_COMPLETION_UNKNOWN, _IDLE_IN_TRANSACTION}:
        return code == _STATEMENT_COMPLETION_UNKNOWN
    return _is_fatal(error) or (code[:2] not in _ROLLED_BACK_CLASSES and code != _STATEMENT_CANCELLED)


def ends_session(error: BaseException) -> bool:
    """Return whether the session must not be used after this error."""
    code = code_of(error)
    if code is None:
        return is_lost(error)
    return _is_fatal(error) or (code[:2] not in _HARMLESS_CLASSES and code not in _HARMLESS_CODES)


def is_stale(error: BaseException) -> bool:
    """Return whether the error may only concern this session. Nothing was changed, and a new session may succeed."""
    return code_of(error) in _STALE_CODES and not _is_fatal(error)


def is_lost(error: BaseException) -> bool:
    """Return whether the connection is lost or no longer reliable."""
    return isinstance(error, CONNECTION_LOST) and not isinstance(error, ValueError)


def is_race(error: BaseException) -> bool:
    """Return whether the transaction only conflicted with another one."""
    return code_of(error) in RACES


def is_unstorable(error: BaseException) -> bool:
    """Return whether a value cannot be stored, according to the driver or the server."""
    if isinstance(error, asyncpg.InterfaceError):
        return isinstance(error, ValueError)
    code = code_of(error)
    return code is not None and code[:2] in UNSTORABLE_CLASSES


def code_of(error: BaseException) -> str | None:
    """Return the SQLSTATE of a server error; None for other errors."""
    return error.sqlstate if isinstance(error, asyncpg.PostgresError) else None


def _is_fatal(error: BaseException) -> bool:
    """Return whether the session has ended. Old poolers send only the severity that may be localized."""
    if not isinstance(error, asyncpg.PostgresError):
        return False
    return (error.severity_en or error.severity) in _ENDS_THE_SESSION
