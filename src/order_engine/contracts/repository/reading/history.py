"""Suite: the history of one order."""

from __future__ import annotations

from order_engine.contracts.expectations import expect_equal, expect_same_items
from order_engine.contracts.model.laws import check_history, check_replay
from order_engine.contracts.repository.reading.population import LIVES, populate
from order_engine.contracts.samples import WHOLE_HISTORY, placement
from order_engine.contracts.scenario import RepositorySuite, scenario
from order_engine.contracts.trial import Trial
from order_engine.domain.commands import Action
from order_engine.domain.events import EventType


class RepositoryHistory(RepositorySuite):
    """What `history` returns."""

    @scenario
    async def test_histories_keep_the_laws(self, trial: Trial) -> None:
        """Versions are contiguous, steps legal, tokens rising, rounds end once, times do not run back (P2, P3)."""
        await populate(trial)
        types = set()
        for name in LIVES:
            history = await trial.history(name)
            check_history(history)
            expect_equal(history[-1].version, (await trial.order(name)).version, f"the last version of {name!r}")
            types |= {event.type for event in history}
        expect_equal(types, set(EventType), "the types of event that occurred")

    @scenario
    async def test_history_replays_to_the_order(self, trial: Trial) -> None:
        """Whatever an order has lived through, its history replays to it."""
        await populate(trial)
        for name in LIVES:
            check_replay(placement(name), await trial.history(name), await trial.order(name))

    @scenario
    async def test_history_is_paged_by_version(self, trial: Trial) -> None:
        """A page begins after the given version and holds up to its limit; any size of page gives the same events."""
        leased = await trial.place_and_claim("order-1")
        for _ in range(3):
            await trial.report(leased, Action.RELEASE)
            leased = await trial.take("order-1")
        whole = await trial.history("order-1")
        expect_equal(len(whole), 8, "the number of events of an order that was claimed four times")
        for after in range(len(whole) + 2):
            for limit in (1, 3, len(whole), WHOLE_HISTORY):
                page = await trial.repository.history("order-1", after, limit)
                expected = [event for event in whole if event.version > after][:limit]
                expect_same_items(page, expected, f"the history after version {after}, {limit} events at most")

    @scenario
    async def test_history_is_append_only(self, trial: Trial) -> None:
        """History never changes: later events are added to it, also by a redrive."""
        told: list[object] = []
        leased = await trial.place_and_claim("order-1")
        await trial.report(leased, Action.FAIL, reason="no")
        for action in (Action.REDRIVE, Action.CANCEL):
            history = await trial.history("order-1")
            expect_equal(history[: len(told)], told, "the beginning of the history")
            told = list(history)
            await trial.ask("order-1", action)
        expect_equal((await trial.history("order-1"))[: len(told)], told, "the beginning of the history")
