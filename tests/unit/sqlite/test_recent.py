"""The cache of recent orders is bounded, and used only if it contains all requested orders."""

from __future__ import annotations

from pathlib import Path

import pytest

from order_engine.contracts.samples import placement
from order_engine.domain.commands import Action, Command
from order_engine.domain.content.attributes import Attributes
from order_engine.domain.order import Order, evolve, new_order
from order_engine_adapters.clocks import ManualClock
from order_engine_adapters.sqlite.driver import open_file
from order_engine_adapters.sqlite.reading import recent_orders
from order_engine_adapters.sqlite.reading.recent_orders import RecentOrders
from order_engine_adapters.sqlite.rows import SqliteOrder


def test_oldest_written_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the bound in orders, those that were written longest ago are forgotten."""
    monkeypatch.setattr(recent_orders, "MAX_ORDERS", 3)
    orders = RecentOrders()
    orders.keep([_kept("a"), _kept("b"), _kept("c")])
    orders.keep([SqliteOrder(1, evolve(_kept("a").order, {"version": 2})), _kept("d")])
    assert set(orders.find("abcd")) == {"a", "c", "d"}
    assert orders.find("a")["a"].order.version == 2


def test_large_orders_are_bounded_by_their_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the bound in bytes likewise, also where a single order exceeds it; room is given back."""
    monkeypatch.setattr(recent_orders, "MAX_BYTES", 10_000)
    orders = RecentOrders()
    orders.keep([_kept("a"), _kept("b", attributes=20_000)])
    assert not orders.find("ab")
    orders.keep([_kept("a"), _kept("c")])
    orders.keep([_kept("a"), _kept("c")])
    assert set(orders.find("ac")) == {"a", "c"}
    orders.keep([_kept("d", attributes=5_000)])
    assert set(orders.find("acd")) == {"c", "d"}


def test_all_or_none() -> None:
    """If one of several orders is missing, none is returned: the others may be from another moment."""
    orders = RecentOrders()
    orders.keep([_kept("a")])
    assert orders.find_all(["a", "b"]) is None
    assert orders.find_all(["a"]) == {"a": _kept("a").order}
    orders.forget_all()
    assert orders.find_all(["a"]) is None


def test_what_was_forgotten_takes_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """After everything was forgotten there is room for as much as at the start."""
    monkeypatch.setattr(recent_orders, "MAX_BYTES", 10_000)
    orders = RecentOrders()
    for _ in range(3):
        orders.keep([_kept("a", attributes=5_000)])
        assert set(orders.find("a")) == {"a"}
        orders.forget_all()


async def test_forgotten_orders_are_read_and_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Evicted orders are unchanged and can be updated."""
    async with open_file(tmp_path / "orders.db", clock=ManualClock()) as repository:
        monkeypatch.setattr(recent_orders, "MAX_ORDERS", 0)
        added = await repository.add([placement("order-1"), placement("order-2")])
        stored = await repository.get(["order-2", "unknown", "order-1"])
        assert list(stored.values()) == [added[1].order, added[0].order]
        (applied,) = await repository.apply([Command("order-1", Action.CANCEL)])
        assert applied.order == (await repository.get(["order-1"]))["order-1"]


def _kept(order_id: str, attributes: int = 0) -> SqliteOrder:
    return SqliteOrder(1, _order(order_id, attributes))


def _order(order_id: str, attributes: int) -> Order:
    now = ManualClock().now()
    wanted = placement(order_id)
    return new_order(
        {
            "order_id": order_id,
            "user_id": wanted.user_id,
            "item_ids": wanted.item_ids,
            "total_amount": wanted.total_amount,
            "currency": wanted.currency,
            "attributes": Attributes('{"a":"' + "a" * attributes + '"}'),
            "created_at": now,
            "updated_at": now,
        }
    )
