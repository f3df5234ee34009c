"""Many orders in flight at once: `python -m tests.integration.in_flight --orders 10000`."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from tests.integration.conversation import ask_all, post_order
from tests.integration.inspection import counts_of, inspect, wait_completed
from tests.integration.service import Service, serving, wait_until
from tests.integration.wire_orders import wire_orders

IN_FLIGHT_SECONDS = 4.0
CONNECTIONS = 100
COMPLETE_SECONDS = 120.0


async def hold_in_flight(service: Service, orders: Mapping[str, bytes]) -> None:
    """Post the orders and see that all of them are Processing at the same moment. Raises AssertionError."""
    answers = await ask_all(service.address, map(post_order, orders.values()), CONNECTIONS)
    assert {answer.status for answer in answers} == {201}
    everyone = len(orders)
    wait_until(
        lambda: counts_of(service.address)["Processing"] == everyone, COMPLETE_SECONDS, f"{everyone} are Processing"
    )


async def main() -> None:
    """Keep the requested number of orders in flight, let them complete, and print the duration."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each order takes")
    given = parser.parse_args()
    orders = wire_orders(given.orders)
    flags = ("--concurrency", str(given.orders), "--processor", f"demo:{given.seconds:g}")
    with tempfile.TemporaryDirectory(prefix="in-flight-") as folder, serving(Path(folder), *flags) as service:
        begun = time.monotonic()
        await hold_in_flight(service, orders)
        held = time.monotonic()
        _say(f"{given.orders} orders in flight at the same moment, {held - begun:.1f} s after the first was posted")
        wait_completed(service.address, given.seconds + COMPLETE_SECONDS)
        _say(f"all Completed {time.monotonic() - begun:.1f} s after the first was posted")
        findings = await inspect(service.address, orders)
        _say(f"{findings.orders} orders looked through: all there, {findings.claims} attempts")
        _say(service.get("/metrics").body)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
