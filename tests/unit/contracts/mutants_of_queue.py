"""Mutants of the memory queue, and the checks that catch each."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from order_engine_adapters.memory import MemoryQueue


class NeverWaits(MemoryQueue):
    """An empty queue is answered with nothing, at once: the engine would spin."""

    async def get(self, limit: int) -> Sequence[str]:
        """Return what there is."""
        await asyncio.sleep(0)
        return await super().get(limit) if self._order_ids else []


class KnowsNoLimit(MemoryQueue):
    """A get returns all there is, more than there are free slots for."""

    async def get(self, limit: int) -> Sequence[str]:
        """Ask for a lot."""
        return await super().get(max(limit, 1_000))


class IgnoresCase(MemoryQueue):
    """Ids come out in lower case: those of orders that nobody placed."""

    async def put(self, order_ids: Sequence[str]) -> None:
        """Fold the case."""
        await super().put([order_id.lower() for order_id in order_ids])


class EmptyPutWakes(MemoryQueue):
    """Ringing for nothing answers whoever waits, with nothing."""

    async def put(self, order_ids: Sequence[str]) -> None:
        """Ring."""
        await super().put(order_ids)
        self._rung.set()

    async def get(self, limit: int) -> Sequence[str]:
        """Take the bell for an order."""
        await self._rung.wait()
        self._rung.clear()
        return await super().get(limit) if self._order_ids else []


class RingsOncePerOrder(MemoryQueue):
    """An id that was put once is never carried again, though its order may be due again."""

    def __init__(self) -> None:
        """Know no id."""
        super().__init__()
        self._known: set[str] = set()

    async def put(self, order_ids: Sequence[str]) -> None:
        """Drop what is known."""
        await super().put([order_id for order_id in order_ids if order_id not in self._known])
        self._known.update(order_ids)


class CancelledGetKeepsItsLock(MemoryQueue):
    """A get that is cancelled while it waits keeps everybody else out."""

    def __init__(self) -> None:
        """Make the lock."""
        super().__init__()
        self._turn = asyncio.Lock()

    async def get(self, limit: int) -> Sequence[str]:
        """Lock, and unlock where all goes well."""
        await self._turn.acquire()
        got = await super().get(limit)
        self._turn.release()
        return got


class ServesOneGetterOnly(MemoryQueue):
    """Of several that wait, only the last is ever woken."""

    def __init__(self) -> None:
        """Nobody waits yet."""
        super().__init__()
        self._waiting: asyncio.Future[None] | None = None

    async def put(self, order_ids: Sequence[str]) -> None:
        """Wake the last."""
        await super().put(order_ids)
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def get(self, limit: int) -> Sequence[str]:
        """Wait as the last."""
        self._waiting = asyncio.get_running_loop().create_future()
        await self._waiting
        return await super().get(limit)


class PutWaitsForRoom(MemoryQueue):
    """A full queue holds up whoever places an order, instead of dropping the hint."""

    async def put(self, order_ids: Sequence[str]) -> None:
        """Wait until somebody has listened."""
        if len(self._order_ids) > 1_000:
            await asyncio.get_running_loop().create_future()
        await super().put(order_ids)


QUEUE_MUTANTS: Mapping[type[MemoryQueue], tuple[str, ...]] = {
    NeverWaits: ("test_get_waits_for_one_at_least", "test_empty_put_is_harmless"),
    KnowsNoLimit: ("test_get_keeps_to_its_limit",),
    IgnoresCase: ("test_ids_come_out_as_they_went_in",),
    EmptyPutWakes: ("test_empty_put_is_harmless",),
    RingsOncePerOrder: ("test_repeated_ids_are_allowed",),
    CancelledGetKeepsItsLock: ("test_cancelled_get_leaves_the_queue_in_order",),
    ServesOneGetterOnly: ("test_concurrent_getters_are_all_served",),
    PutWaitsForRoom: ("test_put_does_not_wait_for_a_getter",),
}
"""Each mutant, and the checks that must catch it."""
