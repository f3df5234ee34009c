"""Mutants that go wrong where the store is full, refuses or fails, and the checks that catch each."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from order_engine.domain.commands import ClaimTerms, Command, Placement
from order_engine.domain.decisions import RefusalReason
from order_engine.domain.errors import Unavailable
from order_engine.domain.events import Event
from order_engine.domain.order import Order
from order_engine.domain.placement import binding
from order_engine.ports.repository import Added, AddOutcome, Applied, Claimed
from tests.unit.contracts.breakable import UNSTORABLE, Break, BreakableMemory

FAULT_MUTANTS: dict[type[BreakableMemory], tuple[str, ...]] = {}
"""Each mutant, and the checks that have to catch it."""

Answer = TypeVar("Answer")
Bug = TypeVar("Bug", bound=type[BreakableMemory])


def caught_by(*checks: str) -> Callable[[Bug], Bug]:
    """Enter a mutant."""

    def enter(repository: Bug) -> Bug:
        FAULT_MUTANTS[repository] = checks
        return repository

    return enter


# Full


@caught_by("test_full_stores_nothing")
class FullStoresAllTheSame(BreakableMemory):
    """The order is stored, and answered with FULL."""

    def _add_one(self, placement: Placement, hold: ClaimTerms | None, now: datetime) -> Added:
        is_full, self._capacity = len(self._orders) >= self._capacity, 1_000_000
        added = super()._add_one(placement, hold, now)
        return Added(AddOutcome.FULL) if is_full and added.outcome is AddOutcome.ADDED else added


@caught_by("test_full_binds_no_key")
class FullBindsItsKey(BreakableMemory):
    """The key of a placement that was FULL is used up."""

    def _add_one(self, placement: Placement, hold: ClaimTerms | None, now: datetime) -> Added:
        added = super()._add_one(placement, hold, now)
        if added.outcome is AddOutcome.FULL and placement.idempotency_key is not None:
            self._keys[placement.idempotency_key] = binding(placement)
        return added


@caught_by("test_full_stores_nothing")
class FullRefusesReplays(BreakableMemory):
    """Whether there is room is asked before anything else."""

    def _add_one(self, placement: Placement, hold: ClaimTerms | None, now: datetime) -> Added:
        if len(self._orders) >= self._capacity:
            return Added(AddOutcome.FULL)
        return super()._add_one(placement, hold, now)


@caught_by("test_full_stores_nothing", "test_full_binds_no_key", "test_full_holds_nothing")
class FullOneTooLate(BreakableMemory):
    """The limit is off by one."""

    def fill(self, orders: int) -> None:
        """Take one more."""
        super().fill(orders + 1)


@caught_by("test_full_holds_nothing")
class FullTakesTheBatchDown(BreakableMemory):
    """Where one of a batch has no room, none of it is stored."""

    async def add(self, placements: Sequence[Placement], hold: ClaimTerms | None = None) -> Sequence[Added]:
        """Look for room for all."""
        if len(self._orders) + len(placements) > self._capacity:
            return [Added(AddOutcome.FULL) for _ in placements]
        return await super().add(placements, hold)


# Refused


@caught_by("test_refused_item_fails_alone", "test_refused_item_takes_no_slot")
class RefusedTakesTheBatchDown(BreakableMemory):
    """One item that cannot be stored refuses its whole batch."""

    async def add(self, placements: Sequence[Placement], hold: ClaimTerms | None = None) -> Sequence[Added]:
        """Look for such an item first."""
        if any(placement.user_id == UNSTORABLE for placement in placements):
            return [Added(AddOutcome.REFUSED, None, "one of them cannot be kept") for _ in placements]
        return await super().add(placements, hold)


@caught_by("test_refused_item_fails_alone", "test_refused_item_takes_no_slot")
class RefusedFailsTheCall(BreakableMemory):
    """One item that cannot be stored fails the call, for good."""

    def _add_one(self, placement: Placement, hold: ClaimTerms | None, now: datetime) -> Added:
        if placement.user_id == UNSTORABLE:
            message = "the store cannot encode this"
            raise Unavailable(message)
        return super()._add_one(placement, hold, now)


@caught_by("test_refused_item_fails_alone", "test_refused_item_binds_no_key", "test_refused_item_takes_no_slot")
class RefusedIsKeptInAnotherForm(BreakableMemory):
    """What cannot be stored is stored as something else, and answered as added."""

    def _add_one(self, placement: Placement, hold: ClaimTerms | None, now: datetime) -> Added:
        return super()._add_one(placement._replace(user_id=placement.user_id.strip(UNSTORABLE)), hold, now)


@caught_by("test_refused_item_fails_alone")
class RefusedForNoReason(BreakableMemory):
    """Nobody learns why."""

    def _add_one(self, placement: Placement, hold: ClaimTerms | None, now: datetime) -> Added:
        return super()._add_one(placement, hold, now)._replace(reason=None)


@caught_by("test_refused_item_fails_alone")
class RefusedLeavesItsId(BreakableMemory):
    """The refused order is there without its user."""

    def _add_one(self, placement: Placement, hold: ClaimTerms | None, now: datetime) -> Added:
        added = super()._add_one(placement, hold, now)
        if added.outcome is AddOutcome.REFUSED:
            super()._add_one(placement._replace(user_id="nobody", idempotency_key=None), None, now)
        return added


@caught_by("test_refused_item_binds_no_key")
class RefusedBindsItsKey(BreakableMemory):
    """The key of a refused item is used up."""

    def _add_one(self, placement: Placement, hold: ClaimTerms | None, now: datetime) -> Added:
        added = super()._add_one(placement, hold, now)
        if added.outcome is AddOutcome.REFUSED and placement.idempotency_key is not None:
            self._keys[placement.idempotency_key] = binding(placement)
        return added


@caught_by("test_refused_item_takes_no_slot")
class RefusedTakesASlot(BreakableMemory):
    """The first items of a batch get the slots, stored or not."""

    async def add(self, placements: Sequence[Placement], hold: ClaimTerms | None = None) -> Sequence[Added]:
        """Count the items."""
        room = 0 if hold is None else hold.limit
        parts = [
            await BreakableMemory.add(self, [each], hold if n < room else None) for n, each in enumerate(placements)
        ]
        return [added for part in parts for added in part]


# Broken before the commit


class _DoesHalf(BreakableMemory):
    """Commits a part of a call, and breaks then."""

    is_breaking = False

    async def before_commit(self, call: Coroutine[Any, Any, object]) -> None:
        """Do the part."""
        if not self.may_write:
            await super().before_commit(call)
            return
        self.is_breaking = True
        await call
        self.is_breaking = False


@caught_by(
    "test_placing_that_breaks_before_its_commit",
    "test_claim_that_breaks_before_its_commit",
    "test_report_that_breaks_before_its_commit",
    "test_action_that_breaks_before_its_commit",
)
class EventsInASecondTransaction(_DoesHalf):
    """Orders are committed first, and their events in a transaction of their own."""

    def _commit(self, before: Order | None, after: Order, *events: Event) -> None:
        super()._commit(before, after, *(() if self.is_breaking else events))


@caught_by("test_report_that_breaks_before_its_commit")
class EventsInAFirstTransaction(_DoesHalf):
    """Events are committed before the orders that they tell of."""

    def _commit(self, before: Order | None, after: Order, *events: Event) -> None:
        if self.is_breaking and before is not None:
            self._history.extend(after.order_id, events)
        else:
            super()._commit(before, after, *events)


@caught_by("test_renewal_that_breaks_before_its_commit")
class RenewsAllTheSame(_DoesHalf):
    """What broke has taken effect, and is Unavailable."""


@caught_by("test_placing_that_breaks_before_its_commit")
class PlacesFirstAndClaimsThen(_DoesHalf):
    """An order that is born claimed is placed by one transaction and claimed by another."""

    def _add_one(self, placement: Placement, hold: ClaimTerms | None, now: datetime) -> Added:
        return super()._add_one(placement, None if self.is_breaking else hold, now)


@caught_by("test_placing_that_breaks_before_its_commit")
class BindsKeysFirst(_DoesHalf):
    """Keys are bound in a transaction of their own, before the orders are stored."""

    def _add_one(self, placement: Placement, hold: ClaimTerms | None, now: datetime) -> Added:
        if not self.is_breaking:
            return super()._add_one(placement, hold, now)
        if placement.idempotency_key is not None:
            self._keys[placement.idempotency_key] = replace(binding(placement), order_id="never stored")
        return Added(AddOutcome.ADDED)


@caught_by("test_placing_beside_a_replay_that_breaks_before_its_commit", "test_report_that_breaks_before_its_commit")
class CommitsItemByItem(_DoesHalf):
    """Each item is a transaction of its own; the break comes after the first."""

    _left = 0

    async def before_commit(self, call: Coroutine[Any, Any, object]) -> None:
        """Do the first item."""
        self._left = 2
        await super().before_commit(call)

    def _commit(self, before: Order | None, after: Order, *events: Event) -> None:
        if self.is_breaking:
            self._left -= 1
        if not self.is_breaking or self._left > 0:
            super()._commit(before, after, *events)


@caught_by("test_placing_that_breaks_before_its_commit", "test_renewal_that_breaks_before_its_commit")
class LetsRawErrorsOut(BreakableMemory):
    """What the driver raises is raised."""

    def broken_before_commit(self) -> Exception:
        """Return the driver's error."""
        return ConnectionResetError("the driver's own")


@caught_by("test_claim_that_breaks_after_its_commit", "test_report_that_breaks_after_its_commit")
class LetsRawErrorsOutAfterwards(BreakableMemory):
    """What the driver raises at COMMIT is raised."""

    def broken_after_commit(self) -> Exception:
        """Return the driver's error."""
        return ConnectionResetError("the driver's own")


@caught_by("test_reading_that_breaks_is_unavailable")
class LetsRawErrorsOutOfReading(BreakableMemory):
    """What the driver raises is raised to readers."""

    def broken_reading(self) -> Exception:
        """Return the driver's error."""
        return TimeoutError("the driver's own")


@caught_by(
    "test_placing_that_breaks_before_its_commit",
    "test_placing_that_breaks_after_its_commit",
    "test_reading_that_breaks_is_unavailable",
)
class StaysBroken(BreakableMemory):
    """After a break nothing works until a restart."""

    is_broken = False

    def break_next(self, where: Break) -> None:
        """Break this call and all that follow."""
        super().break_next(where)
        self.is_broken = True

    async def read(self, call: Coroutine[Any, Any, Answer]) -> Answer:
        """Read, while whole."""
        answer = await super().read(call)
        if self.is_broken and self.breaks is None:
            raise self.broken_reading()
        return answer


# Broken after the commit


@caught_by(
    "test_placing_that_breaks_after_its_commit",
    "test_placing_beside_a_replay_that_breaks_after_its_commit",
    "test_claim_that_breaks_after_its_commit",
    "test_renewal_that_breaks_after_its_commit",
    "test_report_that_breaks_after_its_commit",
    "test_action_that_breaks_after_its_commit",
)
class UnavailableAlthoughItTookEffect(BreakableMemory):
    """A lost answer is taken for a call that did nothing."""

    def broken_after_commit(self) -> Exception:
        """Say the wrong thing."""
        return Unavailable("lost the connection")


@caught_by("test_claim_that_breaks_after_its_commit")
class ClaimsAnewAfterALostAnswer(BreakableMemory):
    """What a claim holds whose answer was lost is not found by its claim id."""

    async def claim(self, terms: ClaimTerms) -> Claimed:
        """Look at what is due alone."""
        claimed = await super().claim(terms)
        return Claimed([order for order in claimed.orders if order.updated_at == self._clock.now()], claimed.ended)

    def broken_after_commit(self) -> Exception:
        """Let time pass with the lost answer."""
        self._schedule._claims.clear()  # noqa: SLF001 - what this mutant forgets
        return super().broken_after_commit()


@caught_by("test_placing_that_breaks_after_its_commit")
class PlacingAgainIsAConflict(BreakableMemory):
    """An order that is there is a conflict where a key comes with it, be it the same."""

    def _add_one(self, placement: Placement, hold: ClaimTerms | None, now: datetime) -> Added:
        if placement.idempotency_key in self._keys and placement.order_id in self._orders:
            return Added(AddOutcome.CONFLICT)
        return super()._add_one(placement, hold, now)


@caught_by("test_report_that_breaks_after_its_commit")
class ReportingAgainIsLost(BreakableMemory):
    """A report that was applied is refused when it is repeated."""

    def _apply_one(self, command: Command, now: datetime) -> Applied:
        before = self._orders.get(command.order_id)
        if before is not None and command.token is not None and not before.leased:
            return Applied(RefusalReason.LOST, before)
        return super()._apply_one(command, now)


@caught_by("test_action_that_breaks_after_its_commit")
class CancellingAgainIsIllegal(BreakableMemory):
    """A cancellation that was applied is refused when it is repeated."""

    def _apply_one(self, command: Command, now: datetime) -> Applied:
        before = self._orders.get(command.order_id)
        if before is not None and command.token is None and before.status.ended:
            return Applied(RefusalReason.ILLEGAL, before)
        return super()._apply_one(command, now)


# No room


@caught_by("test_without_room_nothing_changes")
class ApplyingNothingTriesNothing(BreakableMemory):
    """Without commands there is nothing to do, so all is well."""

    async def apply(self, commands: Sequence[Command]) -> Sequence[Applied]:
        """Do nothing for nothing."""
        return await super().apply(commands) if commands else []


@caught_by("test_without_room_nothing_changes")
class ApplyingNothingLeavesSomething(BreakableMemory):
    """Trying to write stores an order."""

    async def apply(self, commands: Sequence[Command]) -> Sequence[Applied]:
        """Write what is taken for nothing."""
        if not commands and self.may_write:
            order = next(iter(self._orders.values()))
            self._history.extend(order.order_id, self._history.of(order.order_id, 0, 1))
        return await super().apply(commands)
