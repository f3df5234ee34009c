"""Suite: orders that are born claimed, because the placing process has a free slot."""

from __future__ import annotations

from datetime import timedelta

from order_engine.contracts.expectations import expect, expect_equal, expect_same_items
from order_engine.contracts.model.laws import check_history
from order_engine.contracts.samples import AFTER_THE_LEASE, LEASE_SECONDS, placement
from order_engine.contracts.scenario import RepositorySuite, scenario
from order_engine.contracts.trial import Trial, ids
from order_engine.domain.commands import Action
from order_engine.domain.events import EventType
from order_engine.domain.order import LifecycleState
from order_engine.ports.repository import AddOutcome


class RepositoryBornClaimed(RepositorySuite):
    """Tests of `add` with `hold`."""

    @scenario
    async def test_born_claimed_has_both_events(self, trial: Trial) -> None:
        """An order born claimed is held at version 2 on the terms of the hold, and its history has both steps."""
        hold = trial.terms(limit=1)
        (added,) = await trial.add(placement("order-1"), hold=hold)
        order = await trial.order("order-1")
        expect_equal(added.order, order, "the order that the add answers with")
        expect_equal(order.state, LifecycleState.LEASED, "where an order born claimed stands")
        expect_equal((order.version, order.token, order.attempts), (2, 1, 1), "its version, token and attempts")
        expect_equal(order.claim_id, hold.claim_id, "the claim that holds it")
        expect_equal(order.lease_ends, trial.now + timedelta(seconds=LEASE_SECONDS), "the end of its lease")
        history = await trial.history("order-1")
        check_history(history)
        expect_equal([event.type for event in history], [EventType.PLACED, EventType.CLAIMED], "its history")

    @scenario
    async def test_hold_takes_as_many_as_its_limit(self, trial: Trial) -> None:
        """Only the first new orders up to the limit are born claimed; replays and conflicts take no room."""
        await trial.place("known")
        outcomes = await trial.add(
            placement("known"),
            placement("order-1"),
            placement("known", user_id="user-2"),
            placement("order-1"),
            placement("order-2"),
            placement("order-3"),
            hold=trial.terms(limit=2),
        )
        expected = [AddOutcome.REPLAYED, AddOutcome.ADDED, AddOutcome.CONFLICT, AddOutcome.REPLAYED]
        expect_equal([added.outcome for added in outcomes], expected + [AddOutcome.ADDED] * 2, "the outcomes")
        stored = await trial.repository.get(["known", "order-1", "order-2", "order-3"])
        leased = [order_id for order_id, order in stored.items() if order.leased]
        expect_equal(sorted(leased), ["order-1", "order-2"], "the orders born claimed under a limit of 2")

    @scenario
    async def test_hold_without_room_only_places(self, trial: Trial) -> None:
        """With a limit of 0 nothing is born claimed."""
        await trial.add(placement("order-1"), hold=trial.terms(limit=0))
        expect_equal((await trial.order("order-1")).state, LifecycleState.PENDING, "where the order stands")

    @scenario
    async def test_replay_under_the_same_hold_is_still_held(self, trial: Trial) -> None:
        """Repeated after a lost answer with the same claim id, placements return orders leased by the claim."""
        hold = trial.terms(limit=1)
        wanted = [placement("order-1"), placement("order-2")]
        first = await trial.add(*wanted, hold=hold)
        before = await trial.snapshot("order-1", "order-2")
        again = await trial.add(*wanted, hold=hold)
        expect_equal([added.outcome for added in again], [AddOutcome.REPLAYED] * 2, "the outcomes of asking again")
        expect_same_items([added.order for added in again], [added.order for added in first], "the orders answered")
        expect_equal(await trial.snapshot("order-1", "order-2"), before, "what is stored after asking again")

    @scenario
    async def test_replay_does_not_claim(self, trial: Trial) -> None:
        """Only new orders are born claimed: a replay does not change its order."""
        await trial.place("order-1")
        (added,) = await trial.add(placement("order-1"), hold=trial.terms(limit=1))
        expect_equal(added.outcome, AddOutcome.REPLAYED, "the outcome")
        expect_equal((await trial.order("order-1")).state, LifecycleState.PENDING, "where the order stands")

    @scenario
    async def test_claim_under_the_hold_finds_its_orders(self, trial: Trial) -> None:
        """The claim id works as in `claim`, which returns its orders when repeated."""
        hold = trial.terms(limit=2)
        await trial.add(placement("order-1"), placement("order-2"), placement("order-3"), hold=hold)
        expect_equal(ids((await trial.repository.claim(hold)).orders), ["order-1", "order-2"], "the orders it holds")
        expect_equal((await trial.order("order-3")).state, LifecycleState.PENDING, "where the third order stands")

    @scenario
    async def test_born_claimed_lives_like_any_other(self, trial: Trial) -> None:
        """It completes under its token; if its lease ends first, the attempt it was born with has vanished."""
        await trial.add(placement("order-1"), placement("order-2"), hold=trial.terms(limit=2))
        applied = await trial.report(await trial.order("order-1"), Action.COMPLETE)
        expect(applied.refusal is None, "an order born claimed completes under its token")
        expect(not (await trial.claim()).orders, "an order born claimed is not handed out while its lease lasts")
        await trial.advance(AFTER_THE_LEASE)
        taken = await trial.take("order-2")
        expect_equal(
            (taken.token, taken.attempts, taken.vanished), (2, 2, 1), "token, attempts and vanished after that"
        )
        for name in ("order-1", "order-2"):
            check_history(await trial.history(name))
