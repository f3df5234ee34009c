"""Suite: callers that arrive at the same time. Trivial for one process's memory, telling for a database."""

from __future__ import annotations

import asyncio

from order_engine.contracts.expectations import expect, expect_equal
from order_engine.contracts.model.laws import StreamReader, check_history
from order_engine.contracts.samples import placement
from order_engine.contracts.scenario import RepositorySuite, scenario
from order_engine.contracts.trial import Trial, add_eventually
from order_engine.domain.commands import Action, Command
from order_engine.domain.metrics import fold_statistics
from order_engine.ports.repository import AddOutcome, Cursor

CALLERS = 8


class RepositoryConcurrency(RepositorySuite):
    """Each call is one transaction, however many are under way."""

    @scenario
    async def test_same_order_placed_at_once(self, trial: Trial) -> None:
        """Of many that place the same order at the same time one adds it, and the others get that answer."""
        calls = (
            add_eventually(trial.repository, [placement("order-1", idempotency_key="key-1")]) for _ in range(CALLERS)
        )
        outcomes = sorted(added.outcome for (added,) in await asyncio.gather(*calls))
        expected = sorted([AddOutcome.ADDED] + [AddOutcome.REPLAYED] * (CALLERS - 1))
        expect_equal(outcomes, expected, "the outcomes of placing one order many times at once")
        expect_equal(len(await trial.history("order-1")), 1, "the number of events")

    @scenario
    async def test_crossing_batches_do_not_deadlock(self, trial: Trial) -> None:
        """Batches that name the same orders in opposite order all get their answer."""
        names = [f"order-{number}" for number in range(CALLERS)]
        forwards, backwards = [placement(name) for name in names], [placement(name) for name in reversed(names)]
        batches = [forwards, backwards] * 2
        outcomes = await asyncio.gather(*(add_eventually(trial.repository, batch) for batch in batches))
        added = [each.outcome for batch in outcomes for each in batch].count(AddOutcome.ADDED)
        expect_equal(added, len(names), "how many of the crossing placements added their order")

    @scenario
    async def test_claims_at_once_share_nothing(self, trial: Trial) -> None:
        """No order is handed out to two claims, and together they take all there is."""
        await trial.add(*(placement(f"order-{number}") for number in range(3 * CALLERS)))
        claims = await asyncio.gather(*(trial.claim(limit=4) for _ in range(CALLERS)))
        taken = [order.order_id for claimed in claims for order in claimed.orders]
        expect_equal(
            len(taken), len(set(taken)), "the number of orders handed out, compared with that of different ones"
        )
        rest = (await trial.claim()).orders
        expect_equal(len(taken) + len(rest), 3 * CALLERS, "how many were handed out altogether")

    @scenario
    async def test_reports_at_once_end_it_once(self, trial: Trial) -> None:
        """Of contradicting reports and a cancel at the same time one ends the order; its history stays legal."""
        leased = await trial.place_and_claim("order-1")
        actions = (Action.COMPLETE, Action.FAIL, Action.COMPLETE, Action.RELEASE)
        reports = [Command("order-1", action, token=leased.token) for action in actions]
        await asyncio.gather(
            *(trial.repository.apply([each]) for each in (*reports, Command("order-1", Action.CANCEL)))
        )
        history = await trial.history("order-1")
        check_history(history)
        ends = sum(event.status.ended for event in history)
        expect(ends <= 1, f"one round ends once; this one ended {ends} times")

    @scenario
    async def test_counts_and_stream_hold_under_load(self, trial: Trial) -> None:
        """After many writers at once the counts are exact, and a reader among them has seen every event once."""
        reader = StreamReader()

        async def write(writer: int) -> None:
            for number in range(4):
                name = f"order-{writer}-{number}"
                hold = trial.terms(limit=1)
                await trial.repository.add([placement(name)], hold)
                await trial.repository.apply([Command(name, Action.COMPLETE, token=1)])

        async def read(writing: asyncio.Future[list[None]]) -> None:
            cursor: Cursor | None = None
            while True:
                written = writing.done()
                page = await trial.repository.events(cursor, 5)
                reader.read(page.events)
                cursor = page.next
                if written and not page.events:
                    return
                await asyncio.sleep(0)

        writing = asyncio.gather(*map(write, range(CALLERS)))
        await asyncio.gather(writing, read(writing))
        statistics = await trial.repository.statistics()
        expect_equal(statistics.total_orders, 4 * CALLERS, "the number of orders counted")
        folded = fold_statistics(reader.events)
        expect_equal(dict(statistics.status_counts), dict(folded.status_counts), "the counts, and those of the stream")
