"""What a user gets: a processor with a real bug is found, and the mended one passes."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from random import Random

import pytest

from order_engine import NewOrder, Order, Rejected, RetryLater
from order_engine.simulation import PromiseBroken, Sizes
from order_engine_adapters import simulate
from order_engine_adapters.wiring.simulation import Simulate
from tests.real_orders import LARGEST_FILE, data_file

pytest_plugins = ["order_engine_adapters.pytest_plugin"]
SMALL = Sizes(orders=30)
FIELDS = ("order_id", "user_id", "item_ids", "total_amount", "currency")


class Bank:
    """A fake bank, which takes a charge with the same key once."""

    def __init__(self) -> None:
        """Begin without charges."""
        self.charges: dict[str, str] = {}

    async def charge(self, order_id: str, key: str) -> None:
        """Take the money, which takes a while."""
        self.charges[key] = order_id
        await asyncio.sleep(0.1)


class Shop:
    """A processor that charges each order, and mails its customer."""

    def __init__(self, bank: Bank, *, careless: bool) -> None:
        """Charge with a key of each attempt, or, as it should be, of each order."""
        self._bank = bank
        self._careless = careless

    async def fulfil(self, order: Order) -> None:
        """Charge, then mail."""
        key = f"{order.order_id}-{order.token}" if self._careless else order.order_id
        await self._bank.charge(order.order_id, key)
        await asyncio.sleep(0.1)


class Books:
    """The bank of the simulation under way, held against the orders at its end."""

    def __init__(self, *, careless: bool) -> None:
        """Make shops that are careless, or not."""
        self._careless = careless
        self._bank = Bank()

    def open_shop(self) -> object:
        """Begin a simulation with an empty bank."""
        self._bank = Bank()
        return Shop(self._bank, careless=self._careless).fulfil

    def check(self, orders: Sequence[Order]) -> None:
        """Raise where somebody was charged twice, or got an order for nothing."""
        charged = Counter(self._bank.charges.values())
        for order in orders:
            assert charged[order.order_id] <= 1, f"{order.order_id} was charged {charged[order.order_id]} times"
            assert charged[order.order_id] or order.status != "Completed", f"{order.order_id} was not charged"


def test_a_processor_that_charges_twice_is_found() -> None:
    """Some crash comes between the charge and the report; the story names the order."""
    ledger = Books(careless=True)
    with pytest.raises(PromiseBroken, match=r"your own check: AssertionError: order-\d+ was charged \d times"):
        simulate(ledger.open_shop, seeds=20, check=ledger.check, sizes=SMALL)  # type: ignore[arg-type] # any callable


def test_the_mended_processor_passes(simulate_orders: Simulate) -> None:
    """With the order's id as the key, whatever crashes; by the fixture this time."""
    ledger = Books(careless=False)
    summary = simulate_orders(ledger.open_shop, seeds=range(100, 120), check=ledger.check, sizes=SMALL)  # type: ignore[arg-type] # any callable
    assert summary.seeds == 20
    assert summary.findings == []


def test_a_plain_function_is_a_processor() -> None:
    """It takes no virtual time."""
    seen: set[str] = set()

    def work(order: Order) -> None:
        seen.add(order.order_id)

    summary = simulate(lambda: work, seeds=5, sizes=SMALL)
    assert summary.seeds == 5
    assert seen


@pytest.mark.parametrize("seconds", [5, 60])
def test_a_processor_may_take_as_long_as_it_likes(seconds: float) -> None:
    """Hours of virtual time cost nothing, and no bound accuses it of being slow."""

    async def work(_: Order) -> None:
        await asyncio.sleep(seconds)

    simulate(lambda: work, seeds=10, sizes=Sizes(orders=10))


def test_orders_of_the_users_own() -> None:
    """Real ones, of up to hundreds of lines, under ids of their own.

    Where two clients come at once with different contents, either may be the first: the items turned, or one more.
    """
    real = _real_orders(50)
    seen: dict[str, Order] = {}

    def work(order: Order) -> None:
        seen[order.order_id] = order

    simulate(lambda: work, seeds=3, orders=lambda _, number: real[number], sizes=Sizes(orders=50))
    known = {order.order_id: order for order in real}
    assert seen
    for order_id, order in seen.items():
        items = tuple(known[order_id].item_ids)
        assert order.item_ids in {items, (*items[1:], *items[:1]), (*items, "another")}


def test_orders_with_the_longest_ids_and_without_items() -> None:
    """Every order in any script, as long as may be: keys, contradictions and new names are made of it all the same."""
    longest = "\N{SHOPPING TROLLEY} " * 127 + "\N{SHOPPING TROLLEY}"

    def gift_card(_: Random, number: int) -> NewOrder:
        return NewOrder(
            order_id=f"{number}{longest}"[:256].strip(), user_id=longest, item_ids=[], total_amount="1", currency="eur"
        )

    async def work(order: Order) -> None:
        assert order.item_ids == ()
        assert order.currency == "EUR"

    simulate(lambda: work, seeds=10, orders=gift_card, sizes=Sizes(orders=30))


def _real_orders(count: int) -> list[NewOrder]:
    with gzip.open(data_file(LARGEST_FILE), "rt", encoding="utf-8") as lines:
        sales = (record for line in lines if "kind" not in (record := json.loads(line)))
        records = list(islice(sales, count))
    return [NewOrder(**{field: record[field] for field in FIELDS}) for record in records]


@pytest.mark.parametrize("what", ["thread", "socket"])
def test_a_processor_that_needs_the_world(what: str) -> None:
    """It is told so: otherwise it would fail every time, and the simulation find nothing wrong."""

    async def fulfil(_: Order) -> None:
        if what == "thread":
            await asyncio.to_thread(len, "")
        else:
            await asyncio.open_connection("127.0.0.1", 1)

    with pytest.raises(PromiseBroken, match="uses something that a simulation does not support"):
        simulate(lambda: fulfil, seeds=3)


def test_a_processor_may_raise_what_it_likes_when_it_is_stopped_and_say_later_or_never() -> None:
    """Released by a drain although it raised, put off, rejected: what the user's own errors mean is no violation."""

    async def moody(order: Order) -> None:
        try:
            await asyncio.sleep(0.3)
        except asyncio.CancelledError:
            message = "interrupted"
            raise RuntimeError(message) from None
        if order.attempt == 1 and order.order_id.endswith("1"):
            raise RetryLater(0.2)
        if order.order_id.endswith("2"):
            message = "we do not sell that"
            raise Rejected(message)

    assert simulate(lambda: moody, seeds=30, sizes=SMALL).findings == []
