"""`POST /orders`: what is answered to a new order, to the same again, and to other content."""

from __future__ import annotations

import asyncio
import re

import pytest

from tests.unit.application.bench import Work
from tests.unit.http.client import JSON_BODY
from tests.unit.http.serving import CREATED, order, pointers, serving, text


async def test_a_new_order_is_created() -> None:
    """201, exactly the message, where the order is, and its entity tag."""
    async with serving() as service:
        response = await service.client.place(order("order1"))
        assert (response.status, response.body) == (201, CREATED)
        assert response.header("content-type") == "application/json"
        assert response.header("location") == "/orders/order1"
        assert response.header("etag") == '"1"'
        assert response.header("idempotent-replayed") is None


async def test_the_same_order_again_is_answered_with_the_same() -> None:
    """201 with the same body and the tag of the order as it is by now, marked as a replay; nothing is stored twice."""
    async with serving(Work()) as service:
        await service.place("order1")
        await service.bench.settle()
        response = await service.client.place(text("order1", total_amount="5e1", attributes={}, currency=None))
        assert (response.status, response.body) == (201, CREATED)
        assert response.header("idempotent-replayed") == "true"
        assert response.header("location") == "/orders/order1"
        assert response.header("etag") == f'"{await service.version("order1")}"' == '"3"'
        assert await service.total_orders() == 1


@pytest.mark.parametrize(
    "other",
    [
        {"user_id": "User1"},
        {"item_ids": ["item2", "item1"]},
        {"item_ids": ["item1"]},
        {"total_amount": "50.01"},
        {"currency": "GBP"},
        {"attributes": {"gift": True}},
    ],
)
async def test_other_content_under_a_taken_id_is_a_conflict(other: dict[str, object]) -> None:
    """409, and the order stays what it was."""
    async with serving() as service:
        await service.place("order1")
        before = await service.client.get("/orders/order1")
        response = await service.client.place(order("order1", **other))
        assert (response.status, response.code) == (409, "order_conflict")
        assert (await service.client.get("/orders/order1")).body == before.body


@pytest.mark.parametrize("absent", [{}, {"order_id": None}])
async def test_an_id_is_made_where_there_is_none(absent: dict[str, object]) -> None:
    """The body contains it. Each such request creates another order."""
    async with serving() as service:
        responses = [await service.client.place(order(None, **absent)) for _ in range(2)]
        made = [response.json()["order_id"] for response in responses]
        assert len(set(made)) == 2
        for order_id, response in zip(made, responses, strict=True):
            assert re.fullmatch("[0-9a-f]{32}", order_id)
            told = b'{"message":"Order created successfully","order_id":"%s"}' % order_id.encode()
            assert (response.status, response.body) == (201, told)
            assert response.header("location") == f"/orders/{order_id}"
            assert (await service.client.get(f"/orders/{order_id}/status")).status == 200


async def test_racing_senders_of_one_order_all_get_the_same_answer() -> None:
    """One of them placed it, the others replay it; those who send other content meet the conflict."""
    async with serving() as service:
        same = [service.client.place(order("order1")) for _ in range(20)]
        other = [service.client.place(order("order1", total_amount=1)) for _ in range(5)]
        responses = await asyncio.gather(*same, *other)
        assert [response.status for response in responses] == [201] * 20 + [409] * 5
        assert [response.header("idempotent-replayed") for response in responses[:20]] == [None] + ["true"] * 19
        assert await service.total_orders() == 1


async def test_what_is_placed_is_read_back() -> None:
    """Every field, the amount to its last digit and the attributes as they were written."""
    async with serving() as service:
        body = (
            b'{"order_id":"\xc3\xa9 1","user_id":"u","item_ids":["a","a","b"],"total_amount":123456789012345.678901,'
            b'"currency":"GBP","attributes":{"b":1.10,"a":[1e400,-0,"\\u00e9\\ud83d\\ude00"]}}'
        )
        placed = await service.client.place(body)
        assert (placed.status, placed.header("location")) == (201, "/orders/%C3%A9%201")
        read = await service.client.get("/orders/%C3%A9%201")
        assert read.body.decode() == (
            '{"order_id":"é 1","user_id":"u","item_ids":["a","a","b"],"total_amount":"123456789012345.678901",'
            '"currency":"GBP","attributes":{"b":1.10,"a":[1E+400,-0,"é😀"]},"status":"Pending","version":1,'
            '"attempts":0,"created_at":"2026-01-01T00:00:00.000000Z","processing_started_at":null,'
            '"ended_at":null,"failure":null}'
        )


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "malformed_json"),
        (b"{", 400, "malformed_json"),
        (b"\xff", 400, "malformed_json"),
        (b"\xef\xbb\xbf{}", 400, "malformed_json"),
        (b'{"a":NaN}', 400, "malformed_json"),
        (b'{"a":1,"a":1}', 400, "malformed_json"),
        (b"[]", 422, "invalid_order"),
        (b"null", 422, "invalid_order"),
        (b'"order"', 422, "invalid_order"),
        (b"{}", 422, "invalid_order"),
    ],
)
async def test_a_body_that_is_no_order_is_refused(body: bytes, status: int, code: str) -> None:
    """400 for what is no I-JSON, 422 for what is no order; nothing is stored."""
    async with serving() as service:
        response = await service.client.place(body)
        assert (response.status, response.code) == (status, code)
        assert await service.total_orders() == 0


async def test_everything_that_is_wrong_is_named_at_once() -> None:
    """Each wrong field with a pointer: missing, unknown and invalid ones together."""
    async with serving() as service:
        body = {"order_id": "a/b", "item_ids": ["ok", ""], "total_amount": -1, "colour": "red", "a/b~c": 1}
        response = await service.client.place(body)
        assert (response.status, response.code) == (422, "invalid_order")
        assert sorted(pointers(response)) == sorted(
            ["/order_id", "/user_id", "/item_ids/1", "/total_amount", "/colour", "/a~1b~0c"]
        )


async def test_no_more_than_a_hundred_errors_are_named() -> None:
    """However many are wrong."""
    async with serving() as service:
        response = await service.client.place(order("order1", item_ids=[""] * 10_000))
        assert response.status == 422
        assert pointers(response) == [f"/item_ids/{index}" for index in range(100)]


async def test_a_refusal_stays_short_whatever_is_long_in_the_body() -> None:
    """An attribute name of a megabyte is not sent back: the pointer stops at its parent."""
    async with serving() as service:
        name = "n" * 500_000
        response = await service.client.place(order("order1", attributes={"a": {name: "\0"}}))
        assert (response.status, pointers(response)) == (422, ["/attributes/a"])
        assert len(response.body) < 2000
        response = await service.client.place(order("order1", **{name: 1}))
        assert (response.status, pointers(response)) == (422, [""])
        assert len(response.body) < 2000


async def test_an_order_may_be_sent_in_any_parts() -> None:
    """Byte by byte as well as whole."""
    async with serving() as service:
        body = text("order1")
        parts = [body[index : index + 1] for index in range(len(body))]
        response = await service.client.send("POST", "/orders", JSON_BODY, parts)
        assert (response.status, response.body) == (201, CREATED)


async def test_the_number_of_items_has_a_limit() -> None:
    """10,000 are taken, one more is refused."""
    async with serving() as service:
        assert (await service.client.place(order("order1", item_ids=["i"] * 10_000))).status == 201
        many = await service.client.place(order("order2", item_ids=["i"] * 10_001))
        assert (many.status, pointers(many)) == (422, ["/item_ids"])
