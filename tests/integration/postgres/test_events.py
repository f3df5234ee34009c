"""The event stream misses no event, whenever its transaction committed."""

from __future__ import annotations

import asyncio
import random

import pytest

from order_engine.contracts.model.laws import StreamReader
from order_engine.contracts.samples import placement, terms
from order_engine.domain.errors import InvalidCursor
from order_engine.domain.events import Event
from order_engine.ports.repository import Cursor
from order_engine_adapters.postgres.connection.target import connect
from order_engine_adapters.postgres.driver import open_target
from order_engine_adapters.postgres.reading import event_stream
from order_engine_adapters.postgres.repository import PostgresRepository
from tests.integration.postgres.support import complete, execute, new_repository, new_schema

MANY_EVENTS = """
INSERT INTO {schema}.events (order_serial, version, type, at)
SELECT serial, version, 'placed', created_at FROM {schema}.contents, generate_series(2, number + 1) AS version
ORDER BY version
"""


async def _follow(repository: PostgresRepository, cursor: Cursor | None, limit: int) -> tuple[list[Event], Cursor]:
    """Read pages until one is empty."""
    found: list[Event] = []
    while True:
        page = await repository.events(cursor, limit)
        found += page.events
        cursor = page.next
        if not page.events:
            return found, cursor


@pytest.mark.parametrize("limit", [1, 2, 100])
async def test_late_commit_is_not_missed(limit: int) -> None:
    """An event with a low serial number that commits after later ones were read comes with the next page, once."""
    target = await new_schema()
    async with open_target(target) as repository:
        early, late = await connect(target), await connect(target)
        try:
            await repository.add([placement("order-0")])
            seen, cursor = await _follow(repository, None, limit)
            for number in range(4):
                slow, slower = late.transaction(), early.transaction()
                await slow.start()
                await slower.start()
                await repository.add([placement(f"late-{number}")], connection=late)
                await repository.add([placement(f"later-{number}")], connection=early)
                await repository.add([placement(f"quick-{number}")])
                page = await repository.events(cursor, 1)
                seen += page.events
                cursor = page.next
                await slow.commit()
                found, cursor = await _follow(repository, cursor, limit)
                seen += found
                await repository.add([placement(f"after-{number}")])
                found, cursor = await _follow(repository, cursor, limit)
                seen += found
                await slower.commit()
                found, cursor = await _follow(repository, cursor, limit)
                seen += found
        finally:
            await early.close()
            await late.close()
        names = [event.order_id for event in seen]
        kinds = ("late", "later", "quick", "after")
        assert sorted(names) == sorted(["order-0", *(f"{kind}-{number}" for kind in kinds for number in range(4))])


async def test_commits_within_a_page_walk() -> None:
    """What commits while a reader is between two pages of one snapshot comes behind it, and nothing comes twice."""
    target = await new_schema()
    async with open_target(target) as repository:
        connection = await connect(target)
        try:
            transaction = connection.transaction()
            await transaction.start()
            await repository.add([placement("late")], connection=connection)
            await repository.add([placement(f"order-{index}") for index in range(6)])
            page = await repository.events(None, 4)
            await transaction.commit()
            await repository.add([placement("last")])
            rest, _ = await _follow(repository, page.next, 4)
        finally:
            await connection.close()
        names = [event.order_id for event in (*page.events, *rest)]
        assert sorted(names) == sorted(["late", "last", *(f"order-{index}" for index in range(6))])


async def test_reader_among_many_writers() -> None:
    """Beside writers whose transactions stay open for random times, a reader gets every order's whole history."""
    target = await new_schema(pool=6)
    chance = random.Random(1)  # noqa: S311 - tests repeat
    async with open_target(target) as repository:
        names = [f"order-{writer}-{number}" for writer in range(6) for number in range(12)]

        async def write(writer: int) -> None:
            connection = await connect(target)
            try:
                for number in range(12):
                    name = f"order-{writer}-{number}"
                    async with connection.transaction():
                        await repository.add([placement(name)], terms(name, limit=1), connection=connection)
                        await asyncio.sleep(chance.random() * 0.03)
                    held = (await repository.get([name]))[name]
                    await repository.apply([complete(held)])
            finally:
                await connection.close()

        reader = StreamReader()
        writing = asyncio.gather(*map(write, range(6)))
        cursor: Cursor | None = None
        is_last = False
        while not is_last:
            is_last = writing.done()
            found, cursor = await _follow(repository, cursor, 7)
            reader.read(found)
            await asyncio.sleep(0.002)
        await writing
        histories = reader.histories()
        assert sorted(histories) == sorted(names)
        for name in names:
            assert histories[name] == await repository.history(name, 0, 10)


async def test_rolled_back_events_never_come() -> None:
    """Events of a rolled back transaction do not appear and do not delay others."""
    target = await new_schema()
    async with open_target(target) as repository:
        connection = await connect(target)
        try:
            transaction = connection.transaction()
            await transaction.start()
            await repository.add([placement("never")], connection=connection)
            await repository.add([placement("order-1")])
            seen, cursor = await _follow(repository, None, 10)
            await transaction.rollback()
            await repository.add([placement("order-2")])
            seen += (await _follow(repository, cursor, 10))[0]
        finally:
            await connection.close()
        assert [event.order_id for event in seen] == ["order-1", "order-2"]


async def test_cursor_of_another_database_is_refused() -> None:
    """A cursor of another schema, or of a time that this one has not seen, is an error."""
    async with new_repository() as first, new_repository() as second:
        await first.add([placement("order-1")])
        cursor = (await first.events(None, 10)).next
        with pytest.raises(InvalidCursor):
            await second.events(cursor, 10)
        name = cursor.partition("~")[0]
        for snapshot in ("900000000000:900000000001:", "5:4:", "0:0:", "10:20:99", "10:20:15,14"):
            with pytest.raises(InvalidCursor):
                await first.events(Cursor(f"{name}~{snapshot}~~0~{cursor.rpartition('~')[2]}"), 10)


async def test_reader_who_was_away_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader who comes back to more new events than are sorted for every page gets all of them as well, once."""
    monkeypatch.setattr(event_stream, "FEW_EVENTS", 5)
    target = await new_schema()
    async with open_target(target) as repository:
        connection = await connect(target)
        try:
            await repository.add([placement("before")])
            transaction = connection.transaction()
            await transaction.start()
            await repository.add([placement("late")], connection=connection)
            await repository.add([placement("seen")])
            seen, cursor = await _follow(repository, None, 10)
            await transaction.commit()
            await repository.add([placement(f"order-{number}") for number in range(30)])
            for limit in (4, 100):
                found, _ = await _follow(repository, cursor, limit)
                names = [event.order_id for event in found]
                assert sorted(names) == sorted(["late", *(f"order-{number}" for number in range(30))])
            assert [event.order_id for event in seen] == ["before", "seen"]
        finally:
            await connection.close()


@pytest.mark.parametrize("more", [0, 1, 2])
async def test_reader_who_was_away_for_as_long_as_is_sorted(more: int) -> None:
    """At the number of new events up to which they are sorted for every page, and beyond it, none is left out."""
    target = await new_schema()
    number = event_stream.FEW_EVENTS + more
    async with open_target(target) as repository:
        await repository.add([placement("order")])
        cursor = (await repository.events(None, 0)).next
        await execute(target, MANY_EVENTS.replace("number", str(number)))
        found, _ = await _follow(repository, cursor, 4000)
        assert [event.version for event in found] == list(range(2, number + 2))


async def test_dump_that_was_restored_elsewhere() -> None:
    """Events with transaction ids that this cluster has not assigned yet are in the stream."""
    target = await new_schema()
    async with open_target(target) as repository:
        await repository.add([placement("order-1"), placement("order-2")])
        await execute(target, "UPDATE {schema}.events SET transaction_id = '900000000000' WHERE serial = 2")
    async with open_target(target) as repository:
        found, cursor = await _follow(repository, None, 10)
        assert [event.order_id for event in found] == ["order-1", "order-2"]
        await repository.add([placement("order-3")])
        assert [event.order_id for event in (await repository.events(cursor, 10)).events] == ["order-3"]


@pytest.mark.parametrize("few", [10_000, 3])
async def test_every_cursor_and_end_while_writers_hold_transactions_open(
    few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever goes on from the cursor of any event, or up to any end, gets the rest once, whatever commits late.

    After every step of two writers whose transactions stay open, a page is read, and each cursor in it kept with what
    its reader had seen by then; all are followed while transactions are still open, and again when all have committed.
    """
    monkeypatch.setattr(event_stream, "FEW_EVENTS", few)
    target = await new_schema()
    async with open_target(target) as repository:
        early, late = await connect(target), await connect(target)
        kept: list[tuple[list[str], Cursor]] = []
        seen: list[str] = []
        cursor: Cursor | None = None

        async def read(limit: int) -> None:
            nonlocal cursor
            end = (await repository.events(None, 0)).next
            page = await repository.events_until(cursor, limit, end)
            for event, following in zip(page.events, page.cursors, strict=True):
                seen.append(event.order_id)
                kept.append((list(seen), following))
            cursor = page.next

        async def check(names: list[str]) -> None:
            for told, place in kept:
                end = (await repository.events(None, 0)).next
                found, reached = await _walk(repository, place, end)
                assert reached == end
                assert sorted(told + found) == sorted(names)

        try:
            for number in range(4):
                slow, slower = late.transaction(), early.transaction()
                await slow.start()
                await slower.start()
                await repository.add([placement(f"slow-{number}")], connection=late)
                await repository.add([placement(f"slower-{number}-{index}") for index in range(3)], connection=early)
                await repository.add([placement(f"quick-{number}-{index}") for index in range(3)])
                await read(2)
                await slow.commit()
                await read(1)
                await repository.add([placement(f"more-{number}")])
                committed = [name for name, _ in await _committed(repository)]
                await check(committed)
                await slower.commit()
                await read(2)
            await check([name for name, _ in await _committed(repository)])
        finally:
            await early.close()
            await late.close()
        assert len(kept) > 12


async def _walk(repository: PostgresRepository, cursor: Cursor, end: Cursor) -> tuple[list[str], Cursor]:
    """Read up to an end, in pages of two."""
    found: list[str] = []
    while True:
        page = await repository.events_until(cursor, 2, end)
        found += [event.order_id for event in page.events]
        cursor = page.next
        if not page.events:
            return found, cursor


async def _committed(repository: PostgresRepository) -> list[tuple[str, int]]:
    """Return what has happened, in no order."""
    return [(event.order_id, event.version) for event in (await repository.events(None, 1_000)).events]
