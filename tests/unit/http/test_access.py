"""Access: required scopes by route, and the errors for a missing, invalid or insufficient key."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount, Route

from order_engine_adapters.http import Access, AccessScope, create_app, create_health_app
from order_engine_adapters.http.access.guard import guarded
from order_engine_adapters.http.access.keys import KEY, KeyRing
from order_engine_adapters.http.messages.resource import Resource
from order_engine_adapters.http.messages.responses import json_response
from tests.unit.application.bench import Bench
from tests.unit.http.client import JSON_BODY, NDJSON_BODY, Client, Headers, Response
from tests.unit.http.rings import Ring
from tests.unit.http.serving import serving, text

READ, WRITE, METRICS, ADMIN = AccessScope
CHALLENGE = 'Bearer realm="order_engine"'

OPENED: dict[tuple[str, str], set[AccessScope] | None] = {
    ("GET", "/"): None,
    ("GET", "/livez"): None,
    ("GET", "/readyz"): None,
    ("GET", "/docs"): None,
    ("GET", "/docs/{asset}"): None,
    ("GET", "/openapi.json"): None,
    ("GET", "/orders"): {READ, ADMIN},
    ("POST", "/orders"): {WRITE, ADMIN},
    ("GET", "/orders/batch"): {READ, ADMIN},
    ("POST", "/orders/batch"): {WRITE, ADMIN},
    ("GET", "/orders/{order_id}"): {READ, ADMIN},
    ("GET", "/orders/{order_id}/status"): {READ, ADMIN},
    ("GET", "/orders/{order_id}/history"): {READ, ADMIN},
    ("GET", "/orders/{order_id}/events"): {READ, ADMIN},
    ("POST", "/orders/{order_id}/cancel"): {WRITE, ADMIN},
    ("POST", "/orders/{order_id}/redrive"): {ADMIN},
    ("GET", "/events"): {READ, ADMIN},
    ("GET", "/metrics"): {METRICS, ADMIN},
}
"""What the outside interface says: the scopes whose keys open a route; None: everybody is let in."""


def routes_of(app: Starlette) -> Iterator[tuple[str, str]]:
    """Yield the method and the path of everything that an application answers, by asking it what it allows."""
    for route in app.routes:
        assert isinstance(route, Route)
        response = asyncio.run(Client(app).send("OPTIONS", route.path))
        allowed = response.header("allow")
        assert allowed is not None
        yield from ((method, route.path) for method in allowed.split(", ") if method not in {"HEAD", "OPTIONS"})


def headers_of(method: str, path: str) -> Headers:
    """Return the headers that describe the body of a request to this route."""
    if method == "GET":
        return ()
    return NDJSON_BODY if path.endswith("batch") else JSON_BODY


async def asked(client: Client, method: str, path: str, *shown: tuple[str, str]) -> Response:
    """Ask a route about an order that is not there; a stream is left as soon as it has begun."""
    target = path.format(order_id="nobody", asset="nothing")
    exchange = client.begin(method, target, (*headers_of(method, path), *shown))
    exchange.part(b"", last=True)
    status = await exchange.status()
    if status >= 300:
        return await exchange.response()
    exchange.task.cancel()
    await asyncio.gather(exchange.task, return_exceptions=True)
    return Response(status, (), b"")


def test_the_table_is_complete() -> None:
    """A new route needs an entry."""
    engine = Bench().build()
    assert set(routes_of(create_app(engine))) == set(OPENED)
    assert set(routes_of(create_health_app(engine))) < set(OPENED)


@pytest.mark.parametrize(("method", "path"), OPENED, ids=[" ".join(each) for each in OPENED])
async def test_a_route_is_open_to_the_keys_of_its_scopes_alone(method: str, path: str) -> None:
    """Without a key 401, with one that lacks the scope 403, with any other whatever the route answers."""
    ring = Ring()
    opened = OPENED[method, path]
    async with serving(access=Access(keys=ring.ring)) as service:
        bare = await asked(service.client, method, path)
        assert (bare.status == 401) is (opened is not None)
        for scope in AccessScope:
            response = await asked(service.client, method, path, ring.showing(scope))
            is_let_in = opened is None or scope in opened
            assert (response.status not in {401, 403}) is is_let_in, (scope, response)
            assert is_let_in or response.code == "scope_missing"


async def test_head_needs_what_get_needs() -> None:
    """It reveals as much about an order."""
    ring = Ring()
    async with serving(access=Access(keys=ring.ring)) as service:
        for scope, status in [(None, 401), (METRICS, 403), (READ, 404)]:
            shown = () if scope is None else (ring.showing(scope),)
            assert (await service.client.send("HEAD", "/orders/nobody", shown)).status == status


async def test_what_is_not_there_is_told_to_everybody() -> None:
    """Paths and methods are documented publicly, so 404 and 405 need no key."""
    async with serving(access=Access(keys=Ring().ring)) as service:
        assert (await service.client.get("/nowhere")).status == 404
        assert (await service.client.send("PUT", "/orders")).status == 405
        assert (await service.client.send("OPTIONS", "/orders")).status == 204


async def test_without_a_key_the_challenge_names_no_error() -> None:
    """As RFC 6750 requires, also for another authentication scheme."""
    async with serving(access=Access(keys=Ring().ring)) as service:
        for shown in [(), (("authorization", "Basic dXNlcjpwYXNz"),), (("authorization", "Digest a=b"),)]:
            response = await service.client.get("/orders", *shown)
            assert (response.status, response.code) == (401, "key_missing")
            assert response.header("www-authenticate") == CHALLENGE


@pytest.mark.parametrize(
    "value",
    ["Bearer", "Bearer ", "Bearer a b", "Bearer ü", 'Bearer "a"', "Bearer a,b", "Bearer=a", "", "   ", "bearer\tx",
     "Bearer oe_0123456789abcdef_0123456789012345678901234567890123456789012", "Bearer " + "x" * 9000, "Bearer\x00a"],
)  # fmt: skip
async def test_a_key_that_is_none_is_refused(value: str) -> None:
    """401 with the error `invalid_token`, and not a word of what was sent."""
    async with serving(access=Access(keys=Ring().ring)) as service:
        response = await service.client.get("/orders", ("authorization", value))
        assert (response.status, response.code) == (401, "key_refused")
        assert response.header("www-authenticate") == f'{CHALLENGE}, error="invalid_token"'
        assert "oe_" not in response.body.decode()


async def test_two_keys_are_none() -> None:
    """Which one counts is not for the service to guess, and a proxy may have looked at the other."""
    ring = Ring()
    async with serving(access=Access(keys=ring.ring)) as service:
        shown = ring.showing(ADMIN)
        assert (await service.client.get("/orders", shown, shown)).code == "key_refused"


async def test_a_scheme_is_in_any_case() -> None:
    """Its name is no secret; the key has its case."""
    ring = Ring()
    async with serving(access=Access(keys=ring.ring)) as service:
        for scheme in ("bearer", "BEARER", "Bearer ", "  bEaReR"):
            shown = ("authorization", f"{scheme} {ring.keys[READ]}")
            assert (await service.client.get("/orders", shown)).status == 200
        shouted = ("authorization", f"Bearer {ring.keys[READ].upper()}")
        assert (await service.client.get("/orders", shouted)).status == 401


async def test_a_missing_scope_is_named() -> None:
    """So that its owner knows what to ask for."""
    ring = Ring()
    async with serving(access=Access(keys=ring.ring)) as service:
        response = await service.client.post("/orders/nobody/redrive", ring.showing(WRITE))
        assert (response.status, response.code) == (403, "scope_missing")
        assert response.header("www-authenticate") == f'{CHALLENGE}, error="insufficient_scope", scope="admin"'


async def test_a_refused_placing_stores_nothing() -> None:
    """Neither one order nor a batch, and no line of a batch is read."""
    ring = Ring()
    async with serving(access=Access(keys=ring.ring)) as service:
        for shown, status in [((), 401), ((ring.showing(READ),), 403)]:
            one = await service.client.send("POST", "/orders", (*JSON_BODY, *shown), text())
            many = await service.client.send("POST", "/orders/batch", (*NDJSON_BODY, *shown), text())
            assert (one.status, many.status) == (status, status)
        assert await service.total_orders() == 0
        placed = await service.client.send("POST", "/orders", (*JSON_BODY, ring.showing(WRITE)), text())
        assert placed.status == 201


async def test_a_key_holds_until_the_ring_is_exchanged() -> None:
    """From the next request on the ring's new keys count, and only they."""
    before, after = Ring(), Ring()
    ring = KeyRing(before.stored.values())
    async with serving(access=Access(keys=ring)) as service:
        assert (await service.client.get("/orders", before.showing(READ))).status == 200
        ring.exchange(after.stored.values())
        assert (await service.client.get("/orders", before.showing(READ))).status == 401
        assert (await service.client.get("/orders", after.showing(READ))).status == 200


async def test_an_unknown_route_is_for_admin() -> None:
    """A route that was forgotten in the table is closed, not open."""
    ring = Ring()

    async def answer(_: object, __: object) -> object:
        return json_response("{}")

    forgotten = Route("/forgotten", Resource({"GET": answer}))  # type: ignore[dict-item]
    client = Client(Starlette(routes=guarded([forgotten], Access(keys=ring.ring))))
    for scope in AccessScope:
        exchange = client.begin("GET", "/forgotten", [ring.showing(scope)])
        await exchange.task
        assert exchange.sent[0]["status"] == (200 if scope is ADMIN else 403)


async def test_keys_work_where_the_application_is_mounted() -> None:
    """The guards go with the routes, under any path."""
    ring = Ring()
    bench = Bench()
    async with bench.engine() as engine:
        host = Starlette(routes=[Mount("/shop", app=create_app(engine, access=Access(keys=ring.ring)))])
        client = Client(host)
        assert (await client.get("/shop/orders")).status == 401
        assert (await client.get("/shop/orders", ring.showing(READ))).status == 200
        assert (await client.get("/shop/livez")).status == 200


def test_a_key_is_known_by_its_hash_alone() -> None:
    """Neither another secret under its id, nor its id under another secret; and no key is made twice."""
    one, other = Ring(), Ring()
    key = one.keys[READ].encode()
    assert KEY.fullmatch(key)
    assert one.ring.identify(key) == one.stored[READ].identity
    assert other.ring.identify(key) is None
    assert one.ring.identify(key[:-1] + (b"A" if key[-1:] != b"A" else b"B")) is None
    assert one.ring.identify(key[:20] + other.keys[READ].encode()[20:]) is None
    assert one.ring.identify(one.stored[READ].digest) is None
    assert len({*one.keys.values(), *other.keys.values()}) == 8
    assert key not in repr(one.stored).encode()
