"""Orders that shops have: each export is mapped as a user would do it, placed, completed and given back."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner

from examples.shops.__main__ import ORDERS, main
from order_engine import Order, Status
from order_engine_adapters import open_engine
from order_engine_adapters.cli.program import program
from tests.shop_orders import DOCUMENTS, as_new_order, orders_of, shop_of, shop_orders
from tests.unit.http.serving import serving

LONG_SKU = 200


def mapped(name: str) -> list[tuple[object, ...]]:
    """Return what the orders of a document come to."""
    document = next(each for each in DOCUMENTS if each.stem == name)
    fields = ("order_id", "user_id", "item_ids", "total_amount", "currency")
    return [tuple(order[field] for field in fields) for order in orders_of(document)]


def test_every_shop_has_a_document() -> None:
    """No mapping goes untried."""
    assert {shop_of(document) for document in DOCUMENTS} == set(ORDERS)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("amazon", [("302-3159896-1390916", "qj3hxinvented0@marketplace.amazon.de",
                     ["7Q-KX4P-ZZ01", "kettle, 1.7 l (black)"], "84.80", "EUR")]),
        ("amazon_pending", [("302-7711223-4455667", "guest-302-7711223-4455667", ["7Q-KX4P-ZZ02"], "0", None)]),
        ("ebay", [("12-07456-45678", "invented*buyer_7", ["TEE/GREEN/XL", "110554321235"], "20.35", "GBP")]),
        ("commercetools_yen", [("9b1f3a52-6c0e-4a6c-9c0a-6d2f1e0b7a12", "guest-5d0f7b0e-2f5d-4f0e-8a7e-1c1b7f0f0a02",
                                ["湯呑み-青"], "4980", "JPY")]),
        ("prestashop", [("15", "3", ["demo_1", "product-8-0"], "67.920000", "eur")]),
        ("shopify_gift_card", [("5678901234567", "7063552819325", [], "50.00", "USD")]),
        ("shopify_refunded", [
            ("5678901234568", "guest-5678901234568", ["MUG-STONE-01", "variant-46789012345680"], "38.99", "USD"),
            ("5678901234568-refund-929361463421", "guest-5678901234568", ["MUG-STONE-01"], "18.50", "USD"),
        ]),
        ("woocommerce_guest", [
            ("727", "guest-727", ["product-93-0", "SHIP-BLUE"], "36.24", "EUR"),
            ("727-refund-731", "guest-727", [], "3.00", "EUR"),
        ]),
    ],
)  # fmt: skip
def test_an_export_is_mapped(name: str, expected: list[tuple[object, ...]]) -> None:
    """Numbers become strings, minor units amounts, goods without a SKU names; refunds become orders of their own."""
    assert mapped(name) == expected


def test_a_long_sku_is_kept() -> None:
    """A made-to-measure board has a SKU of 200 characters."""
    [(_, _, items, amount, _)] = mapped("commercetools_long_sku")
    assert isinstance(items, list)
    assert [len(item) for item in items] == [LONG_SKU, len("gift-wrapping")]
    assert amount == "154.90"


@pytest.mark.parametrize("url", ["memory://", "sqlite:///orders.db"])
async def test_the_orders_are_placed_and_completed(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The processor gets each as it was placed; placed again, with the currency in other letters, each is a replay."""
    monkeypatch.chdir(tmp_path)
    got: dict[str, Order] = {}

    async def fulfil(order: Order) -> None:
        got[order.order_id] = order

    async with open_engine(url, processor=fulfil) as engine:
        for name, order in shop_orders().items():
            assert not (await engine.place(as_new_order(order))).replayed
            assert (await engine.wait_for(name, seconds=30)).status is Status.COMPLETED
            assert got[name].item_ids == tuple(order["item_ids"])
            assert got[name].total_amount == Decimal(order["total_amount"])
            assert got[name].currency == (order["currency"] and order["currency"].upper())
            swapped = order | {"currency": order["currency"] and order["currency"].swapcase()}
            assert (await engine.place(as_new_order(swapped))).replayed


async def test_the_orders_are_placed_over_http() -> None:
    """Each with 201; read back it has its items, its currency in capitals, and its amount."""
    async with serving() as service:
        for name, order in shop_orders().items():
            response = await service.client.place(order)
            assert response.status == 201, response
            location = response.header("location")
            assert location is not None
            told = (await service.client.get(location)).json()
            assert (told["order_id"], told["item_ids"]) == (name, order["item_ids"])
            assert told["currency"] == (order["currency"] and order["currency"].upper())
            assert Decimal(told["total_amount"]) == Decimal(order["total_amount"])


def test_the_orders_are_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`python -m examples.shops` prints the lines that `import` takes; none is refused."""
    monkeypatch.chdir(tmp_path)
    for document in DOCUMENTS:
        assert main([shop_of(document), str(document)]) == 0
    lines = capsys.readouterr().out
    assert [json.loads(line)["order_id"] for line in lines.splitlines()] == list(shop_orders())
    (tmp_path / "orders.jsonl").write_text(lines, encoding="utf-8")
    words = ["import", "orders.jsonl", "--database-url", "sqlite:///orders.db"]
    count = len(shop_orders())
    for new, there in [(count, 0), (0, count)]:
        result = CliRunner().invoke(program, words, prog_name="order-engine")
        expected = f"imported {count} orders ({new} new, {there} already there), 0 refused\n"
        assert (result.exit_code, result.output) == (0, expected)


def test_a_shop_that_is_unknown_is_named_with_those_that_are_not(capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong usage: exit code 2."""
    assert main(["etsy", "order.json"]) == 2
    usage = capsys.readouterr().err
    assert all(shop in usage for shop in ORDERS)


@pytest.mark.parametrize(
    ("fields", "pointer", "advice"),
    [
        ({"user_id": 207119551}, "/user_id", 'send "207119551" instead of 207119551'),
        ({"order_id": 727}, "/order_id", 'send "727" instead of 727'),
        ({"item_ids": [93]}, "/item_ids/0", 'send "93" instead of 93'),
        ({"customer_id": 26}, "/customer_id", 'did you mean "user_id"?'),
        ({"line_items": []}, "/line_items", 'did you mean "item_ids"?'),
        ({"total_amount": "-10.00"}, "/total_amount", "Place a refund as a separate order"),
        ({"total_amount": -10.5}, "/total_amount", "Place a refund as a separate order"),
        ({"currency": "USDT"}, "/currency", "name the unit in attributes"),
    ],
)
async def test_what_is_sent_unmapped_is_refused_with_what_to_do(
    fields: dict[str, object], pointer: str, advice: str
) -> None:
    """A number as an id, a name of the shop's own, a refund, a token: each message says what to send instead."""
    plain: dict[str, object] = {"order_id": "1", "user_id": "7", "item_ids": ["tea"], "total_amount": "5.00"}
    async with serving() as service:
        response = await service.client.place(plain | fields)
        assert response.status == 422
        [error] = response.json()["errors"]
        assert error["pointer"] == pointer
        assert advice in error["detail"]
