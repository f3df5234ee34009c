"""Suite: renewals of leases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from order_engine.contracts.expectations import expect_equal, expect_same_items
from order_engine.contracts.samples import AFTER_THE_LEASE, BEFORE_ITS_END, LEASE_SECONDS
from order_engine.contracts.scenario import RepositorySuite, scenario
from order_engine.contracts.trial import Trial, ids
from order_engine.domain.commands import Action, Lease
from order_engine.ports.repository import Renewed


class RepositoryRenewing(RepositorySuite):
    """Tests of `renew`."""

    @scenario
    async def test_renewal_extends_the_lease_and_nothing_else(self, trial: Trial) -> None:
        """The lease is extended to the given seconds from now; event, version and time of change stay the same."""
        leased = await trial.place_and_claim("order-1")
        before = await trial.snapshot("order-1")
        await trial.advance(BEFORE_ITS_END)
        expect_equal(await trial.renew(leased), Renewed.HELD, "the answer to a renewal")
        after = await trial.snapshot("order-1")
        lease_ends = trial.now + timedelta(seconds=LEASE_SECONDS)
        expect_equal(after.orders["order-1"], replace(leased, lease_ends=lease_ends), "the order renewed")
        expect_equal((after.histories, after.statistics), (before.histories, before.statistics), "history and counts")

    @scenario
    async def test_renewed_lease_keeps_others_away(self, trial: Trial) -> None:
        """A renewed order is claimable when the renewed lease expires, not the original one."""
        leased = await trial.place_and_claim("order-1")
        await trial.advance(BEFORE_ITS_END)
        await trial.renew(leased)
        await trial.advance(BEFORE_ITS_END)
        expect_equal(ids((await trial.claim()).orders), [], "the orders claimed before the renewed lease ends")
        await trial.advance(1)
        expect_equal(ids((await trial.claim()).orders), ["order-1"], "the orders claimed at its end")

    @scenario
    async def test_renewal_may_shorten_the_lease(self, trial: Trial) -> None:
        """A renewal is counted from now and may shorten the lease."""
        leased = await trial.place_and_claim("order-1")
        await trial.renew(leased, seconds=1)
        await trial.advance(1)
        expect_equal(ids((await trial.claim()).orders), ["order-1"], "the orders claimed at the end of the short lease")

    @scenario
    async def test_late_renewal_holds_if_nobody_took_the_order(self, trial: Trial) -> None:
        """An expired lease does not invalidate the token: a late renewal succeeds and prevents other claims."""
        leased = await trial.place_and_claim("order-1")
        await trial.advance(10 * AFTER_THE_LEASE)
        expect_equal(await trial.renew(leased), Renewed.HELD, "the answer to a late renewal")
        expect_equal(ids((await trial.claim()).orders), [], "the orders claimed after it")
        expect_equal((await trial.order("order-1")).vanished, 0, "the vanished attempts")

    @scenario
    async def test_renewal_is_lost_once_the_order_was_taken(self, trial: Trial) -> None:
        """A superseded attempt cannot renew, and its try does not affect the new lease."""
        leased = await trial.place_and_claim("order-1")
        await trial.advance(AFTER_THE_LEASE)
        taken = await trial.take("order-1")
        expect_equal(await trial.renew(leased, seconds=1_000), Renewed.LOST, "the answer to the superseded attempt")
        expect_equal(await trial.order("order-1"), taken, "the order of the new holder")

    @scenario
    async def test_renewal_tells_of_a_cancel_request(self, trial: Trial) -> None:
        """A renewal reports a cancel request, and renews the lease."""
        leased = await trial.place_and_claim("order-1")
        await trial.ask("order-1", Action.CANCEL)
        await trial.advance(BEFORE_ITS_END)
        expect_equal(await trial.renew(leased), Renewed.CANCEL_REQUESTED, "the answer to the renewal")
        lease_ends = trial.now + timedelta(seconds=LEASE_SECONDS)
        expect_equal((await trial.order("order-1")).lease_ends, lease_ends, "the end of the renewed lease")

    @scenario
    async def test_renewals_with_mixed_fates(self, trial: Trial) -> None:
        """Each lease of a batch has its own outcome, in order; a lost lease does not affect the others."""
        leased = [await trial.place_and_claim(f"order-{number}") for number in range(4)]
        await trial.report(leased[1], Action.COMPLETE)
        await trial.ask("order-3", Action.CANCEL)
        leases = [Lease(order.order_id, order.token) for order in leased]
        leases[2] = Lease("order-2", leased[2].token + 1)
        answers = await trial.repository.renew([*leases, Lease("nobody", 1), leases[0]], LEASE_SECONDS)
        expected = [Renewed.HELD, Renewed.LOST, Renewed.LOST, Renewed.CANCEL_REQUESTED, Renewed.LOST, Renewed.HELD]
        expect_same_items(answers, expected, "the answers to a mixed batch of renewals")
