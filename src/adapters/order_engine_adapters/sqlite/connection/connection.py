"""The connection to the database file: opening, transactions and errors."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Literal, NoReturn

from order_engine.domain.errors import Unavailable
from order_engine_adapters.sqlite.connection.bulk_statements import Statement
from order_engine_adapters.sqlite.connection.failures import as_outcome_unknown, as_unavailable, leaves_doubt
from order_engine_adapters.sqlite.schema.migrations import (
    SqliteMigration,
    migrate,
    pending,
    refuse_foreign,
    refuse_pending,
    shipped,
)

OLDEST_SQLITE: Final = (3, 38, 0)
"""First version in which the JSON functions are always built in. STRICT tables exist since 3.37."""

BUSY_SECONDS: Final = 1.0
"""How long another program, such as a backup, may lock the file before a call is Unavailable."""

STATEMENTS_KEPT: Final = 64
"""Cached prepared statements: three that write rows, in ten sizes each, and those that read."""

TRANSACTIONS_BETWEEN_LOOKS: Final = 64
"""Transactions between checks that the file still exists."""

PRAGMAS_OF_READING: Final = (
    # KiB, for pages that are written repeatedly; the system caches the rest. With 300,000 orders with random ids,
    # 64 MiB were no faster (7,100 to 7,400 orders/s both) and took 52 MiB more.
    "PRAGMA cache_size = -16384",
    "PRAGMA temp_store = MEMORY",
)
PRAGMAS: Final = (
    *PRAGMAS_OF_READING,
    "PRAGMA foreign_keys = ON",
    # Pages: a checkpoint after 64 MiB copies each page once, however often it was written. With 300,000 orders with
    # random ids, this allowed 9,000 to 14,000 orders/s; 16 MiB allowed 8,000 to 10,800.
    "PRAGMA wal_autocheckpoint = 16384",
    "PRAGMA journal_size_limit = 67108864",
)


class Database:
    """A database file and its connection. All methods are called on one thread.

    After an error that leaves the connection in doubt, it is closed and the next call opens another one, so an outage
    needs no restart.
    """

    def __init__(self, path: Path, synchronous: Literal["FULL", "OFF"], busy_seconds: float = BUSY_SECONDS) -> None:
        """Store the path; `open` opens the file."""
        self.path = path
        self._busy_seconds = busy_seconds
        self._synchronous = synchronous
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] = (0, 0)
        self._transactions_to_look = TRANSACTIONS_BETWEEN_LOOKS
        self._only_reads = False
        self.name: str = ""
        """A random name, generated when the database was created."""

    def open(self, opened_at: int, *, may_migrate: bool = True) -> Sequence[SqliteMigration]:
        """Open the file, create it if missing, and migrate it. Return the applied migrations.

        Without `may_migrate`, a file with pending migrations is refused. `opened_at` is in microseconds since 1970, for
        the record of migrations. Raises Unavailable.
        """
        applied: Sequence[SqliteMigration] = ()
        with self._opening():
            connection = self._connection = self._connect()
            refuse_foreign(connection, self.path)
            if not may_migrate:
                refuse_pending(connection, self.path, shipped())
            self._turn_log_on(connection)
            if may_migrate:
                applied = migrate(connection, self.path, opened_at, shipped())
            self._check_writing(connection)
            self._know(connection)
        return applied

    def open_to_read(self) -> None:
        """Open an existing, migrated file read-only. Raises Unavailable."""
        self._only_reads = True
        with self._opening():
            connection = self._connection = self._connect_to_read()
            refuse_foreign(connection, self.path)
            refuse_pending(connection, self.path, shipped())
            self._know(connection)

    def pending(self) -> Sequence[SqliteMigration]:
        """Return the pending migrations of an existing file without changing it. Raises Unavailable."""
        with self._opening():
            connection = self._connection = self._connect_to_read()
            refuse_foreign(connection, self.path)
            return pending(connection, self.path, shipped())

    @contextmanager
    def _opening(self) -> Iterator[None]:
        """Close everything if opening fails."""
        try:
            yield
        except sqlite3.Error as error:
            self._discard()
            self._raise(error)
        except BaseException:
            self._discard()
            raise

    def _know(self, connection: sqlite3.Connection) -> None:
        (self.name,) = connection.execute("SELECT name FROM identity").fetchone()
        self._file = self._file_now()

    def ask(self, sql: str, parameters: Sequence[object] | Mapping[str, object] = ()) -> Any:  # noqa: ANN401 - a column
        """Return the first column of the first row. Raises Unavailable."""
        try:
            row = self._connected().execute(sql, parameters).fetchone()
        except sqlite3.Error as error:
            self._doubt(error)
            self._raise(error)
        return row[0]

    def transact(self, statements: Sequence[Statement]) -> None:
        """Execute statements as one transaction.

        Raises Unavailable if nothing was changed, OutcomeUnknown if the commit failed and may have taken effect. Any
        other error means that nothing was changed.
        """
        connection = self._connected()
        self._look_at_file()
        committing = len(statements) == 1
        try:
            if not committing:
                # A single statement is a transaction by itself and saves two steps.
                connection.execute("BEGIN IMMEDIATE")
            for sql, parameters in statements:
                connection.execute(sql, parameters)
            if not committing:
                committing = True
                connection.execute("COMMIT")
        except BaseException as error:
            self._roll_back(connection)
            if isinstance(error, sqlite3.Error):
                self._doubt(error)
                if committing and (unknown := as_outcome_unknown(error, self.path)):
                    raise unknown from error
                self._raise(error)
            raise

    def close(self) -> None:
        """Checkpoint the write-ahead log and close."""
        if self._connection is not None and not self._only_reads:
            with suppress(sqlite3.Error):
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._discard()

    def check_surroundings(self) -> None:
        """Raise Unavailable if no database can exist at the path, before a lock file is created beside it."""
        if sqlite3.sqlite_version_info < OLDEST_SQLITE:
            oldest = ".".join(map(str, OLDEST_SQLITE))
            message = (
                f"This Python has SQLite {sqlite3.sqlite_version}. Install a Python with SQLite {oldest} or newer."
            )
            raise Unavailable(message)
        try:
            is_folder, has_folder = self.path.is_dir(), self.path.parent.is_dir()
        except OSError as error:
            message = f"Cannot open the database {self.path} ({error.strerror}). Use another file."
            raise Unavailable(message) from error
        if is_folder:
            message = f"{self.path} is a folder. Use a database file within it."
            raise Unavailable(message)
        if not has_folder:
            message = f"The folder {self.path.parent} of the database does not exist. Create it or correct the URL."
            raise Unavailable(message)

    def refuse_absent(self) -> None:
        """Raise Unavailable if the file does not exist."""
        if not self.path.exists():
            message = (
                f"Database {self.path} does not exist. Use another one, or run `order-engine migrate` to create it."
            )
            raise Unavailable(message)

    def _connect(self) -> sqlite3.Connection:
        # Not a URI, so that every character of the path is literal.
        connection = sqlite3.connect(
            self.path, timeout=self._busy_seconds, isolation_level=None, cached_statements=STATEMENTS_KEPT
        )
        return _set_up(connection, (*PRAGMAS, f"PRAGMA synchronous = {self._synchronous}"))

    def _connect_to_read(self) -> sqlite3.Connection:
        """Open a read-only connection that creates no file beside the database.

        If the log is empty, the file alone is the database. Otherwise the log is read, too, with the index that SQLite
        keeps beside it.
        """
        log = self.path.with_name(f"{self.path.name}-wal")
        is_whole = not log.exists() or log.stat().st_size == 0
        # A URI, in which special characters of the path are percent-encoded.
        uri = f"{self.path.absolute().as_uri()}?mode=ro{'&immutable=1' if is_whole else ''}"
        connection = sqlite3.connect(
            uri, uri=True, timeout=self._busy_seconds, isolation_level=None, cached_statements=STATEMENTS_KEPT
        )
        return _set_up(connection, PRAGMAS_OF_READING)

    def _turn_log_on(self, connection: sqlite3.Connection) -> None:
        """Enable the write-ahead log and verify it: on some file systems SQLite silently goes without."""
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            message = (
                f"The file system of the database {self.path} does not support write-ahead logs. Use a local disk."
            )
            raise Unavailable(message)

    def _check_writing(self, connection: sqlite3.Connection) -> None:
        """Detect a read-only file now: SQLite opens one without an error."""
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE identity SET name = name")
        connection.execute("ROLLBACK")

    def _connected(self) -> sqlite3.Connection:
        return self._reconnected() if self._connection is None else self._connection

    def _reconnected(self) -> sqlite3.Connection:
        self._refuse_other_file()
        with self._opening():
            connection = self._connection = self._connect_to_read() if self._only_reads else self._connect()
            if not self._only_reads:
                self._turn_log_on(connection)
        return connection

    def _look_at_file(self) -> None:
        """Check occasionally that the file still exists: writes to a deleted file are lost.

        Not in each transaction, since the check releases Python's lock like a statement does. Once the file is missing,
        every transaction checks until it is back.
        """
        self._transactions_to_look -= 1
        if self._transactions_to_look <= 0:
            self._refuse_other_file()
            self._transactions_to_look = TRANSACTIONS_BETWEEN_LOOKS

    def _refuse_other_file(self) -> None:
        if self._file_now() != self._file:
            message = f"The database {self.path} was deleted or replaced. Stop the engine and restore the file."
            raise Unavailable(message)

    def _file_now(self) -> tuple[int, int]:
        """Return the device and inode number of the file at the path."""
        try:
            status = self.path.stat()
        except OSError:
            return (0, 0)
        return (status.st_dev, status.st_ino)

    def _roll_back(self, connection: sqlite3.Connection) -> None:
        try:
            # SQLite rolls back by itself after some errors.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            self._discard()

    def _doubt(self, error: sqlite3.Error) -> None:
        if leaves_doubt(error):
            self._discard()

    def _discard(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with suppress(sqlite3.Error):
                connection.close()

    def _raise(self, error: sqlite3.Error) -> NoReturn:
        unavailable = as_unavailable(error, self.path)
        if unavailable is None:
            raise error
        raise unavailable from error


def _set_up(connection: sqlite3.Connection, pragmas: Iterable[str]) -> sqlite3.Connection:
    """Return the configured connection. Close it if that fails, for example for a file of other software."""
    try:
        for pragma in pragmas:
            connection.execute(pragma)
    except BaseException:
        connection.close()
        raise
    return connection
