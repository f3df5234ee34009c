"""Contract of queues: they may lose, repeat and reorder ids, but must not invent ids, hang or break."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar, TypeVar

from order_engine.contracts.coroutine_tests import as_test
from order_engine.contracts.expectations import expect
from order_engine.ports.queue import OrderQueue

PUT_AGAIN_AFTER = 0.5
"""Seconds after which an id that did not arrive is put again, since the queue may have lost it."""

Suite = TypeVar("Suite", bound="QueueContract")


class QueueProbe:
    """Queue under test, which records the ids put into it: no other ids may come out."""

    def __init__(self, queue: OrderQueue) -> None:
        """Start with an empty queue."""
        self._queue = queue
        self._put: set[str] = set()

    async def put(self, *order_ids: str) -> None:
        """Put ids."""
        self._put.update(order_ids)
        await self._queue.put(order_ids)

    async def get(self, limit: int) -> list[str]:
        """Get ids, and check the answer."""
        got = list(await self._queue.get(limit))
        expect(1 <= len(got) <= limit, f"get({limit}) must return 1 to {limit} ids, not {len(got)}")
        expect(set(got) <= self._put, f"get must return only ids that were put, {sorted(self._put)}, not {got}")
        return got

    def getter(self, limit: int = 1) -> asyncio.Task[list[str]]:
        """Start a get."""
        return asyncio.create_task(self.get(limit))

    async def put_until_done(self, order_ids: Iterable[str], *getters: asyncio.Task[list[str]]) -> None:
        """Put the ids repeatedly until all gets are answered."""
        waiting, order_ids = set(getters), sorted(order_ids)
        while waiting:
            await self.put(*order_ids)
            done, waiting = await asyncio.wait(waiting, timeout=PUT_AGAIN_AFTER)
            for getter in done:
                getter.result()

    async def put_until_it_arrives(self, *order_ids: str) -> None:
        """Put the ids until each has been received; ids put before may be received as well."""
        missing = set(order_ids)
        while missing:
            getter = self.getter(10)
            await self.put_until_done(missing, getter)
            missing -= set(getter.result())


def with_queue(body: Callable[[Suite, QueueProbe], Coroutine[Any, Any, None]]) -> Callable[[Suite], None]:
    """Convert a coroutine that takes a new queue to a test method with a time limit."""
    return as_test(body, QueueProbe)


class QueueContract:
    """Tests of a queue. Since ids are hints, they are put again until they arrive."""

    patience_seconds: ClassVar[float] = 10.0
    """Time limit of one test, in real time."""
    quiet_seconds: ClassVar[float] = 0.05
    """Time for which a `get` that must wait is observed."""

    def open(self) -> AbstractAsyncContextManager[OrderQueue]:
        """Open a new, empty queue. Called once for each test."""
        raise NotImplementedError

    @with_queue
    async def test_what_was_put_arrives(self, queue: QueueProbe) -> None:
        """An id put into an idle queue is received."""
        for order_id in ("order-1", "order-2", "a b"):
            await queue.put_until_it_arrives(order_id)

    @with_queue
    async def test_get_waits_for_one_at_least(self, queue: QueueProbe) -> None:
        """A get waits while the queue is empty, and returns at least one id after a put."""
        getter = queue.getter(10)
        await asyncio.sleep(self.quiet_seconds)
        expect(not getter.done(), "a get of an empty queue must wait")
        await queue.put_until_done(["order-1"], getter)

    @with_queue
    async def test_get_keeps_to_its_limit(self, queue: QueueProbe) -> None:
        """A get returns at most `limit` ids; the queue continues with the rest."""
        names = [f"order-{number}" for number in range(10)]
        await queue.put(*names)
        for limit in (1, 3, 2):
            await queue.put_until_done(names, queue.getter(limit))

    @with_queue
    async def test_ids_come_out_as_they_went_in(self, queue: QueueProbe) -> None:
        """Ids are passed unchanged: they may differ by case or Unicode normalization, and may be long."""
        await queue.put_until_it_arrives("order-1", "Order-1", "e\u0301", "\u00e9", "\U0001f600" * 256)

    @with_queue
    async def test_empty_put_is_harmless(self, queue: QueueProbe) -> None:
        """A put without ids answers no get and leaves the queue usable."""
        getter = queue.getter(5)
        await queue.put()
        await asyncio.sleep(self.quiet_seconds)
        expect(not getter.done(), "a put without ids must not answer a get")
        await queue.put_until_done(["order-1"], getter)

    @with_queue
    async def test_repeated_ids_are_allowed(self, queue: QueueProbe) -> None:
        """The same id may be put repeatedly, in one or several calls, before and after it was received."""
        for _ in range(3):
            await queue.put("order-1", "order-1")
            await queue.put_until_it_arrives("order-1")

    @with_queue
    async def test_cancelled_get_leaves_the_queue_in_order(self, queue: QueueProbe) -> None:
        """Cancelling a get, while it waits or is being answered, does not affect the next one."""
        for ring in (False, True):
            getter = queue.getter()
            await asyncio.sleep(self.quiet_seconds)
            if ring:
                await queue.put("order-1")
            getter.cancel()
            await asyncio.gather(getter, return_exceptions=True)
            await queue.put_until_it_arrives("order-2")

    @with_queue
    async def test_cancelled_getter_does_not_take_others_along(self, queue: QueueProbe) -> None:
        """Cancelling one of several waiting gets does not affect the others."""
        getters = [queue.getter() for _ in range(3)]
        await asyncio.sleep(self.quiet_seconds)
        getters[0].cancel()
        await asyncio.gather(getters[0], return_exceptions=True)
        await queue.put_until_done(["order-1", "order-2"], *getters[1:])

    @with_queue
    async def test_concurrent_getters_are_all_served(self, queue: QueueProbe) -> None:
        """Several waiting gets are all answered as long as ids are put."""
        getters = [queue.getter() for _ in range(5)]
        await asyncio.sleep(self.quiet_seconds)
        await queue.put_until_done((f"order-{number}" for number in range(5)), *getters)

    @with_queue
    async def test_put_does_not_wait_for_a_getter(self, queue: QueueProbe) -> None:
        """A put returns immediately, even without a get and with many ids."""
        for start in range(0, 5_000, 500):
            await queue.put(*(f"order-{number}" for number in range(start, start + 500)))
        await queue.put_until_done(["order-0"], queue.getter(100))
