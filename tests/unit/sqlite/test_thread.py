"""The database's thread: one call after the other, each answered on the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from order_engine.domain.errors import Unavailable
from order_engine_adapters.sqlite.connection.thread import DatabaseThread


async def test_calls_run_in_order_on_one_thread_of_that_name() -> None:
    """Calls run in the order in which they were made, all on the named thread, and each gets its own answer."""
    thread = DatabaseThread("sqlite orders.db")
    ran: list[int] = []

    def job(number: int) -> tuple[int, str]:
        ran.append(number)
        return number, threading.current_thread().name

    answers = await asyncio.gather(*(thread.call(job, number) for number in range(100)))
    await thread.end(_nothing)
    assert answers == [(number, "sqlite orders.db") for number in range(100)]
    assert ran == list(range(100))


async def test_errors_reach_their_caller() -> None:
    """An error of a call is raised to its caller, and the thread continues."""
    thread = DatabaseThread("sqlite")
    with pytest.raises(ZeroDivisionError):
        await thread.call(lambda: 1 // 0)
    assert await thread.call(lambda: 1) == 1
    await thread.end(_nothing)


async def test_cancelled_call_that_has_not_begun_never_does() -> None:
    """A call that waits behind another and is cancelled is left out; the one under way runs to its end."""
    thread = DatabaseThread("sqlite")
    begun, release = threading.Event(), threading.Event()
    ran: list[str] = []

    def long() -> None:
        begun.set()
        release.wait(60)
        ran.append("long")

    calls = [asyncio.ensure_future(thread.call(long)), asyncio.ensure_future(thread.call(_note(ran, "waiting")))]
    await asyncio.to_thread(begun.wait, 60)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    release.set()
    await thread.call(_note(ran, "next"))
    await thread.end(_nothing)
    assert ran == ["long", "next"]


async def test_end_waits_for_what_runs_and_then_runs_the_last() -> None:
    """Ending lets earlier calls finish, runs what closes, ends the thread, and takes no call any more."""
    thread = DatabaseThread("sqlite ending")
    ran: list[str] = []
    calls = [asyncio.ensure_future(thread.call(_note(ran, f"call {number}"))) for number in range(3)]
    await asyncio.sleep(0)
    await thread.end(_note(ran, "last"))
    await asyncio.gather(*calls)
    assert ran == ["call 0", "call 1", "call 2", "last"]
    assert "sqlite ending" not in {each.name for each in threading.enumerate()}
    with pytest.raises(Unavailable, match="closed"):
        await thread.call(_nothing)


async def test_cancelled_end_still_closes() -> None:
    """Cancelling the close does not prevent it."""
    thread = DatabaseThread("sqlite")
    release, closed = threading.Event(), threading.Event()
    busy = asyncio.ensure_future(thread.call(release.wait, 60))
    ending = asyncio.ensure_future(thread.end(closed.set))
    await asyncio.sleep(0)
    ending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ending
    release.set()
    await busy
    assert await asyncio.to_thread(closed.wait, 60)


def test_loop_that_is_gone_harms_nobody() -> None:
    """An event loop that is closed before its answer comes leaves no error behind, and the thread can end."""
    release = threading.Event()
    started: list[DatabaseThread] = []

    async def leave() -> None:
        started.append(DatabaseThread("sqlite left alone"))
        call = asyncio.ensure_future(started[0].call(release.wait, 60))
        await asyncio.sleep(0.01)
        call.cancel()

    asyncio.run(leave())
    release.set()
    assert started[0]._thread.daemon  # noqa: SLF001 - what lets the process end


def _nothing() -> None:
    pass


def _note(ran: list[str], name: str) -> Callable[[], None]:
    return lambda: ran.append(name)
