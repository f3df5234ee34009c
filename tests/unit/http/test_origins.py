"""Pages of other origins: without permission they get no CORS headers, and with it only the necessary ones."""

from __future__ import annotations

from pathlib import Path

import pytest

import order_engine_adapters.http
from order_engine_adapters.http import Access, Rates
from order_engine_adapters.http.access.cors_headers import PASSED_OVER, READ
from tests.unit.http.client import Response
from tests.unit.http.rings import Ring
from tests.unit.http.serving import order, serving

SHOP = "https://shop.example"
PREFLIGHT = (("access-control-request-method", "POST"), ("access-control-request-headers", "content-type"))


def granted(response: Response) -> dict[str, str]:
    """Return the CORS headers of a response."""
    return {name: value for name, value in response.headers if name.startswith("access-control")}


async def test_nothing_is_said_unless_it_is_wanted() -> None:
    """By default no page of another origin reads an answer, and no answer varies."""
    async with serving() as service:
        for response in [
            await service.client.get("/orders", ("origin", SHOP)),
            await service.client.send("OPTIONS", "/orders", (("origin", SHOP), *PREFLIGHT)),
        ]:
            assert granted(response) == {}
            assert response.header("vary") is None


async def test_a_page_that_was_named_is_told_what_it_may_send() -> None:
    """Before the request, without a key, since browsers show none there; and no credentials."""
    async with serving(access=Access(keys=Ring().ring, origins=frozenset({SHOP}))) as service:
        response = await service.client.send("OPTIONS", "/orders/order1/cancel", (("origin", SHOP), *PREFLIGHT))
        assert (response.status, response.header("vary")) == (204, "Origin")
        assert granted(response) == {
            "access-control-allow-origin": SHOP,
            "access-control-allow-methods": "GET, HEAD, POST",
            "access-control-allow-headers": "Accept, Authorization, Baggage, Cache-Control, Content-Encoding, "
            "Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, Pragma, Prefer, Traceparent, "
            "Tracestate, X-Request-ID, X-Requested-With",
            "access-control-max-age": "600",
        }


@pytest.mark.parametrize("name", [*READ, *PASSED_OVER])
async def test_every_field_that_a_page_sends_is_allowed(name: str) -> None:
    """Whatever the service reads, and what libraries add to every request; a browser asks for them in lower case."""
    asked = (("access-control-request-method", "POST"), ("access-control-request-headers", name.lower()))
    async with serving(access=Access(origins=frozenset({SHOP}))) as service:
        response = await service.client.send("OPTIONS", "/orders", (("origin", SHOP), *asked))
        allowed = granted(response)["access-control-allow-headers"].lower().split(", ")
        assert name.lower() in allowed


def test_every_field_in_the_table_is_read_somewhere() -> None:
    """What the adapter reads no more is not there any longer."""
    folder = Path(order_engine_adapters.http.__file__).parent
    text = "".join(path.read_text(encoding="utf-8") for path in folder.rglob("*.py"))
    assert [name for name in READ if f'b"{name.lower()}"' not in text] == []


async def test_a_page_that_was_named_may_read_every_answer() -> None:
    """Errors, too: otherwise a page could not report the cause."""
    access = Access(keys=Ring().ring, origins=frozenset({SHOP, "http://localhost:3000"}))
    async with serving(access=access) as service:
        for target in ("/orders", "/livez", "/nowhere", "/orders/a%2Fb"):
            response = await service.client.get(target, ("origin", SHOP))
            assert granted(response) == {
                "access-control-allow-origin": SHOP,
                "access-control-expose-headers": "Allow, ETag, Idempotent-Replayed, Link, Location, "
                "Preference-Applied, Retry-After, Vary, WWW-Authenticate, X-Request-ID",
            }
            assert response.header("vary") == "Origin"


@pytest.mark.parametrize(
    "origin",
    ["https://shop.example.evil.example", "https://shop.exampl", "http://shop.example", "https://SHOP.example", "null",
     "https://shop.example:444", "https://shop.example/", "", "*"],
)  # fmt: skip
async def test_any_other_page_is_told_nothing(origin: str) -> None:
    """Neither in a preflight response nor later. Its request is handled as usual, and `Vary` informs caches."""
    async with serving(access=Access(origins=frozenset({SHOP}))) as service:
        asked = await service.client.send("OPTIONS", "/orders", (("origin", origin), *PREFLIGHT))
        assert (asked.status, asked.header("allow"), granted(asked)) == (204, "POST, GET, HEAD, OPTIONS", {})
        response = await service.client.place(order(), ("origin", origin))
        assert (response.status, granted(response), response.header("vary")) == (201, {}, "Origin")


async def test_vary_stays_one_field() -> None:
    """What an answer varies by already is kept."""
    async with serving(access=Access(origins=frozenset({SHOP}))) as service:
        assert (await service.client.get("/metrics")).header("vary") == "Accept, Origin"
        assert (await service.client.get("/orders")).header("vary") == "Origin"


async def test_asking_beforehand_costs_no_request() -> None:
    """It is the browser's own question, and its answer is made of constants."""
    access = Access(rates=Rates(1, lambda: 0.0), origins=frozenset({SHOP}))
    async with serving(access=access) as service:
        for _ in range(3):
            assert (await service.client.send("OPTIONS", "/orders", (("origin", SHOP), *PREFLIGHT))).status == 204
        assert (await service.client.get("/orders")).status == 200
