"""A database that forgets its last claims, by a fail-over or a restore: no token is given a second time (P2)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from order_engine import Order
from order_engine.contracts.model.laws import check_history
from order_engine.contracts.samples import WHOLE_HISTORY, placement, terms
from order_engine.domain.commands import Lease
from order_engine.domain.decisions import RefusalReason
from order_engine.ports.repository import Renewed
from order_engine_adapters.clocks import SystemClock
from order_engine_adapters.postgres.connection.target import parse
from order_engine_adapters.postgres.driver import open_repository
from order_engine_adapters.postgres.repository import PostgresRepository
from tests.integration.postgres.support import complete, execute
from tests.postgres_server import Server, running_server

KEPT: Final = ("due", "named", "late")
NEW: Final = ("born", "born-beside-a-replay")
EXACT_IN_JSON: Final = 2**53
MOMENT: Final = 0.001
"""Of a lease that ends at once."""

GoesBack = Callable[[Server], AbstractAsyncContextManager[Callable[[], str]]]


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


async def _prepare(url: str) -> None:
    """Place what is kept. The lease of the one that is late has ended."""
    async with _opened(url) as repository:
        await repository.add([placement(order_id) for order_id in KEPT])
        await repository.claim(terms("first", order_ids=["late"], lease_seconds=MOMENT))


async def _claim_all(url: str, name: str) -> Mapping[str, Order]:
    """Claim by every way there is: what is due, what is named, what is taken over, what is born claimed."""
    async with _opened(url) as repository:
        hold = terms(f"{name}-born", limit=2)
        added = [*await repository.add([placement("born")], hold)]
        added += await repository.add([placement("born"), placement("born-beside-a-replay")], hold)
        claimed = [each.order for each in added if each.order is not None and each.order.claim_id == hold.claim_id]
        claimed += (await repository.claim(terms(f"{name}-named", order_ids=["named"]))).orders
        claimed += (await repository.claim(terms(f"{name}-due", limit=1, take_ended_leases=False))).orders
        claimed += (await repository.claim(terms(f"{name}-late"))).orders
        return {order.order_id: order for order in claimed}


async def _refuses(repository: PostgresRepository, order: Order) -> None:
    """Check that a worker of before has lost its order."""
    (applied,) = await repository.apply([complete(order)])
    assert applied.refusal is RefusalReason.LOST, order
    assert await repository.renew([Lease(order.order_id, order.token)], 30.0) == [Renewed.LOST]


@asynccontextmanager
async def _promotion(server: Server) -> AsyncIterator[Callable[[], str]]:
    """Make a standby, which misses what follows and is promoted then."""
    folder = _folder(server)
    standby = server.standby(folder)
    standby.start()
    standby.stop()

    def promote() -> str:
        server.stop("immediate")
        standby.start()
        standby.promote()
        return standby.url

    try:
        yield promote
    finally:
        standby.stop("immediate")


@asynccontextmanager
async def _recovery(server: Server) -> AsyncIterator[Callable[[], str]]:
    """Make a base backup, which is recovered to this point in time then."""
    backup = server.standby(_folder(server))

    def recover() -> str:
        server.stop("immediate")
        (backup.cluster / "standby.signal").rename(backup.cluster / "recovery.signal")
        backup.settings = {**backup.settings, "restore_command": "false", "recovery_target": "immediate",
                           "recovery_target_action": "promote"}  # fmt: skip
        backup.start()
        return backup.url

    try:
        yield recover
    finally:
        backup.stop("immediate")


@asynccontextmanager
async def _dump(server: Server) -> AsyncIterator[Callable[[], str]]:
    """Make a dump, which is restored into the same database then."""
    dump = str(server.folder / "dump")
    server.dump("-Fc", "-n", "order_engine", "-f", dump)
    # The second in which a schema was made tells it from its restores.
    await _a_second_passes(server.url)

    def restore() -> str:
        server.restore_dump(server.url, "--clean", dump)
        return server.url

    yield restore


async def _a_second_passes(url: str) -> None:
    """Wait until the clock shows another second than when the schema was created."""
    async with asyncio.timeout(10):
        while not await _a_second_has_passed(url):  # noqa: ASYNC110 - time tells nobody
            await asyncio.sleep(0.05)


async def _a_second_has_passed(url: str) -> bool:
    ((passed,),) = await execute(
        parse(url), "SELECT order_engine.second_of_writing() > made_at FROM order_engine.identity"
    )
    return bool(passed)


def _folder(server: Server) -> Path:
    folder = server.folder / "other"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("goes_back", [_promotion, _recovery, _dump], ids=["promotion", "recovery", "dump"])
async def test_no_token_is_given_twice(server: Server, goes_back: GoesBack) -> None:
    """Whichever way an order is claimed, its token is above that of the claim that was lost, and exact in JSON.

    What worked on it before the database went back has lost it: neither a report nor a renewal counts.
    """
    await _prepare(server.url)
    async with goes_back(server) as go_back:
        lost = await _claim_all(server.url, "lost")
        assert set(lost) == {*KEPT, *NEW}
        assert max(order.token for order in lost.values()) == 2, "in the first history tokens count from 1"
        url = await asyncio.to_thread(go_back)
        again = await _claim_all(url, "again")
        assert set(again) == set(lost)
        for order_id, order in again.items():
            assert lost[order_id].token < order.token < EXACT_IN_JSON, order_id
        async with _opened(url) as repository:
            for order_id, order in again.items():
                await _refuses(repository, lost[order_id])
                (applied,) = await repository.apply([complete(order)])
                assert applied.refusal is None
                await _check(repository, order_id)


async def test_a_correction_of_the_time_begins_no_history(server: Server) -> None:
    """It changes the row by which histories are told apart, and no token jumps."""
    await _prepare(server.url)
    await _a_second_passes(server.url)
    await execute(parse(server.url), "SELECT order_engine.correct_time(now(), now())")
    assert max(order.token for order in (await _claim_all(server.url, "claim")).values()) <= 2


async def _check(repository: PostgresRepository, order_id: str) -> None:
    """Check the history against the rules, and the claim's result against the stored order."""
    history = await repository.history(order_id, 0, WHOLE_HISTORY)
    check_history(history)
    stored = (await repository.get([order_id]))[order_id]
    assert [event.token for event in history][-2:] == [stored.token, stored.token]
