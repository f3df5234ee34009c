"""A primary and its standby, which takes its place when it dies; then another standby is made from that one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import asyncpg

from tests.integration.tcp_proxy import TcpProxy
from tests.postgres_server import Server, free_port, running_server, unprivileged

STANDBY: Final = "standby"
LOOK_SECONDS: Final = 0.05
FROZEN_SECONDS: Final = 8.0
"""Longer than a call may take: whoever has a connection to a frozen server has given it up by then."""
REPLICATES_SECONDS: Final = 60.0
DURABLE: Final = {"max_connections": "100", "shared_buffers": "64MB", "wal_sender_timeout": "5s"}
"""Of servers that crash: everything else, safety above all, is what PostgreSQL has by default."""

ORDER_IDS: Final = "SELECT order_id FROM order_engine.contents"
CLOCK: Final = """
CREATE OR REPLACE FUNCTION order_engine.time_of_day() RETURNS timestamptz LANGUAGE sql VOLATILE
AS $$ SELECT clock_timestamp() - interval '{seconds:f} seconds' $$
"""


class Pair:
    """Two servers. Clients reach the primary by one address, or try both of a list of hosts."""

    def __init__(self, primary: Server, proxy: TcpProxy, *, is_synchronous: bool, hosts: bool) -> None:
        """Begin with a primary alone."""
        self.primary = primary
        self._proxy = proxy
        self._is_synchronous = is_synchronous
        self._hosts = hosts
        self._folder = primary.folder
        self._standby: Server | None = None
        self._number = 0
        self.lost: set[str] = set()
        """Ids of orders that a primary had when it died, and its standby had not."""

    @property
    def url(self) -> str:
        """The URL by which services reach whichever is the primary."""
        if not self._hosts:
            return self._proxy.url
        ports = [self.primary.port, self.standby.port]
        hosts = ",".join(f"127.0.0.1:{port}" for port in sorted(ports))
        return f"postgresql://postgres@{hosts}/postgres?target_session_attrs=read-write"

    @property
    def standby(self) -> Server:
        """The standby."""
        assert self._standby is not None, "there is a standby"
        return self._standby

    async def add_standby(self, port: int | None = None) -> None:
        """Make a standby of the primary, start it, and wait until it follows."""
        self._number += 1
        folder = self._folder / f"standby-{self._number}"
        folder.mkdir()
        unprivileged(folder)
        self._standby = await asyncio.to_thread(self.primary.standby, folder, STANDBY, port)
        await asyncio.to_thread(self._standby.start)
        await self._until("SELECT count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming'")
        await self._wait_for_standby(STANDBY if self._is_synchronous else "")

    async def fail_over(
        self, *, missing_seconds: float = 0.0, clock_behind_seconds: float = 0.0, freezes: bool = False
    ) -> None:
        """Let the primary crash or freeze, promote the standby, and lead everybody there.

        The standby misses what the primary does in the last `missing_seconds`; by the time of the new primary it is so
        many seconds earlier. One that freezes answers nothing, keeps its connections, and crashes after the promotion.
        """
        old, new = self.primary, self.standby
        if missing_seconds:
            await asyncio.to_thread(new.stop)
            await asyncio.sleep(missing_seconds)
        if freezes:
            old.pause()
        else:
            await asyncio.to_thread(old.stop, "immediate")
        if missing_seconds:
            await asyncio.to_thread(new.start)
        await asyncio.to_thread(new.promote)
        kept = {str(row[0]) for row in await _ask(new, ORDER_IDS)}
        self.primary, self._standby = new, None
        await self._wait_for_standby("")
        if clock_behind_seconds:
            await _ask(new, CLOCK.format(seconds=clock_behind_seconds))
        self._proxy.lead_to(new.url)
        if freezes:
            await asyncio.sleep(FROZEN_SECONDS)
            old.go_on()
            await asyncio.to_thread(old.stop, "immediate")
        await self._look_what_was_lost(old, kept)

    async def close(self) -> None:
        """Stop both."""
        for server in (self._standby, self.primary):
            if server is not None:
                await asyncio.to_thread(server.stop, "immediate")

    async def _look_what_was_lost(self, old: Server, kept: set[str]) -> None:
        """Start the old primary once more, where no service reaches it, and see what it had."""
        port, old.port = old.port, free_port()
        await asyncio.to_thread(old.start)
        self.lost |= {str(row[0]) for row in await _ask(old, ORDER_IDS)} - kept
        await asyncio.to_thread(old.stop, "immediate")
        old.port = port

    async def _wait_for_standby(self, name: str) -> None:
        """Let commits wait for the standby of this name; for none where it is empty."""
        await _ask(self.primary, f"ALTER SYSTEM SET synchronous_standby_names = '{name}'")
        await _ask(self.primary, "SELECT pg_reload_conf()")
        await self._until(f"SELECT current_setting('synchronous_standby_names') = '{name}'")

    async def _until(self, question: str) -> None:
        """Wait until a condition is true on the primary."""
        async with asyncio.timeout(REPLICATES_SECONDS):
            while not (await _ask(self.primary, question))[0][0]:  # noqa: ASYNC110 - a server tells nobody
                await asyncio.sleep(LOOK_SECONDS)


async def _ask(server: Server, sql: str) -> Sequence[asyncpg.Record]:
    connection = await asyncpg.connect(server.url, timeout=20)
    try:
        return await connection.fetch(sql)
    finally:
        await connection.close()


@asynccontextmanager
async def running_pair(
    *, is_synchronous: bool, synchronous_commit: str = "on", hosts: bool = False, chosen: Path | None = None
) -> AsyncIterator[Pair]:
    """Run a primary and a standby as long as the context lasts, by the `chosen` programs or the newest.

    `synchronous_commit` says what a commit waits for at a synchronous standby.
    """
    with running_server({**DURABLE, "synchronous_commit": synchronous_commit}, chosen=chosen) as server:
        async with TcpProxy(server.url) as proxy:
            pair = Pair(server, proxy, is_synchronous=is_synchronous, hosts=hosts)
            try:
                await pair.add_standby()
                yield pair
            finally:
                await pair.close()
