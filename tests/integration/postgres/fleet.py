"""Services and workers on one PostgreSQL under load, while they and the database fail: a run, and what became of it.

`python -m tests.integration.postgres.fleet --orders 50000 --seconds-between-faults 1 --fault death --fault pause`
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from tests.integration.crash_rounds import fresh_seed
from tests.integration.inspection import Findings, counted, inspect, wait_completed
from tests.integration.postgres.clients import Clients
from tests.integration.postgres.faults import FAULTS
from tests.integration.service import Service
from tests.integration.tcp_proxy import TcpProxy
from tests.integration.wire_orders import wire_orders
from tests.postgres_server import Server, running_server

COMMANDS: Final = ("serve", "serve", "worker", "worker", "worker")
READY_SECONDS: Final = 30.0
SETTLE_SECONDS: Final = 120.0
LONGEST_RUN: Final = 600.0
"""Seconds that a run by command may take beyond ten times the time in which its orders come."""
DURABLE: Final = {"max_connections": "200"}
"""Of a server that crashes: everything else, safety above all, is what PostgreSQL has by default."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How many orders, by how many clients, and what goes wrong meanwhile: one fault after the other, at random."""

    orders: int
    faults: Sequence[str]
    seconds_between_faults: float
    seed: int
    clients: int = 12
    orders_per_second: float = 0.0
    lease_seconds: float = 1.0
    processor: str = "demo:0.05"
    commands: Sequence[str] = COMMANDS
    longest_seconds: float = 180.0


@dataclass
class Fleet:
    """The processes on one database, its clients, and its faults."""

    folder: Path
    url: str
    plan: Plan
    server: Server | None = None
    proxy: TcpProxy | None = None
    members: list[Service] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    clients: Clients = field(init=False)

    def __post_init__(self) -> None:
        """Give the clients their orders."""
        self._random = Random(self.plan.seed)  # noqa: S311 - to be repeated, not to be secret
        orders = wire_orders(self.plan.orders)
        self.clients = Clients(orders, self._addresses, self._random, self.plan.orders_per_second)

    @property
    def lease_seconds(self) -> float:
        """Seconds before an order is taken from a process that stopped renewing its lease."""
        return self.plan.lease_seconds

    async def run(self) -> Findings:
        """Place all orders under faults, then stop the faults and check everything. Raises AssertionError."""
        try:
            async with asyncio.timeout(self.plan.longest_seconds):
                for command in self.plan.commands:
                    self.members.append(self._begin(command))
                await self._all_ready()
                over = asyncio.Event()
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._trouble(over))
                    await self.clients.place_all(self.plan.clients)
                    over.set()
                return await self._end()
        except BaseException as error:
            error.add_note(f"the seed was {self.plan.seed}; faults so far: {dict(self.faults)}; files: {self.folder}")
            raise
        finally:
            for member in self.members:
                member.kill()

    async def replace(self, number: int) -> None:
        """Kill a process and start another in its place, without waiting until it is ready."""
        await asyncio.to_thread(self.members[number].kill)
        self.members[number] = self._begin(self.plan.commands[number])

    async def _trouble(self, over: asyncio.Event) -> None:
        """Let a fault happen again and again; one that has begun is mended before this returns."""
        while not over.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(self.plan.seconds_between_faults):
                    await over.wait()
                return
            name = self._random.choice(self.plan.faults)
            await FAULTS[name](self, self._random)
            self.faults[name] += 1

    async def _end(self) -> Findings:
        await self._all_ready()
        address = self._addresses()[0]
        await asyncio.to_thread(wait_completed, address, SETTLE_SECONDS)
        for errors in self.folder.glob("*.errors"):
            assert "Traceback" not in errors.read_text(encoding="utf-8"), errors
        # In a thread with a loop of its own: the network, where it is ours, has to turn meanwhile.
        return await asyncio.to_thread(asyncio.run, inspect(address, self.clients.orders))

    async def _all_ready(self) -> None:
        await asyncio.gather(*(asyncio.to_thread(member.wait_ready, READY_SECONDS) for member in self.members))

    def _addresses(self) -> Sequence[str]:
        pairs = zip(self.members, self.plan.commands, strict=True)
        return [member.address for member, command in pairs if command == "serve" and member.address]

    def _begin(self, command: str) -> Service:
        lease = ("--lease-seconds", str(self.plan.lease_seconds), "--poll-seconds", "0.1")
        flags = ("--database-url", self.url, *lease, "--max-deliveries", "1000", "--processor", self.plan.processor)
        return Service(self.folder, *flags, command=command)


async def main() -> None:
    """Run for the requested time and print the outcome of the orders."""
    plan, begun = _plan(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fleet-") as folder, running_server(DURABLE) as server:
        async with TcpProxy(server.url) as proxy:
            fleet = Fleet(Path(folder), proxy.url, plan, server, proxy)
            findings = await fleet.run()
    clients = fleet.clients
    sys.stdout.write(
        f"seed {plan.seed}: {findings.orders} orders, none lost, none twice, all Completed; {dict(fleet.faults)}; "
        f"{findings.claims - findings.orders} attempts begun again, {counted(findings.histories)} orders with attempts "
        f"that count as failed or vanished; {clients.replays} placings replayed, "
        f"{clients.refusals} refused for a time, {clients.broken} connections broken; "
        f"{time.monotonic() - begun:.0f} s\n"
    )


def _plan() -> Plan:
    parser = argparse.ArgumentParser(description=__doc__)
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--orders", type=int, default=50_000)
    length.add_argument("--minutes", type=float, help="instead of --orders: as many as come in so many minutes")
    parser.add_argument("--orders-per-second", type=float, default=300.0)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--fault", action="append", choices=list(FAULTS), help="may be repeated; default: death")
    parser.add_argument("--seconds-between-faults", type=float, default=1.0)
    parser.add_argument("--lease-seconds", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=fresh_seed())
    given = parser.parse_args()
    orders = given.orders if given.minutes is None else round(given.minutes * 60 * given.orders_per_second)
    return Plan(
        orders=orders,
        orders_per_second=given.orders_per_second,
        clients=given.clients,
        faults=given.fault or ["death"],
        seconds_between_faults=given.seconds_between_faults,
        lease_seconds=given.lease_seconds,
        seed=given.seed,
        longest_seconds=LONGEST_RUN + 10 * orders / given.orders_per_second,
    )


if __name__ == "__main__":
    asyncio.run(main())
