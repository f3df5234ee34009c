"""What the tests of the SQLite repository share."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from order_engine.contracts.samples import LEASE_SECONDS, terms
from order_engine.domain.commands import Action, Command
from order_engine.domain.events import Event
from order_engine.domain.metrics import Statistics
from order_engine.domain.order import Order
from order_engine.ports.repository import OrderQuery
from order_engine_adapters.sqlite import SqliteRepository

PREAMBLE = """
import asyncio, os, signal, sys
from pathlib import Path
from order_engine.contracts.samples import placement, terms
from order_engine_adapters.clocks import SystemClock
from order_engine_adapters.sqlite.driver import open_file

path = Path(sys.argv[1])
clock = SystemClock()
"""
"""What a program of a test begins with: its first argument is the path of the database."""

WHOLE = 10_000


@dataclass(frozen=True)
class Snapshot:
    """Everything that a repository tells."""

    orders: Mapping[str, Order]
    histories: Mapping[str, Sequence[Event]]
    stream: Sequence[Event]
    statistics: Statistics


def beside(path: Path, ending: str) -> Path:
    """Return the path of a file that lies beside the database."""
    return path.with_name(path.name + ending)


async def snapshot(repository: SqliteRepository) -> Snapshot:
    """Read everything that a repository tells."""
    orders = {order.order_id: order for order in (await repository.list(OrderQuery(limit=WHOLE))).orders}
    histories = {order_id: await repository.history(order_id, 0, WHOLE) for order_id in orders}
    stream = (await repository.events(None, WHOLE)).events
    return Snapshot(orders, histories, stream, await repository.statistics())


async def take(repository: SqliteRepository, *order_ids: str, claim_id: str) -> Sequence[Order]:
    """Claim orders by their ids."""
    return (await repository.claim(terms(claim_id, order_ids=order_ids, lease_seconds=LEASE_SECONDS))).orders


async def report(repository: SqliteRepository, order: Order, action: Action) -> None:
    """Report on an attempt."""
    (applied,) = await repository.apply([Command(order.order_id, action, token=order.token, reason="reported")])
    assert applied.refusal is None


def start(program: str, path: Path) -> subprocess.Popen[str]:
    """Run a program, which begins with the preamble, in a process of its own."""
    command = [sys.executable, "-c", PREAMBLE + program, str(path)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own


def output_of(program: str, path: Path) -> str:
    """Run a program to its end and return what it printed."""
    with start(program, path) as process:
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    return output.strip()
