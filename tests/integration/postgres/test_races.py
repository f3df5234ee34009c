"""Transactions that only met another one are done again, on a real deadlock and a real serialization failure."""

from __future__ import annotations

import asyncio
from random import Random

import asyncpg
import pytest

from order_engine.contracts.samples import placement, terms
from order_engine.domain.errors import Unavailable
from order_engine_adapters.clocks import ManualClock
from order_engine_adapters.postgres.connection.sessions import MAX_RACE_RETRIES, RACE_SECONDS, Session, Sessions
from order_engine_adapters.postgres.connection.target import Target, connect
from order_engine_adapters.postgres.driver import open_target
from tests.integration.postgres.support import execute, new_schema

PATIENCE_SECONDS = 20.0
LOCK_ONE = """
SELECT FROM {schema}.orders WHERE serial = (SELECT serial FROM {schema}.contents WHERE order_id = '{order_id}')
FOR UPDATE
"""
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%{schema}%'"


class PausesNoted(ManualClock):
    """A clock on which every pause is over at once, and is noted."""

    def __init__(self) -> None:
        """Start without one."""
        super().__init__()
        self.pauses: list[float] = []

    async def sleep(self, seconds: float) -> None:
        """Note a pause."""
        self.pauses.append(seconds)
        await asyncio.sleep(0)


async def _until_one_waits(target: Target) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await execute(target, WAITING))[0][0] == 0:  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.01)


async def test_deadlock() -> None:
    """A transaction that is the victim of a deadlock is done again, and its caller sees nothing of it."""
    target, clock = await new_schema(), PausesNoted()
    async with open_target(target) as repository:
        await repository.add([placement("order-1"), placement("order-2")])
    sessions = Sessions(target, clock, Random(1))  # noqa: S311 - to be repeated
    host = await connect(target)

    async def lock_both(session: Session) -> str:
        for order_id in ("order-1", "order-2"):
            await session.connection.execute(LOCK_ONE.format(schema=target.schema, order_id=order_id))
        return "done"

    try:
        # So that it is the other side that finds the deadlock, and is its victim.
        await host.execute("SET deadlock_timeout = '60s'")
        async with host.transaction():
            await host.execute(LOCK_ONE.format(schema=target.schema, order_id="order-2"))
            locking = asyncio.create_task(sessions.transact(lock_both))
            await _until_one_waits(target)
            await host.execute(LOCK_ONE.format(schema=target.schema, order_id="order-1"))
        assert await locking == "done"
    finally:
        await host.close()
        await sessions.close()
    assert len(clock.pauses) == 1
    assert 0 <= clock.pauses[0] <= RACE_SECONDS


class Meeting:
    """Makes two transactions wait until both have read. Later calls do not wait."""

    def __init__(self) -> None:
        """Start empty."""
        self._arrived = 0
        self._both = asyncio.Event()

    async def count_and_add(self, session: Session) -> int:
        """Write what depends on what was read, under an isolation that lets one of two such transactions pass."""
        await session.rows("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
        number: int = await session.value("SELECT count(*) FROM order_engine.notes")
        self._arrived += 1
        if self._arrived == 2:
            self._both.set()
        await self._both.wait()
        await session.rows("INSERT INTO order_engine.notes VALUES ($1)", number)
        return number


async def test_serialization_failure() -> None:
    """Two transactions of which one has to be done again both end, one after the other."""
    target, clock, meeting = await new_schema(), PausesNoted(), Meeting()
    await execute(target, "CREATE TABLE {schema}.notes (number bigint)")
    sessions = Sessions(target, clock, Random(1))  # noqa: S311 - to be repeated
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            calls = (sessions.transact(meeting.count_and_add) for _ in range(2))
            assert sorted(await asyncio.gather(*calls)) == [0, 1]
    finally:
        await sessions.close()
    assert len(clock.pauses) == 1


async def test_pauses_are_drawn_from_the_random_that_was_given() -> None:
    """A transaction that always meets another one is given up after a number of pauses, and is Unavailable."""
    clock = PausesNoted()
    sessions = Sessions(await new_schema(), clock, Random(7))  # noqa: S311 - to be repeated

    async def meet(_: Session) -> None:
        raise asyncpg.SerializationError

    try:
        with pytest.raises(Unavailable, match="too many concurrent writes"):
            await sessions.transact(meet)
    finally:
        await sessions.close()
    same = Random(7)  # noqa: S311 - to be repeated
    assert clock.pauses == [same.uniform(0, RACE_SECONDS * tries) for tries in range(1, MAX_RACE_RETRIES)]


async def test_claims_that_meet() -> None:
    """Claims at once on the same orders need no such pause: they pass over what another has locked."""
    target, clock = await new_schema(pool=8), PausesNoted()
    async with open_target(target, clock) as repository:
        await repository.add([placement(f"order-{number}") for number in range(200)])
        await asyncio.gather(*(repository.claim(terms(f"claim-{number}", limit=10)) for number in range(40)))
    assert clock.pauses == []
