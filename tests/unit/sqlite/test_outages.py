"""Full and failing disks: calls are atomic, and no restart is needed."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from order_engine.contracts.samples import placement, terms
from order_engine.domain.commands import Action, Command
from order_engine.domain.errors import OutcomeUnknown, Unavailable
from order_engine.ports.repository import AddOutcome
from order_engine_adapters.clocks import ManualClock
from order_engine_adapters.sqlite import SqliteRepository, open_repository
from order_engine_adapters.sqlite.connection.connection import TRANSACTIONS_BETWEEN_LOOKS
from order_engine_adapters.sqlite.driver import open_file
from order_engine_adapters.sqlite.order_tables import OrderTables
from tests.unit.sqlite.support import beside, output_of, snapshot

NO_ROOM = """
import resource
from order_engine.domain.errors import OutcomeUnknown, Unavailable
from order_engine.ports.repository import AddOutcome, OrderQuery

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

async def fill(repository, first):
    stored = []
    for number in range(first, first + 10_000):
        batch = [placement(f"order-{number}-{part}") for part in range(20)]
        try:
            await repository.add(batch, terms(f"claim-{number}", limit=5))
        except Unavailable as error:
            return stored, batch, error
        stored += [each.order_id for each in batch]

async def main():
    async with open_file(path, clock=clock) as repository:
        await repository.add([placement("first")])
        limit(300_000)
        stored, refused, error = await fill(repository, 0)
        assert str(path) in str(error), error
        more, _, _ = await fill(repository, 10_000)
        stored += more
        there = await repository.get([*stored, "first"])
        assert set(there) == {*stored, "first"}
        assert not await repository.get([each.order_id for each in refused])
        assert (await repository.statistics()).total_orders == len(stored) + 1
        limit(resource.RLIM_INFINITY)
        outcomes = [added.outcome for added in await repository.add(refused)]
        assert outcomes == [AddOutcome.ADDED] * len(refused)
    async with open_file(path, clock=clock) as repository:
        page = await repository.list(OrderQuery(limit=100_000))
        assert {order.order_id for order in page.orders} == {*stored, "first", *(each.order_id for each in refused)}
        assert (await repository.statistics()).total_orders == len(page.orders)
    print("healed", len(stored) > 0)

asyncio.run(main())
"""


class FailingConnection:
    """A connection that fails once at a given statement."""

    def __init__(self, connection: sqlite3.Connection, beginning: str, error: sqlite3.Error, *, late: bool) -> None:
        """Fail at the next statement with this beginning; `late` means after it has been carried out."""
        self._connection = connection
        self._beginning = beginning
        self._error: sqlite3.Error | None = error
        self._late = late

    def __getattr__(self, name: str) -> object:
        """Pass everything on."""
        return getattr(self._connection, name)

    def execute(self, sql: str, parameters: object = ()) -> sqlite3.Cursor:
        """Execute, or fail."""
        error = self._error
        if error is None or not sql.startswith(self._beginning):
            return self._connection.execute(sql, parameters)  # type: ignore[arg-type]
        self._error = None
        if self._late:
            self._connection.execute(sql, parameters)  # type: ignore[arg-type]
        raise error


async def test_a_call_without_commands_finds_out_whether_there_is_room(tmp_path: Path) -> None:
    """It changes nothing, and is Unavailable where the file cannot grow by what a batch of orders takes."""
    async with open_file(tmp_path / "orders.db", clock=ManualClock()) as repository:
        await repository.add([placement("order-1")])
        before = await snapshot(repository)
        pages = await _ask(repository, "PRAGMA page_count")
        await _ask(repository, f"PRAGMA max_page_count = {int(str(pages)) + 100}")
        with pytest.raises(Unavailable):
            await repository.apply([])
        await _ask(repository, "PRAGMA max_page_count = 1000000")
        assert await repository.apply([]) == []
        assert await snapshot(repository) == before
        assert await _ask(repository, "SELECT count(*) FROM room") == 0


def test_no_room_is_unavailable_and_heals(tmp_path: Path) -> None:
    """Where the file cannot grow, calls are Unavailable and have no effect; with room again they work, nothing lost.

    The limit is the operating system's own, on the size of the files that the process writes.
    """
    assert output_of(NO_ROOM, tmp_path / "orders.db") == "healed True"


async def test_full_database_is_unavailable_and_heals(tmp_path: Path) -> None:
    """What SQLite calls full, at a statement in the middle of a transaction, takes no effect and heals."""
    async with open_file(tmp_path / "orders.db", clock=ManualClock()) as repository:
        await repository.add([placement("order-1")])
        before = await snapshot(repository)
        pages = await _ask(repository, "PRAGMA page_count")
        await _ask(repository, f"PRAGMA max_page_count = {pages}")
        large = [placement(f"large-{number}", idempotency_key=f"key-{number}") for number in range(2_000)]
        with pytest.raises(Unavailable, match="No disk space"):
            await repository.add(large)
        assert await snapshot(repository) == before
        await _ask(repository, "PRAGMA max_page_count = 1000000")
        outcomes = [added.outcome for added in await repository.add(large)]
        assert outcomes == [AddOutcome.ADDED] * len(large)


@pytest.mark.parametrize("keyed", [False, True])
@pytest.mark.parametrize("late", [False, True])
async def test_failed_flush_is_an_unknown_outcome(tmp_path: Path, *, keyed: bool, late: bool) -> None:
    """Where flushing fails at the commit, the outcome is unknown; asked again, the call is answered truly.

    With a key the transaction has a COMMIT of its own; without, a single statement commits.
    """
    async with open_file(tmp_path / "orders.db", clock=ManualClock()) as repository:
        wanted = placement("order-1", idempotency_key="key-1" if keyed else None)
        await _fail(repository, "COMMIT" if keyed else "INSERT", sqlite3.SQLITE_IOERR_FSYNC, late=late)
        with pytest.raises(OutcomeUnknown, match="may have taken effect"):
            await repository.add([wanted])
        (again,) = await repository.add([wanted])
        assert again.outcome is (AddOutcome.REPLAYED if late else AddOutcome.ADDED)
        assert (await repository.statistics()).total_orders == 1


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (sqlite3.SQLITE_IOERR_WRITE, "disk"),
        (sqlite3.SQLITE_FULL, "No disk space"),
        (sqlite3.SQLITE_BUSY, "locked"),
        (sqlite3.SQLITE_READONLY, "not writable"),
        (sqlite3.SQLITE_CORRUPT, "damaged"),
        (sqlite3.SQLITE_CANTOPEN_FULLPATH, "Cannot open"),
        (sqlite3.SQLITE_LOCKED, "locked"),
        (sqlite3.SQLITE_PROTOCOL, "locked"),
        (sqlite3.SQLITE_PERM, "not writable"),
        (sqlite3.SQLITE_NOTADB, "not a SQLite database"),
        (sqlite3.SQLITE_INTERRUPT, "interrupted"),
    ],
)
async def test_errors_of_the_surroundings_are_unavailable(tmp_path: Path, code: int, why: str) -> None:
    """A disk or file that fails a writer or a reader is Unavailable, by a sentence with the path, and heals."""
    path = tmp_path / "orders.db"
    async with open_file(path, clock=ManualClock()) as repository:
        (added,) = await repository.add([placement("order-1")], terms("claim-1", limit=1))
        assert added.order is not None
        before = await snapshot(repository)
        await _fail(repository, "INSERT", code)
        with pytest.raises(Unavailable, match=why) as refused:
            await repository.apply([Command("order-1", Action.COMPLETE, token=1)])
        assert str(path) in str(refused.value)
        await _fail(repository, "SELECT", code)
        with pytest.raises(Unavailable, match=why):
            await repository.statistics()
        assert await snapshot(repository) == before
        (applied,) = await repository.apply([Command("order-1", Action.COMPLETE, token=1)])
        assert applied.refusal is None


async def test_mistakes_of_ours_surface(tmp_path: Path) -> None:
    """An error that is not of the environment is raised as it is, takes no effect, and harms no later call."""
    async with open_file(tmp_path / "orders.db", clock=ManualClock()) as repository:
        await _fail(repository, "COMMIT", sqlite3.SQLITE_CONSTRAINT_UNIQUE)
        with pytest.raises(sqlite3.OperationalError):
            await repository.add([placement("order-1", idempotency_key="key-1")])
        assert (await repository.statistics()).total_orders == 0
        (added,) = await repository.add([placement("order-1", idempotency_key="key-1")])
        assert added.outcome is AddOutcome.ADDED


async def test_lock_of_another_program_is_unavailable(tmp_path: Path) -> None:
    """While another program has the file locked, calls that write are Unavailable; those that read are answered."""
    path = tmp_path / "orders.db"
    async with open_file(path, clock=ManualClock()) as repository:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="locked"):
            await repository.add([placement("order-1")])
        assert (await repository.statistics()).total_orders == 0
        other.close()
        (added,) = await repository.add([placement("order-1")])
        assert added.outcome is AddOutcome.ADDED


async def test_a_short_lock_of_another_program_is_waited_for(tmp_path: Path) -> None:
    """Within a second: the call succeeds when the lock is gone, and what comes behind it as well."""
    path = tmp_path / "orders.db"
    async with open_file(path, clock=ManualClock()) as repository:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        adding = [asyncio.ensure_future(repository.add([placement(f"order-{number}")])) for number in range(3)]
        await asyncio.sleep(0.1)
        assert not any(each.done() for each in adding)
        other.execute("ROLLBACK")
        assert [added.outcome for (added,) in await asyncio.gather(*adding)] == [AddOutcome.ADDED] * 3
        other.close()


@pytest.mark.parametrize(("request_seconds", "is_placed"), [(0.5, False), (60.0, True)])
async def test_the_wait_for_another_program_is_a_part_of_a_request(
    tmp_path: Path, request_seconds: float, *, is_placed: bool
) -> None:
    """A short request gives it up sooner, and a long one waits for longer than the default."""
    path = tmp_path / "orders.db"
    async with open_repository.within(request_seconds)(f"sqlite:///{path}", clock=ManualClock()) as repository:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        adding = asyncio.ensure_future(repository.add([placement("order-1")]))
        await asyncio.wait([adding], timeout=1.5)
        assert adding.done() is not is_placed
        other.execute("ROLLBACK")
        other.close()
        outcomes = await asyncio.gather(adding, return_exceptions=True)
        assert isinstance(outcomes[0], Unavailable) is not is_placed


async def test_a_reader_of_another_program_is_in_nobodys_way(tmp_path: Path) -> None:
    """A transaction that reads may stay open for as long as it likes: orders are placed and completed beside it."""
    path = tmp_path / "orders.db"
    async with open_file(path, clock=ManualClock()) as repository:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN")
        assert other.execute("SELECT count(*) FROM orders").fetchone() == (0,)
        await repository.add([placement("order-1")])
        (held,) = (await repository.claim(terms("claim-1"))).orders
        (applied,) = await repository.apply([Command("order-1", Action.COMPLETE, token=held.token)])
        assert applied.refusal is None
        other.close()


async def test_deleted_file_is_noticed(tmp_path: Path) -> None:
    """A deleted database file is detected soon, and nothing is acknowledged until it is back."""
    path = tmp_path / "orders.db"
    async with open_file(path, clock=ManualClock()) as repository:
        path.rename(beside(path, ".away"))
        with pytest.raises(Unavailable, match="deleted or replaced"):
            await _place_one_by_one(repository, TRANSACTIONS_BETWEEN_LOOKS)
        for _ in range(2):
            with pytest.raises(Unavailable, match="deleted or replaced"):
                await repository.add([placement("lost")])
        beside(path, ".away").rename(path)
        (added,) = await repository.add([placement("kept")])
        assert added.outcome is AddOutcome.ADDED


async def test_closed_repository_is_unavailable(tmp_path: Path) -> None:
    """After closing, every call raises Unavailable."""
    async with open_file(tmp_path / "orders.db", clock=ManualClock()) as repository:
        pass
    with pytest.raises(Unavailable, match="closed"):
        await repository.statistics()


async def _place_one_by_one(repository: SqliteRepository, orders: int) -> None:
    for number in range(orders):
        await repository.add([placement(f"order-{number}")])


def _store(repository: SqliteRepository) -> OrderTables:
    return repository._store  # noqa: SLF001 - the tests fail what nobody can fail from outside


async def _ask(repository: SqliteRepository, sql: str) -> object:
    return await repository._thread.call(_store(repository).database.ask, sql)  # noqa: SLF001


async def _fail(repository: SqliteRepository, beginning: str, code: int, *, late: bool = False) -> None:
    """Let the next statement with this beginning fail with this code."""
    error = sqlite3.OperationalError("made up by the test")
    error.sqlite_errorcode = code
    error.sqlite_errorname = "SQLITE_MADE_UP"
    database = _store(repository).database

    def exchange() -> None:
        connection = database._connected()  # noqa: SLF001
        failing = FailingConnection(connection, beginning, error, late=late)
        database._connection = failing  # type: ignore[assignment]  # noqa: SLF001

    await repository._thread.call(exchange)  # noqa: SLF001
