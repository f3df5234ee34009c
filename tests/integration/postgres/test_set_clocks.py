"""The server's clock is set, or a standby's that differs takes its place: what waits for its time comes in time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import datetime
from itertools import count

import pytest

from order_engine.contracts.samples import LEASE_SECONDS, placement, terms
from order_engine.domain.commands import Action, Command, Lease
from order_engine.ports.repository import Renewed
from order_engine_adapters.postgres.connection.request_budget import DEFAULT_BUDGET, RequestBudget
from order_engine_adapters.postgres.connection.target import Target, connect
from order_engine_adapters.postgres.driver import open_target
from order_engine_adapters.postgres.repository import PostgresRepository
from tests.integration.postgres.support import TurnedTime, execute, new_schema

HOUR = 3600.0
DAY = 24 * HOUR
DELAY = 60.0
STEPS = [-2 * HOUR, -10.0, 0.0, 10.0, 2 * HOUR]
TIME = "SELECT {schema}.order_engine_now()"
AHEAD = "SELECT extract(epoch FROM {schema}.order_engine_now() - {schema}.time_of_day())::float8"


class Processes:
    """Processes that share a database, each with its own repository, and a hand on the server's clock."""

    def __init__(self, target: Target, time: TurnedTime, stack: AsyncExitStack) -> None:
        """Begin with none."""
        self.time = time
        self._target = target
        self._stack = stack
        self._claims = count()

    async def start(self) -> PostgresRepository:
        """Start one more."""
        return await self._stack.enter_async_context(open_target(self._target, seconds=self.time.seconds))

    async def now(self) -> datetime:
        """Return the time by which orders live."""
        now: datetime = (await execute(self._target, TIME))[0][0]
        return now

    async def ahead(self) -> float:
        """Return by how much that is ahead of the server's clock."""
        seconds: float = (await execute(self._target, AHEAD))[0][0]
        return seconds

    async def claim(self, repository: PostgresRepository) -> Sequence[str]:
        """Claim what is due, and return which orders that were."""
        claimed = await repository.claim(terms(f"claim-{next(self._claims)}"))
        return [order.order_id for order in claimed.orders]

    async def pass_time(self, seconds: float, *working: PostgresRepository) -> Sequence[str]:
        """Let time pass, in which these processes poll once in a second, until they claim something; return that."""
        for _ in range(int(seconds)):
            await self.time.turn(1.0)
            for repository in working:
                if claimed := await self.claim(repository):
                    return claimed
        return []


@asynccontextmanager
async def processes(budget: RequestBudget = DEFAULT_BUDGET) -> AsyncIterator[Processes]:
    """Make a schema for some processes."""
    target = replace(await new_schema(manual_time=True), budget=budget)
    async with AsyncExitStack() as stack:
        connection = await connect(target)
        stack.push_async_callback(connection.close)
        yield Processes(target, TurnedTime(connection, target.schema), stack)


@pytest.mark.parametrize("starts_late", [False, True], ids=["running", "started-afterwards"])
@pytest.mark.parametrize("step", [-2 * HOUR, -10.0, 0.0])
async def test_retries_and_leases_end_in_time_after_a_step_back(step: float, *, starts_late: bool) -> None:
    """What waits comes late by a ninth and two seconds at most: a retry, and the order of a process that died.

    So it is for a process that saw the step, and for one that starts when nobody is left who did.
    """
    async with processes() as those:
        died, other = await those.start(), await those.start()
        await died.add([placement("left"), placement("retried")])
        await died.claim(terms("both"))
        await other.claim(terms("nothing"))
        await died.apply([Command("retried", Action.RETRY, token=1, delay=DELAY, reason="busy")])
        await those.time.set(step)
        if starts_late:
            other = await those.start()
        assert await those.pass_time(LEASE_SECONDS * 0.8, other) == []
        assert await those.pass_time(LEASE_SECONDS * (0.2 + 1 / 9) + 2, other) == ["left"]
        assert [each.refusal for each in await other.apply([Command("left", Action.COMPLETE, token=2)])] == [None]
        assert await those.pass_time(DELAY * 10 / 9 + 2 - LEASE_SECONDS, other) == ["retried"]


@pytest.mark.parametrize("step", STEPS)
async def test_no_order_that_runs_is_taken_however_the_clock_is_set(step: float) -> None:
    """Who renews its leases keeps its orders, whoever claims what is due before and after the clock is set."""
    async with processes() as those:
        holder, *others = [await those.start() for _ in range(3)]
        await holder.add([placement("order-1")], terms("held", limit=1))
        await those.pass_time(2, *others)
        await those.time.set(step)
        for _ in range(9):
            assert await those.pass_time(LEASE_SECONDS / 3, *others) == []
            assert await holder.renew([Lease("order-1", 1)], LEASE_SECONDS) == [Renewed.HELD]


@pytest.mark.parametrize("step", STEPS)
async def test_leases_given_before_the_step_was_seen_are_kept(step: float) -> None:
    """What is claimed or renewed between the step and the first claim that sees it is not taken either."""
    async with processes() as those:
        holder, one, other = [await those.start() for _ in range(3)]
        await holder.add([placement("before")], terms("before", limit=1))
        await those.pass_time(2, one, other)
        await those.time.set(step)
        await holder.add([placement("after")], terms("after", limit=1))
        leases = [Lease("before", 1), Lease("after", 1)]
        await holder.renew(leases[:1], LEASE_SECONDS)
        for _ in range(3):
            assert await those.pass_time(LEASE_SECONDS / 3, one, other) == []
            assert await holder.renew(leases, LEASE_SECONDS) == [Renewed.HELD, Renewed.HELD]
        assert sorted(await those.pass_time(LEASE_SECONDS * 10 / 9 + 1, one, other)) == ["after", "before"]


@pytest.mark.parametrize("together", [False, True], ids=["alone", "with-another-action"])
@pytest.mark.parametrize("step", [-2 * HOUR, -10.0])
async def test_what_is_put_off_before_the_step_was_seen_is_not_early(step: float, *, together: bool) -> None:
    """A retry that is reported between the step and the first claim after it waits for as long as it was to."""
    async with processes() as those:
        one, other = await those.start(), await those.start()
        await one.add([placement("order-1")], terms("claim", limit=1))
        await those.pass_time(2, one, other)
        await those.time.set(step)
        retry = Command("order-1", Action.RETRY, token=1, delay=DELAY, reason="busy")
        await one.apply([retry, Command("none", Action.CANCEL)] if together else [retry])
        assert await those.pass_time(DELAY * 0.98, one, other) == []
        assert await those.pass_time(DELAY / 8 + 2, one, other) == ["order-1"]


@pytest.mark.parametrize("step", STEPS)
async def test_leases_that_ended_are_taken_soon_after_a_step(step: float) -> None:
    """A step puts off the orders of a process that died by half a lease at most, and a ninth (P7)."""
    async with processes() as those:
        died, other = await those.start(), await those.start()
        await died.add([placement("order-1")], terms("held", limit=1))
        await those.pass_time(2, other)
        await those.time.set(step)
        assert await those.pass_time(LEASE_SECONDS * (1 / 2 + 1) * 10 / 9 + 2, other) == ["order-1"]


async def test_a_clock_that_is_set_back_and_right_again_leaves_nothing_behind() -> None:
    """The time goes on over both steps, but for some seconds that are left open, and is the server's clock again."""
    async with processes() as those:
        one, other = await those.start(), await those.start()
        await those.pass_time(2, one, other)
        before = await those.now()
        await those.time.set(-HOUR)
        await those.pass_time(10, one, other)
        await those.time.set(HOUR)
        await those.pass_time(10, one, other)
        assert 18 <= (await those.now() - before).total_seconds() <= 31
        assert await those.ahead() < 11


async def test_the_time_catches_up() -> None:
    """While the time is ahead it runs a tenth slower, and after ten times the step it is that of the server's clock."""
    async with processes() as those:
        one, other = await those.start(), await those.start()
        before = await those.now()
        await those.pass_time(1, one, other)
        await those.time.set(-60)
        await those.pass_time(100, one, other)
        assert 89 <= (await those.now() - before).total_seconds() <= 92
        await those.pass_time(520, one)
        assert await those.ahead() == 0


async def test_a_step_of_more_than_a_day_is_followed() -> None:
    """A clock that was days ahead was wrong: nobody waits for days until the time has caught up."""
    async with processes() as those:
        one, other = await those.start(), await those.start()
        await those.pass_time(1, one, other)
        await those.time.set(-25 * HOUR)
        await one.add([placement("order-1")], terms("held", limit=1))
        assert await those.pass_time(LEASE_SECONDS * 1.5, one, other) == ["order-1"]
        assert await those.ahead() == 0


@pytest.mark.parametrize("step", [-2 * HOUR, 2 * HOUR])
async def test_a_correction_that_fails_is_made_again(step: float) -> None:
    """Where the time cannot be corrected, claims are answered all the same, take nothing that runs, and try again."""
    async with processes(RequestBudget(1)) as those:
        holder, other = await those.start(), await those.start()
        await holder.add([placement("order-1")], terms("held", limit=1))
        await those.pass_time(2, other)
        before = await those.now()
        await those.time.set(step)
        async with those.time.connection.transaction():
            await those.time.connection.execute(f"SELECT FROM {those.time.schema}.identity FOR UPDATE")
            await holder.add([placement("order-2")])
            assert await those.claim(other) == ["order-2"]
            assert await those.claim(other) == []
        assert await those.claim(other) == []
        assert (await those.now() - before).total_seconds() == pytest.approx(max(step, 0), abs=1)
