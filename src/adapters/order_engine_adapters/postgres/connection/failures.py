"""What an error of PostgreSQL, of its driver or of the network means to the port."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import asyncpg

from order_engine.domain.errors import Unavailable

CONNECTION_LOST: Final = (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What the driver raises where a connection is gone. It has no common class: after a session was terminated it may say
"cannot switch to state", which is none of its other errors."""

RACES: Final = frozenset({"40001", "40P01"})
"""Serialization failure and deadlock: nothing took effect, and the same again may well succeed."""

_ENDS_THE_SESSION: Final = frozenset({"FATAL", "PANIC"})
"""Severities. Whatever the code, the connection is closed, maybe between a commit and its answer."""

_ROLLED_BACK_CLASSES: Final = frozenset({
    "09", "0A", "0B", "0F", "0L", "0P", "0Z", "10", "20", "21", "22", "23", "24", "25", "26", "27", "28", "2B", "2D",
    "2F", "34", "38", "39", "3B", "3D", "3F", "40", "42", "44", "53", "54", "55", "72", "F0", "HV", "P0",
})  # fmt: skip
"""Classes of errors with which PostgreSQL refuses a statement, and so its transaction. Other classes speak of the
connection or of the server, or are not PostgreSQL's: after those nobody knows."""
_STATEMENT_CANCELLED: Final = "57014"
_STATEMENT_COMPLETION_UNKNOWN: Final = "40003"
_IDLE_IN_TRANSACTION: Final = "25P03"
"""Fatal, and yet certain: the server has ended the transaction while it waited for a statement."""

_HARMLESS_CLASSES: Final = frozenset({"22", "23", "54"})
_HARMLESS_CODES: Final = RACES | {
    "3F000", "42P01", "42703", "42704", "42883", "53100", "53400", "55P03", _STATEMENT_CANCELLED,
}  # fmt: skip
"""Errors that are about values, rows, tables or the disk, and say nothing about the session."""

_STALE_CODES: Final = frozenset({"0A000", "25001", "25006", "25P01", "25P02", "26000", "42501", "42P05"})
"""Errors that another session may not meet: it is read-only or of another role because it was opened while that was
so, its plans are for tables that have changed, or somebody has left a transaction or a statement in it."""

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
"""By code or class: the errors that come from the environment. All others are mistakes of ours, and surface."""

_LASTING: Final = frozenset({"26", "28", "42P05", "42501"})
"""What somebody has to set up otherwise, by code or class. A database that is not there may be about to be made."""

UNSTORABLE_CLASSES: Final = frozenset({"22", "54"})
"""Values that the server cannot keep, and values too large for it: what one item of a batch may bring about."""


def as_unavailable(error: BaseException, place: str) -> Unavailable | None:
    """Return what to raise for an error of the environment after which nothing took effect; None for another one."""
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
    """Whether what was under way when this error came may have been committed after all."""
    code = code_of(error)
    if code is None:
        return is_lost(error)
    if code in {_STATEMENT_COMPLETION_UNKNOWN, _IDLE_IN_TRANSACTION}:
        return code == _STATEMENT_COMPLETION_UNKNOWN
    return _is_fatal(error) or (code[:2] not in _ROLLED_BACK_CLASSES and code != _STATEMENT_CANCELLED)


def ends_session(error: BaseException) -> bool:
    """Whether the session that met this error is not to be used again."""
    code = code_of(error)
    if code is None:
        return is_lost(error)
    return _is_fatal(error) or (code[:2] not in _HARMLESS_CLASSES and code not in _HARMLESS_CODES)


def is_stale(error: BaseException) -> bool:
    """Whether nothing took effect for a reason that may lie in the session alone: on a new one the call may succeed."""
    return code_of(error) in _STALE_CODES and not _is_fatal(error)


def is_lost(error: BaseException) -> bool:
    """Whether the connection is gone, or cannot be trusted any more."""
    return isinstance(error, CONNECTION_LOST) and not isinstance(error, ValueError)


def is_race(error: BaseException) -> bool:
    """Whether the transaction only met another one."""
    return code_of(error) in RACES


def is_unstorable(error: BaseException) -> bool:
    """Whether a value cannot be stored: refused by the driver before it was sent, or by the server."""
    if isinstance(error, asyncpg.InterfaceError):
        return isinstance(error, ValueError)
    code = code_of(error)
    return code is not None and code[:2] in UNSTORABLE_CLASSES


def code_of(error: BaseException) -> str | None:
    """Return the server's code for an error; None for an error that did not come from the server."""
    return error.sqlstate if isinstance(error, asyncpg.PostgresError) else None


def _is_fatal(error: BaseException) -> bool:
    """Whether the server says that the session has ended. Old poolers send only the severity that may be translated."""
    if not isinstance(error, asyncpg.PostgresError):
        return False
    return (error.severity_en or error.severity) in _ENDS_THE_SESSION
