"""A claim begins where an earlier one ended, and nothing is left lying for longer than a lease."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from order_engine.contracts.samples import placement, terms
from order_engine.domain.commands import Action, Command
from order_engine_adapters.postgres import claim_floor
from order_engine_adapters.postgres.claim_floor import BEFORE_ALL, WHOLE_LOOK_SECONDS, ClaimFloor
from tests.integration.postgres.support import PostgresHarness, execute, harness, new_schema

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PLACE_BACK = "UPDATE {{schema}}.orders SET updated_at = updated_at - interval '{} seconds' WHERE version = 1"


@pytest.mark.parametrize("lease_seconds", [1.0, 30.0, 900.0])
def test_a_claim_begins_at_the_floor_and_now_and_then_at_the_start(lease_seconds: float) -> None:
    """At the start first, and again after each lease's time; otherwise where the last claim has looked until."""
    seconds = [100.0]
    floor = ClaimFloor(lambda: seconds[0])
    assert floor.to_begin_at(lease_seconds) == BEFORE_ALL
    floor.found_nothing_before(NOW)
    assert floor.to_begin_at(lease_seconds) == NOW
    seconds[0] += min(lease_seconds, WHOLE_LOOK_SECONDS)
    assert [floor.to_begin_at(lease_seconds), floor.to_begin_at(lease_seconds)] == [BEFORE_ALL, NOW]


async def _claim(opened: PostgresHarness, claim_id: str, limit: int = 100) -> Sequence[str]:
    claimed = await opened.repository.claim(terms(claim_id, limit=limit))
    return [order.order_id for order in claimed.orders]


async def test_what_committed_late_is_found_by_a_whole_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """An order that was placed a minute ago and is there only now lies below the floor, until the next whole look."""
    target = await new_schema(manual_time=True)
    async with harness(target) as opened:
        assert await _claim(opened, "claim-1") == []
        await opened.repository.add([placement("late")])
        await execute(target, PLACE_BACK.format(60))
        await opened.repository.add([placement("usual")])
        assert await _claim(opened, "claim-2") == ["usual"]
        monkeypatch.setattr(claim_floor.ClaimFloor, "to_begin_at", lambda *_: BEFORE_ALL)
        assert await _claim(opened, "claim-3") == ["late"]


async def test_what_committed_a_little_late_is_found_at_once() -> None:
    """No call of ours takes ten seconds from the time that it stamps to its commit."""
    target = await new_schema(manual_time=True)
    async with harness(target) as opened:
        assert await _claim(opened, "claim-1") == []
        await opened.repository.add([placement("late")])
        await execute(target, PLACE_BACK.format(9))
        assert await _claim(opened, "claim-2") == ["late"]


async def test_the_longest_due_goes_first_where_no_lease_has_ended() -> None:
    """New orders and retries have one queue, whichever was placed first."""
    async with harness(await new_schema(manual_time=True)) as opened:
        await opened.repository.add([placement("retried")])
        (retried,) = (await opened.repository.claim(terms("claim-1", lease_seconds=1000))).orders
        await opened.repository.apply([Command("retried", Action.RETRY, retried.token, delay=50, reason="later")])
        for name in ("before", "after"):
            await opened.advance(40)
            await opened.repository.add([placement(name)])
        await opened.advance(40)
        taken = [await _claim(opened, f"claim-{number}", limit=1) for number in range(2, 5)]
        assert taken == [["before"], ["retried"], ["after"]]


async def test_a_backlog_is_claimed_in_portions_to_its_end() -> None:
    """What is left behind a limit is due for long, and is taken in its turn: the floor rises with what was taken."""
    async with harness(await new_schema(manual_time=True)) as opened:
        names = [f"order-{number}" for number in range(5)]
        for name in names:
            await opened.repository.add([placement(name)])
            await opened.advance(60)
        assert await _claim(opened, "claim-0", limit=0) == []
        assert [await _claim(opened, f"claim-{number + 1}", limit=2) for number in range(4)] == [
            names[:2],
            names[2:4],
            names[4:],
            [],
        ]


async def test_a_lease_that_ended_and_was_left_is_taken_later() -> None:
    """After an outage it is left to its holder for a while: claims meanwhile do not put it out of sight."""
    async with harness(await new_schema(manual_time=True)) as opened:
        await opened.repository.add([placement("order-1")], terms("claim-1", lease_seconds=5))
        for number in range(3):
            await opened.advance(20)
            left = await opened.repository.claim(terms(f"left-{number}", take_ended_leases=False))
            assert left.orders == []
        assert await _claim(opened, "claim-2") == ["order-1"]


async def test_retries_leases_and_suspects_are_due_above_the_floor() -> None:
    """After claims that found nothing: a retry whose delay is over, a lease that has ended, and a suspect again."""
    async with harness(await new_schema(manual_time=True)) as opened:
        repository = opened.repository
        await repository.add([placement("retried"), placement("vanished")])
        retried, _ = (await repository.claim(terms("claim-1", lease_seconds=100))).orders
        await repository.apply([Command("retried", Action.RETRY, retried.token, delay=95, reason="out of stock")])
        for number in range(9):
            await opened.advance(10)
            assert await _claim(opened, f"nothing-{number}") == []
        await opened.advance(5)
        assert await _claim(opened, "claim-2") == ["retried"]
        await opened.advance(5)
        (again,) = (await repository.claim(terms("claim-3"))).orders
        assert (again.order_id, again.vanished) == ("vanished", 1)
        await repository.apply([Command("vanished", Action.RETRY, again.token, delay=50, reason="out of stock")])
        await opened.advance(20)
        await _claim(opened, "claim-4")
        await opened.advance(31)
        assert "vanished" in await _claim(opened, "claim-5")


async def test_what_comes_next_to_an_own_lease_is_taken() -> None:
    """Leases of one claim end at one time: a claim that passes over its own misses none of its neighbours."""
    async with harness(await new_schema(manual_time=True)) as opened:
        names = [f"order-{number}" for number in range(3)]
        await opened.repository.add([placement(name) for name in names])
        held = (await opened.repository.claim(terms("claim-1", lease_seconds=10))).orders
        await opened.advance(11)
        own = {(held[0].order_id, held[0].token)}
        for number, name in enumerate(names[1:]):
            claimed = await opened.repository.claim(terms(f"again-{number}", limit=1, running=own))
            assert [order.order_id for order in claimed.orders] == [name]
