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

_DOUBTFUL_CODES: Final = frozenset({"40003"})
_DOUBTFUL_CLASSES: Final = frozenset({"08", "57", "58", "XX"})
_STATEMENT_CANCELLED: Final = "57014"

_HANDED_AROUND: Final = (
    "confuses prepared statements, since something on the way hands sessions around, as PgBouncer does: "
    "set statement_cache_size=0 in the URL"
)

_SENTENCES: Final[Mapping[str, str]] = {
    "53": "has no room or connections left",
    "26": _HANDED_AROUND,
    "42P05": _HANDED_AROUND,
    "25006": "takes no changes: it is a standby, or was made read-only",
    "25P03": "ended a session that was idle within a transaction",
    "42501": "does not give this user the rights that order_engine needs",
    "55P03": "kept a lock from us for too long",
    "57014": "took too long over a statement",
    "57": "is shutting down or starting",
    "58": "had an error of its system",
    "08": "lost the connection",
    "28P01": "refuses the password, which is taken from the URL, PGPASSWORD or a password file",
    "28": "does not let this user in from here, or not without TLS: its pg_hba.conf decides",
    "3D": "has no such database",
    "40": "found too many writers at the same orders",
    "XX": "has an internal error",
}
"""By code or class: the errors that come from the surroundings. All others are mistakes of ours, and surface."""

_LASTING: Final = frozenset({"26", "28", "42P05", "42501"})
"""What somebody has to set up otherwise, by code or class. A database that is not there may be about to be made."""

UNSTORABLE_CLASSES: Final = frozenset({"22", "54"})
"""Values that the server cannot keep, and values too large for it: what one item of a batch may bring about."""


def as_unavailable(error: BaseException, place: str) -> Unavailable | None:
    """Return what to raise for an error of the surroundings after which nothing took effect; None for another one."""
    code = code_of(error)
    if code is None:
        return Unavailable(f"The PostgreSQL database at {place} did not answer.") if is_lost(error) else None
    sentence = _SENTENCES.get(code) or _SENTENCES.get(code[:2])
    if sentence is None:
        return None
    lasting = code in _LASTING or code[:2] in _LASTING
    return Unavailable(f"The PostgreSQL database at {place} {sentence} ({code}).", lasting=lasting)


def leaves_doubt(error: BaseException) -> bool:
    """Whether what was under way when this error came may have been committed after all."""
    code = code_of(error)
    if code is None:
        return is_lost(error)
    return code in _DOUBTFUL_CODES or (code[:2] in _DOUBTFUL_CLASSES and code != _STATEMENT_CANCELLED)


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
