"""Suite: the times that a repository stamps, also when its clock is set back."""

from __future__ import annotations

from datetime import timedelta

from order_engine.contracts.expectations import expect, expect_equal
from order_engine.contracts.model.laws import check_history
from order_engine.contracts.samples import AFTER_THE_LEASE, LEASE_SECONDS
from order_engine.contracts.scenario import RepositorySuite, scenario
from order_engine.contracts.trial import Trial, ids
from order_engine.domain.commands import Action


class RepositoryTimes(RepositorySuite):
    """Times come from the repository, and never run backwards within an order."""

    @scenario
    async def test_times_are_aware_and_in_utc(self, trial: Trial) -> None:
        """Every time is in UTC, with its offset."""
        leased = await trial.place_and_claim("order-1")
        await trial.report(leased, Action.RETRY, delay=1)
        order = await trial.order("order-1")
        await trial.report(await trial.place_and_claim("order-2"), Action.COMPLETE)
        ended = await trial.order("order-2")
        for time in (order.created_at, order.updated_at, order.due, order.processing_started_at, ended.ended_at):
            expect(time is not None, "the times of an order are set where they mean something")
            offset = None if time is None else time.utcoffset()
            expect_equal(offset, timedelta(0), "the offset of a time from UTC")
        for event in await trial.history("order-1"):
            expect_equal(event.at.utcoffset(), timedelta(0), f"the offset from UTC of the time of {event}")

    @scenario
    async def test_time_passes_as_the_harness_says(self, trial: Trial) -> None:
        """Between two orders lie exactly the seconds that were advanced, to the microsecond."""
        first = await trial.place("order-1")
        await trial.advance(1.000001)
        second = await trial.place("order-2")
        expect_equal(second.created_at - first.created_at, timedelta(seconds=1, microseconds=1), "the time between")

    @scenario
    async def test_times_never_run_backwards(self, trial: Trial) -> None:
        """When the clock is set back, an order's next events are stamped with its last time, not an earlier one."""
        placed = await trial.place("order-1")
        await trial.advance(-100)
        leased = await trial.take("order-1")
        expect_equal(leased.updated_at, placed.created_at, "the time of a claim after the clock was set back")
        expect_equal(leased.processing_started_at, placed.created_at, "the start of processing")
        for action in (Action.RETRY, Action.FAIL):
            await trial.report(leased, action)
            await trial.advance(-100)
            if action is Action.RETRY:
                await trial.advance(200)
                leased = await trial.take("order-1")
        await trial.ask("order-1", Action.REDRIVE)
        await trial.report(await trial.take("order-1"), Action.COMPLETE)
        history = await trial.history("order-1")
        check_history(history)
        expect_equal((await trial.order("order-1")).ended_at, history[-1].at, "the time of the end")
        expect((await trial.repository.statistics()).processing_microseconds >= 0, "no processing time is negative")

    @scenario
    async def test_set_back_clock_stamps_each_order_by_itself(self, trial: Trial) -> None:
        """A new order gets the time as it is now, though others are stamped later."""
        first = await trial.place("order-1")
        await trial.advance(-100)
        second = await trial.place("order-2")
        expect_equal(first.created_at - second.created_at, timedelta(seconds=100), "the time between")

    @scenario
    async def test_at_once_is_no_time_of_day(self, trial: Trial) -> None:
        """A clock that is set back does not put off orders that wait for nothing: new, released or redriven."""
        await trial.place("new")
        await trial.report(await trial.place_and_claim("released"), Action.RELEASE)
        await trial.report(await trial.place_and_claim("redriven"), Action.FAIL)
        await trial.ask("redriven", Action.REDRIVE)
        await trial.advance(-3_600)
        claimed = await trial.claim()
        expect_equal(ids(claimed.orders), ["new", "redriven", "released"], "the orders claimed an hour before")

    @scenario
    async def test_lease_is_measured_by_the_present_clock(self, trial: Trial) -> None:
        """A lease given after the clock was set back ends so many seconds from now, as the clock shows."""
        await trial.place("order-1")
        await trial.advance(-100)
        leased = await trial.take("order-1")
        expect_equal(leased.lease_ends, trial.now + timedelta(seconds=LEASE_SECONDS), "the end of the lease")
        await trial.advance(AFTER_THE_LEASE)
        expect_equal(ids((await trial.claim()).orders), ["order-1"], "the orders claimed after it")
