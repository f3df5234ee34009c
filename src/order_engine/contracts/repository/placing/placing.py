"""Suite: placing orders, alone and in batches with mixed fates."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from order_engine.contracts.expectations import expect, expect_equal
from order_engine.contracts.samples import Content, placement
from order_engine.contracts.scenario import RepositorySuite, scenario
from order_engine.contracts.trial import Trial
from order_engine.domain.content.attributes import Attributes
from order_engine.domain.events import Event, EventType
from order_engine.domain.order import Order, Status
from order_engine.ports.repository import AddOutcome

DIFFERENCES: Mapping[str, Content] = {
    "the user": {"user_id": "user-2"},
    "the user's case": {"user_id": "User-1"},
    "an item": {"item_ids": ("item-1", "item-3", "item-1")},
    "the order of the items": {"item_ids": ("item-1", "item-1", "item-2")},
    "a repeated item": {"item_ids": ("item-1", "item-2")},
    "the items left out": {"item_ids": ()},
    "the amount": {"total_amount": Decimal("50.01")},
    "the amount's sixth decimal": {"total_amount": Decimal("50.000001")},
    "the currency": {"currency": "EUR"},
    "the currency left out": {"currency": None},
    "a value in the attributes": {"attributes": Attributes('{"gift":false,"note":"ring twice"}')},
    "a number in place of a boolean": {"attributes": Attributes('{"gift":1,"note":"ring twice"}')},
    "the attributes left out": {"attributes": None},
}
"""Contents that differ from the plain one in one thing."""

SAME_VALUES: Mapping[str, Content] = {
    "more zeros in the amount": {"total_amount": Decimal("50.000")},
    "the attributes' keys in another order": {"attributes": Attributes('{"note":"ring twice","gift":true}')},
}
"""Contents that are written differently and are the same."""


class RepositoryPlacing(RepositorySuite):
    """Tests of `add` without idempotency keys and `hold`."""

    @scenario
    async def test_place_stores_the_order(self, trial: Trial) -> None:
        """A new order is Pending at version 1, never claimed, with its content and one event, placed."""
        order = await trial.place("order-1")
        content = placement("order-1")
        expected = Order(
            order_id="order-1",
            user_id=content.user_id,
            item_ids=content.item_ids,
            total_amount=content.total_amount,
            currency=content.currency,
            attributes=content.attributes,
            created_at=order.created_at,
            updated_at=order.created_at,
        )
        expect_equal(order, expected, "the order as it was added")
        expect_equal(await trial.order("order-1"), expected, "the order as it is read")
        event = Event("order-1", 1, EventType.PLACED, Status.PENDING, order.created_at)
        expect_equal(await trial.history("order-1"), [event], "the history of a new order")

    @scenario
    async def test_place_again_is_a_replay(self, trial: Trial) -> None:
        """The same content again gives the first answer and changes nothing, also however its values are written."""
        await trial.place("order-1")
        before = await trial.snapshot("order-1")
        for how, content in {"nothing": Content(), **SAME_VALUES}.items():
            (added,) = await trial.add(placement("order-1", **content))
            expect_equal(added.outcome, AddOutcome.REPLAYED, f"the outcome of placing again with {how} different")
            expect_equal(added.order, before.orders["order-1"], "the order that a replay answers with")
        expect_equal(await trial.snapshot("order-1"), before, "what is stored after replays")

    @scenario
    async def test_replay_answers_with_the_order_as_it_stands(self, trial: Trial) -> None:
        """A replay of an order that moved on answers with the order as it stands now, and does not start it again."""
        leased = await trial.place_and_claim("order-1")
        (added,) = await trial.add(placement("order-1"))
        expect_equal(added.outcome, AddOutcome.REPLAYED, "the outcome of placing a held order again")
        expect_equal(added.order, leased, "the order that the replay answers with")
        expect_equal(await trial.order("order-1"), leased, "the order after the replay")

    @scenario
    async def test_other_content_is_a_conflict(self, trial: Trial) -> None:
        """Any difference in content under an existing id is a conflict, which changes nothing (P4)."""
        await trial.place("order-1")
        before = await trial.snapshot("order-1")
        for difference, content in DIFFERENCES.items():
            (added,) = await trial.add(placement("order-1", **content))
            expect_equal(added.outcome, AddOutcome.CONFLICT, f"the outcome where the content differs in {difference}")
            expect_equal(await trial.snapshot("order-1"), before, "what is stored after a conflict")

    @scenario
    async def test_ids_differ_by_case(self, trial: Trial) -> None:
        """Ids that differ by case, or by the way an accent is written, are different orders."""
        outcomes = await trial.add(*map(placement, ("order-a", "order-A", "order-\u00e9", "order-e\u0301")))
        expect_equal([added.outcome for added in outcomes], [AddOutcome.ADDED] * 4, "the outcomes of four ids")

    @scenario
    async def test_batch_with_mixed_fates(self, trial: Trial) -> None:
        """Each item of a batch has its own outcome, in the order of the items; one that is refused fails alone."""
        await trial.place("order-1")
        outcomes = await trial.add(
            placement("order-2"),
            placement("order-1", user_id="user-2"),
            placement("order-3"),
            placement("order-1"),
            placement("order-4"),
        )
        expect_equal(
            [added.outcome for added in outcomes],
            [AddOutcome.ADDED, AddOutcome.CONFLICT, AddOutcome.ADDED, AddOutcome.REPLAYED, AddOutcome.ADDED],
            "the outcomes of a mixed batch",
        )
        stored = await trial.repository.get([f"order-{number}" for number in range(1, 6)])
        expect_equal(sorted(stored), [f"order-{number}" for number in range(1, 5)], "the orders stored by it")
        expect_equal((await trial.repository.statistics()).total_orders, 4, "the number of orders counted")

    @scenario
    async def test_same_id_twice_in_one_batch(self, trial: Trial) -> None:
        """The same id twice in one add: the second is a replay or a conflict, as if it had come later."""
        first, again, other = await trial.add(
            placement("order-1"), placement("order-1"), placement("order-1", user_id="user-2")
        )
        expect_equal(first.outcome, AddOutcome.ADDED, "the outcome of the first")
        expect_equal(again.outcome, AddOutcome.REPLAYED, "the outcome of the same content again")
        expect_equal(again.order, first.order, "the order that the second answers with")
        expect_equal(other.outcome, AddOutcome.CONFLICT, "the outcome of other content under the same id")
        expect_equal(len(await trial.history("order-1")), 1, "the number of events")
        expect_equal((await trial.repository.statistics()).total_orders, 1, "the number of orders counted")

    @scenario
    async def test_empty_calls(self, trial: Trial) -> None:
        """Calls without items answer with nothing."""
        await trial.add()
        await trial.apply()
        expect_equal(len(await trial.repository.renew([], 1.0)), 0, "the outcomes of renewing nothing")
        expect_equal(dict(await trial.repository.get([])), {}, "the orders found among no ids")

    @scenario
    async def test_unknown_ids_are_left_out(self, trial: Trial) -> None:
        """Reading ids that do not exist gives the others, and an unknown order has no history."""
        order = await trial.place("order-1")
        found = await trial.repository.get(["nobody", "order-1", "order-1"])
        expect_equal(dict(found), {"order-1": order}, "the orders found")
        expect(not await trial.history("nobody"), "an unknown order has no history")
