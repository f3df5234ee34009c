"""Connections that only keep count of what is done to them, for the pool's tests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

from order_engine_adapters.postgres.connection.target import Connection


class FakeConnection:
    """A connection that takes a turn of the event loop for each statement."""

    def __init__(self, answer: Callable[[str], Awaitable[str]] | None = None) -> None:
        """Answer each statement with its first word, or with what `answer` says."""
        self._answer = answer
        self._is_closed = False
        self._is_in_transaction = False

    def is_closed(self) -> bool:
        """Whether it was ended."""
        return self._is_closed

    def is_in_transaction(self) -> bool:
        """Whether a transaction was begun and not ended."""
        return self._is_in_transaction

    def terminate(self) -> None:
        """End it."""
        self._is_closed = True

    async def close(self, timeout: float) -> None:  # noqa: ASYNC109, ARG002 - the driver's signature
        """End it in order."""
        await asyncio.sleep(0)
        self._is_closed = True

    async def execute(self, sql: str) -> str:
        """Note where a transaction begins and ends."""
        word = sql.partition(" ")[0]
        if word == "BEGIN":
            self._is_in_transaction = True
        await asyncio.sleep(0)
        answer = word if self._answer is None else await self._answer(sql)
        if word in {"COMMIT", "ROLLBACK"}:
            self._is_in_transaction = False
        await asyncio.sleep(0)
        return answer


class FakeServer:
    """Gives connections, and counts those that are open."""

    def __init__(self) -> None:
        """Give as many as are asked for."""
        self.all: list[FakeConnection] = []
        self.refusal: Exception | None = None
        self.answer: Callable[[str], Awaitable[str]] | None = None
        self.asked = 0

    @property
    def open(self) -> int:
        """How many connections have not been ended."""
        return sum(not each.is_closed() for each in self.all)

    async def connect(self, *_: object) -> Connection:
        """Open a connection, which takes two turns of the event loop."""
        self.asked += 1
        await asyncio.sleep(0)
        if self.refusal is not None:
            raise self.refusal
        await asyncio.sleep(0)
        self.all.append(FakeConnection(self.answer))
        return cast("Connection", self.all[-1])
