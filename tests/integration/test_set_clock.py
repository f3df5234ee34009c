"""A service on SQLite whose clock is set at the very moment in which it begins to stand still."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Final

import pytest

from order_engine.domain.events import EventType
from tests.integration.inspection import body_of, expect_nothing_counted, inspect, wait_completed
from tests.integration.service import Service, wait_until

LEASE_SECONDS: Final = 1.0
FLAGS: Final = ("--lease-seconds", str(LEASE_SECONDS), "--poll-seconds", "0.1", "--processor", "work:waits")
PATIENCE_SECONDS: Final = 60.0
ORDERS: Final = 5

WORK: Final = """
import asyncio
from pathlib import Path
from order_engine import RetryLater

async def waits(order):
    with open("seen.txt", "a", encoding="utf-8") as seen:
        seen.write(f"{order.order_id}\\n")
    if order.order_id == "retried" and order.attempt == 1:
        raise RetryLater(3)
    for _ in range(6000):
        if Path("may-end").exists():
            return
        await asyncio.sleep(0.01)
"""
SETTABLE: Final = """
from datetime import timedelta
from pathlib import Path
from order_engine_adapters.clocks import SystemClock
from order_engine_adapters.cli import main

real = SystemClock.now

def now(self):
    return real(self) + timedelta(hours=float(Path("hours").read_text() if Path("hours").exists() else 0))

SystemClock.now = now
main()
"""
"""The program, whose time of day a file sets forward or back."""


@pytest.mark.parametrize("hours", [-2, 2])
async def test_a_clock_that_is_set_while_the_service_stands_still(tmp_path: Path, hours: int) -> None:
    """It goes on with what it ran, renews its leases, and retries when it is time: by no more than what it was told."""
    (tmp_path / "work.py").write_text(WORK, encoding="utf-8")
    running = [f"order-{number}" for number in range(ORDERS)]
    with Service(tmp_path, *FLAGS, program=("-c", SETTABLE)) as service:
        service.wait_ready()
        for order_id in [*running, "retried"]:
            assert service.post("/orders", body_of(order_id)).status == 201
        _wait_seen(tmp_path, ORDERS + 1)
        service.signal(signal.SIGSTOP)
        (tmp_path / "set").write_text(str(hours), encoding="utf-8")
        (tmp_path / "set").rename(tmp_path / "hours")
        # Nothing is waited for: that the leases' time passes is the point.
        await asyncio.sleep(1.5 * LEASE_SECONDS)
        service.signal(signal.SIGCONT)
        _wait_seen(tmp_path, ORDERS + 2)
        (tmp_path / "may-end").touch()
        wait_completed(service.address, PATIENCE_SECONDS)
        posted = {order_id: body_of(order_id) for order_id in [*running, "retried"]}
        histories = dict((await inspect(service.address, posted)).histories)
        assert "Traceback" not in service.errors
    retried = [event.type for event in histories.pop("retried")]
    assert retried.count(EventType.RETRIED) == 1
    expect_nothing_counted(histories)


def _wait_seen(folder: Path, attempts: int) -> None:
    """Wait until the processor has begun so often."""
    path = folder / "seen.txt"

    def is_seen() -> bool:
        return path.exists() and len(path.read_text(encoding="utf-8").splitlines()) >= attempts

    wait_until(is_seen, PATIENCE_SECONDS, f"{attempts} attempts")
