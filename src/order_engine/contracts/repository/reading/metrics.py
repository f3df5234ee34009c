"""Suite: the counts, which are the fold of the history at one moment (P8)."""

from __future__ import annotations

from order_engine.contracts.expectations import expect_equal
from order_engine.contracts.model.laws import StreamReader
from order_engine.contracts.model.situations import Situation, arrange
from order_engine.contracts.repository.reading.population import LIVES, populate
from order_engine.contracts.samples import placement
from order_engine.contracts.scenario import RepositorySuite, scenario
from order_engine.contracts.trial import Trial
from order_engine.domain.commands import Action
from order_engine.domain.metrics import Statistics, fold_statistics
from order_engine.domain.order import Status

NONE_YET = dict.fromkeys(Status, 0)


class RepositoryStatistics(RepositorySuite):
    """What `statistics` counts."""

    @scenario
    async def test_empty_statistics(self, trial: Trial) -> None:
        """Before the first order all five statuses are there, and everything is 0."""
        expect_equal(_plain(await trial.repository.statistics()), (0, NONE_YET, 0), "the counts of no orders")

    @scenario
    async def test_statistics_are_the_fold_of_the_history(self, trial: Trial) -> None:
        """After every kind of life the counts equal those of counting the whole event stream."""
        await populate(trial)
        statistics = await trial.repository.statistics()
        expect_equal(statistics.total_orders, len(LIVES), "the number of orders")
        expect_equal(_plain(statistics), _plain(await _folded(trial)), "the counts after many lives")

    @scenario
    async def test_each_situation_is_counted(self, trial: Trial) -> None:
        """However an order came where it stands, it is counted there, once, and nowhere else."""
        for situation in Situation:
            await arrange(trial, situation, situation.name)
            folded = await _folded(trial)
            counted = await trial.repository.statistics()
            expect_equal(_plain(counted), _plain(folded), f"the counts after an order that is {situation.value}")

    @scenario
    async def test_processing_time_is_exact(self, trial: Trial) -> None:
        """The sum is in whole microseconds from the first claim of the round, over Completed orders only."""
        await trial.add(*map(placement, ("order-1", "order-2", "order-3")))
        await trial.report(await trial.take("order-1"), Action.RETRY)
        await trial.advance(0.000001)
        leased = await trial.take("order-1")
        await trial.advance(0.25)
        await trial.report(leased, Action.COMPLETE)
        expect_equal((await trial.repository.statistics()).processing_microseconds, 250_001, "the time of one order")
        failing = await trial.take("order-2")
        leased = await trial.take("order-3")
        await trial.advance(0.749999)
        await trial.report(failing, Action.FAIL)
        await trial.report(leased, Action.COMPLETE)
        statistics = await trial.repository.statistics()
        expect_equal(statistics.processing_microseconds, 1_000_000, "the time of two orders, the failed one left out")
        expect_equal(statistics.average_processing_time, 0.5, "the average in seconds")

    @scenario
    async def test_what_changes_nothing_is_not_counted(self, trial: Trial) -> None:
        """Replays, conflicts, refusals, renewals and repeated reports leave the counts alone."""
        leased = await trial.place_and_claim("order-1")
        await trial.advance(2)
        await trial.report(leased, Action.COMPLETE)
        before = _plain(await trial.repository.statistics())
        await trial.add(placement("order-1"), placement("order-1", user_id="user-2"))
        await trial.renew(leased)
        for action in (Action.COMPLETE, Action.FAIL, Action.RETRY):
            await trial.report(leased, action)
        for action in (Action.CANCEL, Action.REDRIVE):
            await trial.ask("order-1", action)
        expect_equal(_plain(await trial.repository.statistics()), before, "the counts after what changes nothing")


async def _folded(trial: Trial) -> Statistics:
    """Count the whole stream, having checked that it is complete."""
    reader = StreamReader()
    reader.read(await trial.stream())
    return fold_statistics(reader.events)


def _plain(statistics: Statistics) -> tuple[int, dict[Status, int], int]:
    """Return the counts in plain types, whatever mapping the repository used."""
    return statistics.total_orders, dict(statistics.status_counts), statistics.processing_microseconds
