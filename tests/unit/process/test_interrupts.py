"""An interrupted command stops at a safe point and reports it once."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from order_engine_adapters.process.interrupts import Interrupts, run_interruptible
from order_engine_adapters.process.signals import Terminated

KINDS = [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)]


@pytest.fixture(autouse=True)
def heeded() -> Iterator[None]:
    """Have handlers for both signals, as the program has, and find them again afterwards."""
    before = {each: signal.signal(each, signal.default_int_handler) for each in (signal.SIGINT, signal.SIGTERM)}
    yield
    now = {each: signal.signal(each, handler) for each, handler in before.items()}
    assert set(now.values()) == {signal.default_int_handler}, "given back"


def send(number: signal.Signals) -> None:
    """Send a signal to this process and wait until it is handled."""
    os.kill(os.getpid(), number)


@pytest.mark.parametrize(("number", "kind"), KINDS)
def test_the_first_signal_cancels_the_work(number: signal.Signals, kind: type[KeyboardInterrupt]) -> None:
    """Which cleans up before the interruption is raised."""
    seen = []

    async def work() -> None:
        try:
            send(number)
            seen.append("goes on to its next wait")
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            seen.append("cleaned up")

    with pytest.raises(KeyboardInterrupt) as raised:
        run_interruptible(work())
    assert raised.type is kind
    assert seen == ["goes on to its next wait", "cleaned up"]


@pytest.mark.parametrize(("number", "kind"), KINDS)
def test_a_signal_before_the_work_has_begun_counts(number: signal.Signals, kind: type[KeyboardInterrupt]) -> None:
    """What acts on the first signal is called for one that came before."""
    calls: list[str] = []
    with Interrupts() as interrupts:
        send(number)
        assert not calls
        interrupts.at_first(lambda: calls.append("told"))
        with pytest.raises(kind):
            interrupts.check()
    assert calls == ["told"]


@pytest.mark.parametrize(("number", "kind"), KINDS)
def test_an_interruption_is_never_lost(number: signal.Signals, kind: type[KeyboardInterrupt]) -> None:
    """Neither by work that ends at the same moment, nor by work that fails of it."""

    async def ends() -> int:
        send(number)
        return 1

    async def fails() -> None:
        try:
            send(number)
            await asyncio.sleep(60)
        finally:
            raise ValueError

    for work in (ends, fails):
        with pytest.raises(kind):
            run_interruptible(work())


def test_a_second_signal_does_not_wait() -> None:
    """Work that swallows its cancellation is left at once."""

    async def stubborn() -> None:
        send(signal.SIGTERM)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            send(signal.SIGINT)
            pytest.fail("goes on")

    with pytest.raises(Terminated):
        run_interruptible(stubborn())


def test_what_the_work_left_behind_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    """Errors of abandoned futures, such as a half-open connection, are not logged."""

    async def work() -> None:
        abandoned = asyncio.get_running_loop().create_future()
        send(signal.SIGINT)
        try:
            await asyncio.sleep(60)
        finally:
            abandoned.set_exception(ConnectionError("lost"))

    with pytest.raises(KeyboardInterrupt):
        run_interruptible(work())
    assert not caplog.records


def test_a_signal_that_is_ignored_stays_so() -> None:
    """As where a shell has started the command in the background."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interrupts() as interrupts:
            send(signal.SIGINT)
            interrupts.check()
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def test_uninterrupted_work_returns_its_answer() -> None:
    """And its errors are raised as they are."""

    async def answer() -> int:
        return 42

    async def fail() -> None:
        raise LookupError

    assert run_interruptible(answer()) == 42
    with pytest.raises(LookupError):
        run_interruptible(fail())
