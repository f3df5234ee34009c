"""A server that goes back in time: readers of events get every event of what is there, or an error, never a gap."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from order_engine.contracts.samples import placement
from order_engine.domain.errors import InvalidCursor
from order_engine.ports.repository import Cursor
from order_engine_adapters.clocks import SystemClock
from order_engine_adapters.postgres.connection.target import connect, parse
from order_engine_adapters.postgres.driver import open_repository
from order_engine_adapters.postgres.repository import PostgresRepository
from tests.integration.postgres.support import execute
from tests.postgres_server import Server, running_server

WHOLE = 1_000
LATE = 18
NEW = 30


@pytest.fixture
def server() -> Iterator[Server]:
    """Run a server of the test's own."""
    with running_server() as running:
        yield running


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[PostgresRepository]:
    async with open_repository(url, clock=SystemClock()) as repository:
        assert isinstance(repository, PostgresRepository)
        yield repository


async def _place(url: str, name: str, number: int) -> list[Cursor]:
    """Place orders one by one, and return the cursor of the end after each, and one from the middle of a page."""
    cursors: list[Cursor] = []
    async with _opened(url) as repository:
        beginning = (await repository.events(None, 0)).next
        for each in range(number):
            await repository.add([placement(f"{name}-{each}")])
            cursors.append((await repository.events(None, 0)).next)
            cursors += (await repository.events(beginning, 1)).cursors
    return cursors


async def _refuses(url: str, cursors: list[Cursor]) -> None:
    async with _opened(url) as repository:
        for cursor in cursors:
            with pytest.raises(InvalidCursor, match="restore"):
                await repository.events(cursor, WHOLE)


async def _refuses_for_good(url: str, cursors: list[Cursor]) -> None:
    """Check that cursors are refused before others have taken the place of what they saw, meanwhile and afterwards."""
    await _refuses(url, cursors)
    for number in range(NEW // 5):
        await _place(url, f"new-{number}", 5)
        await _refuses(url, cursors)


async def _leads_to(url: str, cursor: Cursor, names: list[str]) -> None:
    async with _opened(url) as repository:
        told = [event.order_id for event in (await repository.events(cursor, WHOLE)).events]
        assert sorted(told) == sorted(names)


def _new_names() -> list[str]:
    return [f"new-{number}-{each}" for number in range(NEW // 5) for each in range(5)]


async def test_files_that_were_copied_back(server: Server) -> None:
    """A snapshot of the disk: same cluster, same timeline, and every transaction id and serial number comes again."""
    copy = server.folder / "copy"
    early = (await _place(server.url, "kept", 3))[-2]
    server.stop()
    shutil.copytree(server.cluster, copy)
    server.start()
    late = await _place(server.url, "lost", LATE)
    server.stop("immediate")
    _put_back(copy, server.cluster)
    server.start()
    await _refuses_for_good(server.url, late)
    await _leads_to(server.url, early, _new_names())


async def test_recovery_to_an_earlier_point(server: Server) -> None:
    """A base backup that is recovered begins a timeline of its own, in which nothing of before is accepted."""
    folder = server.folder / "backup"
    folder.mkdir()
    early = await _place(server.url, "kept", 3)
    backup = server.standby(folder)
    late = await _place(server.url, "lost", LATE)
    server.stop("immediate")
    (backup.cluster / "standby.signal").rename(backup.cluster / "recovery.signal")
    backup.settings = {**backup.settings, "restore_command": "false", "recovery_target": "immediate",
                       "recovery_target_action": "promote"}  # fmt: skip
    backup.start()
    try:
        await _refuses_for_good(backup.url, early + late)
    finally:
        backup.stop("immediate")


async def test_promotion_of_a_standby_that_missed_transactions(server: Server) -> None:
    """Its transaction ids come again; so nothing of the time before the promotion is accepted."""
    folder = server.folder / "standby"
    folder.mkdir()
    early = await _place(server.url, "kept", 3)
    standby = server.standby(folder)
    standby.start()
    try:
        standby.stop()
        late = await _place(server.url, "lost", LATE)
        server.stop("immediate")
        standby.start()
        standby.promote()
        await _refuses_for_good(standby.url, early + late)
    finally:
        standby.stop("immediate")


@pytest.mark.parametrize("place", ["same database", "other database"])
async def test_a_dump_that_is_restored(server: Server, place: str) -> None:
    """Its tables are others, wherever they are restored: every cursor from before is refused, and all events come."""
    early = await _place(server.url, "kept", 3)
    dump = str(server.folder / "dump")
    server.dump("-Fc", "-n", "order_engine", "-f", dump)
    late = await _place(server.url, "lost", LATE)
    url = server.url
    if place == "same database":
        server.restore_dump(url, "--clean", dump)
    else:
        url = f"{server.url.rpartition('/')[0]}/template1"
        server.restore_dump(url, dump)
    await _refuses_for_good(url, early + late)
    async with _opened(url) as repository:
        told = [event.order_id for event in (await repository.events(None, WHOLE)).events]
    assert sorted(told) == sorted([*(f"kept-{each}" for each in range(3)), *_new_names()])


async def test_a_standby_knows_what_is_under_way(server: Server) -> None:
    """Whoever reads at a standby misses nothing that commits late at the primary, and may go on at the primary."""
    folder = server.folder / "standby"
    folder.mkdir()
    await _place(server.url, "first", 1)
    standby = server.standby(folder)
    standby.start()
    try:
        connection = await connect(parse(server.url))
        async with _opened(server.url) as primary, _opened(standby.url) as reader:
            seen, cursor = await _follow(reader, None)
            for number in range(3):
                transaction = connection.transaction()
                await transaction.start()
                await primary.add([placement(f"late-{number}")], connection=connection)
                await primary.add([placement(f"quick-{number}")])
                await _until_replayed(server, standby)
                found, cursor = await _follow(reader, cursor)
                seen += found
                await transaction.commit()
                await _until_replayed(server, standby)
                found, cursor = await _follow(reader, cursor)
                seen += found
            await primary.add([placement("last")])
            seen += (await _follow(primary, cursor))[0]
        await connection.close()
        names = [f"{kind}-{number}" for kind in ("late", "quick") for number in range(3)]
        assert sorted(seen) == sorted(["first-0", "last", *names])
    finally:
        standby.stop("immediate")


async def _follow(repository: PostgresRepository, cursor: Cursor | None) -> tuple[list[str], Cursor]:
    page = await repository.events(cursor, WHOLE)
    return [event.order_id for event in page.events], page.next


async def _until_replayed(primary: Server, standby: Server) -> None:
    """Wait until a standby shows everything that its primary has written."""
    ((written,),) = await execute(parse(primary.url), "SELECT pg_current_wal_insert_lsn()::text")
    async with asyncio.timeout(20):
        while not await _has_replayed(standby, written):  # noqa: ASYNC110 - a standby tells nobody
            await asyncio.sleep(0.02)


async def _has_replayed(standby: Server, written: str) -> bool:
    ((behind,),) = await execute(
        parse(standby.url), "SELECT pg_wal_lsn_diff($1::text::pg_lsn, pg_last_wal_replay_lsn()) > 0", written
    )
    return not behind


def _put_back(copy: Path, cluster: Path) -> None:
    shutil.rmtree(cluster)
    owner = copy.parent.stat()
    copy.rename(cluster)
    for each in (cluster, *cluster.rglob("*")):
        shutil.chown(each, owner.st_uid, owner.st_gid)
