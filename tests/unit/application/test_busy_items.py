"""When orders that are locked are asked for again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise
from random import Random

import pytest

from order_engine.application.calls.busy_items import BusyItems, BusyLimits
from order_engine.application.calls.outcomes import Batch, Outcomes
from order_engine.application.retry_policy import Backoff
from order_engine.domain.errors import OrderBusy
from order_engine_adapters.clocks import ManualClock

CALLS = 5
PAUSE_SECONDS = 1.0
ROUNDING = 1e-6


def _busy_items(ask: Callable[[Batch[str, str]], Awaitable[Outcomes[str]]], clock: ManualClock) -> BusyItems[str, str]:
    """Make some whose pauses last for half of PAUSE_SECONDS at least, and for all of it at most."""
    limits = BusyLimits(orders=10, bytes=10, kept=10, kept_bytes=10, seconds=1000.0)
    backoff = Backoff(Random(1), PAUSE_SECONDS, PAUSE_SECONDS)  # noqa: S311 - to be repeated, not to be secret
    return BusyItems(ask, limits, clock, backoff)


@pytest.mark.parametrize("seconds", [0.0, 0.1, PAUSE_SECONDS, 5.0])
async def test_a_pause_begins_when_a_call_does(seconds: float) -> None:
    """A repository that waits at a locked order itself is asked again at once; one that answers at once is not."""
    clock = ManualClock()
    asked: list[float] = []

    async def ask(batch: Batch[str, str]) -> Outcomes[str]:
        asked.append(clock.monotonic())
        await clock.sleep(seconds)
        return [OrderBusy(item) if len(asked) < CALLS else "done" for item, *_ in batch]

    busy = _busy_items(ask, clock)
    receiver: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    assert busy.add(("order", 1, receiver, clock.monotonic()))
    running = asyncio.create_task(busy.run())
    await clock.advance(100)
    assert receiver.result() == "done"
    assert PAUSE_SECONDS / 2 <= asked[0] <= PAUSE_SECONDS
    for before, after in pairwise(asked):
        assert max(seconds, PAUSE_SECONDS / 2) <= after - before + ROUNDING
        assert after - before - ROUNDING <= max(seconds, PAUSE_SECONDS)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_what_is_locked_later_has_a_pause_of_its_own() -> None:
    """How long the last call for another order took does not count for it."""
    clock = ManualClock()
    asked: list[float] = []

    async def ask(batch: Batch[str, str]) -> Outcomes[str]:
        asked.append(clock.monotonic())
        await clock.sleep(5.0)
        return ["done"] * len(batch)

    busy = _busy_items(ask, clock)
    running = asyncio.create_task(busy.run())
    for _ in range(2):
        receiver: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        locked_at = clock.monotonic()
        assert busy.add(("order", 1, receiver, locked_at))
        await clock.advance(20)
        assert receiver.result() == "done"
        assert asked[-1] >= locked_at + PAUSE_SECONDS / 2
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
