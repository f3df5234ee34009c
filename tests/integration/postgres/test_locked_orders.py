"""Engines and services beside a foreign transaction that locks an order: only this order waits."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from order_engine import NewOrder, Order, Status
from order_engine.contracts.samples import placement
from order_engine_adapters import open_engine
from order_engine_adapters.postgres.connection.target import Connection, Target
from order_engine_adapters.postgres.driver import open_target
from tests.integration.inspection import body_of
from tests.integration.postgres.support import new_schema
from tests.integration.service import Answer, Service

LEASE_SECONDS = 4.0
WORK_SECONDS = 5.0
"""Longer than a lease: neighbours are lost where renewals stop."""
LOCKED_SECONDS = 9.0
"""Longer than what is left of any lease."""
REQUEST_SECONDS = 5.0
LOCK_ORDER = """
SELECT FROM {schema}.orders WHERE serial = (SELECT serial FROM {schema}.contents WHERE order_id = '{order_id}')
FOR UPDATE
"""


@asynccontextmanager
async def _somebody(target: Target) -> AsyncIterator[Connection]:
    """Open a foreign session with an open transaction."""
    connection = await asyncpg.connect(target.url)
    try:
        async with connection.transaction():
            yield connection
    finally:
        await connection.close()


def _url(target: Target) -> str:
    return f"{target.url}{'&' if '?' in target.url else '?'}schema={target.schema}"


async def test_a_locked_order_is_the_only_one_that_waits() -> None:
    """Two processes: the neighbours complete in time and ran once; the locked one completes when it is free.

    Both say all the time that they are ready. The locked one was stopped in time, and counts as no failure.
    """
    target = await new_schema()
    runs: Counter[str] = Counter()

    async def work(order: Order) -> None:
        runs[order.order_id] += 1
        await asyncio.sleep(WORK_SECONDS)

    names = [f"order-{number}" for number in range(30)]
    async with (
        asyncio.timeout(60),
        open_engine(_url(target), processor=work, lease_seconds=LEASE_SECONDS, concurrency=20) as first,
        open_engine(_url(target), processor=work, lease_seconds=LEASE_SECONDS, concurrency=20) as second,
    ):
        orders = [NewOrder(order_id=name, user_id="user", item_ids=["item"], total_amount="1.00") for name in names]
        await first.place_many(orders)
        while len(runs) < len(names):  # noqa: ASYNC110 - engines have no event for it
            await asyncio.sleep(0.05)
        started = time.monotonic()
        async with _somebody(target) as somebody:
            await somebody.execute(LOCK_ORDER.format(schema=target.schema, order_id=names[3]))
            while time.monotonic() < started + LOCKED_SECONDS:
                assert first.ready
                assert second.ready
                await asyncio.sleep(0.05)
            counts = (await first.metrics()).status_counts
            assert counts[Status.COMPLETED] == len(names) - 1
            assert not (await first.get(names[3])).status.ended
        ended = await first.wait_for(names[3], seconds=2 * WORK_SECONDS)
        assert ended.status is Status.COMPLETED
        assert ended.failures == 0
        # Released, but where a claim comes in the instant between the lock's end and the release that waits for it.
        assert ended.vanished <= 1
    assert runs == Counter(names) + Counter([names[3]])


async def test_an_id_of_an_open_transaction_keeps_no_other_client_waiting(tmp_path: Path) -> None:
    """200 others are placed at once. Placing that id returns 503 with Retry-After within the request timeout."""
    target = await new_schema()
    flags = ("--database-url", _url(target), "--processor", "none", "--request-seconds", str(REQUEST_SECONDS))
    with Service(tmp_path, *flags) as service:
        service.wait_ready()

        def post_and_wait(order_id: str) -> tuple[Answer, float]:
            started = time.monotonic()
            answer = service.post("/orders", body_of(order_id))
            return answer, time.monotonic() - started

        async def post(order_id: str) -> tuple[Answer, float]:
            return await asyncio.to_thread(post_and_wait, order_id)

        async with open_target(target) as repository, _somebody(target) as host:
            await repository.add([placement("h")], connection=host)
            waiting = asyncio.create_task(post("h"))
            others = await asyncio.gather(*(post(f"order-{number}") for number in range(200)))
            assert {answer.status for answer, _ in others} == {201}
            assert max(seconds for _, seconds in others) < REQUEST_SECONDS / 2
            assert (await asyncio.to_thread(service.get, "/readyz")).status == 200
            answer, seconds = await waiting
            assert (answer.status, answer.headers["retry-after"]) == (503, "1")
            assert '"order_busy"' in answer.body
            assert seconds < REQUEST_SECONDS + 1
        answer, _ = await post("h")
        assert answer.status == 409, "the host's content is another"
