"""A connection in use: statements, and savepoints within a transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

from order_engine_adapters.postgres.connection.failures import is_lost, leaves_doubt
from order_engine_adapters.postgres.connection.target import Connection, within

SAVEPOINT: Final = "order_engine_items"

Answer = TypeVar("Answer")


class Session:
    """A connection in use, by statements that are written for the default schema."""

    def __init__(self, connection: Connection, schema: str) -> None:
        """Use `connection` for tables in `schema`."""
        self.connection = connection
        self.may_commit = False
        """Whether what is under way may be committed although its answer does not come."""
        self._schema = schema

    async def rows(self, sql: str, *arguments: object) -> Sequence[Any]:
        """Execute one statement."""
        return await self.connection.fetch(within(sql, self._schema), *arguments)

    async def value(self, sql: str, *arguments: object) -> Any:  # noqa: ANN401 - whatever the statement selects
        """Execute one statement and return the first column of its first row; None where there is none."""
        return await self.connection.fetchval(within(sql, self._schema), *arguments)

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """Undo what is done within it if that fails, and nothing else of the transaction.

        By statements, for the driver's own way refuses a transaction that was begun by one.
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
