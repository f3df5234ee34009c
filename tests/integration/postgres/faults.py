"""What befalls a fleet of processes and its database, one fault at a time; each is over within seconds."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from random import Random
from typing import Final, Protocol

import asyncpg

from tests.integration.postgres.clients import Clients
from tests.integration.service import Service
from tests.integration.tcp_proxy import TcpProxy
from tests.postgres_server import Server

LONGER_THAN_THE_LEASE: Final = 1.5
"""How many times the lease a process or the database is away that shall come back to ended leases."""

TERMINATE: Final = """
SELECT count(pg_terminate_backend(pid)) FROM (
    SELECT pid FROM pg_stat_activity WHERE application_name = 'order_engine' ORDER BY random() LIMIT $1
) AS chosen
"""
MOST_TERMINATED: Final = 8


class Victim(Protocol):
    """What faults need to know of a fleet."""

    @property
    def members(self) -> list[Service]:
        """The processes, by number."""
        ...

    @property
    def clients(self) -> Clients:
        """Those who place orders."""
        ...

    @property
    def server(self) -> Server | None:
        """The database server, where the fleet has one to itself."""
        ...

    @property
    def proxy(self) -> TcpProxy | None:
        """The network between the processes and the database, where it is one that fails."""
        ...

    @property
    def lease_seconds(self) -> float:
        """Seconds before an order is taken from a process that stopped renewing its lease."""
        ...

    async def replace(self, number: int) -> None:
        """Kill a process and start another in its place, without waiting until it is ready."""
        ...


Fault = Callable[[Victim, Random], Awaitable[None]]


async def death(fleet: Victim, random: Random) -> None:
    """Kill -9 one process, be it busy or just starting; another takes its place."""
    await fleet.replace(random.randrange(len(fleet.members)))


async def pause(fleet: Victim, random: Random) -> None:
    """Stop one process for longer than its leases last, and continue it."""
    member = random.choice(fleet.members)
    member.signal(signal.SIGSTOP)
    try:
        await asyncio.sleep(fleet.lease_seconds * LONGER_THAN_THE_LEASE)
    finally:
        member.signal(signal.SIGCONT)


async def crash(fleet: Victim, random: Random) -> None:
    """Stop the database server without any farewell, and start it again after a moment."""
    await _away(fleet, "immediate", random.uniform(0, 0.5))


async def outage(fleet: Victim, _: Random) -> None:
    """Stop the database server in order, for longer than the leases last."""
    await _away(fleet, "fast", fleet.lease_seconds * LONGER_THAN_THE_LEASE)


async def termination(fleet: Victim, random: Random) -> None:
    """End some of the connections to the database, whatever they are in the middle of."""
    connection = await asyncpg.connect(_server_of(fleet).url, timeout=10)
    try:
        await connection.fetch(TERMINATE, random.randint(1, MOST_TERMINATED))
    finally:
        await connection.close(timeout=10)


async def delay(fleet: Victim, random: Random) -> None:
    """Let everything on the network take its time."""
    network = _network_of(fleet)
    network.delay_seconds = random.uniform(0.05, 0.3)
    await asyncio.sleep(random.uniform(0.5, 2))
    network.heal()


async def black_hole(fleet: Victim, random: Random) -> None:
    """Swallow everything for up to twice the lease; connections that lost something stay silent for good."""
    network = _network_of(fleet)
    network.swallow()
    await asyncio.sleep(random.uniform(0.1, 2) * fleet.lease_seconds)
    network.heal()


async def reset(fleet: Victim, random: Random) -> None:
    """Reset every connection, or close each in order, and refuse new ones for a moment."""
    network = _network_of(fleet)
    await network.refuse()
    random.choice([network.reset_all, network.close_all])()
    await asyncio.sleep(random.uniform(0, 0.5))
    await network.accept()


async def lost_answer(fleet: Victim, random: Random) -> None:
    """Lose a request about an order that is just being placed, or the answer to it, and its connection with it."""
    network = _network_of(fleet)
    order_id = next(iter(fleet.clients.unacknowledged), None)
    if order_id is not None:
        random.choice([network.lose_answer, network.lose_answer, network.lose_request])(order_id.encode())
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                await network.lost.wait()


async def _away(fleet: Victim, mode: str, seconds: float) -> None:
    server = _server_of(fleet)
    await asyncio.to_thread(server.stop, mode)
    try:
        await asyncio.sleep(seconds)
    finally:
        await asyncio.to_thread(server.start)


def _server_of(fleet: Victim) -> Server:
    assert fleet.server is not None, "this fault is for a server of the fleet's own"
    return fleet.server


def _network_of(fleet: Victim) -> TcpProxy:
    assert fleet.proxy is not None, "this fault is for a network of the fleet's own"
    return fleet.proxy


FAULTS: Final[Mapping[str, Fault]] = {
    "death": death,
    "pause": pause,
    "crash": crash,
    "outage": outage,
    "termination": termination,
    "delay": delay,
    "black-hole": black_hole,
    "reset": reset,
    "lost-answer": lost_answer,
}
