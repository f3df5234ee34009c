"""Time limits kept by the clock port: noticed once they are over, and never mistaken for another's cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from order_engine import OutcomeUnknown
from order_engine.application.time_limits import TimeLimits, ended_within
from order_engine_adapters.clocks import ManualClock


class Watched:
    """Limits that are watched, on a clock that is turned by hand."""

    def __init__(self, seconds: float) -> None:
        """Watch limits of `seconds` and more."""
        self.clock = ManualClock()
        self.limits = TimeLimits(self.clock.monotonic, self.clock.sleep, seconds, OutcomeUnknown)

    async def sleep(self, seconds: float, limit: float) -> str:
        """Sleep within a limit."""
        with self.limits.within(limit):
            await self.clock.sleep(seconds)
        return "in time"


@asynccontextmanager
async def watched(seconds: float = 10) -> AsyncIterator[Watched]:
    """Run the watch."""
    bed = Watched(seconds)
    watch = asyncio.ensure_future(bed.limits.watch())
    yield bed
    watch.cancel()
    await asyncio.wait([watch])


async def test_what_is_in_time_is_left_alone() -> None:
    """However many limits are open at once."""
    async with watched() as bed:
        tasks = [asyncio.ensure_future(bed.sleep(9.9, 10)) for _ in range(100)]
        await bed.clock.advance(20)
        assert [await task for task in tasks] == ["in time"] * 100


async def test_what_takes_too_long_raises_outcome_unknown() -> None:
    """Not before its limit, and not after it either."""
    async with watched() as bed:
        task = asyncio.ensure_future(bed.sleep(100, 10))
        await bed.clock.advance(9.99)
        assert not task.done()
        await bed.clock.advance(0.02)
        assert task.done()
        with pytest.raises(OutcomeUnknown):
            await task
        assert task.cancelling() == 0


async def test_a_cancellation_from_outside_stays_one() -> None:
    """Also where it comes at the same time as the limit."""
    async with watched() as bed:
        before = asyncio.ensure_future(bed.sleep(100, 10))
        await bed.clock.advance(5)
        before.cancel()
        await bed.clock.advance(0)
        assert before.cancelled()

        limit = bed.limits.within(10)

        async def sleep_within() -> None:
            with limit:
                await bed.clock.sleep(100)

        together = asyncio.ensure_future(sleep_within())
        await bed.clock.advance(5)
        limit.expire_after(bed.clock.monotonic() + 5)
        together.cancel()
        await bed.clock.advance(0)
        assert together.cancelled()


async def test_an_error_of_the_body_goes_through() -> None:
    """A limit changes nothing about what happens in time."""
    async with watched() as bed:
        with pytest.raises(LookupError), bed.limits.within(10):
            raise LookupError
        task = asyncio.ensure_future(bed.sleep(1, 10))
        await bed.clock.advance(2)
        assert await task == "in time"


async def test_a_body_that_swallows_the_cancellation_has_ended_in_time() -> None:
    """What came out of the body counts, and the task is not left half cancelled."""
    async with watched() as bed:

        async def swallows() -> str:
            with bed.limits.within(10):
                try:
                    await bed.clock.sleep(100)
                except asyncio.CancelledError:
                    return "swallowed"
            return "never"

        task = asyncio.ensure_future(swallows())
        await bed.clock.advance(12)
        assert await task == "swallowed"


async def test_without_a_watch_nothing_is_waited_for() -> None:
    """When the watch ends, open limits end with it, and later ones get one turn of the loop."""
    async with watched() as bed:
        open_at_the_end = asyncio.ensure_future(bed.sleep(100, 10))
        await bed.clock.advance(1)
    later = asyncio.ensure_future(bed.sleep(100, 10))
    await bed.clock.advance(0)
    for task in [open_at_the_end, later]:
        with pytest.raises(OutcomeUnknown):
            await task


async def test_limits_may_be_nested() -> None:
    """The inner one ends the inner body, and the outer body goes on."""
    async with watched() as bed:

        async def nested() -> str:
            with bed.limits.within(10):
                with pytest.raises(OutcomeUnknown), bed.limits.within(3):
                    await bed.clock.sleep(100)
                await bed.clock.sleep(1)
                return "went on"

        task = asyncio.ensure_future(nested())
        await bed.clock.advance(8)
        assert await task == "went on"


async def test_ended_within_says_whether_it_ended() -> None:
    """True where the awaitable came first, false where the time was over; nothing is left behind."""
    clock, before = ManualClock(), asyncio.all_tasks()
    quick = asyncio.ensure_future(ended_within(clock, 5, clock.sleep(4)))
    slow = asyncio.ensure_future(ended_within(clock, 5, clock.sleep(6)))
    await clock.advance(5.5)
    assert (await quick, await slow) == (True, False)
    await clock.advance(1)
    assert asyncio.all_tasks() == before
