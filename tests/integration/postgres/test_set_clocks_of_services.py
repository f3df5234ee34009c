"""The server's clock is set at the very moment in which a service begins to stand still."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from order_engine.domain.events import Event, EventType
from tests.integration.inspection import body_of, inspect, wait_completed
from tests.integration.postgres.support import execute, new_schema, server_url
from tests.integration.service import Service, wait_until

LEASE_SECONDS: Final = 2.0
FLAGS: Final = ("--lease-seconds", str(LEASE_SECONDS), "--poll-seconds", "0.1", "--processor", "work:waits")
PATIENCE_SECONDS: Final = 60.0
ORDERS: Final = 3
HOURS: Final = 2

WORK: Final = """
import asyncio
from pathlib import Path
from order_engine import RetryLater

async def waits(order):
    with open("seen.txt", "a", encoding="utf-8") as seen:
        seen.write(f"{order.order_id} {order.attempt}\\n")
    if order.order_id == "retried" and order.attempt == 1:
        raise RetryLater(4)
    for _ in range(6000):
        if Path("may-end").exists():
            return
        await asyncio.sleep(0.01)
"""
SETTABLE: Final = """
CREATE TABLE {schema}.steps (step interval NOT NULL);
CREATE OR REPLACE FUNCTION {schema}.time_of_day() RETURNS timestamptz LANGUAGE sql VOLATILE
AS 'SELECT clock_timestamp() + coalesce((SELECT sum(step) FROM {schema}.steps), interval ''0'')';
"""


@pytest.mark.parametrize("hours", [-HOURS, HOURS])
async def test_a_clock_that_is_set_while_a_service_stands_still(tmp_path: Path, hours: int) -> None:
    """The other service takes over what that one ran and what is to be retried, soon, and keeps what it runs itself.

    When the one that stood still goes on, nothing of what it reports counts any more.
    """
    (tmp_path / "work.py").write_text(WORK, encoding="utf-8")
    target = await new_schema()
    await execute(target, SETTABLE)
    flags = ("--database-url", f"{server_url()}?schema={target.schema}", *FLAGS)
    left, kept = ([f"{name}-{number}" for number in range(ORDERS)] for name in ("left", "kept"))
    with Service(tmp_path, *flags) as stopped, Service(tmp_path, *flags) as other:
        for service, order_ids in ((stopped.wait_ready(), left), (other.wait_ready(), [*kept, "retried"])):
            for order_id in order_ids:
                assert service.post("/orders", body_of(order_id)).status == 201
        _wait_seen(tmp_path, [*left, *kept, "retried"], attempt=1)
        stopped.signal(signal.SIGSTOP)
        await execute(target, "INSERT INTO {schema}.steps SELECT $1 * interval '1 hour'", hours)
        _wait_seen(tmp_path, [*left, "retried"], attempt=2)
        (tmp_path / "may-end").touch()
        wait_completed(other.address, PATIENCE_SECONDS)
        stopped.signal(signal.SIGCONT)
        stopped.wait_ready()
        assert stopped.post("/orders", body_of("afterwards")).status == 201
        wait_completed(stopped.address, PATIENCE_SECONDS)
        posted = {order_id: body_of(order_id) for order_id in [*left, *kept, "retried", "afterwards"]}
        histories = (await inspect(other.address, posted)).histories
        assert "Traceback" not in stopped.errors + other.errors
    assert [_claims(histories[order_id]) for order_id in kept] == [[1]] * ORDERS
    assert [_claims(histories[order_id]) for order_id in left] == [[1, 2]] * ORDERS
    assert _claims(histories["retried"])[:2] == [1, 2]


def _claims(history: Sequence[Event]) -> Sequence[int]:
    """Return the attempts that count, by their numbers."""
    return sorted({event.attempt or 0 for event in history if event.type is EventType.CLAIMED})


def _wait_seen(folder: Path, order_ids: Sequence[str], *, attempt: int) -> None:
    """Wait until the processors have seen this attempt at each of these orders."""
    path = folder / "seen.txt"
    wanted = {f"{order_id} {attempt}" for order_id in order_ids}

    def is_seen() -> bool:
        return path.exists() and wanted <= set(path.read_text(encoding="utf-8").splitlines())

    wait_until(is_seen, PATIENCE_SECONDS, f"attempt {attempt} at {', '.join(order_ids)}")
