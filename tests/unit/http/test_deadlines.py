"""Time limits of requests: they end what takes too long, and nothing else."""

from __future__ import annotations

import asyncio

import pytest

from order_engine_adapters.http.messages.timeouts import Timeouts

LONG = 3_600.0


async def for_ever() -> None:
    """Never return."""
    await asyncio.get_running_loop().create_future()


async def test_what_takes_too_long_is_ended() -> None:
    """By TimeoutError, and the task is not left cancelled."""
    deadlines = Timeouts()
    with pytest.raises(TimeoutError), deadlines.within(0):
        await for_ever()
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)


async def test_what_is_done_in_time_is_left_alone() -> None:
    """Its result and its error are its own."""
    deadlines = Timeouts()
    with deadlines.within(LONG):
        await asyncio.sleep(0)
    with pytest.raises(ZeroDivisionError), deadlines.within(LONG):
        raise ZeroDivisionError


async def test_a_cancellation_from_outside_stays_one() -> None:
    """A server that drops a request is not told that it took too long."""
    deadlines = Timeouts()

    async def work() -> None:
        with deadlines.within(LONG):
            await for_ever()

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


@pytest.mark.parametrize(("inner", "outer"), [(0, LONG), (LONG, 0), (0, 0)])
async def test_limits_may_be_nested(inner: float, outer: float) -> None:
    """The one that is over ends what is inside it, and no more."""
    deadlines = Timeouts()
    ended: list[str] = []

    async def work() -> None:
        try:
            with deadlines.within(inner):
                await for_ever()
        except TimeoutError:
            ended.append("inner")
            raise

    with pytest.raises(TimeoutError), deadlines.within(outer):
        await work()
    assert ended == (["inner"] if outer == LONG else [])


async def test_many_are_watched_at_once() -> None:
    """Each ends its own task only."""
    deadlines = Timeouts()

    async def work(seconds: float) -> str:
        try:
            with deadlines.within(seconds):
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
