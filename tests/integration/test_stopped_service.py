"""A service on SQLite that stands still for longer than its leases last, and goes on."""

from __future__ import annotations

import asyncio
import signal
from itertools import islice
from pathlib import Path

from tests.integration.conversation import ask_all, post_order
from tests.integration.inspection import expect_no_failures, inspect, wait_completed
from tests.integration.service import serving
from tests.integration.wire_orders import wire_orders

LEASE_SECONDS = 1.0
FLAGS = ("--lease-seconds", str(LEASE_SECONDS), "--poll-seconds", "0.1", "--processor", "demo:0.5")
ROUNDS = 2
ORDERS = 60
CONNECTIONS = 10


async def test_a_service_that_stands_still_ends_its_own_orders(tmp_path: Path) -> None:
    """Stopped with orders running and others on their way, it answers and completes all of them when it goes on.

    Nobody else can have taken them, and nothing counts as a failure.
    """
    orders = wire_orders(ROUNDS * ORDERS)
    remaining = iter(orders.items())
    with serving(tmp_path, *FLAGS) as service:
        for _ in range(ROUNDS):
            some = map(post_order, dict(islice(remaining, ORDERS)).values())
            async with asyncio.timeout(30), asyncio.TaskGroup() as group:
                placing = group.create_task(ask_all(service.address, some, CONNECTIONS))
                await asyncio.sleep(0.02)
                service.signal(signal.SIGSTOP)
                # Nothing is waited for: that the leases' time passes is the point.
                await asyncio.sleep(1.5 * LEASE_SECONDS)
                service.signal(signal.SIGCONT)
            assert {answer.status for answer in placing.result()} == {201}
        wait_completed(service.address, 30)
        findings = await inspect(service.address, orders)
        expect_no_failures(findings.histories)
        assert "Traceback" not in service.errors
