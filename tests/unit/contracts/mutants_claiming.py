"""Mutants of the memory repository that go wrong when orders are claimed and leases renewed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice

from order_engine.contracts.samples import AMPLE_ROOM
from order_engine.domain.commands import ClaimTerms, Renewal
from order_engine.domain.order import Order, Status
from order_engine.ports.repository import Claimed, Renewed
from tests.unit.contracts.mutant import mutant
from tests.unit.contracts.one_by_one import OneByOne

Picked = tuple[Claimed, Sequence[Order]]


class _SeesOrdersDifferently(OneByOne):
    """Takes the candidates of a claim for something else than they are."""

    def _claim_from(self, candidates: Iterable[Order], terms: ClaimTerms, now: datetime) -> Picked:
        return super()._claim_from(map(self.see, candidates), terms, now)

    def see(self, order: Order) -> Order:
        """Return the order as this mutant sees it."""
        raise NotImplementedError


@mutant("test_named_claim_takes_only_the_named", "test_table_claim", "test_ended_orders_are_not_claimed")
class EndedOrdersAreClaimed(_SeesOrdersDifferently):
    """An id that the queue names late is handed out although its order was cancelled."""

    def see(self, order: Order) -> Order:
        """Overlook a cancellation."""
        return replace(order, status=Status.PENDING) if order.status is Status.CANCELLED else order


@mutant("test_no_claim_before_the_lease_ends", "test_table_claim")
class LeasesEndEarly(_SeesOrdersDifferently):
    """A named order is taken from its holder before the lease has ended."""

    def see(self, order: Order) -> Order:
        """Take every lease for ended."""
        return replace(order, lease_ends=order.lease_ends - timedelta(seconds=60)) if order.lease_ends else order


@mutant("test_no_claim_before_the_retry_is_due", "test_table_claim", "test_named_claim_takes_only_the_named")
class RetriesAreDueAtOnce(_SeesOrdersDifferently):
    """A named order is handed out before its retry is due."""

    def see(self, order: Order) -> Order:
        """Overlook the due time."""
        return replace(order, due=None)


@mutant("test_cancel_request_is_honoured_when_the_lease_ends", "test_table_claim")
class CancelRequestIsForgotten(_SeesOrdersDifferently):
    """A cancel request whose holder vanished does not stop the next attempt."""

    def see(self, order: Order) -> Order:
        """Overlook the request."""
        return replace(order, cancel_requested=False)


@mutant("test_no_claim_before_the_lease_ends", "test_spent_deliveries_end_as_failed", "test_table_claim")
class VanishedAttemptsAreNotCounted(_SeesOrdersDifferently):
    """A lease that ended is no vanished attempt."""

    def see(self, order: Order) -> Order:
        """Count one less."""
        return replace(order, vanished=order.vanished - 1) if order.leased else order


class _ChangesTheTerms(OneByOne):
    """Claims on other terms than those it is given."""

    async def claim(self, terms: ClaimTerms) -> Claimed:
        """Claim on those."""
        return await super().claim(self.understood(terms))

    def understood(self, terms: ClaimTerms) -> ClaimTerms:
        """Return the terms as this mutant understands them."""
        raise NotImplementedError


@mutant("test_claim_keeps_to_its_limit", "test_named_claim_keeps_to_its_limit")
class OneMoreThanTheLimit(_ChangesTheTerms):
    """A claim takes one order too many."""

    def understood(self, terms: ClaimTerms) -> ClaimTerms:
        """Add one."""
        return replace(terms, limit=terms.limit + 1)


@mutant("test_suspects_run_in_small_company", "test_suspects_left_alone_do_not_count")
class SuspectsNeedNoRoom(_ChangesTheTerms):
    """Suspects are handed out like any other order."""

    def understood(self, terms: ClaimTerms) -> ClaimTerms:
        """Make room."""
        return replace(terms, suspects=AMPLE_ROOM)


@mutant("test_spent_deliveries_end_as_failed", "test_named_claim_ends_spent_deliveries_too", "test_table_claim")
class DeliveriesAreNeverSpent(_ChangesTheTerms):
    """The cap of vanished attempts is not looked at: a poison order goes round for ever."""

    def understood(self, terms: ClaimTerms) -> ClaimTerms:
        """Lift the cap."""
        return replace(terms, max_deliveries=1 << 60)


@mutant("test_ended_leases_may_be_left_alone")
class EndedLeasesAreAlwaysTaken(_ChangesTheTerms):
    """Orders are taken from holders who could not renew during an outage."""

    def understood(self, terms: ClaimTerms) -> ClaimTerms:
        """Overlook the wish."""
        return replace(terms, take_ended_leases=True)


@mutant("test_running_suspects_take_room")
class RoomIsAskedOncePerClaim(OneByOne):
    """Suspects claimed together do not count for each other."""

    def _claim_from(self, candidates: Iterable[Order], terms: ClaimTerms, now: datetime) -> Picked:
        claimed: list[Order] = []
        ended: list[Order] = []
        passed_over: list[Order] = []
        for candidate in candidates:
            if len(claimed) + len(ended) == terms.limit:
                passed_over.append(candidate)
                continue
            one, left = super()._claim_from([candidate], replace(terms, limit=min(terms.limit, 1)), now)
            claimed.extend(one.orders)
            ended.extend(one.ended)
            passed_over.extend(left)
        return Claimed(claimed, ended), passed_over


@mutant("test_suspects_left_alone_do_not_count")
class SuspectsLeftAloneTakeAPlace(OneByOne):
    """A claim looks at as many candidates as its limit, so that suspects block those behind them."""

    def _claim_from(self, candidates: Iterable[Order], terms: ClaimTerms, now: datetime) -> Picked:
        return super()._claim_from(islice(candidates, max(terms.limit, 0)), terms, now)


@mutant("test_claimed_and_ended_share_the_limit")
class EndedOrdersAreNotCounted(OneByOne):
    """Only what is handed out counts against the limit, not what the claim ends."""

    def _claim_from(self, candidates: Iterable[Order], terms: ClaimTerms, now: datetime) -> Picked:
        rest = iter(candidates)
        claimed, passed_over = super()._claim_from(rest, terms, now)
        if claimed.ended:
            more, left = super()._claim_from(rest, replace(terms, limit=len(claimed.ended)), now)
            claimed = Claimed([*claimed.orders, *more.orders], [*claimed.ended, *more.ended])
            passed_over = [*passed_over, *left]
        return claimed, passed_over


@mutant("test_claim_takes_the_longest_due_first")
class NewestOrdersFirst(OneByOne):
    """The order placed last is claimed first: the oldest may wait for ever."""

    async def claim(self, terms: ClaimTerms) -> Claimed:
        """Name all orders, the newest first."""
        if terms.order_ids is None:
            terms = replace(terms, order_ids=list(self._orders)[::-1])
        return await super().claim(terms)


@mutant("test_claim_again_answers_the_same", "test_claim_again_names_what_it_still_holds")
class ClaimIsNotIdempotent(OneByOne):
    """Asked again after a lost answer, a claim takes other orders, and those of the first answer are forgotten."""

    async def claim(self, terms: ClaimTerms) -> Claimed:
        """Claim whatever is due."""
        before = list(self._orders.values()) if terms.order_ids is None else list(self._named(terms.order_ids))
        free = [order for order in before if order.claim_id != terms.claim_id]
        return self._claim_from(free, terms, self._clock.now())[0]


@mutant("test_claim_again_answers_the_same", "test_claim_under_the_hold_finds_its_orders")
class ClaimAgainIsEmpty(OneByOne):
    """Asked again, a claim knows that it was made, and answers with nothing."""

    async def claim(self, terms: ClaimTerms) -> Claimed:
        """Look for what it holds."""
        if self._schedule.held_by(terms.claim_id):
            return Claimed((), ())
        return await super().claim(terms)


@mutant("test_claim_again_answers_the_same", beyond_the_machine="it asks again on the same terms")
class ClaimAgainForNothingIsEmpty(OneByOne):
    """With a limit of 0, as the engine asks for an answer that got lost, nothing is found."""

    async def claim(self, terms: ClaimTerms) -> Claimed:
        """Look at the limit first."""
        return await super().claim(terms) if terms.limit > 0 else Claimed((), ())


@mutant("test_cancelling_needs_no_room")
class CancellingNeedsRoom(OneByOne):
    """A cancel request whose holder vanished waits for room, as if the order were to run again."""

    def _claim_from(self, candidates: Iterable[Order], terms: ClaimTerms, now: datetime) -> Picked:
        kept: list[Order] = []
        left: list[Order] = []
        for order in candidates:
            waits = order.cancel_requested and order.leased and not terms.suspects.admits(order.vanished + 1)
            (left if waits else kept).append(order)
        picked, passed_over = super()._claim_from(kept, terms, now)
        return picked, [*passed_over, *left]


@mutant("test_claims_at_once_share_nothing", beyond_the_machine="it makes one call at a time")
class ClaimReadsBeforeItWrites(OneByOne):
    """Between reading what is due and taking it, another claim may read the same."""

    async def claim(self, terms: ClaimTerms) -> Claimed:
        """Select, pause, update."""
        if terms.order_ids is not None or self._schedule.held_by(terms.claim_id):
            return await super().claim(terms)
        now = self._clock.now()
        read = list(self._schedule.due(now, with_leases=True))
        self._schedule.passed_over(read)
        await asyncio.sleep(0)
        return self._claim_from(read, terms, now)[0]


@mutant("test_renewal_is_lost_once_the_order_was_taken", "test_table_under_an_older_token")
class RenewalIsNotFenced(OneByOne):
    """Whoever once held the order may renew its lease."""

    def _renew_one(self, renewal: Renewal, now: datetime) -> Renewed:
        order = self._orders.get(renewal.lease.order_id)
        if order is not None and 0 < renewal.lease.token < order.token:
            renewal = renewal._replace(lease=renewal.lease._replace(token=order.token))
        return super()._renew_one(renewal, now)


@mutant("test_late_renewal_holds_if_nobody_took_the_order", "test_table_renew")
class LateRenewalIsRefused(OneByOne):
    """A lease that has ended cannot be renewed, although nobody took the order."""

    def _renew_one(self, renewal: Renewal, now: datetime) -> Renewed:
        order = self._orders.get(renewal.lease.order_id)
        if order is not None and order.lease_ends is not None and order.lease_ends <= now:
            return Renewed.LOST
        return super()._renew_one(renewal, now)


@mutant("test_renewal_extends_the_lease_and_nothing_else", "test_table_renew")
class RenewalIsANewVersion(OneByOne):
    """A renewal raises the version, so that If-Match fails while nothing happened."""

    def _renew_one(self, renewal: Renewal, now: datetime) -> Renewed:
        renewed = super()._renew_one(renewal, now)
        if renewed is not Renewed.LOST:
            order = self._orders[renewal.lease.order_id]
            self._commit(order, replace(order, version=order.version + 1))
        return renewed


@mutant("test_renewal_tells_of_a_cancel_request", "test_table_renew")
class RenewalHidesTheCancelRequest(OneByOne):
    """A worker in another process never learns that a cancel was requested."""

    def _renew_one(self, renewal: Renewal, now: datetime) -> Renewed:
        renewed = super()._renew_one(renewal, now)
        return Renewed.HELD if renewed is Renewed.CANCEL_REQUESTED else renewed
