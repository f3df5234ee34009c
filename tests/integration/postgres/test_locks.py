"""Foreign locks in the database block only calls that need the locked rows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import asyncpg
import pytest

from order_engine.contracts.samples import placement, terms
from order_engine.domain.commands import Action, Command, Lease, Placement
from order_engine.domain.decisions import RefusalReason
from order_engine.domain.errors import Unavailable
from order_engine.domain.order import Order, Status
from order_engine.ports.repository import AddOutcome, Renewed
from order_engine_adapters.postgres.connection.request_budget import DEFAULT_BUDGET, RequestBudget
from order_engine_adapters.postgres.connection.target import Connection, Target, within
from order_engine_adapters.postgres.driver import open_target
from order_engine_adapters.postgres.repository import PostgresRepository
from order_engine_adapters.postgres.writing.locked_names import LOCK_WAIT
from tests.integration.postgres.support import complete, execute, new_schema, take

ADDED, BUSY, REPLAYED = AddOutcome.ADDED, AddOutcome.BUSY, AddOutcome.REPLAYED
LOCK_ORDER = """
SELECT FROM order_engine.orders AS o JOIN order_engine.contents AS c ON c.serial = o.serial
WHERE c.order_id = ANY($1::text[]) FOR UPDATE OF o
"""
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%{schema}%'"
AT_ONCE = 2.0
"""Seconds that a call may take, on a slow machine, which waits for no lock: less than any limit on locks."""


@asynccontextmanager
async def _beside(
    budget: RequestBudget = DEFAULT_BUDGET,
) -> AsyncIterator[tuple[Target, PostgresRepository, Connection]]:
    """Open a repository and a foreign connection with an open transaction, which is rolled back."""
    target = replace(await new_schema(), budget=budget)
    connection = await asyncpg.connect(target.url)
    try:
        async with open_target(target) as repository:
            transaction = connection.transaction()
            await transaction.start()
            yield target, repository, connection
            if connection.is_in_transaction():
                await transaction.rollback()
    finally:
        await connection.close()


async def _lock(target: Target, connection: Connection, *order_ids: str) -> None:
    await connection.execute(within(LOCK_ORDER.replace("$1", f"'{{{','.join(order_ids)}}}'"), target.schema))


async def _outcomes(repository: PostgresRepository, *order_ids: str) -> list[AddOutcome]:
    async with asyncio.timeout(AT_ONCE):
        return [added.outcome for added in await repository.add([placement(each) for each in order_ids])]


async def _waits(target: Target, sessions: int = 1) -> None:
    """Wait until so many sessions wait for a lock."""
    while (await execute(target, WAITING))[0][0] < sessions:  # noqa: ASYNC110 - the server has no event
        await asyncio.sleep(0.01)


async def _held(repository: PostgresRepository, *order_ids: str) -> Sequence[Order]:
    await repository.add([placement(order_id) for order_id in order_ids])
    return await take(repository, *order_ids, claim_id="claim-1")


@pytest.mark.parametrize("commits", [True, False])
async def test_only_the_id_of_an_open_transaction_waits(*, commits: bool) -> None:
    """Others of its batch and of later ones are placed at once; it is a replay after a commit, new after a rollback."""
    async with _beside() as (_, repository, host):
        await repository.add([placement("h")], connection=host)
        assert await _outcomes(repository, "a", "h", "b") == [ADDED, BUSY, ADDED]
        assert await _outcomes(repository, "h", "c", "h") == [BUSY, ADDED, BUSY]
        assert await _outcomes(repository, "h") == [BUSY]
        assert sorted(await repository.get(["a", "b", "c", "h"])) == ["a", "b", "c"]
        await host.execute("COMMIT" if commits else "ROLLBACK")
        assert await _outcomes(repository, "h") == [REPLAYED if commits else ADDED]
        assert await _outcomes(repository, "d", "h") == [ADDED, REPLAYED]
        statistics = await repository.statistics()
        assert statistics.total_orders == 5
        assert len(await repository.history("h", 0, 10)) == 1


async def test_only_the_key_of_an_open_transaction_waits() -> None:
    """What carries the idempotency key that is being bound waits, whatever its id."""
    async with _beside() as (_, repository, host):
        await repository.add([placement("h", idempotency_key="key-h")], connection=host)
        wanted = [placement("h", idempotency_key="key-h"), placement("a"), placement("b", idempotency_key="key-b")]
        for _ in range(2):
            async with asyncio.timeout(AT_ONCE):
                outcomes = await repository.add([*wanted, placement("c", idempotency_key="key-h")])
            assert [added.outcome for added in outcomes][0::3] == [BUSY, BUSY]
        await host.execute("ROLLBACK")
        (added,) = await repository.add(wanted[:1])
        assert added.outcome is ADDED
        assert (await repository.statistics()).total_orders == 3


async def test_an_id_that_is_locked_beside_known_ones() -> None:
    """In a batch with replays and conflicts each has its own outcome, and born claimed orders are as many as wanted."""
    async with _beside() as (_, repository, host):
        await repository.add([placement("known")])
        await repository.add([placement("h")], connection=host)
        wanted = [placement("known"), placement("known", user_id="other"), *map(placement, "ahbc")]
        async with asyncio.timeout(AT_ONCE):
            outcomes = await repository.add(wanted, terms("claim-1", limit=2))
        expected = [REPLAYED, AddOutcome.CONFLICT, ADDED, BUSY, ADDED, ADDED]
        assert [added.outcome for added in outcomes] == expected
        assert [added.order is not None and added.order.leased for added in outcomes[2:]] == [True, False, True, False]


async def test_many_locked_ids_cost_others_little() -> None:
    """However many ids are locked, each in a batch of its own, the others do not wait for a time limit each time."""
    names = [f"h-{number}" for number in range(60)]
    async with _beside() as (_, repository, host):
        await repository.add([placement(name) for name in names], connection=host)
        started = time.monotonic()
        for number, name in enumerate(names):
            assert await _outcomes(repository, name, f"a-{number}") == [BUSY, ADDED]
        first = time.monotonic() - started
        assert await _outcomes(repository, *names, "last") == [*([BUSY] * len(names)), ADDED]
        assert await _outcomes(repository, *names) == [BUSY] * len(names)
        assert first < 15 < len(names) * float(LOCK_WAIT.removesuffix("ms")) / 1000 + 1


async def test_reports_pass_over_a_locked_order() -> None:
    """Others are reported at once; the locked one is busy, and reported when it is asked for again, once."""
    async with _beside() as (target, repository, somebody):
        held = await _held(repository, "a", "b", "c", "d")
        await _lock(target, somebody, "b", "d")
        commands = [complete(order) for order in held[:3]]
        commands.append(Command("d", Action.RETRY, token=1, delay=1, reason="again"))
        async with asyncio.timeout(AT_ONCE):
            for _ in range(2):
                answers = await repository.apply(commands)
                assert [each.refusal for each in answers] == [None, RefusalReason.BUSY, None, RefusalReason.BUSY]
        await somebody.execute("ROLLBACK")
        assert [each.refusal for each in await repository.apply(commands)] == [None] * 4
        assert [event.type for event in await repository.history("b", 0, 10)] == ["placed", "claimed", "completed"]
        assert (await repository.statistics()).status_counts[Status.COMPLETED] == 3


@pytest.mark.parametrize("commits", [True, False])
async def test_a_report_that_is_asked_for_again_waits_at_its_order(*, commits: bool) -> None:
    """So it is made the moment the order is free, before anybody claims an order whose lease has ended meanwhile.

    While one is waited for, another one that is free is reported.
    """
    async with _beside() as (target, repository, somebody), _beside() as (_, _, else_):
        held = await _held(repository, "a", "b")
        await _lock(target, somebody, "a")
        await _lock(target, else_, "b")

        async def report() -> list[RefusalReason | None]:
            """Report for as long as all are busy."""
            while True:
                outcomes = [each.refusal for each in await repository.apply([complete(order) for order in held])]
                if set(outcomes) != {RefusalReason.BUSY}:
                    return outcomes

        for session, expected in ((else_, [RefusalReason.BUSY, None]), (somebody, [None])):
            reporting = asyncio.create_task(report())
            async with asyncio.timeout(20):
                await _waits(target)
                await session.execute("COMMIT" if commits else "ROLLBACK")
                assert await reporting == expected
            held = held[:1]
        assert (await repository.statistics()).status_counts[Status.COMPLETED] == 2


async def test_renewals_pass_over_a_locked_order() -> None:
    """Others are renewed at once, a lost one is lost; the locked one is neither, and renewed when it is free."""
    async with _beside() as (target, repository, somebody):
        held = await _held(repository, "a", "b", "c")
        await repository.apply([complete(held[2])])
        await _lock(target, somebody, "b")
        leases = [Lease(order.order_id, order.token) for order in held]
        stale = Lease("b", 7)
        async with asyncio.timeout(AT_ONCE):
            answers = await repository.renew([*leases, stale], 60)
        assert list(answers) == [Renewed.HELD, Renewed.BUSY, Renewed.LOST, Renewed.LOST]
        await somebody.execute("ROLLBACK")
        assert list(await repository.renew(leases[1:2], 60)) == [Renewed.HELD]


async def test_a_locked_order_is_claimed_by_nobody_and_keeps_nobody_from_claiming() -> None:
    """Also where its lease has ended: it is claimed when it is free."""
    async with _beside() as (target, repository, somebody):
        await repository.add([placement("a")])
        await repository.claim(terms("short", lease_seconds=0.001))
        await repository.add([placement("b")])
        await _lock(target, somebody, "a")
        async with asyncio.timeout(AT_ONCE):
            assert [order.order_id for order in (await repository.claim(terms("claim-1"))).orders] == ["b"]
            assert not (await repository.claim(terms("claim-2", order_ids=["a"]))).orders
        await somebody.execute("ROLLBACK")
        assert [order.order_id for order in (await repository.claim(terms("claim-3"))).orders] == ["a"]


async def test_actions_on_a_locked_order_are_busy() -> None:
    """An action on an order that is not there is not; nor is one on the next order."""
    async with _beside() as (target, repository, somebody):
        await repository.add([placement("a"), placement("b")])
        await _lock(target, somebody, "a")
        async with asyncio.timeout(AT_ONCE):
            answers = await repository.apply([Command(each, Action.CANCEL) for each in ("a", "b", "nobody")])
        assert [each.refusal for each in answers] == [RefusalReason.BUSY, None, RefusalReason.UNKNOWN]
        await somebody.execute("ROLLBACK")
        (applied,) = await repository.apply([Command("a", Action.CANCEL)])
        assert applied.refusal is None


async def test_rows_of_a_host_that_refer_to_orders_are_in_nobodys_way() -> None:
    """A foreign key locks the order's key alone, as long as the host's transaction is open: nothing of ours waits."""
    async with _beside() as (target, repository, host):
        await execute(target, "CREATE TABLE {schema}.invoices (serial bigint REFERENCES {schema}.orders (serial))")
        await repository.add([placement("a"), placement("b")])
        insert = "INSERT INTO order_engine.invoices SELECT serial FROM order_engine.orders"
        await host.execute(within(insert, target.schema))
        async with asyncio.timeout(AT_ONCE):
            held = (await repository.claim(terms("claim-1"))).orders
            assert [order.order_id for order in held] == ["a", "b"]
            assert list(await repository.renew([Lease("a", 1), Lease("b", 1)], 60)) == [Renewed.HELD] * 2
            answers = await repository.apply([complete(held[0]), Command("b", Action.CANCEL)])
            assert [each.refusal for each in answers] == [None, None]


async def test_rows_that_all_writers_share_are_waited_for_by_none() -> None:
    """With every counter and the identity row locked, orders are placed and completed, and the probe passes."""
    async with _beside() as (target, repository, somebody):
        held = await _held(repository, "a")
        await somebody.execute(f"SELECT FROM {target.schema}.counters FOR UPDATE")
        await somebody.execute(f"SELECT FROM {target.schema}.identity FOR UPDATE")
        async with asyncio.timeout(AT_ONCE):
            assert await repository.apply([]) == []
            await repository.apply([complete(held[0])])
            await repository.add([placement("b")])
        counts = (await repository.statistics()).status_counts
        assert (counts[Status.PENDING], counts[Status.COMPLETED]) == (1, 1)


async def test_a_table_that_is_locked_is_no_order_that_is() -> None:
    """A short lock on a whole table, as a change of the schema takes it, is waited for; a long one is an outage."""
    async with _beside() as (target, repository, somebody):
        await repository.add([placement("a")])
        await somebody.execute(f"LOCK TABLE {target.schema}.contents")
        adding = asyncio.create_task(repository.add([placement("b")]))
        await asyncio.sleep(1)
        assert not adding.done()
        await somebody.execute("ROLLBACK")
        assert [added.outcome for added in await adding] == [ADDED]
    async with _beside(RequestBudget(1)) as (target, repository, somebody):
        await somebody.execute(f"LOCK TABLE {target.schema}.contents")
        with pytest.raises(Unavailable, match="did not grant a lock"):
            await repository.add([placement("b")])
        await somebody.execute("ROLLBACK")
        assert await _outcomes(repository, "b") == [ADDED]


@pytest.mark.parametrize("by_key", [False, True])
async def test_batches_that_cross_do_not_wait_for_each_other_in_a_circle(*, by_key: bool) -> None:
    """Hosts that place the same in opposite order, and both have to wait in the middle: none is a deadlock's victim."""

    def batch(name: str) -> list[Placement]:
        return [placement(f"{each}-{name}", idempotency_key=each) if by_key else placement(each) for each in "amz"]

    async with _beside() as (target, repository, blocker):
        await repository.add(batch("blocker")[1:2], connection=blocker)

        async def place(wanted: Sequence[Placement]) -> set[AddOutcome]:
            host = await asyncpg.connect(target.url)
            try:
                async with host.transaction():
                    return {added.outcome for added in await repository.add(wanted, connection=host)}
            finally:
                await host.close()

        placing = [asyncio.create_task(place(each)) for each in (batch("one"), batch("two")[::-1])]
        async with asyncio.timeout(20):
            await _waits(target, len(placing))
            await blocker.execute("ROLLBACK")
            outcomes = await asyncio.gather(*placing)
        assert {ADDED} in outcomes
        assert {AddOutcome.KEY_REUSED if by_key else REPLAYED} in outcomes


def _counted(call: Callable[..., Awaitable[object]], statements: list[object]) -> Callable[..., Awaitable[object]]:
    async def counted(connection: Connection, sql: str, *arguments: object) -> object:
        statements.append(sql)
        return await call(connection, sql, *arguments)

    return counted


async def test_where_nothing_is_locked_each_call_is_one_statement(monkeypatch: pytest.MonkeyPatch) -> None:
    """New orders, claims, renewals and reports go to the database and back once, as they always did."""
    statements: list[object] = []
    async with open_target(await new_schema()) as repository:
        await repository.add([placement("before")])
        for name in ("execute", "fetch", "fetchval"):
            monkeypatch.setattr(asyncpg.Connection, name, _counted(getattr(asyncpg.Connection, name), statements))
        await repository.add([placement("order-1", idempotency_key="key-1"), placement("order-2")])
        held = (await repository.claim(terms("claim-1"))).orders
        await repository.renew([Lease(order.order_id, order.token) for order in held], 60)
        await repository.apply([complete(order) for order in held])
        assert len(statements) == 4
        assert len(held) == 3
