"""The HTTP interface within another application. It must pass mypy and pyright, both strict."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from ipaddress import ip_network

from starlette.applications import Starlette
from starlette.routing import Mount

from order_engine import Order, OrderEngine
from order_engine_adapters import (
    Access,
    AccessScope,
    HttpLimits,
    Identity,
    KeyRing,
    Proxies,
    Rates,
    SystemClock,
    create_app,
    new_key,
    open_engine,
)


async def fulfil(order: Order) -> None:
    """Do the work."""


class OneKey:
    """Knows one key: a `Keys` of one's own."""

    def identify(self, key: bytes) -> Identity | None:
        """Return whose key it is."""
        return Identity("1", "shop", frozenset({AccessScope.WRITE})) if key == b"secret" else None


def mounted(engine: OrderEngine) -> Mount:
    """Return the interface under a path, for those who show a key."""
    key, stored = new_key("shop", [AccessScope.READ], datetime.now(UTC))
    assert key.startswith("oe_")
    rates = Rates(10, SystemClock().monotonic)
    limits = HttpLimits(body_bytes=10_000)
    by_ring = create_app(engine, access=Access(keys=KeyRing([stored]), rates=rates), limits=limits)
    by_hand = create_app(engine, access=Access(keys=OneKey()))
    return Mount(
        "/shop", routes=[Mount("/a", Proxies(by_ring, trusted=[ip_network("10.0.0.0/8")])), Mount("/b", by_hand)]
    )


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncGenerator[None, None]:
    """Run the engine as long as the application."""
    async with AsyncExitStack() as lifetimes:
        engine = await lifetimes.enter_async_context(open_engine("sqlite:///orders.db", processor=fulfil))
        app.router.routes.append(mounted(engine))
        yield


APP = Starlette(lifespan=lifespan)
