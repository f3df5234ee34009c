"""Services and workers behind a PgBouncer that is restarted, and whose sessions are ended, while they work."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.integration.conversation import BROKEN, connected, post_order
from tests.integration.inspection import inspect, wait_completed
from tests.integration.postgres.pooler import Pooler, running_pooler
from tests.integration.postgres.support import execute, new_schema, server_url
from tests.integration.service import Service
from tests.integration.wire_orders import wire_orders

ORDERS = 1200
KEPT_BACK = 300
"""Orders that wait until there were enough blows, however fast the machine is."""
BLOWS = 3
CLIENTS = 12
COMMANDS = ("serve", "serve", "worker")
FLAGS = ("--processor", "demo:0.02", "--poll-seconds", "0.1", "--lease-seconds", "5")
PATIENCE_SECONDS = 90.0
AGAIN_SECONDS = 0.02
PEACE_SECONDS = 0.3
"""Between two blows."""

END_SESSIONS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name = 'order_engine' AND pid <> pg_backend_pid()
"""


class Load:
    """Clients that place each order until it is acknowledged by whichever service is there."""

    def __init__(self, orders: dict[str, bytes], addresses: Sequence[str]) -> None:
        """Place `orders` at these services."""
        self.left = orders
        self._addresses = addresses
        self._enough_blows = asyncio.Event()

    async def place(self, feed: Iterator[str], client: int) -> None:
        """Be one client."""
        for order_id in feed:
            if len(self.left) <= KEPT_BACK:
                await self._enough_blows.wait()
            tries = client
            while order_id in self.left:
                tries += 1
                try:
                    async with connected(self._addresses[tries % len(self._addresses)]) as connection:
                        answer = await connection.ask(post_order(self.left[order_id]))
                except BROKEN:
                    await asyncio.sleep(AGAIN_SECONDS)
                    continue
                assert answer.status in {201, 503}, answer
                if answer.status == 201:
                    del self.left[order_id]
                else:
                    await asyncio.sleep(AGAIN_SECONDS)

    async def disturb(self, pooler: Pooler) -> None:
        """Restart PgBouncer and end its sessions in turn, while orders are left."""
        blows = 0
        straight = await new_schema()
        while self.left:
            await asyncio.sleep(PEACE_SECONDS)
            if blows % 2:
                await execute(straight, END_SESSIONS)
            else:
                await asyncio.to_thread(pooler.stop)
                await asyncio.to_thread(pooler.start)
            blows += 1
            if blows >= BLOWS:
                self._enough_blows.set()


async def test_no_order_is_lost_while_pgbouncer_is_restarted(tmp_path: Path) -> None:
    """Every acknowledged order is Completed once, by a legal history, the metrics are the fold; nobody helps."""
    orders = dict(wire_orders(ORDERS))
    with running_pooler(server_url()) as pooler, ExitStack() as stack:
        url = f"{pooler.url}?schema={(await new_schema()).schema}&statement_cache_size=0&notify=off"
        started = [
            stack.enter_context(Service(tmp_path, "--database-url", url, *FLAGS, command=command))
            for command in COMMANDS
        ]
        await asyncio.gather(*(asyncio.to_thread(service.wait_ready) for service in started))
        load = Load(dict(orders), [service.address for service in started[: COMMANDS.count("serve")]])
        feed = iter(orders)
        async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as group:
            group.create_task(load.disturb(pooler))
            for client in range(CLIENTS):
                group.create_task(load.place(feed, client))
        await asyncio.to_thread(wait_completed, started[0].address, PATIENCE_SECONDS)
        findings = await inspect(started[0].address, orders)
        assert findings.orders == ORDERS
        for service in started:
            assert "Traceback" not in service.errors
