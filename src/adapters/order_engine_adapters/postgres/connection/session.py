"""A connection in use: statements and savepoints."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

from order_engine_adapters.postgres.connection.failures import is_lost, leaves_doubt
from order_engine_adapters.postgres.connection.target import Connection, within

SAVEPOINT: Final = "order_engine_items"

Answer = TypeVar("Answer")


class Session:
    """A connection in use. Statements are written for the default schema."""

    def __init__(self, connection: Connection, schema: str) -> None:
        """Use `connection` for the tables in `schema`."""
        self.connection = connection
        self.may_commit = False
        """Whether what is under way may be committed although its answer does not come."""
        self._schema = schema

    async def rows(self, sql: str, *arguments: object) -> Sequence[Any]:
        """Execute a statement and return its rows."""
        return await self.connection.fetch(within(sql, self._schema), *arguments)

    async def value(self, sql: str, *arguments: object) -> Any:  # noqa: ANN401 - whatever the statement selects
        """Execute a statement and return the first column of its first row, or None without rows."""
        return await self.connection.fetchval(within(sql, self._schema), *arguments)

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """Roll back the block on an error without aborting the transaction.

        Uses statements, because the driver refuses savepoints in a transaction that was started by a statement.
        """
        await self.connection.execute(f"SAVEPOINT {SAVEPOINT}")
        try:
            yield
        except Exception as error:
            if not is_lost(error) and not leaves_doubt(error):
                await self.connection.execute(f"ROLLBACK TO {SAVEPOINT}; RELEASE {SAVEPOINT}")
            raise
        await self.connection.execute(f"RELEASE {SAVEPOINT}")


Work = Callable[[Session], Awaitable[Answer]]
