"""Suite: claims of due orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from order_engine.contracts.expectations import expect, expect_equal
from order_engine.contracts.samples import (
    AFTER_THE_LEASE,
    BEFORE_ITS_END,
    LEASE_SECONDS,
    RETRY_DELAY,
    placement,
)
from order_engine.contracts.scenario import RepositorySuite, scenario
from order_engine.contracts.trial import Trial, ids
from order_engine.domain.commands import Action
from order_engine.domain.events import Event, EventType
from order_engine.domain.order import Order, Status


class RepositoryClaiming(RepositorySuite):
    """Tests of `claim`."""

    @scenario
    async def test_claim_hands_out_a_token_and_a_lease(self, trial: Trial) -> None:
        """A claimed order is Processing with a new token and lease, and its attempt is counted."""
        placed = await trial.place("order-1")
        await trial.advance(5)
        terms = trial.terms()
        claimed = await trial.repository.claim(terms)
        expected = replace(
            placed,
            status=Status.PROCESSING,
            version=2,
            token=1,
            attempts=1,
            claim_id=terms.claim_id,
            lease_ends=trial.now + timedelta(seconds=LEASE_SECONDS),
            updated_at=trial.now,
            processing_started_at=trial.now,
        )
        expect_equal(list(claimed.orders), [expected], "the orders claimed")
        expect_equal(list(claimed.ended), [], "the orders ended by the claim")
        expect_equal(await trial.order("order-1"), expected, "the order as it is read")
        event = Event("order-1", 2, EventType.CLAIMED, Status.PROCESSING, trial.now, token=1, attempt=1)
        expect_equal((await trial.history("order-1"))[-1], event, "the event of the claim")

    @scenario
    async def test_claim_keeps_to_its_limit(self, trial: Trial) -> None:
        """A claim returns at most `limit` orders, the next one the rest; a limit of 0 returns none."""
        await trial.add(*(placement(f"order-{number}") for number in range(5)))
        expect_equal(ids((await trial.claim(limit=0)).orders), [], "the orders claimed with a limit of 0")
        first = ids((await trial.claim(limit=3)).orders)
        second = ids((await trial.claim(limit=3)).orders)
        expect_equal((len(first), len(second)), (3, 2), "how many a limit of 3 takes of five, and of those left")
        expect_equal(sorted(first + second), [f"order-{number}" for number in range(5)], "what both took together")

    @scenario
    async def test_claim_takes_the_longest_due_first(self, trial: Trial) -> None:
        """The order due longest comes first, whether new, released, to be retried, or with an expired lease.

        The time since which an order may be claimed counts, not when it was placed or claimed before.
        """
        await trial.place_and_claim("left", lease_seconds=20)
        put_off = await trial.place_and_claim("put-off")
        await trial.report(put_off, Action.RETRY, delay=12)
        released = await trial.place_and_claim("released", lease_seconds=100)
        await trial.advance(5)
        await trial.place("placed")
        await trial.advance(10)
        await trial.report(released, Action.RELEASE)
        await trial.advance(10)
        await trial.place("placed-last")
        await trial.advance(1)
        order = [ids((await trial.claim(limit=1)).orders) for _ in range(5)]
        expected = [["placed"], ["put-off"], ["released"], ["left"], ["placed-last"]]
        expect_equal(order, expected, "what claims of one order each take, in this order")

    @scenario
    async def test_named_claim_takes_only_the_named(self, trial: Trial) -> None:
        """A claim with ids returns those that are due, and skips unknown, leased, ended and waiting ones."""
        await trial.add(*map(placement, ("due", "other", "held", "ended", "waiting")))
        await trial.take("held")
        await trial.ask("ended", Action.CANCEL)
        await trial.report(await trial.take("waiting"), Action.RETRY, delay=RETRY_DELAY)
        named = ["unknown", "held", "ended", "waiting", "due", "due"]
        claimed = await trial.claim(order_ids=named)
        expect_equal(ids(claimed.orders), ["due"], "the orders claimed")
        expect_equal(ids(claimed.ended), [], "the orders ended by the claim")
        expect_equal(ids((await trial.claim(order_ids=[])).orders), [], "the orders claimed of no ids")
        expect_equal((await trial.order("other")).version, 1, "the version of a due order that was not named")

    @scenario
    async def test_named_claim_keeps_to_its_limit(self, trial: Trial) -> None:
        """A claim with more due ids than its limit returns as many as its limit."""
        await trial.add(*(placement(f"order-{number}") for number in range(4)))
        named = ["order-1", "order-2", "order-3"]
        claimed = ids((await trial.claim(order_ids=named, limit=2)).orders)
        expect_equal(len(claimed), 2, "how many a limit of 2 takes of three named")
        expect(set(claimed) <= set(named), f"a claim with ids takes only those, not {claimed}")

    @scenario
    async def test_claim_again_answers_the_same(self, trial: Trial) -> None:
        """Repeating a claim with its id and any limit returns its leased orders and changes nothing."""
        await trial.add(*(placement(f"order-{number}") for number in range(3)))
        terms = trial.terms(limit=2)
        first = await trial.repository.claim(terms)
        before = await trial.snapshot("order-0", "order-1", "order-2")
        for limit in (terms.limit, 0, 100):
            again = await trial.repository.claim(replace(terms, limit=limit))
            expect_equal(_by_id(again.orders), _by_id(first.orders), f"the orders it answers with again, up to {limit}")
            expect_equal(list(again.ended), [], "the orders ended by asking again")
        expect_equal(await trial.snapshot("order-0", "order-1", "order-2"), before, "what is stored after asking again")

    @scenario
    async def test_claim_again_names_what_it_still_holds(self, trial: Trial) -> None:
        """A repeated claim returns only orders that it still leases, including expired ones not claimed since."""
        await trial.add(placement("order-1"), placement("order-2"))
        terms = trial.terms()
        await trial.repository.claim(terms)
        await trial.report(await trial.order("order-1"), Action.COMPLETE)
        await trial.advance(AFTER_THE_LEASE)
        again = await trial.repository.claim(terms)
        expect_equal(_by_id(again.orders), {"order-2": await trial.order("order-2")}, "the orders it still holds")
        expect_equal((await trial.order("order-2")).token, 1, "the token of the order that it still holds")

    @scenario
    async def test_no_claim_before_the_lease_ends(self, trial: Trial) -> None:
        """A leased order is claimable exactly when its lease expires; the vanished attempt is counted."""
        await trial.place_and_claim("order-1")
        await trial.advance(BEFORE_ITS_END)
        for names in (None, ["order-1"]):
            expect_equal(ids((await trial.claim(order_ids=names)).orders), [], "the orders claimed before the end")
        await trial.advance(LEASE_SECONDS - BEFORE_ITS_END)
        taken = await trial.claim_only()
        expect_equal((taken.token, taken.attempts, taken.vanished), (2, 2, 1), "token, attempts and vanished after it")

    @scenario
    async def test_no_claim_before_the_retry_is_due(self, trial: Trial) -> None:
        """An order to be retried is claimable exactly when it is due; no vanished attempt is counted."""
        leased = await trial.place_and_claim("order-1")
        await trial.report(leased, Action.RETRY, delay=RETRY_DELAY)
        await trial.advance(RETRY_DELAY - 1)
        for names in (None, ["order-1"]):
            expect_equal(ids((await trial.claim(order_ids=names)).orders), [], "the orders claimed before it is due")
        await trial.advance(1)
        taken = await trial.claim_only()
        expect_equal((taken.token, taken.attempts, taken.vanished), (2, 2, 0), "token, attempts and vanished after it")
        expect_equal(taken.due, None, "the due time of a claimed order")

    @scenario
    async def test_ended_leases_may_be_left_alone(self, trial: Trial) -> None:
        """With `take_ended_leases` false, a claim skips expired leases and returns other due orders."""
        await trial.place_and_claim("held")
        await trial.advance(AFTER_THE_LEASE)
        await trial.place("order-1")
        before = await trial.snapshot("held")
        claimed = await trial.claim(take_ended_leases=False)
        expect_equal(ids(claimed.orders), ["order-1"], "the orders claimed while ended leases are left alone")
        named = await trial.claim(order_ids=["held"], take_ended_leases=False)
        expect_equal(ids(named.orders), [], "the orders claimed by their names while ended leases are left alone")
        expect_equal((await trial.snapshot("held")).orders, before.orders, "the order that was left alone")
        expect_equal(ids((await trial.claim()).orders), ["held"], "the orders claimed after that")


def _by_id(orders: Sequence[Order]) -> dict[str, Order]:
    return {order.order_id: order for order in orders}
