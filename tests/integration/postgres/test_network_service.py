"""`order-engine serve` over a network that swallows everything, or just the answer to a commit."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping
from pathlib import Path

from tests.integration.inspection import inspect, wait_completed
from tests.integration.postgres.support import new_schema, server_url
from tests.integration.service import Answer, Service, wait_until
from tests.integration.tcp_proxy import COMMIT, TcpProxy
from tests.integration.wire_orders import wire_orders

FLAGS = ("--processor", "demo:0.05", "--poll-seconds", "0.2", "--lease-seconds", "6")
PATIENCE_SECONDS = 60.0
"""Of a change that nobody helps with: far more than the limits of a call and of a pause make together."""


async def _ready(service: Service, status: int) -> None:
    """Wait until /readyz answers with a status."""
    await asyncio.to_thread(
        wait_until, lambda: service.get("/readyz").status == status, PATIENCE_SECONDS, f"/readyz answers {status}"
    )


async def _post(service: Service, body: bytes) -> Answer:
    return await asyncio.to_thread(service.post, "/orders", body)


async def _inspected(service: Service, orders: Mapping[str, bytes]) -> int:
    """Inspect the orders, on a loop of its own, since the proxy has to turn meanwhile; return how many there are."""
    findings = await asyncio.to_thread(asyncio.run, inspect(service.address, orders))
    return findings.orders


async def test_service_outlives_a_black_hole(tmp_path: Path) -> None:
    """It is alive and not ready meanwhile, answers 503 in time, heals without a restart, and loses nothing."""
    orders = wire_orders(30)
    bodies = list(orders.values())
    async with TcpProxy(server_url()) as proxy:
        url = f"{proxy.url}?schema={(await new_schema()).schema}"
        with Service(tmp_path, "--database-url", url, *FLAGS) as service:
            await asyncio.to_thread(service.wait_ready)
            assert {(await _post(service, body)).status for body in bodies[:10]} == {201}
            proxy.swallow()
            refused = await asyncio.gather(*(_post(service, body) for body in bodies[10:20]))
            assert {answer.status for answer in refused} == {503}
            assert all("retry-after" in answer.headers for answer in refused)
            await _ready(service, 503)
            assert (await asyncio.to_thread(service.get, "/livez")).status == 200
            proxy.heal()
            await _ready(service, 200)
            assert {(await _post(service, body)).status for body in bodies[10:]} == {201}
            await asyncio.to_thread(wait_completed, service.address, PATIENCE_SECONDS)
            assert await _inspected(service, orders) == len(orders)
            service.signal(signal.SIGTERM)
            assert await asyncio.to_thread(service.wait) == 0
            assert "Traceback" not in service.errors


async def test_service_is_not_ready_while_nobody_asks_it_anything(tmp_path: Path) -> None:
    """A black hole is noticed without a request, by the poll for orders, and so is its end."""
    async with TcpProxy(server_url()) as proxy:
        url = f"{proxy.url}?schema={(await new_schema()).schema}"
        with Service(tmp_path, "--database-url", url, *FLAGS) as service:
            await asyncio.to_thread(service.wait_ready)
            proxy.swallow()
            await _ready(service, 503)
            proxy.heal()
            await _ready(service, 200)


async def test_client_is_answered_although_the_answer_to_the_commit_was_lost(tmp_path: Path) -> None:
    """The service retries by itself: the client gets 201, and the order exists once."""
    orders = wire_orders(4)
    async with TcpProxy(server_url()) as proxy:
        schema = (await new_schema()).schema
        for cache, names in ((100, list(orders)[:2]), (0, list(orders)[2:])):
            url = f"{proxy.url}?schema={schema}&statement_cache_size={cache}"
            with Service(tmp_path, "--database-url", url, "--processor", "none", "--poll-seconds", "60") as service:
                await asyncio.to_thread(service.wait_ready)
                for name in names:
                    proxy.lose_answer(name.encode() if cache else COMMIT)
                    assert (await _post(service, orders[name])).status == 201
                    assert proxy.lost.is_set()
        with Service(tmp_path, "--database-url", url, *FLAGS) as service:
            await asyncio.to_thread(service.wait_ready)
            await asyncio.to_thread(wait_completed, service.address, PATIENCE_SECONDS)
            assert await _inspected(service, orders) == len(orders)
