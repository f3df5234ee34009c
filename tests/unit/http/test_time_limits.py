"""Time limits of requests: they end what takes too long, and nothing else."""

from __future__ import annotations

import asyncio

import pytest

from order_engine_adapters.http.messages.time_limits import RequestTimeLimits

LONG = 3_600.0


async def for_ever() -> None:
    """Never return."""
    await asyncio.get_running_loop().create_future()


async def test_what_takes_too_long_is_ended() -> None:
    """By TimeoutError, and the task is not left cancelled."""
    time_limits = RequestTimeLimits()
    with pytest.raises(TimeoutError), time_limits.within(0):
        await for_ever()
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)


async def test_what_is_done_in_time_is_left_alone() -> None:
    """Its result and its error are its own."""
    time_limits = RequestTimeLimits()
    with time_limits.within(LONG):
        await asyncio.sleep(0)
    with pytest.raises(ZeroDivisionError), time_limits.within(LONG):
        raise ZeroDivisionError


async def test_a_cancellation_from_outside_stays_one() -> None:
    """A request cancelled by the server is not reported as a timeout."""
    time_limits = RequestTimeLimits()

    async def work() -> None:
        with time_limits.within(LONG):
            await for_ever()

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


@pytest.mark.parametrize(("inner", "outer"), [(0, LONG), (LONG, 0), (0, 0)])
async def test_limits_may_be_nested(inner: float, outer: float) -> None:
    """The one that is over ends what is inside it, and no more."""
    time_limits = RequestTimeLimits()
    ended: list[str] = []

    async def work() -> None:
        try:
            with time_limits.within(inner):
                await for_ever()
        except TimeoutError:
            ended.append("inner")
            raise

    with pytest.raises(TimeoutError), time_limits.within(outer):
        await work()
    assert ended == (["inner"] if outer == LONG else [])


async def test_many_are_watched_at_once() -> None:
    """Each ends its own task only."""
    time_limits = RequestTimeLimits()

    async def work(seconds: float) -> str:
        try:
            with time_limits.within(seconds):
                await for_ever()
        except TimeoutError:
            return "over"
        return "done"

    short = [asyncio.create_task(work(0)) for _ in range(50)]
    long = asyncio.create_task(work(LONG))
    assert await asyncio.gather(*short) == ["over"] * 50
    assert not long.done()
    long.cancel()
    await asyncio.wait([long])


def test_limits_are_watched_in_the_next_event_loop_too() -> None:
    """A test client runs each request in a loop of its own, and the one before may have left limits unwatched."""
    time_limits = RequestTimeLimits()

    async def unwatched() -> None:
        with time_limits.within(LONG):
            await asyncio.sleep(0)

    async def overdue() -> None:
        with pytest.raises(TimeoutError), time_limits.within(0):
            await for_ever()

    asyncio.run(unwatched())
    asyncio.run(asyncio.wait_for(overdue(), 10))
