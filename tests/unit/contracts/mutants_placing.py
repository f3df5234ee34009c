"""Mutants of the memory repository that go wrong when orders are placed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from unicodedata import normalize

from order_engine.domain.commands import ClaimTerms, Placement
from order_engine.domain.decisions import Transition, place
from order_engine.domain.events import Event
from order_engine.domain.order import Order
from order_engine.domain.placement import binding, same_content
from order_engine.ports.repository import Added, AddOutcome
from tests.unit.contracts.mutant import mutant
from tests.unit.contracts.one_by_one import OneByOne


@mutant("test_replay_answers_with_the_order_as_it_stands", "test_table_add_same_content")
class ReplayOverwrites(OneByOne):
    """Placing the same content again stores the order anew: an upsert."""

    def _add_one(self, placement: Placement, hold: ClaimTerms | None, now: datetime) -> Added:
        added = super()._add_one(placement, hold, now)
        if added.outcome is AddOutcome.REPLAYED and placement.order_id in self._orders:
            before = self._orders[placement.order_id]
            anew = place(None, placement, before.created_at)
            assert isinstance(anew, Transition)
            self._commit(before, anew.order)
        return added


@mutant("test_other_content_is_a_conflict", "test_table_add_other_content")
class ConflictOverwrites(OneByOne):
    """A conflict is answered as one, and its content is stored all the same."""

    def _add_one(self, placement: Placement, hold: ClaimTerms | None, now: datetime) -> Added:
        added = super()._add_one(placement, hold, now)
        if added.outcome is AddOutcome.CONFLICT:
            before = self._orders[placement.order_id]
            self._commit(before, replace(before, user_id=placement.user_id, item_ids=placement.item_ids))
        return added


class _ComparesLess(OneByOne):
    """Finds some placings the same that are not."""

    def _add_one(self, placement: Placement, hold: ClaimTerms | None, now: datetime) -> Added:
        if (existing := self._orders.get(placement.order_id)) is not None:
            placement = self.overlook(placement, existing)
        return super()._add_one(placement, hold, now)

    def overlook(self, placement: Placement, existing: Order) -> Placement:
        """Return the placement as this mutant compares it."""
        raise NotImplementedError


@mutant("test_other_content_is_a_conflict")
class AttributesAreNotCompared(_ComparesLess):
    """Attributes are no part of the content."""

    def overlook(self, placement: Placement, existing: Order) -> Placement:
        """Overlook the attributes."""
        return placement._replace(attributes=existing.attributes)


@mutant("test_other_content_is_a_conflict")
class ItemsAreComparedAsASet(_ComparesLess):
    """The order of items and their repeats do not count."""

    def overlook(self, placement: Placement, existing: Order) -> Placement:
        """Overlook the order."""
        same = set(placement.item_ids) == set(existing.item_ids)
        return placement._replace(item_ids=existing.item_ids) if same else placement


@mutant("test_batch_with_mixed_fates", "test_hold_takes_as_many_as_its_limit")
class ConflictFailsTheWholeBatch(OneByOne):
    """One placement that conflicts takes its whole batch down with it."""

    async def add(self, placements: Sequence[Placement], hold: ClaimTerms | None = None) -> Sequence[Added]:
        """Look for a conflict first."""
        known = self._orders
        if any(one.order_id in known and not same_content(known[one.order_id], one) for one in placements):
            return [Added(AddOutcome.CONFLICT) for _ in placements]
        return await super().add(placements, hold)


@mutant("test_same_id_twice_in_one_batch", "test_hold_takes_as_many_as_its_limit")
class SameIdTwiceIsAddedTwice(OneByOne):
    """Within one call, whether an id is known is asked once, before the first is stored."""

    async def add(self, placements: Sequence[Placement], hold: ClaimTerms | None = None) -> Sequence[Added]:
        """Answer as things were before the call."""
        known = set(self._orders)
        outcomes = await super().add(placements, hold)
        return [
            Added(AddOutcome.ADDED, one.order)
            if one.outcome is AddOutcome.REPLAYED and wanted.order_id not in known and one.order is not None
            else one
            for wanted, one in zip(placements, outcomes, strict=True)
        ]


_UNTRACED = "it places orders without a trace, as a repository may know nothing of traces"


@mutant("test_trace_parents_are_kept", "test_trace_parents_reach_every_attempt", beyond_the_machine=_UNTRACED)
class TraceParentIsDropped(OneByOne):
    """There is no column for the trace parent."""

    def _add_one(self, placement: Placement, hold: ClaimTerms | None, now: datetime) -> Added:
        return super()._add_one(placement._replace(trace_parent=None), hold, now)


@mutant("test_trace_parent_is_no_content", beyond_the_machine=_UNTRACED)
class TraceParentIsContent(OneByOne):
    """The same order from another trace is a conflict."""

    def _add_one(self, placement: Placement, hold: ClaimTerms | None, now: datetime) -> Added:
        existing = self._orders.get(placement.order_id)
        if existing is not None and existing.trace_parent != placement.trace_parent:
            return Added(AddOutcome.CONFLICT)
        return super()._add_one(placement, hold, now)


@mutant(
    "test_trace_parent_is_no_content", "test_trace_parent_of_the_first_placement_stays", beyond_the_machine=_UNTRACED
)
class TraceParentOfTheLastPlacement(OneByOne):
    """A replay moves the order into its own trace."""

    def _add_one(self, placement: Placement, hold: ClaimTerms | None, now: datetime) -> Added:
        added = super()._add_one(placement, hold, now)
        if added.outcome is AddOutcome.REPLAYED and added.order is not None:
            moved = replace(added.order, trace_parent=placement.trace_parent)
            self._commit(added.order, moved)
            return added._replace(order=moved)
        return added


@mutant("test_key_with_other_content_is_refused", "test_made_id_is_no_content")
class KeysAreIgnored(OneByOne):
    """Idempotency keys are not looked at."""

    def _add_one(self, placement: Placement, hold: ClaimTerms | None, now: datetime) -> Added:
        return super()._add_one(placement._replace(idempotency_key=None), hold, now)


@mutant("test_replay_binds_its_key", "test_one_order_may_have_several_keys")
class ReplayBindsNoKey(OneByOne):
    """A key that comes with a replay is forgotten."""

    def _add_one(self, placement: Placement, hold: ClaimTerms | None, now: datetime) -> Added:
        known = dict(self._keys)
        added = super()._add_one(placement, hold, now)
        if added.outcome is AddOutcome.REPLAYED:
            self._keys = known
        return added


@mutant("test_refusal_uses_no_key_up")
class RefusalUsesItsKeyUp(OneByOne):
    """A key is bound before the placement is judged."""

    def _add_one(self, placement: Placement, hold: ClaimTerms | None, now: datetime) -> Added:
        added = super()._add_one(placement, hold, now)
        if added.outcome is AddOutcome.CONFLICT and placement.idempotency_key is not None:
            self._keys.setdefault(placement.idempotency_key, binding(placement))
        return added


@mutant("test_made_id_is_no_content", "test_keys_within_one_batch")
class MadeIdIsContent(OneByOne):
    """An id that the engine made is compared like one that the client chose."""

    def _add_one(self, placement: Placement, hold: ClaimTerms | None, now: datetime) -> Added:
        return super()._add_one(placement._replace(order_id_made=False), hold, now)


@mutant("test_born_claimed_has_both_events", "test_born_claimed_lives_like_any_other")
class BornClaimedWithoutTheClaim(OneByOne):
    """An order born claimed writes the event of its placing only."""

    def _commit(self, before: Order | None, after: Order, *events: Event) -> None:
        super()._commit(before, after, *events[:1])


@mutant("test_hold_takes_as_many_as_its_limit", "test_hold_without_room_only_places")
class HoldKnowsNoLimit(OneByOne):
    """All new orders of a call are born claimed, however few slots are free."""

    async def add(self, placements: Sequence[Placement], hold: ClaimTerms | None = None) -> Sequence[Added]:
        """Hold everything."""
        return await super().add(placements, None if hold is None else replace(hold, limit=len(placements)))


@mutant(
    "test_amounts_are_exact",
    "test_other_content_is_a_conflict",
    beyond_the_machine="its few contents have no amounts with more than two decimals",
)
class AmountsHaveTwoDecimals(OneByOne):
    """Amounts are rounded to the scale of a column."""

    def _add_one(self, placement: Placement, hold: ClaimTerms | None, now: datetime) -> Added:
        rounded = placement.total_amount.quantize(Decimal("0.01"))
        return super()._add_one(placement._replace(total_amount=rounded), hold, now)


@mutant("test_many_items_keep_their_order_and_repeats", "test_place_stores_the_order")
class RepeatedItemsAreDropped(OneByOne):
    """Items are kept as a set."""

    def _add_one(self, placement: Placement, hold: ClaimTerms | None, now: datetime) -> Added:
        items = tuple(dict.fromkeys(placement.item_ids))
        return super()._add_one(placement._replace(item_ids=items), hold, now)


@mutant(
    "test_texts_are_exact",
    "test_ids_differ_by_case",
    beyond_the_machine="its few ids are not written in two ways",
)
class TextsAreNormalised(OneByOne):
    """Ids are stored in a normal form of Unicode."""

    def _add_one(self, placement: Placement, hold: ClaimTerms | None, now: datetime) -> Added:
        composed = normalize("NFC", placement.order_id)
        items = tuple(normalize("NFC", item) for item in placement.item_ids)
        return super()._add_one(placement._replace(order_id=composed, item_ids=items), hold, now)
