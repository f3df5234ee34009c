"""The watch itself: it counts what the service does on the event loop, and nothing that tests do."""

from __future__ import annotations

import asyncio
import gc

from order_engine import ContentLimits
from order_engine.wire import read_json
from tests.unit.http.loop_watch import LIMIT_SECONDS, LoopWatch, limit_seconds, reference_work, watch

TEXT = b"[" + b",".join([b"1.5"] * 20_000) + b"]"


async def test_a_step_of_the_service_counts() -> None:
    """By its CPU time, under its name; the longest one is kept."""
    watch.take()
    loop = asyncio.get_running_loop()
    loop.call_soon(read_json, b"1", ContentLimits())
    loop.call_soon(read_json, TEXT, ContentLimits())
    await asyncio.sleep(0)
    step = watch.take()
    assert step.what == "read_json"
    assert step.seconds > 0
    assert "ms of CPU time in read_json" in str(step)
    assert watch.take().seconds == 0


async def test_steps_of_tests_and_waiting_do_not_count() -> None:
    """Nor does the garbage collector, whose work grows with the test process."""
    watch.take()
    asyncio.get_running_loop().call_soon(reference_work)
    await asyncio.sleep(0.01)
    gc.collect()
    assert watch.take().seconds == 0


async def test_watching_ends_with_its_context() -> None:
    """Also where another watch is installed around it."""
    inner = LoopWatch()
    with inner.installed():
        asyncio.get_running_loop().call_soon(read_json, TEXT, ContentLimits())
        await asyncio.sleep(0)
    before = inner.take()
    asyncio.get_running_loop().call_soon(read_json, TEXT, ContentLimits())
    await asyncio.sleep(0)
    assert before.what == "read_json"
    assert inner.take().seconds == 0


def test_the_limit_is_longer_on_a_slower_machine_only() -> None:
    """Never shorter than what is promised."""
    assert limit_seconds() >= LIMIT_SECONDS
