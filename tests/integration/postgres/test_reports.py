"""A batch of reports is one statement with the same results as the domain, fenced by tokens."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import product
from typing import TypeVar

import pytest

from order_engine.contracts.samples import WHOLE_HISTORY, placement, terms
from order_engine.domain.commands import REPORTS, Action, Command, Lease
from order_engine.domain.decisions import RefusalReason, Transition, act
from order_engine.domain.order import Order
from order_engine.ports.repository import OrderRepository, Renewed
from order_engine_adapters.postgres.connection.target import Target, connect
from order_engine_adapters.postgres.driver import open_target
from order_engine_adapters.postgres.writing import order_updates
from tests.integration.postgres.support import complete, harness, new_schema

Answer = TypeVar("Answer")

TAKE = """
UPDATE {schema}.orders AS o SET token = o.token + 1 FROM {schema}.contents AS c
WHERE c.serial = o.serial AND c.order_id = $1
"""


async def _held(repository: OrderRepository, *names: str) -> Sequence[Order]:
    """Place orders that are born claimed."""
    added = await repository.add([placement(name) for name in names], terms("claim-1", limit=len(names)))
    return [each.order for each in added if each.order is not None]


async def _while_the_order_is_taken(
    target: Target, order: Order, call: Callable[[], Awaitable[Sequence[Answer]]]
) -> tuple[Sequence[Answer], Sequence[Answer]]:
    """Make a call while another transaction has the order's row, which gives the order away; and again afterwards."""
    connection = await connect(target)
    try:
        async with asyncio.timeout(20):
            async with connection.transaction():
                await connection.execute(TAKE.format(schema=target.schema), order.order_id)
                answers = await call()
            return answers, await call()
    finally:
        await connection.close()


async def test_mixed_batch_is_one_statement_and_as_the_domain_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every report, on orders with and without a cancel request and with a failure before, in one batch."""
    cases = list(product(sorted(REPORTS), (False, True), (0.0, 86_400.123457)))
    async with harness(await new_schema(manual_time=True)) as opened:
        repository = opened.repository
        names = [f"{action}-{cancelled}-{delay:g}" for action, cancelled, delay in cases]
        first = await _held(repository, *names)
        await repository.apply([Command(order.order_id, Action.RETRY, order.token, reason="late") for order in first])
        await opened.advance(1.5)
        await repository.claim(terms("claim-2", order_ids=names))
        await repository.apply([Command(name, Action.CANCEL) for name in names if "True" in name])
        before = list((await repository.get(names)).values())
        await opened.advance(2.25)
        monkeypatch.delattr(order_updates, "_decide")
        commands = [
            Command(order.order_id, action, order.token, delay=delay, reason="no such article")
            for order, (action, _, delay) in zip(before, cases, strict=True)
        ]
        assert {each.refusal for each in await repository.apply(commands[::-1])} == {None}
        after = await repository.get(names)
        for order, command in zip(before, commands, strict=True):
            decided = act(order, command, max(each.updated_at for each in after.values()))
            assert isinstance(decided, Transition)
            assert after[order.order_id] == decided.order
            assert (await repository.history(order.order_id, order.version, WHOLE_HISTORY)) == [decided.event]


async def test_what_the_statement_does_not_find_is_decided_afterwards() -> None:
    """In one batch: a report that counts, one that was applied before, one under an old token, one on no order."""
    target = await new_schema()
    async with open_target(target) as repository:
        held, done, taken = await _held(repository, "held", "done", "taken")
        await repository.apply([complete(done)])
        commands = [
            Command(held.order_id, Action.RETRY, held.token, reason="out of stock"),
            complete(done),
            Command(taken.order_id, Action.RELEASE, taken.token - 1),
            Command("unknown", Action.FAIL, 1, reason="no such article"),
        ]
        answers = [each.refusal for each in await repository.apply(commands)]
        assert answers == [None, None, RefusalReason.LOST, RefusalReason.UNKNOWN]


@pytest.mark.parametrize("action", sorted(REPORTS))
async def test_report_on_an_order_that_is_being_taken_is_refused(action: Action) -> None:
    """It is busy while a claim is uncommitted, and lost then (P2). Other reports are applied at once."""
    target = await new_schema()
    async with open_target(target) as repository:
        stale, other = await _held(repository, "stale", "other")
        commands = [Command(each.order_id, action, each.token, reason="no such article") for each in (stale, other)]
        during, after = await _while_the_order_is_taken(target, stale, lambda: repository.apply(commands))
        assert [each.refusal for each in during] == [RefusalReason.BUSY, None]
        assert [each.refusal for each in after] == [RefusalReason.LOST, None]
        order = (await repository.get(["stale"]))["stale"]
        assert (order.token, order.leased, order.version) == (stale.token + 1, True, stale.version)


async def test_renewal_of_an_order_that_is_being_taken_is_lost() -> None:
    """The new claim keeps the order."""
    target = await new_schema()
    async with open_target(target) as repository:
        stale, other = await _held(repository, "stale", "other")
        leases = [Lease(each.order_id, each.token) for each in (stale, other)]
        during, after = await _while_the_order_is_taken(target, stale, lambda: repository.renew(leases, 60))
        assert list(during) == [Renewed.BUSY, Renewed.HELD]
        assert list(after) == [Renewed.LOST, Renewed.HELD]
