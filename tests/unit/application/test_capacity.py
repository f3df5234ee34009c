"""Orders in flight: no more than renewals can carry, whatever the concurrency allows."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from order_engine import Order, OrderEngine, Status
from order_engine.application.worker.renewal_capacity import INITIAL_LIMIT, InFlight
from order_engine.domain.commands import ClaimTerms, Lease
from order_engine.ports.observer import AttemptSuperseded, LoopBlocked, RenewalsTooSlow
from order_engine.ports.repository import Claimed, Renewed
from order_engine_adapters.memory import MemoryRepository
from tests.unit.application.bench import Bench, Options, Work, new_order, order_ids, takes
from tests.unit.application.faults import FaultyRepository, TakesItsTime

MANY = 5000


async def _place(engine: OrderEngine, bench: Bench, orders: int) -> None:
    outcomes = await bench.within(120, engine.place_many([new_order(order_id) for order_id in order_ids(orders)]))
    assert len(outcomes) == orders


async def _events(bench: Bench, event_type: str) -> int:
    events = (await bench.store.events(None, 10_000_000)).events
    return sum(event.type == event_type for event in events)


@pytest.mark.parametrize("batch_orders", [500, 20])
async def test_slow_renewals_bound_the_orders_in_flight(batch_orders: int) -> None:
    """Where a renewal takes 20 ms a lease, and 5,000 orders of 150 s may run at once, all that run complete.

    Without a bound every lease is lost before its renewal, and nothing ever completes.
    """
    bench = Bench()
    bench.repository.plan(TakesItsTime(0.02), "renew")
    work = Work(takes(bench, 150))
    options = Options(concurrency=MANY, batch_orders=batch_orders, max_waiting=2 * MANY, grace_seconds=0)
    async with bench.engine(work, **options) as engine:
        await _place(engine, bench, MANY)
        await bench.advance(700)
        completed, claims = await _events(bench, "completed"), await _events(bench, "claimed")
        assert completed >= 1000
        assert await _events(bench, "released") <= 2 * INITIAL_LIMIT
        assert claims <= completed + 3 * INITIAL_LIMIT
        in_flight = engine.in_flight
        assert in_flight is not None
        assert in_flight.limited
        assert 200 <= in_flight.limit <= INITIAL_LIMIT
        assert engine.ready
        assert 1 <= len(bench.facts.of(RenewalsTooSlow)) <= 3
        assert bench.facts.of(AttemptSuperseded) == []


async def test_fast_renewals_bound_nothing() -> None:
    """Where renewals are fast, all slots are filled at once: the way up to the concurrency takes no interval."""
    bench = Bench()
    bench.repository.plan(TakesItsTime(0.0001), "renew")
    async with bench.engine(Work(takes(bench, 100)), concurrency=MANY, max_waiting=2 * MANY) as engine:
        await _place(engine, bench, MANY)
        await bench.advance(5)
        assert engine.in_flight == InFlight(MANY, MANY, limited=False)
        await bench.advance(100)
        assert await _events(bench, "completed") == MANY
        assert await _events(bench, "released") == 0
    assert bench.facts.of(RenewalsTooSlow) == []


async def test_a_repository_that_recovers_is_used_again() -> None:
    """The bound follows what is measured, in both directions."""
    bench = Bench()
    bench.repository.plan(TakesItsTime(0.02), "renew")
    async with bench.engine(Work(takes(bench, 60)), concurrency=2 * INITIAL_LIMIT, grace_seconds=0) as engine:
        await _place(engine, bench, 4 * INITIAL_LIMIT)
        await bench.advance(60)
        in_flight = engine.in_flight
        assert in_flight is not None
        assert in_flight.limited
        assert in_flight.orders <= INITIAL_LIMIT
        bench.repository.heal()
        await bench.advance(30)
        in_flight = engine.in_flight
        assert in_flight is not None
        assert (in_flight.limit, in_flight.limited) == (2 * INITIAL_LIMIT, False)


async def test_one_slow_renewal_of_few_leases_bounds_nothing_for_long() -> None:
    """A long way to the repository says nothing about many leases: they travel together."""
    bench = Bench()

    class FarAway(FaultyRepository):
        """Takes 100 ms for a renewal, of however many leases."""

        async def renew(self, leases: Sequence[Lease], seconds: float) -> Sequence[Renewed]:
            """Renew after a while."""
            await bench.clock.sleep(0.1)
            return await super().renew(leases, seconds)

    repository = FarAway(bench.store, bench.clock)
    async with bench.engine(Work(takes(bench, 100)), repository=repository, concurrency=800) as engine:
        await _place(engine, bench, 1)
        await bench.advance(11)
        await _place_more(engine, bench, 799)
        await bench.advance(2)
        in_flight = engine.in_flight
        assert in_flight is not None
        assert in_flight == InFlight(800, 800, limited=False)


class Waits(FaultyRepository):
    """Takes 0.2 s for each lease, and then answers no renewal before it is told to."""

    def __init__(self, bench: Bench) -> None:
        """Answer at once for the time being."""
        super().__init__(bench.store, bench.clock)
        self._bench = bench
        self.answers = asyncio.Event()
        self.answers.set()
        self.is_waiting = False

    async def renew(self, leases: Sequence[Lease], seconds: float) -> Sequence[Renewed]:
        """Renew, and answer later."""
        renewed = await super().renew(leases, seconds)
        await self._bench.clock.sleep(0.2 * len(leases))
        self.is_waiting = True
        await self.answers.wait()
        return renewed


@pytest.mark.parametrize("orders", [10, 60])
async def test_a_pause_of_the_process_is_no_slow_renewal(orders: int) -> None:
    """A process that stood still while a renewal was answered takes as many orders as before when it goes on.

    Be they as many as it can run, or as many as its repository renews in time.
    """
    bench = Bench()
    repository = Waits(bench)
    options = Options(concurrency=800, batch_orders=10, grace_seconds=0)
    async with bench.engine(Work(takes(bench, 1000)), repository=repository, **options) as engine:
        await _place(engine, bench, orders)
        await bench.advance(60)
        before = engine.in_flight
        assert before is not None
        assert before.limited is (orders > 50)
        repository.answers.clear()
        repository.is_waiting = False
        while not repository.is_waiting:
            await bench.advance(0.25)
        bench.block(20)
        repository.answers.set()
        for _ in range(10):
            await bench.advance(0.25)
            after = engine.in_flight
            assert after is not None
            assert (after.limit, after.limited) == (before.limit, before.limited)
    assert len(bench.facts.of(LoopBlocked)) == 1


async def _place_more(engine: OrderEngine, bench: Bench, orders: int) -> None:
    await bench.within(30, engine.place_many([new_order(f"more{number}") for number in range(orders)]))


async def test_claims_leave_own_leases_alone() -> None:
    """A clock that is set forward ends every lease in the repository; the process goes on with what it runs."""
    bench = Bench()
    work = Work(takes(bench, 50))
    async with bench.engine(work, max_deliveries=1) as engine:
        await bench.advance(11)
        await bench.place(engine, "order1", "order2")
        await bench.now(engine.cancel("order2"))
        await bench.advance(1)
        bench.clock.jump(3600)
        await bench.advance(60)
        assert await bench.story("order1") == ["placed", "claimed", "completed"]
        assert await bench.story("order2") == ["placed", "claimed", "cancel_requested", "cancelled"]
    assert work.started_ids == ["order1", "order2"]


class MadeBefore(MemoryRepository):
    """An adapter that was made before there were bounds and own leases."""

    async def claim(self, terms: ClaimTerms) -> Claimed:
        """Claim by what the terms were then."""
        return await super().claim(replace(terms, max_bytes=None, after=None, running=()))


async def test_an_order_that_is_handed_out_again_goes_on_where_it_runs() -> None:
    """Where an adapter hands out what its claimant runs, the attempt under way gets the new token, and none begins."""
    bench = Bench()
    bench.store = MadeBefore(bench.clock)
    work = Work(takes(bench, 50))
    async with bench.engine(work, repository=bench.connect()) as engine:
        await bench.advance(11)
        await bench.place(engine, "order1")
        bench.clock.jump(3600)
        await bench.advance(60)
        assert await bench.story("order1") == ["placed", "claimed", "claimed", "completed"]
    assert work.started_ids == ["order1"]
    assert bench.facts.of(AttemptSuperseded) == []


async def test_processors_that_are_stuck_take_no_room_of_others() -> None:
    """What was given up has no lease to renew: with a whole bound of such orders, others are claimed all the same."""
    bench = Bench()
    freed = asyncio.Event()
    stuck = bench.stubborn(freed)
    bench.repository.plan(TakesItsTime(1.0), "renew")

    async def deed(order: Order) -> None:
        if order.order_id.startswith("stuck"):
            await stuck(order)

    options = Options(concurrency=50, attempt_seconds=15, stop_seconds=1, max_attempts=1, grace_seconds=0)
    async with bench.engine(Work(deed), **options) as engine:
        await bench.place(engine, *order_ids(12, "stuck"))
        await bench.advance(60)
        await bench.place(engine, "order1")
        assert (await bench.within(5, engine.wait_for("order1"))).status is Status.COMPLETED
        freed.set()
        await bench.settle()


async def test_processors_that_are_stuck_take_no_room_beside_others_that_are_renewed() -> None:
    """Renewals carry ten orders: ten run beside twelve that were given up, and have no lease to renew."""
    bench = Bench()
    freed = asyncio.Event()
    stuck = bench.stubborn(freed)
    bench.repository.plan(TakesItsTime(1.0), "renew")

    async def deed(order: Order) -> None:
        if order.order_id.startswith("stuck"):
            await stuck(order)
        if order.order_id.startswith("long"):
            await bench.clock.sleep(100)

    async with bench.engine(Work(deed), concurrency=50, stop_seconds=1, grace_seconds=0) as engine:
        await bench.place(engine, *order_ids(12, "stuck"))
        for order_id in order_ids(12, "stuck"):
            await bench.now(engine.cancel(order_id))
        await bench.advance(5)
        await bench.place(engine, *order_ids(3, "long"))
        # What they show in a round of renewals is how many can be carried.
        await bench.advance(25)
        assert engine.in_flight is not None
        assert 15 < engine.in_flight.limit < 50
        await bench.place(engine, "order1")
        assert (await bench.within(5, engine.wait_for("order1"))).status is Status.COMPLETED
        freed.set()
        await bench.settle()
