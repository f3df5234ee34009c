"""Suite: content is kept to the last digit and character."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from order_engine.contracts.expectations import expect_equal
from order_engine.contracts.samples import placement
from order_engine.contracts.scenario import RepositorySuite, scenario
from order_engine.contracts.trial import Trial
from order_engine.domain.commands import Action, Placement
from order_engine.domain.content.money import amount_text
from order_engine.domain.content.validation import validate
from order_engine.domain.order import NewOrder, Order
from order_engine.ports.repository import AddOutcome, OrderQuery

AMOUNTS = ("0", "0.00", "0.001", "0.000001", "0.10", "1e2", "12345678901234.567891", "999999999999999.999999", "1e15")
TEXTS = (
    "Zo\u00eb",
    "e\u0301",
    "\u65e5\u672c\u8a9e",
    "\U0001f6d2\U0001f1eb\U0001f1f7",
    "\U00020bb7",
    "a  b",
    "'; DROP TABLE orders; --",
    '{"a":1}',
    "back\\slash \"quoted\" 'single' %s $1 ?",
    "null",
    "0012",
    "a" * 256,
    "\U0001f600" * 256,
)
ATTRIBUTES: Mapping[str, Mapping[str, object]] = {
    "digits": {"a": Decimal("0.1000"), "b": 10**300, "c": Decimal("1e-300"), "d": Decimal("3.14159265358979323846")},
    "no numbers": {"a": "1", "b": True, "c": False, "d": None, "e": "null"},
    "nested": {"a": [[], {}, [1, [2, [3, {"b": [None]}]]]], "": {"": ""}},
    "texts": {"\U0001f600": "\U0001f600\u2028\u0007\n", "quote\"'": "\\u0041 \\", "a/~b": "\u00e9 e\u0301"},
    "small difference": {"n": Decimal(9007199254740993), "m": Decimal("0.30000000000000004")},
}
MANY_ITEMS = tuple(f"item-{number % 400}" for number in range(675))
"""As many lines as the longest order of a real shop had, with repeats."""


class RepositoryContent(RepositorySuite):
    """What goes in comes out."""

    @scenario
    async def test_amounts_are_exact(self, trial: Trial) -> None:
        """Amounts keep every digit, zeros behind the point included."""
        for index, amount in enumerate(AMOUNTS):
            wanted = NewOrder(order_id=f"order-{index}", user_id="user-1", item_ids=["item-1"], total_amount=amount)
            placed, order = await _round_trip(trial, wanted)
            told, expected = amount_text(order.total_amount), amount_text(placed.total_amount)
            expect_equal(told, expected, f"the amount that was given as {amount}")

    @scenario
    async def test_texts_are_exact(self, trial: Trial) -> None:
        """Ids of orders, users and items, and reasons, keep every character, also beyond the basic plane."""
        for text in TEXTS:
            wanted = NewOrder(order_id=text, user_id=text, item_ids=[text, "item-1", text], total_amount="1.00")
            await _round_trip(trial, wanted)
            listed = (await trial.repository.list(OrderQuery(limit=2, user_id=text))).orders
            expect_equal([order.order_id for order in listed], [text], "the orders that are listed for the user")
            await trial.ask(text, Action.CANCEL, reason=text)
            expect_equal((await trial.history(text))[-1].reason, text, "the reason in the history")

    @scenario
    async def test_attributes_are_exact(self, trial: Trial) -> None:
        """Attributes keep every value: numbers to the last digit, texts to the last character, types apart."""
        for name, attributes in ATTRIBUTES.items():
            wanted = NewOrder(
                order_id=name,
                user_id="user-1",
                item_ids=["item-1"],
                total_amount="1.00",
                attributes=attributes,  # type: ignore[arg-type]
            )
            placed, order = await _round_trip(trial, wanted)
            given = None if placed.attributes is None else placed.attributes.canonical()
            kept = None if order.attributes is None else order.attributes.canonical()
            expect_equal(kept, given, f"the canonical text of the attributes with {name}")

    @scenario
    async def test_many_items_keep_their_order_and_repeats(self, trial: Trial) -> None:
        """An order of 675 lines keeps them all, in their order, repeats included."""
        wanted = NewOrder(order_id="order-1", user_id="user-1", item_ids=MANY_ITEMS, total_amount="38970.00")
        _, order = await _round_trip(trial, wanted)
        expect_equal(order.item_ids, MANY_ITEMS, "the items of a long order")

    @scenario
    async def test_no_items_stay_none(self, trial: Trial) -> None:
        """An order may have no item, as that of a gift card: it is stored, read and worked on like any other."""
        wanted = NewOrder(order_id="order-1", user_id="user-1", item_ids=(), total_amount="25.00")
        _, order = await _round_trip(trial, wanted)
        expect_equal(order.item_ids, (), "the items of an order without any")
        (added,) = await trial.add(placement("order-1", item_ids=("item-1",), total_amount=order.total_amount))
        expect_equal(added.outcome, AddOutcome.CONFLICT, "the outcome of placing the same order with an item")
        leased = await trial.take("order-1")
        expect_equal(leased.item_ids, (), "the items that a worker gets")
        await trial.report(leased, Action.COMPLETE)

    @scenario
    async def test_content_without_the_optional_fields(self, trial: Trial) -> None:
        """What was left out stays out."""
        wanted = NewOrder(order_id="order-1", user_id="user-1", item_ids=["item-1"], total_amount="1.00")
        _, order = await _round_trip(trial, wanted)
        expect_equal((order.currency, order.attributes), (None, None), "currency and attributes that were not given")

    @scenario
    async def test_content_never_changes(self, trial: Trial) -> None:
        """Whatever happens to an order, its content stays as it was placed."""
        placed = await trial.place("order-1")
        for _ in range(2):
            await trial.report(await trial.take("order-1"), Action.FAIL, reason="no")
            await trial.ask("order-1", Action.REDRIVE)
        await trial.report(await trial.take("order-1"), Action.COMPLETE)
        expect_equal(_content(await trial.order("order-1")), _content(placed), "the content after three rounds")


async def _round_trip(trial: Trial, wanted: NewOrder) -> tuple[Placement, Order]:
    """Place an order and read it back; placed again it has to be recognised."""
    placed = validate(wanted, "made")
    (added,) = await trial.add(placed)
    expect_equal(added.outcome, AddOutcome.ADDED, f"the outcome of placing {wanted}")
    order = await trial.order(placed.order_id)
    expect_equal(_content(order), _content(placed), f"the content of {wanted} as it is read back")
    (again,) = await trial.add(placed)
    expect_equal(again.outcome, AddOutcome.REPLAYED, f"the outcome of placing {wanted} again")
    return placed, order


def _content(of: Order | Placement) -> tuple[object, ...]:
    return of.order_id, of.user_id, of.item_ids, of.total_amount, of.currency, of.attributes
