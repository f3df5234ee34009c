"""One process of several: when a dead one is started again, and how one that does not end is ended."""

from __future__ import annotations

import multiprocessing
from typing import Any, cast

import pytest

from order_engine_adapters.clocks import ManualClock
from order_engine_adapters.service.member import FIRST_WAIT_SECONDS, STABLE_SECONDS, MemberProcess, restart_delay


class Process:
    """Stands for a process that was started; it ends when it is killed, or was dead before."""

    pid = 4711
    exitcode = -9

    def __init__(self, *, lives: bool) -> None:
        """Begin alive or dead."""
        self._lives = lives
        self.done: list[str] = []

    def join(self, seconds: float) -> None:
        """Note that it was waited for, within a limit."""
        assert seconds > 0
        self.done.append("joined")

    def is_alive(self) -> bool:
        """Whether it lives."""
        return self._lives

    def kill(self) -> None:
        """End it."""
        self._lives = False
        self.done.append("killed")


def _member(clock: ManualClock) -> MemberProcess:
    return MemberProcess(1, lambda *_: None, clock, lambda _: None)


def _runs(member: MemberProcess, clock: ManualClock, *, lives: bool) -> Process:
    """Let a process of the member's run that listens. Where it is dead its end of the link is closed."""
    process = Process(lives=lives)
    ours, theirs = multiprocessing.Pipe()
    if not lives:
        theirs.close()
    member.link = ours
    member.listens = True
    member._process = cast("Any", process)  # noqa: SLF001 - what starting it would set
    member._started_at = clock.monotonic()  # noqa: SLF001 - likewise
    return process


def test_who_dies_again_and_again_is_started_later_and_later() -> None:
    """Twice as late each time, up to half a minute, however often."""
    assert [restart_delay(deaths) for deaths in range(1, 9)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert restart_delay(1_000_000) == 30


async def test_a_dead_process_is_reaped_and_started_again_when_it_is_due() -> None:
    """It listens no more, and each death of a process that has not lived long makes the next wait longer."""
    clock = ManualClock()
    member = _member(clock)
    for wait in (FIRST_WAIT_SECONDS, 2 * FIRST_WAIT_SECONDS, 4 * FIRST_WAIT_SECONDS):
        process = _runs(member, clock, lives=False)
        await clock.advance(STABLE_SECONDS - 1)
        assert member.hear() is None
        assert (member.link, member.listens, process.done) == (None, False, ["joined"])
        assert member.seconds_until_due() == pytest.approx(wait)
        await clock.advance(wait)
        assert member.seconds_until_due() == 0


async def test_the_deaths_of_one_that_has_lived_long_are_forgotten() -> None:
    """It is started again as if it were for the first time."""
    clock = ManualClock()
    member = _member(clock)
    for lived in (1.0, 1.0, STABLE_SECONDS):
        _runs(member, clock, lives=False)
        await clock.advance(lived)
        member.hear()
    assert member.seconds_until_due() == pytest.approx(FIRST_WAIT_SECONDS)


@pytest.mark.parametrize("lives", [False, True])
def test_one_that_does_not_end_in_time_is_killed_and_reaped(*, lives: bool) -> None:
    """One that has ended is only reaped; the link is closed in either case."""
    clock = ManualClock()
    member = _member(clock)
    process = _runs(member, clock, lives=lives)
    member.wait_for_end(0.1)
    assert process.done == (["joined", "killed", "joined"] if lives else ["joined"])
    assert member.link is not None
    assert member.link.closed
