"""Paths and methods: what is where, what is nowhere, and which ids a path carries."""

from __future__ import annotations

from decimal import Decimal
from urllib.parse import quote

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import Message, Scope

from order_engine import Status
from order_engine.domain.commands import Placement
from tests.unit.http.client import JSON_BODY, Client, Response
from tests.unit.http.serving import CREATED, order, serving, text

ALLOW = {
    "/orders": "POST, GET, HEAD, OPTIONS",
    "/orders/batch": "GET, HEAD, POST, OPTIONS",
    "/orders/order1": "GET, HEAD, OPTIONS",
    "/orders/order1/status": "GET, HEAD, OPTIONS",
    "/orders/order1/history": "GET, HEAD, OPTIONS",
    "/orders/order1/cancel": "POST, OPTIONS",
    "/orders/order1/redrive": "POST, OPTIONS",
    "/metrics": "GET, HEAD, OPTIONS",
    "/": "GET, HEAD, OPTIONS",
    "/openapi.json": "GET, HEAD, OPTIONS",
    "/docs": "GET, HEAD, OPTIONS",
    "/docs/problems": "GET, HEAD, OPTIONS",
    "/livez": "GET, HEAD, OPTIONS",
    "/readyz": "GET, HEAD, OPTIONS",
}


@pytest.mark.parametrize(("target", "allow"), ALLOW.items())
async def test_options_lists_the_methods(target: str, allow: str) -> None:
    """204 with `Allow`, whether or not there is such an order."""
    async with serving() as service:
        response = await service.client.send("OPTIONS", target)
        assert (response.status, response.header("allow"), response.body) == (204, allow, b"")


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "X" * 1000])
@pytest.mark.parametrize(("target", "allow"), ALLOW.items())
async def test_other_methods_are_refused(target: str, allow: str, method: str) -> None:
    """405 with `Allow`; nothing is stored."""
    async with serving() as service:
        response = await service.client.send(method, target, JSON_BODY, text())
        if method in allow:
            assert response.status != 405
        else:
            assert (response.status, response.header("allow")) == (405, allow)
            assert len(response.body) < 500
            assert await service.total_orders() == 0


@pytest.mark.parametrize(
    "target",
    ["", "/nowhere", "/Orders", "/orders/", "/orders/order1/", "/orders/order1/status/", "//orders",
     "/orders//status",
     "/orders/order1/cancel/", "/orders/order1/nothing", "/metrics/", "/orders/order1/status/more", "/orders%0A",
     "/metrics%0A", "/livez%0a", "/orders/order1/status%0A", "/orders/order1/cancel%0A", "/orders%2Forder1",
     "%2Forders",
     "/orders/order1%2Fstatus", "/orders/order1%2fcancel", "/orders%3Flimit=1", "/orders;x=1", "/orders%00",
     "/orders/batch/", "/orders%2Fbatch", "http://127.0.0.1/orders", "/./orders", "/x/../orders"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "OPTIONS"])
async def test_nothing_is_at_any_other_path(target: str, method: str) -> None:
    """404 and no redirection; what is encoded separates nothing, and nothing happens under another spelling."""
    async with serving() as service:
        await service.place("order1")
        response = await service.client.send(method, target, JSON_BODY, text("order2"))
        assert response.status == 404
        assert method == "HEAD" or response.code == "route_not_found"
        assert (await service.total_orders(), await service.version("order1")) == (1, 1)


@pytest.mark.parametrize(
    "order_id",
    ["a b", "\u00e9", "\U0001f600", "%", "%41", '"', "?", "#", "&=+", ";", "\\", "{order_id}", "...", "..a", "-",
     "a:b@c", "'", "<script>", "\ufffd", "e\u0301", "x" * 256, "\U0001f600" * 256, "batch", "status", "*",
     "\u0645\u06cc\u200c\u062e", "\U0001f468\u200d\U0001f467", "\u0378", "\U0001fae9"],
)  # fmt: skip
async def test_every_id_is_carried_back_by_its_location(order_id: str) -> None:
    """`Location` is ASCII and leads to the order, whatever its id contains."""
    async with serving() as service:
        response = await service.client.place(order(order_id))
        assert (response.status, response.body) == (201, CREATED)
        location = response.header("location") or ""
        assert location == "/orders/" + quote(order_id, safe="")
        read = await service.client.get(location)
        assert (read.status, read.json()["order_id"]) == (200, order_id)
        for part in ("status", "history"):
            assert (await service.client.get(f"{location}/{part}")).status == 200
        assert (await service.client.post(f"{location}/cancel")).status == 200


@pytest.mark.parametrize(
    "encoded",
    ["%00", "a%00", "%FF", "a%FFb", "%C0%AF", "%ED%A0%80", "%F4%90%80%80", "%0A", "a%0A", "%0D%0A", "%7F", "%20",
     "%20a",
     "a%20", "%E2%80%8B", "%E2%80%A8", "%EE%80%80", "x" * 257, "x" * 5000, ".", "..", "%2E%2E", "%", "%4", "%zz"],
)  # fmt: skip
@pytest.mark.parametrize("route", ["GET /orders/{}", "GET /orders/{}/status", "POST /orders/{}/cancel"])
async def test_an_id_that_no_order_can_have_is_not_found(route: str, encoded: str) -> None:
    """404 under the current rule or any other, and never a 500. The repository never gets an id it cannot store."""
    async with serving() as service:
        await service.place("\ufffd", "a\ufffdb", "a\ufffd")
        method, _, target = route.partition(" ")
        response = await service.client.send(method, target.format(encoded))
        assert response.status == 404
        assert response.code in {"order_not_found", "route_not_found"}
        assert len(response.body) < 6000


@pytest.mark.parametrize("stored", ["a\u00adb", "\u200d", "\ue000", " a ", "\uffff", "x" * 1000, "a\u2028b"], ids=ascii)
async def test_an_order_that_another_rule_let_in_is_like_any_other(stored: str) -> None:
    """It is read, listed by its user and page by page, and cancelled, though no new one may have such ids."""
    async with serving() as service:
        placement = Placement(stored, stored, ("item1",), Decimal(1))
        await service.bench.store.add([placement, placement._replace(order_id=f"{stored}2")])
        target = "/orders/" + quote(stored, safe="")
        assert (await service.client.get(target)).json()["order_id"] == stored
        for part in ("status", "history"):
            assert (await service.client.get(f"{target}/{part}")).status == 200
        first = await service.client.get(f"/orders?limit=1&user_id={quote(stored, safe='')}")
        second = await service.client.get((first.header("link") or "")[1:].partition(">")[0])
        listed = [each["order_id"] for page in (first, second) for each in page.json()["orders"]]
        assert sorted(listed) == sorted([stored, f"{stored}2"])
        assert (await service.client.post(f"{target}/cancel")).json()["status"] == "Cancelled"
        assert (await service.bench.now(service.engine.wait_for(stored))).status is Status.CANCELLED
        assert (await service.client.place(order(stored))).status == 422


RAW_PATHS: list[dict[str, None]] = [{}, {"raw_path": None}]


async def test_a_server_need_not_give_the_path_as_it_was_sent() -> None:
    """`raw_path` is optional in ASGI."""
    async with serving() as service:
        await service.place("\ufffd", "order1")
        for raw_path in RAW_PATHS:
            sent: list[Message] = []

            async def receive() -> Message:
                return {"type": "http.request", "body": b"", "more_body": False}

            async def send(message: Message, sent: list[Message] = sent) -> None:
                sent.append(message)

            for path in ("/orders/order1", "/orders/\ufffd", "/orders/nobody"):
                scope: Scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": []}
                scope.update(raw_path)
                await service.app(scope, receive, send)
            assert [each["status"] for each in sent if "status" in each] == [200, 200, 404]


async def mounted(inner: Starlette, method: str, target: str, body: bytes = b"") -> Response:
    """Send a request to the application mounted under a prefix."""
    outer = Starlette(routes=[Mount("/shop", app=inner)])
    return await Client(outer).send(method, target, JSON_BODY, body)


async def test_the_application_mounts_under_a_prefix() -> None:
    """Location and links carry the prefix; errors are its own."""
    async with serving() as service:
        for number in range(3):
            response = await mounted(service.app, "POST", "/shop/orders", text(f"a {number}"))
            assert (response.status, response.header("location")) == (201, f"/shop/orders/a%20{number}")
        page = await mounted(service.app, "GET", "/shop/orders?limit=1")
        link = page.header("link") or ""
        assert link.startswith("</shop/orders?limit=1&cursor=")
        following = await mounted(service.app, "GET", link[1:].partition(">")[0])
        assert following.json()["orders"][0]["order_id"] == "a 1"
        for target, status in [
            ("/shop/orders/a%201", 200),
            ("/shop/nowhere", 404),
            ("/shop/orders/a%201%2Fstatus", 404),
        ]:
            assert (await mounted(service.app, "GET", target)).status == status


async def test_a_proxy_may_have_taken_a_prefix_off() -> None:
    """The root path of the server is part of Location and links."""
    async with serving() as service:
        client = Client(service.app, root_path="/api v1")
        assert (await client.place(order("order1"))).header("location") == "/api%20v1/orders/order1"
        assert (await client.place(order("order2"))).status == 201
        page = await client.get("/orders?limit=1")
        assert (page.header("link") or "").startswith("</api%20v1/orders?limit=1&cursor=")


async def test_a_websocket_is_closed() -> None:
    """There are none here."""
    async with serving() as service:
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "websocket.connect"}

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {"type": "websocket", "path": "/orders", "headers": [], "query_string": b"", "subprotocols": []}
        await service.app(scope, receive, send)
        assert [message["type"] for message in sent] == ["websocket.close"]
