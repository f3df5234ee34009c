"""Mapping of SQLite errors to the errors of the port."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from order_engine.domain.errors import OutcomeUnknown, Unavailable

PRIMARY_CODE: Final = 0xFF
"""Mask of the primary result code in an extended one."""

_LOCKED: Final = "Another program has locked the database {path}. Nothing was changed. Close that program."
_NOT_WRITABLE: Final = (
    "The database {path} is not writable. Grant this user write permission for the file and its folder."
)

_SENTENCES: Final[Mapping[int, str]] = {
    sqlite3.SQLITE_FULL: "No disk space is left for {path}. Nothing was changed. Free disk space. No restart needed.",
    sqlite3.SQLITE_IOERR: "The disk of the database {path} failed ({name}). Nothing was changed. Check the disk.",
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_PROTOCOL: _LOCKED,
    sqlite3.SQLITE_READONLY: _NOT_WRITABLE,
    sqlite3.SQLITE_PERM: _NOT_WRITABLE,
    sqlite3.SQLITE_CANTOPEN: "Cannot open the database {path}. Check that its folder exists and is writable.",
    sqlite3.SQLITE_NOTADB: "The file {path} is not a SQLite database. Use another file, or move this one.",
    sqlite3.SQLITE_CORRUPT: "The database {path} is damaged ({name}). Stop the engine and restore a backup.",
    sqlite3.SQLITE_INTERRUPT: "A call to the database {path} was interrupted. Nothing was changed.",
}
"""Messages for errors of the environment. All others are bugs and are not converted."""

_MAY_HAVE_BEEN_COMMITTED: Final = frozenset({sqlite3.SQLITE_IOERR})

_CONNECTION_IS_DOUBTFUL: Final = frozenset({sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def as_unavailable(error: sqlite3.Error, path: Path) -> Unavailable | None:
    """Return the error to raise for an environment error; None for a bug."""
    sentence = _SENTENCES.get(_primary(error))
    return None if sentence is None else Unavailable(sentence.format(path=path, name=error.sqlite_errorname))


def as_outcome_unknown(error: sqlite3.Error, path: Path) -> OutcomeUnknown | None:
    """Return the error to raise for a failed COMMIT that may have taken effect; None if it cannot have.

    A transaction is committed once its last frame is in the write-ahead log. If writing a frame failed, it is
    incomplete and its checksum is wrong. If the following flush failed, the frame may be found after a crash.
    """
    if _primary(error) not in _MAY_HAVE_BEEN_COMMITTED or error.sqlite_errorcode == sqlite3.SQLITE_IOERR_WRITE:
        return None
    name = error.sqlite_errorname
    return OutcomeUnknown(f"Writing to the database {path} failed ({name}). The change may have taken effect.")


def leaves_doubt(error: sqlite3.Error) -> bool:
    """Return whether the connection is unreliable after this error, so that a new one must read everything again.

    Not if only writing failed, as on some full disks: opening a new connection would need disk space.
    """
    return _primary(error) in _CONNECTION_IS_DOUBTFUL and error.sqlite_errorcode != sqlite3.SQLITE_IOERR_WRITE


def _primary(error: sqlite3.Error) -> int:
    # Errors of the Python module, for example for a closed connection, have no code.
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & PRIMARY_CODE
