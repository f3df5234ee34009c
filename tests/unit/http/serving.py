"""A service to send requests to: an engine on a store in memory and a clock that is turned by hand."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Unpack

from starlette.applications import Starlette

from order_engine import OrderEngine
from order_engine.ports.processor import OrderProcessor
from order_engine_adapters.http import Access, HttpLimits, create_app
from tests.unit.application.bench import Bench, Options
from tests.unit.http.client import Client, Response

CREATED: Final = b'{"message":"Order created successfully"}'
STATUSES: Final = ("Pending", "Processing", "Completed", "Failed", "Cancelled")


@dataclass(frozen=True)
class Service:
    """What a test has in its hands."""

    bench: Bench
    engine: OrderEngine
    app: Starlette
    client: Client

    async def total_orders(self) -> int:
        """Return how many orders the store has, asked behind the engine's back."""
        return (await self.bench.store.statistics()).total_orders

    async def place(self, *order_ids: str, **fields: object) -> None:
        """Place plain orders one after the other."""
        for order_id in order_ids:
            response = await self.client.place(order(order_id, **fields))
            assert response.status == 201, response

    async def version(self, order_id: str) -> int:
        """Return the version of an order in the store."""
        return (await self.bench.order(order_id)).version


@asynccontextmanager
async def serving(
    processor: OrderProcessor | None = None,
    *,
    bench: Bench | None = None,
    limits: HttpLimits | None = None,
    access: Access | None = None,
    **options: Unpack[Options],
) -> AsyncIterator[Service]:
    """Run an engine with an application in front of it. Without a processor orders stay Pending."""
    bench = bench or Bench()
    async with bench.engine(processor, **options) as engine:
        app = create_app(engine, limits=limits, access=access)
        yield Service(bench, engine, app, Client(app))


def order(order_id: str | None = "order1", /, **fields: object) -> dict[str, object]:
    """Return the fields of a plain order, with others instead or as well."""
    plain: dict[str, object] = {"user_id": "user1", "item_ids": ["item1", "item2"], "total_amount": 50.00}
    if order_id is not None:
        plain["order_id"] = order_id
    return plain | fields


def text(order_id: str | None = "order1", /, **fields: object) -> bytes:
    """Return the same as JSON."""
    return json.dumps(order(order_id, **fields)).encode()


def pointers(response: Response) -> list[str]:
    """Return the pointers to the fields that an answer finds wrong."""
    errors: list[dict[str, Any]] = response.json()["errors"]
    return [error["pointer"] for error in errors]
