"""Cross-site requests: those with side effects are refused."""

from __future__ import annotations

import pytest

from order_engine_adapters.http import Access
from tests.unit.http.client import JSON_BODY, Headers
from tests.unit.http.rings import Ring
from tests.unit.http.serving import Service, serving, text

SHOP = "https://shop.example"
HERE = ("host", "localhost:8000")
BY_ITSELF: list[Headers] = [
    (),
    (HERE,),
    (("sec-fetch-site", "same-origin"), HERE, ("origin", "http://localhost:8000")),
    (("sec-fetch-site", "none"),),
    # Behind a proxy that speaks to the service under another name.
    (("sec-fetch-site", "same-origin"), HERE, ("origin", "https://orders.example")),
    # A browser that tells the origin alone.
    (HERE, ("origin", "http://localhost:8000")),
]
FROM_ELSEWHERE: list[Headers] = [
    (("sec-fetch-site", "cross-site"),),
    (("sec-fetch-site", "same-site"), HERE, ("origin", "http://localhost:3000")),
    (("sec-fetch-site", "cross-site"), HERE, ("origin", "http://localhost:8000")),
    (("sec-fetch-site", "something-new"),),
    (("sec-fetch-site", ""),),
    (("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")),
    (HERE, ("origin", SHOP)),
    (HERE, ("origin", "http://localhost:3000")),
    (HERE, ("origin", "http://localhost")),
    (HERE, ("origin", "null")),
    (HERE, ("origin", "")),
    (HERE, ("origin", "http://localhost:8000"), ("origin", SHOP)),
    (("origin", SHOP),),
]
CHANGING = ("/orders/order1/cancel", "/orders/order1/redrive", "/orders", "/orders/batch", "/nowhere")


async def unchanged(service: Service) -> bool:
    """Whether the one order is as it was placed."""
    return await service.total_orders() == 1 and await service.version("order1") == 1


@pytest.mark.parametrize("headers", FROM_ELSEWHERE, ids=repr)
async def test_a_page_of_another_site_changes_nothing(headers: Headers) -> None:
    """403 with a code of its own, on whatever path, and the order stays as it was."""
    async with serving() as service:
        await service.place("order1")
        for target in CHANGING:
            response = await service.client.send("POST", target, headers)
            assert (response.status, response.code) == (403, "cross_site_request")
            assert response.header("x-request-id")
        assert await unchanged(service)


@pytest.mark.parametrize("kind", ["text/plain", "Text/Plain; charset=utf-8", "application/x-www-form-urlencoded"])
async def test_what_forms_send_is_no_better(kind: str) -> None:
    """A page sends these bodies too without asking first."""
    async with serving() as service:
        await service.place("order1")
        headers = (("sec-fetch-site", "cross-site"), ("content-type", kind))
        response = await service.client.send("POST", "/orders/order1/cancel", headers, b"a=b")
        assert (response.status, response.code) == (403, "cross_site_request")


async def test_what_a_browser_asks_about_first_is_let_through() -> None:
    """JSON or a key from another origin needs a successful preflight request, for example at a gateway."""
    async with serving() as service:
        elsewhere = (("sec-fetch-site", "cross-site"), HERE, ("origin", SHOP))
        question = await service.client.send("OPTIONS", "/orders", elsewhere)
        assert (question.status, question.header("access-control-allow-origin")) == (204, None)
        response = await service.client.send("POST", "/orders", (*JSON_BODY, *elsewhere), text("order1"))
        assert response.status == 201
        with_key = (*elsewhere, ("authorization", "Bearer key"))
        assert (await service.client.send("POST", "/orders/order1/cancel", with_key)).status == 200


@pytest.mark.parametrize("headers", BY_ITSELF, ids=repr)
async def test_programs_and_own_pages_are_let_through(headers: Headers) -> None:
    """Programs send no origin, and the service's own pages send its own."""
    async with serving() as service:
        await service.place("order1")
        assert (await service.client.send("POST", "/orders/order1/cancel", headers)).status == 200


@pytest.mark.parametrize("headers", FROM_ELSEWHERE, ids=repr)
async def test_reading_is_for_everybody(headers: Headers) -> None:
    """A page cannot read the answer anyway, and a link from another page has to work."""
    async with serving() as service:
        await service.place("order1")
        for method in ("GET", "HEAD", "OPTIONS"):
            assert (await service.client.send(method, "/orders/order1", headers)).status in {200, 204}


async def test_a_page_that_was_named_is_let_through() -> None:
    """By its origin, whatever other headers the browser sends. Other origins are refused."""
    async with serving(access=Access(origins=frozenset({SHOP}))) as service:
        await service.place("order1", "order2")
        named = (("sec-fetch-site", "cross-site"), HERE, ("origin", SHOP))
        assert (await service.client.send("POST", "/orders/order1/cancel", named)).status == 200
        other = (("sec-fetch-site", "cross-site"), HERE, ("origin", "https://shop.example.net"))
        assert (await service.client.send("POST", "/orders/order2/cancel", other)).status == 403


async def test_a_refusal_comes_before_the_key_is_looked_at() -> None:
    """A page of another site learns nothing of keys, and it is refused as elsewhere."""
    async with serving(access=Access(keys=Ring().ring)) as service:
        response = await service.client.send("POST", "/orders/order1/cancel", (("sec-fetch-site", "cross-site"),))
        assert (response.status, response.code) == (403, "cross_site_request")
        assert response.header("www-authenticate") is None


async def test_a_host_may_look_at_it_by_itself() -> None:
    """For applications mounted behind another protection."""
    async with serving(access=Access(admits_other_sites=True)) as service:
        await service.place("order1")
        response = await service.client.send("POST", "/orders/order1/cancel", (("sec-fetch-site", "cross-site"),))
        assert response.status == 200
