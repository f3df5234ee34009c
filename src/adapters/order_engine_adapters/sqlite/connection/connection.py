"""The one connection to the database file: opening it, transactions, and what becomes of errors."""

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
"""The first with JSON functions always built in; STRICT tables are from 3.37."""

BUSY_SECONDS: Final = 1.0
"""How long another program may lock the file, for example to back it up, before a call is Unavailable; the default."""

STATEMENTS_KEPT: Final = 64
"""Prepared statements that are kept: three that write rows, in ten sizes each, and those that read."""

TRANSACTIONS_BETWEEN_LOOKS: Final = 64
"""How often to see whether the file is still there."""

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
    """A database file and the connection to it. Everything is called on one thread.

    After an error that leaves the connection in doubt it is closed, and the next call opens another: so an outage
    heals without a restart.
    """

    def __init__(self, path: Path, synchronous: Literal["FULL", "OFF"], busy_seconds: float = BUSY_SECONDS) -> None:
        """Keep the path; `open` opens. `busy_seconds` limit each wait for another program that locks the file."""
        self.path = path
        self._busy_seconds = busy_seconds
        self._synchronous = synchronous
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] = (0, 0)
        self._transactions_to_look = TRANSACTIONS_BETWEEN_LOOKS
        self._only_reads = False
        self.name = ""
        """The name that was drawn when the database was made."""

    def open(self, opened_at: int, *, may_migrate: bool = True) -> Sequence[SqliteMigration]:
        """Open the file, make it where there is none, and migrate it; return the migrations that were applied.

        Without `may_migrate`, a file that lacks migrations is refused. `opened_at` is in microseconds since 1970, for
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
        """Open a file that is there, is up to date, and is not changed. Raises Unavailable."""
        self._only_reads = True
        with self._opening():
            connection = self._connection = self._connect_to_read()
            refuse_foreign(connection, self.path)
            refuse_pending(connection, self.path, shipped())
            self._know(connection)

    def pending(self) -> Sequence[SqliteMigration]:
        """Return the migrations that a file lacks that is there, and do not change it. Raises Unavailable."""
        with self._opening():
            connection = self._connection = self._connect_to_read()
            refuse_foreign(connection, self.path)
            return pending(connection, self.path, shipped())

    @contextmanager
    def _opening(self) -> Iterator[None]:
        """Leave nothing open where opening fails."""
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

        Raises Unavailable where nothing took effect, OutcomeUnknown where the commit failed and it may have. Any other
        error means that nothing took effect either.
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
        """Copy the log into the file and close."""
        if self._connection is not None and not self._only_reads:
            with suppress(sqlite3.Error):
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._discard()

    def check_surroundings(self) -> None:
        """Raise Unavailable where no database can be at the path; before a lock file is made beside it."""
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
        """Raise Unavailable where there is no file."""
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
        """Open a connection that changes nothing, and that makes no file beside the database's.

        The file alone is the database where its log is empty. Otherwise the log is read too, by way of the index that
        SQLite keeps beside it.
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
        """Turn the write-ahead log on, and see that it is: on some file systems SQLite silently goes without."""
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            message = (
                f"The file system of the database {self.path} does not support write-ahead logs. Use a local disk."
            )
            raise Unavailable(message)

    def _check_writing(self, connection: sqlite3.Connection) -> None:
        """Find out now whether the file may be written: SQLite opens one that may only be read without a word."""
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
        """See now and then that the file is still there: what goes into a deleted one is lost.

        Not at each transaction, since it takes a step outside of Python's lock like a statement of SQLite; once it is
        missing, at each until it is back.
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
        """Return which file is at the path, by device and number."""
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
    """Return the connection with its settings; close it where it does not take them, as that to a file of others."""
    try:
        for pragma in pragmas:
            connection.execute(pragma)
    except BaseException:
        connection.close()
        raise
    return connection
