"""Model of a repository, based on the domain's functions only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from order_engine.contracts.expectations import expect, expect_equal
from order_engine.contracts.samples import AMPLE_ROOM
from order_engine.domain.commands import CLIENT_ACTIONS, ClaimTerms, Command, Lease, Placement, Renewal
from order_engine.domain.decisions import Decision, Refusal, Transition, act, claim, place, renew
from order_engine.domain.events import Event
from order_engine.domain.order import Order
from order_engine.domain.placement import KeyBinding, Verdict, binding, judge
from order_engine.domain.suspects import SuspectRoom, max_suspects
from order_engine.ports.repository import Added, AddOutcome, Applied, Claimed, Renewed


class Model:
    """Orders, histories, keys and time, in plain dictionaries."""

    def __init__(self, now: datetime) -> None:
        """Start empty at the repository's current time."""
        self.now: datetime = now
        self.orders: dict[str, Order] = {}
        self.histories: dict[str, list[Event]] = {}
        self.placements: dict[str, Placement] = {}
        self._keys: dict[str, KeyBinding] = {}
        self._was_set_back = False

    def advance(self, seconds: float) -> None:
        """Advance the clock, or set it back."""
        self.now += timedelta(seconds=seconds)
        self._was_set_back = self._was_set_back or seconds < 0

    # Calls with a single correct answer, which the model computes

    def add(self, placements: Sequence[Placement], hold: ClaimTerms | None) -> list[Added]:
        """Place orders, and return the expected outcomes."""
        room = 0 if hold is None else hold.limit
        outcomes = []
        for placement in placements:
            added = self._add_one(placement, hold if room > 0 else None)
            room -= added.outcome is AddOutcome.ADDED
            outcomes.append(added)
        return outcomes

    def renew(self, leases: Iterable[Lease], seconds: float) -> list[Renewed]:
        """Renew leases, and return the expected outcomes."""
        return [self._renew_one(Renewal(lease, seconds)) for lease in leases]

    def apply(self, commands: Iterable[Command]) -> list[Applied]:
        """Apply commands, and return the expected outcomes."""
        return [self._apply_one(command) for command in commands]

    # Calls with several correct answers: the model checks the answer and applies it

    def claim(self, terms: ClaimTerms, answer: Claimed) -> None:
        """Apply a claim: check that claimed orders were claimable, and that others were not or exceeded the limit."""
        if leased := self.leased_by(terms.claim_id):
            expect_equal(
                _by_id(answer.orders), _by_id(leased), f"the answer to {terms}, whose claim holds orders already"
            )
            expect_equal(list(answer.ended), [], "the orders ended by a claim that holds orders already")
            return
        taken = [*answer.orders, *answer.ended]
        names = [order.order_id for order in taken]
        expect_equal(len(names), len(set(names)), f"the number of different orders in {names}")
        expect(len(names) <= max(terms.limit, 0), f"a claim must return at most {terms.limit} orders, not {names}")
        named = self.orders.keys() if terms.order_ids is None else set(terms.order_ids) & self.orders.keys()
        expect(named >= set(names), f"a claim must claim only existing, named orders, {sorted(named)}, not {names}")
        waited = [self._due_since(self.orders[name]) for name in names]
        for order in answer.orders:
            self._follow(order, terms, ended=False)
        for order in answer.ended:
            self._follow(order, terms, ended=True)
        room = _room_after(terms, answer.orders)
        self._check_rest([self.orders[name] for name in named - set(names)], replace(terms, suspects=room), waited)

    def leased_by(self, claim_id: str) -> list[Order]:
        """Return the orders leased by this claim."""
        return [order for order in self.orders.values() if order.leased and order.claim_id == claim_id]

    def token(self, order_id: str) -> int:
        """Return the last token of an order; 0 if it does not exist."""
        return self.orders[order_id].token if order_id in self.orders else 0

    def version(self, order_id: str) -> int:
        """Return the version of an order; 0 if it does not exist."""
        return self.orders[order_id].version if order_id in self.orders else 0

    def _add_one(self, placement: Placement, hold: ClaimTerms | None) -> Added:
        key = placement.idempotency_key
        bound = None if key is None else self._keys.get(key)
        existing = self.orders.get(placement.order_id)
        verdict = judge(placement, existing, bound)
        if verdict is Verdict.CONFLICT:
            return Added(AddOutcome.CONFLICT)
        if verdict is Verdict.KEY_REUSED:
            return Added(AddOutcome.KEY_REUSED)
        if verdict is Verdict.NEW:
            self.placements[placement.order_id] = placement
            self._commit(place(None, placement, self.now))
            if hold is not None:
                self._commit(claim(self.orders[placement.order_id], hold, self.now))
        if key is not None and bound is None:
            self._keys[key] = binding(placement)
        order = self.orders[bound.order_id if bound is not None else placement.order_id]
        return Added(AddOutcome.ADDED if verdict is Verdict.NEW else AddOutcome.REPLAYED, order)

    def _renew_one(self, renewal: Renewal) -> Renewed:
        decision = renew(self.orders.get(renewal.lease.order_id), renewal, self.now)
        if isinstance(decision, Refusal):
            return Renewed.LOST
        self._commit(decision)
        return Renewed.CANCEL_REQUESTED if decision.order.cancel_requested else Renewed.HELD

    def _apply_one(self, command: Command) -> Applied:
        decision = act(self.orders.get(command.order_id), command, self.now)
        if isinstance(decision, Transition):
            self._commit(decision)
        refusal = decision.reason if isinstance(decision, Refusal) else None
        return Applied(refusal, self.orders.get(command.order_id))

    def _follow(self, answered: Order, terms: ClaimTerms, *, ended: bool) -> None:
        """Apply the step that the repository reports. Its room for suspects is checked when all steps are known."""
        before = self.orders[answered.order_id]
        decision = claim(before, replace(terms, suspects=AMPLE_ROOM), self.now)
        expect(isinstance(decision, Transition), f"{answered.order_id!r} must not be claimed at {self.now}: {before}")
        self._commit(decision)
        order = self.orders[answered.order_id]
        expect_equal(answered, order, f"the order {answered.order_id!r} in the answer of the claim")
        expect_equal(ended, order.status.ended, f"whether {answered.order_id!r} is answered as ended by the claim")

    def _check_rest(self, rest: Iterable[Order], terms: ClaimTerms, waited: Sequence[datetime]) -> None:
        """Check that the other orders were not claimable, or the limit was reached with orders due longer."""
        for order in rest:
            decision = claim(order, terms, self.now)
            if isinstance(decision, Refusal):
                continue
            expect(len(waited) >= terms.limit, f"the claim must include {order.order_id!r}: {order}")
            if terms.order_ids is None and waited and not self._was_set_back:
                fair = self._due_since(order) >= max(waited)
                expect(fair, f"the claim must not prefer an order due since {max(waited)} to one due longer: {order}")

    def _commit(self, decision: Decision) -> None:
        if isinstance(decision, Refusal):
            message = f"the domain refuses a step of the model: {decision}"
            raise TypeError(message)
        self.orders[decision.order.order_id] = decision.order
        if decision.event is not None:
            self.histories.setdefault(decision.order.order_id, []).append(decision.event)

    @staticmethod
    def _due_since(order: Order) -> datetime:
        return order.lease_ends or order.due or order.updated_at


def expected_answer(expected: Applied, command: Command, answered: Applied) -> Applied:
    """Return the expected answer; the order is optional in answers to reports."""
    may_leave_out = command.action not in CLIENT_ACTIONS
    return Applied(expected.refusal, None) if may_leave_out and answered.order is None else expected


def _room_after(terms: ClaimTerms, claimed: Sequence[Order]) -> SuspectRoom:
    """Return the room for suspects after a claim, and check that all its suspects fit together."""
    room = terms.suspects
    for order in claimed:
        room = room.with_suspect(order.vanished)
    if room.running > terms.suspects.running:
        most = max_suspects(room.concurrency, room.most_vanished)
        expect(room.running <= most, f"at most {most} suspects may run, not {room.running}, after {terms}")
    return room


def _by_id(orders: Iterable[Order]) -> dict[str, Order]:
    return {order.order_id: order for order in orders}
