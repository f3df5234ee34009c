"""Real databases in simulations: the engine runs in virtual time, and each call blocks until it is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from threading import Thread
from typing import Any, Final, TypeVar

from order_engine.domain.commands import ClaimTerms, Command, Lease, Placement
from order_engine.domain.events import Event
from order_engine.domain.metrics import Statistics
from order_engine.domain.order import Order
from order_engine.ports.portions import get_some, get_states
from order_engine.ports.repository import (
    Added,
    Applied,
    Claimed,
    Cursor,
    EventPage,
    OrderPage,
    OrderQuery,
    OrderRepository,
    OrderState,
    Portion,
    Renewed,
)

Answer = TypeVar("Answer")

LONGEST_CALL_SECONDS: Final = 60.0


@contextmanager
def blocking(
    opened: AbstractAsyncContextManager[OrderRepository], before: Callable[[], Awaitable[object]] | None = None
) -> Iterator[OrderRepository]:
    """Open a repository in an event loop in another thread, for use in a simulation.

    `before` is awaited before each call. It may set the database's time to that of the simulation.
    """
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, name="order_engine simulation's database", daemon=True)
    thread.start()
    try:
        repository = _wait(loop, opened.__aenter__())
        try:
            yield BlockingStore(repository, loop, before)
        finally:
            _wait(loop, opened.__aexit__(None, None, None))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(LONGEST_CALL_SECONDS)
        loop.close()


class BlockingStore:
    """Repository whose calls return without awaiting in the simulation's loop."""

    def __init__(
        self,
        repository: OrderRepository,
        loop: asyncio.AbstractEventLoop,
        before: Callable[[], Awaitable[object]] | None,
    ) -> None:
        """Call `repository` in `loop`, which runs in another thread."""
        self._repository = repository
        self._loop = loop
        self._before = before

    async def add(self, placements: Sequence[Placement], hold: ClaimTerms | None = None) -> Sequence[Added]:
        """Call `add`."""
        return self._call(self._repository.add(placements, hold))

    async def claim(self, terms: ClaimTerms) -> Claimed:
        """Call `claim`."""
        return self._call(self._repository.claim(terms))

    async def renew(self, leases: Sequence[Lease], seconds: float) -> Sequence[Renewed]:
        """Call `renew`."""
        return self._call(self._repository.renew(leases, seconds))

    async def apply(self, commands: Sequence[Command]) -> Sequence[Applied]:
        """Call `apply`."""
        return self._call(self._repository.apply(commands))

    async def get(self, order_ids: Sequence[str]) -> Mapping[str, Order]:
        """Call `get`."""
        return self._call(self._repository.get(order_ids))

    async def get_some(self, order_ids: Sequence[str], max_bytes: int) -> Portion:
        """Call `get_some`."""
        return self._call(get_some(self._repository, order_ids, max_bytes))

    async def get_states(self, order_ids: Sequence[str]) -> Mapping[str, OrderState]:
        """Call `get_states`."""
        return self._call(get_states(self._repository, order_ids))

    async def list(self, query: OrderQuery) -> OrderPage:
        """Call `list`."""
        return self._call(self._repository.list(query))

    async def history(self, order_id: str, after: int, limit: int) -> Sequence[Event]:
        """Call `history`."""
        return self._call(self._repository.history(order_id, after, limit))

    async def events(self, after: Cursor | None, limit: int) -> EventPage:
        """Call `events`."""
        return self._call(self._repository.events(after, limit))

    async def statistics(self) -> Statistics:
        """Call `statistics`."""
        return self._call(self._repository.statistics())

    def _call(self, call: Awaitable[Answer]) -> Answer:
        return _wait(self._loop, self._after_preparation(call))

    async def _after_preparation(self, call: Awaitable[Answer]) -> Answer:
        if self._before is not None:
            await self._before()
        return await call


def _wait(loop: asyncio.AbstractEventLoop, call: Coroutine[Any, Any, Answer] | Awaitable[Answer]) -> Answer:
    return asyncio.run_coroutine_threadsafe(_awaited(call), loop).result(LONGEST_CALL_SECONDS)


async def _awaited(call: Awaitable[Answer]) -> Answer:
    return await call
