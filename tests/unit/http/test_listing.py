"""`GET /orders`: pages, filters, cursors and links."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest

from order_engine_adapters.http import ConnectionLimits
from tests.unit.http.client import Client
from tests.unit.http.serving import Service, serving


async def some_orders(service: Service, count: int = 7) -> list[str]:
    """Place so many orders a second apart, every second one cancelled, and return their ids, newest first."""
    order_ids = [f"order{number}" for number in range(1, count + 1)]
    for number, order_id in enumerate(order_ids):
        await service.place(order_id, user_id="us er&1" if number % 3 else "user/2")
        if number % 2:
            await service.client.post(f"/orders/{order_id}/cancel")
        await service.bench.advance(1)
    return order_ids[::-1]


def followed(link: str) -> str:
    """Return the target of a link to the next page."""
    match = re.fullmatch(r'<([^<>"\s]+)>; rel="next"', link)
    assert match is not None, link
    return match[1]


async def walk(client: Client, target: str) -> list[list[str]]:
    """Follow the links from page to page, and return the ids on each."""
    pages = []
    following: str | None = target
    while following is not None:
        response = await client.get(following)
        assert response.status == 200, response
        told = response.json()
        assert list(told) == ["orders", "next"]
        pages.append([order["order_id"] for order in told["orders"]])
        link = response.header("link")
        assert (link is None) == (told["next"] is None)
        following = None if link is None else followed(link)
    return pages


async def test_all_orders_are_listed_newest_first() -> None:
    """As the same objects that are answered one by one."""
    async with serving() as service:
        order_ids = await some_orders(service)
        response = await service.client.get("/orders")
        told = response.json()
        assert [order["order_id"] for order in told["orders"]] == order_ids
        assert (told["next"], response.header("link")) == (None, None)
        for order in told["orders"]:
            assert (await service.client.get(f"/orders/{order['order_id']}")).json() == order


async def test_the_longest_ids_fit_into_the_links() -> None:
    """A link is no longer than a request line may be, also where the user and the orders have the longest ids."""
    longest = "\N{SHOPPING TROLLEY}" * 256
    order_ids = [f"{longest[:-1]}{number}" for number in range(3)]
    async with serving() as service:
        for order_id in order_ids:
            await service.place(order_id, user_id=longest)
            await service.bench.advance(1)
        target = f"/orders?user_id={quote(longest)}&status=Pending&limit=1"
        assert await walk(service.client, target) == [[order_id] for order_id in reversed(order_ids)]
        link = (await service.client.get(target)).header("link")
        assert link is not None
        assert len(f"GET {followed(link)} HTTP/1.1\r\n") <= ConnectionLimits().request_line_bytes


async def test_no_orders_are_an_empty_page() -> None:
    """And no link."""
    async with serving() as service:
        assert (await service.client.get("/orders")).body == b'{"orders":[],"next":null}'


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 8])
async def test_links_lead_through_all_orders(limit: int) -> None:
    """Each order once, also where orders are placed in between."""
    async with serving() as service:
        order_ids = await some_orders(service)
        pages = await walk(service.client, f"/orders?limit={limit}")
        assert [order_id for page in pages for order_id in page] == order_ids
        assert all(len(page) == limit for page in pages[:-1])
        first = await service.client.get(f"/orders?limit={min(limit, 6)}")
        await service.place("newer")
        rest = await walk(service.client, followed(first.header("link") or ""))
        assert [order_id for page in rest for order_id in page] == order_ids[min(limit, 6) :]


@pytest.mark.parametrize(
    ("query", "chosen"),
    [
        ("status=Cancelled", ["order6", "order4", "order2"]),
        ("status=Completed", []),
        ("user_id=user%2F2", ["order7", "order4", "order1"]),
        ("user_id=us+er%261", ["order6", "order5", "order3", "order2"]),
        ("user_id=us%20er%261&status=Pending", ["order5", "order3"]),
        ("user_id=nobody", []),
        ("user_id=" + "u" * 500, []),
    ],
)
async def test_filters_hold_on_every_page(query: str, chosen: list[str]) -> None:
    """The links carry them, encoded as they must be."""
    async with serving() as service:
        await some_orders(service)
        pages = await walk(service.client, f"/orders?limit=1&{query}")
        assert [order_id for page in pages for order_id in page] == chosen


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=1001", "limit=-1", "limit=abc", "limit=", "limit", "limit=1.0", "limit=1e2", "limit=+5",
        "limit=%D9%A5", "limit=" + "9" * 5000, "limit=1&limit=1", "limit=1_0", "limit=%201",
        "status=pending", "status=", "status=Unknown", "status=Pending&status=Failed",
        "user_id=", "user_id=%00", "user_id=%FF", "user_id=%ED%A0%80", "user_id=%C0%AF",
        "user_id=a&user_id=b", "unknown=1", "Limit=1", "limit=1&_=1", "%00=1", "a", "=", "=1",
        "\xff=1", "user_id=\xe9",
    ],
)  # fmt: skip
async def test_a_wrong_query_is_refused(query: str) -> None:
    """422 for what is out of range, unknown, given twice, or not UTF-8."""
    async with serving() as service:
        response = await service.client.get(f"/orders?{query}")
        assert (response.status, response.code) == (422, "invalid_query")


@pytest.mark.parametrize("query", ["limit=1", "limit=1000", "limit=007", "", "&", "limit=1&"])
async def test_the_limits_of_a_page_are_1_to_1000(query: str) -> None:
    """Both are allowed; an empty query asks for nothing in particular."""
    async with serving() as service:
        assert (await service.client.get(f"/orders?{query}")).status == 200


async def test_a_page_has_a_hundred_orders_where_nothing_is_said() -> None:
    """The default limit, which the link repeats."""
    async with serving() as service:
        await service.place(*(f"order{number}" for number in range(101)))
        response = await service.client.get("/orders")
        assert len(response.json()["orders"]) == 100
        assert "limit=100&" in (response.header("link") or "")


@pytest.mark.parametrize("change", ["&status=Pending", "&user_id=user1", "&status=Cancelled&user_id=us+er%261"])
async def test_a_cursor_of_another_list_is_refused(change: str) -> None:
    """It would lead to nothing that makes sense."""
    async with serving() as service:
        await some_orders(service)
        cursor = (await service.client.get("/orders?limit=1")).json()["next"]
        response = await service.client.get(f"/orders?cursor={cursor}{change}")
        assert (response.status, response.code) == (422, "invalid_cursor")
        assert (await service.client.get(f"/orders?limit=5&cursor={cursor}")).status == 200


@pytest.mark.parametrize("cursor", ["", "abc", "%00", "%FF", "=", "AAAA", "bnVsbA", "WzEsMiwzLDRd", "%F0%9F%98%80"])
async def test_a_forged_cursor_is_refused(cursor: str) -> None:
    """422, whatever it is made of."""
    async with serving() as service:
        response = await service.client.get(f"/orders?cursor={cursor}")
        assert response.status == 422
        assert response.code in {"invalid_cursor", "invalid_query"}


async def test_pages_of_large_orders_are_bounded_in_bytes() -> None:
    """A page has at most `page_bytes`, but at least one order; the links lead through all orders."""
    async with serving(page_bytes=50_000) as service:
        for number in range(5):
            await service.place(f"large{number}", attributes={"note": "x" * 20_000})
            await service.bench.advance(1)
        pages = await walk(service.client, "/orders?limit=1000")
        assert pages == [["large4", "large3"], ["large2", "large1"], ["large0"]]
        assert len((await service.client.get("/orders")).body) < 60_000


async def test_an_order_larger_than_a_page_is_listed_alone() -> None:
    """The bound never makes an empty page."""
    async with serving(page_bytes=1) as service:
        order_ids = await some_orders(service, 3)
        assert await walk(service.client, "/orders") == [[order_id] for order_id in order_ids]
