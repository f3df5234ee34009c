"""The contract of a queue: a doorbell, which may lose, repeat and reorder, but must not invent, hang or break."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar, TypeVar

from order_engine.contracts.coroutine_tests import as_test
from order_engine.contracts.expectations import expect
from order_engine.ports.queue import OrderQueue

PUT_AGAIN_AFTER = 0.5
"""Seconds after which an id that did not arrive is put again: the queue may have lost it."""

Suite = TypeVar("Suite", bound="QueueContract")


class Bell:
    """A queue under test, and what was put into it so far: nothing else may come out."""

    def __init__(self, queue: OrderQueue) -> None:
        """Begin with a queue that nothing was put into."""
        self._queue = queue
        self._put: set[str] = set()

    async def put(self, *order_ids: str) -> None:
        """Ring for these."""
        self._put.update(order_ids)
        await self._queue.put(order_ids)

    async def get(self, limit: int) -> list[str]:
        """Get, checking what holds for every answer."""
        got = list(await self._queue.get(limit))
        expect(1 <= len(got) <= limit, f"a get of at most {limit} returns 1 to {limit} ids, not {len(got)}")
        expect(set(got) <= self._put, f"only what was put comes out, {sorted(self._put)}, not {got}")
        return got

    def getter(self, limit: int = 1) -> asyncio.Task[list[str]]:
        """Begin to get."""
        return asyncio.create_task(self.get(limit))

    async def ring_until_done(self, order_ids: Iterable[str], *getters: asyncio.Task[list[str]]) -> None:
        """Put the ids, again and again, until all getters are answered."""
        waiting, order_ids = set(getters), sorted(order_ids)
        while waiting:
            await self.put(*order_ids)
            done, waiting = await asyncio.wait(waiting, timeout=PUT_AGAIN_AFTER)
            for getter in done:
                getter.result()

    async def ring_until_it_arrives(self, *order_ids: str) -> None:
        """Put the ids until each has come out; what was put before may come out as well."""
        missing = set(order_ids)
        while missing:
            getter = self.getter(10)
            await self.ring_until_done(missing, getter)
            missing -= set(getter.result())


def with_bell(body: Callable[[Suite, Bell], Coroutine[Any, Any, None]]) -> Callable[[Suite], None]:
    """Make a test method of a coroutine that gets a fresh queue, and has to be done in time."""
    return as_test(body, Bell)


class QueueContract:
    """What every queue promises. Since ids are hints, arrival is only asked for where the bell is rung again."""

    patience_seconds: ClassVar[float] = 10.0
    """How long one test may take altogether."""
    quiet_seconds: ClassVar[float] = 0.05
    """How long a `get` that should wait is watched."""

    def open(self) -> AbstractAsyncContextManager[OrderQueue]:
        """Open a fresh, empty queue. Called once for each test."""
        raise NotImplementedError

    @with_bell
    async def test_what_was_put_arrives(self, bell: Bell) -> None:
        """An id that is put into a queue that is otherwise idle arrives at the one who asks, in time."""
        for order_id in ("order-1", "order-2", "a b"):
            await bell.ring_until_it_arrives(order_id)

    @with_bell
    async def test_get_waits_for_one_at_least(self, bell: Bell) -> None:
        """A get of an empty queue waits; it returns with at least one id when the bell is rung."""
        getter = bell.getter(10)
        await asyncio.sleep(self.quiet_seconds)
        expect(not getter.done(), "a get of an empty queue waits")
        await bell.ring_until_done(["order-1"], getter)

    @with_bell
    async def test_get_keeps_to_its_limit(self, bell: Bell) -> None:
        """A get returns at most as many as asked for; the queue goes on with the rest."""
        names = [f"order-{number}" for number in range(10)]
        await bell.put(*names)
        for limit in (1, 3, 2):
            await bell.ring_until_done(names, bell.getter(limit))

    @with_bell
    async def test_ids_come_out_as_they_went_in(self, bell: Bell) -> None:
        """Ids keep every character: they differ by case and by the way an accent is written, and may be long."""
        await bell.ring_until_it_arrives("order-1", "Order-1", "e\u0301", "\u00e9", "\U0001f600" * 256)

    @with_bell
    async def test_empty_put_is_harmless(self, bell: Bell) -> None:
        """Ringing for nothing answers nobody, and the queue works on."""
        getter = bell.getter(5)
        await bell.put()
        await asyncio.sleep(self.quiet_seconds)
        expect(not getter.done(), "a get is not answered by an empty put")
        await bell.ring_until_done(["order-1"], getter)

    @with_bell
    async def test_repeated_ids_are_allowed(self, bell: Bell) -> None:
        """The same id may be put again and again, in one call and in several, before and after it was got."""
        for _ in range(3):
            await bell.put("order-1", "order-1")
            await bell.ring_until_it_arrives("order-1")

    @with_bell
    async def test_cancelled_get_leaves_the_queue_in_order(self, bell: Bell) -> None:
        """A get that is cancelled, while it waits or as it is being answered, does not stop the next one."""
        for ring in (False, True):
            getter = bell.getter()
            await asyncio.sleep(self.quiet_seconds)
            if ring:
                await bell.put("order-1")
            getter.cancel()
            await asyncio.gather(getter, return_exceptions=True)
            await bell.ring_until_it_arrives("order-2")

    @with_bell
    async def test_cancelled_getter_does_not_take_others_along(self, bell: Bell) -> None:
        """Of several that wait, one is cancelled: the others are served all the same."""
        getters = [bell.getter() for _ in range(3)]
        await asyncio.sleep(self.quiet_seconds)
        getters[0].cancel()
        await asyncio.gather(getters[0], return_exceptions=True)
        await bell.ring_until_done(["order-1", "order-2"], *getters[1:])

    @with_bell
    async def test_concurrent_getters_are_all_served(self, bell: Bell) -> None:
        """Several that wait at the same time all get something, as long as the bell is rung."""
        getters = [bell.getter() for _ in range(5)]
        await asyncio.sleep(self.quiet_seconds)
        await bell.ring_until_done((f"order-{number}" for number in range(5)), *getters)

    @with_bell
    async def test_put_does_not_wait_for_a_getter(self, bell: Bell) -> None:
        """Whoever rings goes on at once, although nobody listens and however many ids there are."""
        for start in range(0, 5_000, 500):
            await bell.put(*(f"order-{number}" for number in range(start, start + 500)))
        await bell.ring_until_done(["order-0"], bell.getter(100))
