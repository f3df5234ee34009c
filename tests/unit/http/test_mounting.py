"""The application within others: under any prefix, in Starlette and in FastAPI, its engine's life being the host's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message

from order_engine import OrderEngine
from order_engine_adapters.http import create_app
from tests.unit.application.bench import Bench, Work
from tests.unit.http.client import Client, Exchange
from tests.unit.http.serving import text


def in_starlette(engine: OrderEngine, prefix: str) -> ASGIApp:
    """Return a Starlette application that runs the engine and has a route of its own."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with engine:
            yield

    async def own(_: Request) -> PlainTextResponse:
        return PlainTextResponse("mine")

    return Starlette(routes=[Route("/own", own), Mount(prefix, app=create_app(engine))], lifespan=lifespan)


def in_fastapi(engine: OrderEngine, prefix: str) -> ASGIApp:
    """Return the same of FastAPI, whose own docs and document stay where they are."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with engine:
            yield

    app = FastAPI(lifespan=lifespan)

    async def own() -> PlainTextResponse:
        return PlainTextResponse("mine")

    app.add_api_route("/own", own)
    app.mount(prefix, create_app(engine))
    host: ASGIApp = app
    return host


Host = Callable[[OrderEngine, str], ASGIApp]
HOSTS: list[Host] = [in_starlette, in_fastapi]


@asynccontextmanager
async def living(app: ASGIApp) -> AsyncIterator[None]:
    """Start an application as a server does, and shut it down."""
    incoming: asyncio.Queue[Message] = asyncio.Queue()
    outgoing: asyncio.Queue[Message] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    task = asyncio.ensure_future(app(scope, incoming.get, outgoing.put))
    async with asyncio.timeout(10):
        incoming.put_nowait({"type": "lifespan.startup"})
        assert (await outgoing.get())["type"] == "lifespan.startup.complete"
    yield
    async with asyncio.timeout(10):
        incoming.put_nowait({"type": "lifespan.shutdown"})
        assert (await outgoing.get())["type"] == "lifespan.shutdown.complete"
        await task


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("prefix", ["/shop", "/a/b/c"])
async def test_orders_are_placed_read_and_listed_under_a_prefix(host: Host, prefix: str) -> None:
    """Every link in a response works from the outside."""
    bench = Bench()
    async with living(app := host(bench.build(Work()), prefix)):
        client = Client(app)
        for number in range(3):
            placed = await client.send(
                "POST",
                f"{prefix}/orders",
                [("content-type", "application/json")],
                b'{"order_id":"%d","user_id":"u","item_ids":["i"],"total_amount":"1"}' % number,
            )
            assert placed.header("location") == f"{prefix}/orders/{number}"
            assert (await client.get(placed.header("location") or "")).status == 200
        page = await client.get(f"{prefix}/orders?limit=1")
        link = (page.header("link") or "")[1:].partition(">")[0]
        assert link.startswith(f"{prefix}/orders?")
        assert (await client.get(link)).json()["orders"][0]["order_id"] == "1"


@pytest.mark.parametrize("host", HOSTS)
async def test_the_document_and_its_page_know_the_prefix(host: Host) -> None:
    """What they load and call is below it."""
    async with living(app := host(Bench().build(Work()), "/shop")):
        client = Client(app)
        assert (await client.get("/shop/openapi.json")).json()["servers"] == [{"url": "/shop"}]
        assert b'src="docs/docs.js"' in (await client.get("/shop/docs")).body
        assert (await client.get("/shop/docs/docs.js")).status == 200


@pytest.mark.parametrize("host", HOSTS)
async def test_the_routes_of_the_host_stay_its_own(host: Host) -> None:
    """Those beside the prefix answer as before; what is nowhere below it is a problem of ours."""
    async with living(app := host(Bench().build(Work()), "/shop")):
        exchange = Client(app).begin("GET", "/own")
        assert await plain(exchange) == (200, b"mine")
        exchange = Client(app).begin("GET", "/orders/order1")
        assert (await plain(exchange))[0] == 404
        nowhere = await Client(app).get("/shop/nowhere")
        assert (nowhere.status, nowhere.code) == (404, "route_not_found")


async def plain(exchange: Exchange) -> tuple[int, bytes]:
    """Return the status and the body of an answer that is not of our application."""
    exchange.part(b"", last=True)
    async with asyncio.timeout(10):
        await exchange.task
    return exchange.sent[0]["status"], exchange.body


@pytest.mark.parametrize("host", HOSTS)
async def test_an_engine_that_its_host_has_not_started_is_503(host: Host) -> None:
    """And so is one that has ended: the application neither starts nor stops it."""
    app = host(Bench().build(Work()), "/shop")
    client = Client(app)

    async def codes() -> list[tuple[int, str]]:
        answers = [await client.get(f"/shop{path}") for path in ("/orders/order1", "/orders", "/readyz", "/metrics")]
        body = b'{"order_id":"o","user_id":"u","item_ids":["i"],"total_amount":"1"}'
        fields = [("content-type", "application/json")]
        answers.append(await client.send("POST", "/shop/orders", fields, body))
        return [(answer.status, answer.code) for answer in answers]

    assert await codes() == [(503, "not_running")] * 5
    async with living(app):
        assert (await client.get("/shop/readyz")).status == 200
    assert await codes() == [(503, "not_running")] * 5
    for path in ("/livez", "/openapi.json", "/docs"):
        assert (await client.get(f"/shop{path}")).status == 200


@pytest.mark.parametrize("host", HOSTS)
async def test_one_engine_may_be_mounted_twice(host: Host) -> None:
    """Each application names its own prefix."""
    bench = Bench()
    engine = bench.build(Work())
    async with living(app := host(engine, "/shop")):
        second = Starlette(routes=[Mount("/other", app=create_app(engine)), Mount("/", app=app)])
        fields = [("content-type", "application/json")]
        placed = await Client(second).send("POST", "/other/orders", fields, text())
        assert (placed.status, placed.header("location")) == (201, "/other/orders/order1")
        assert (await Client(second).get("/shop/orders/order1")).status == 200
