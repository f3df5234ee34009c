"""What can be done with the repository of a URL: by what its driver says, and safely where a driver says nothing."""

from __future__ import annotations

import ast
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import order_engine_adapters
from order_engine import InvalidSetting, NewOrder
from order_engine.ports import (
    QUEUES,
    REPOSITORIES,
    CounterKeeper,
    DurabilityChecker,
    FileBacked,
    QueueOpener,
    RepositoryOpener,
    SchemaKeeper,
    TimeLimited,
)
from order_engine.ports.clock import Clock
from order_engine.ports.repository import OrderRepository
from order_engine_adapters import open_engine
from order_engine_adapters.clocks import SystemClock
from order_engine_adapters.memory import MemoryRepository, open_queue
from order_engine_adapters.memory.driver import MemoryDriver
from order_engine_adapters.postgres.connection.target import parse
from order_engine_adapters.postgres.driver import PostgresDriver
from order_engine_adapters.postgres.queue.notify_queue import PostgresQueueDriver
from order_engine_adapters.sqlite.driver import SqliteDriver
from order_engine_adapters.wiring.repository_url import RepositoryUrl, Schema
from tests.unit.wiring.test_opening import Lifetimes

SECRET = "hunter2"  # noqa: S105 - not a password of anything
THEIRS = f"elsewhere://user:{SECRET}@host/db"
PACKAGE = Path(order_engine_adapters.__file__).parent
MAY_NAME_THEM = ("memory", "postgres", "sqlite", "__init__.py")
"""The adapters themselves, and the list of what the package exports from which of them."""


@asynccontextmanager
async def open_theirs(url: str, *, clock: Clock) -> AsyncIterator[OrderRepository]:
    """Open a repository of somebody else: a plain function, which says nothing besides."""
    del url
    yield MemoryRepository(clock)


def theirs() -> RepositoryUrl:
    """Return the URL of a repository of somebody else."""
    return RepositoryUrl(THEIRS, open_theirs)


# Opening


@pytest.mark.parametrize("schema", Schema)
async def test_a_plain_opener_is_opened_whatever_is_said_of_the_schema(schema: Schema) -> None:
    """Nobody can tell whether it keeps one."""
    async with theirs().open(SystemClock(), schema) as repository:
        assert isinstance(repository, MemoryRepository)


# Several processes


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
def test_postgresql_is_for_several_processes(scheme: str) -> None:
    """By either of its schemes; nothing is opened for that."""
    RepositoryUrl.of(f"{scheme}://user@nowhere.invalid/shop").refuse_several(4)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("sqlite:///orders.db", "workers is 4, but sqlite:///orders.db can be opened by one process only."),
        ("memory://", "memory:// is private to each process"),
    ],
)
def test_what_is_one_process_s_own_is_refused_to_several(url: str, reason: str) -> None:
    """With the reason, and what to do instead."""
    with pytest.raises(InvalidSetting, match="PostgreSQL") as refused:
        RepositoryUrl.of(url).refuse_several(4)
    assert reason in str(refused.value)


def test_a_third_party_s_repository_says_that_it_is_for_several() -> None:
    """By an attribute of its opener; whose says nothing is taken for one process's own, and no password is shown."""

    def opener(url: str, *, clock: Clock) -> object:
        return url, clock

    repository_url = RepositoryUrl(THEIRS, opener)  # type: ignore[arg-type]
    with pytest.raises(InvalidSetting, match="does not declare that processes can share it") as refused:
        repository_url.refuse_several(2)
    assert SECRET not in str(refused.value)
    opener.several_processes = True  # type: ignore[attr-defined]
    repository_url.refuse_several(2)


# Durability


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
@pytest.mark.parametrize("query", ["", "?schema=shop&pool=2", "?require_durable=false"])
def test_postgresql_is_asked_for_its_durability_when_it_is_opened(scheme: str, query: str) -> None:
    """Whatever the URL itself says of it."""
    target = parse(RepositoryUrl.of(f"{scheme}://user@host/db{query}").durable().url)
    assert target.require_durable
    assert target.schema == ("shop" if "schema" in query else "order_engine")


@pytest.mark.parametrize("url", ["memory://", f"memory://user:{SECRET}@host"])
def test_memory_is_not_durable(url: str) -> None:
    """So it is refused, with what to do instead and without a secret."""
    with pytest.raises(InvalidSetting, match="--database-url") as refused:
        RepositoryUrl.of(url).durable()
    assert SECRET not in str(refused.value)


async def test_an_engine_in_memory_is_not_opened_where_durability_is_required() -> None:
    """By the setting of an engine that is opened in a program."""
    with pytest.raises(InvalidSetting, match="is not durable"):
        async with open_engine("memory://", processor=None, require_durable=True):
            pass


async def test_sqlite_is_durable(tmp_path: Path) -> None:
    """It always waits for the disk."""
    async with open_engine(f"sqlite:///{tmp_path}/orders.db", processor=None, require_durable=True) as engine:
        await engine.place(NewOrder(user_id="user1", item_ids=["item1"], total_amount="50.00"))
        assert (await engine.metrics()).total_orders == 1


async def test_a_repository_of_somebody_else_is_opened_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """By its URL as it is: it may know no parameter of ours. Nobody here can say whether it is durable."""
    lifetimes = Lifetimes()
    with caplog.at_level(logging.WARNING, "order_engine"):
        async with open_engine(THEIRS, processor=None, container=lifetimes.container(), require_durable=True):
            pass
    assert lifetimes.urls[0] == THEIRS
    assert "durability of elsewhere://user:***@host/db" in caplog.text


async def test_without_the_setting_no_durability_is_asked_for() -> None:
    """The URL is passed on as it is."""
    lifetimes = Lifetimes()
    async with open_engine("memory://?capacity=7", processor=None, container=lifetimes.container()):
        pass
    assert lifetimes.urls[0] == "memory://?capacity=7"


# Files


def test_a_database_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its path as the URL has it: relative to the working directory, or absolute, or percent-encoded."""
    monkeypatch.chdir(tmp_path)
    assert RepositoryUrl.of("sqlite:///orders.db").missing_file == Path("orders.db")
    assert RepositoryUrl.of(f"sqlite:///{tmp_path}/my%20orders.db").missing_file == tmp_path / "my orders.db"
    (tmp_path / "orders.db").touch()
    assert RepositoryUrl.of("SQLITE:///orders.db").missing_file is None


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://host/db",
        "memory://",
        "sqlite://",
        "sqlite:",
        "sqlite://host/x",
        "sqlite:///a%00b",
        "sqlite:///x?y=1",
        f"sqlite:///{'x' * 300}",
    ],
)
def test_what_names_no_file_is_left_to_its_driver(url: str) -> None:
    """Which says what is wrong with it, when it opens it."""
    assert RepositoryUrl.of(url).missing_file is None


def test_a_third_party_s_url_names_no_file() -> None:
    """Nobody looks for one."""
    assert theirs().missing_file is None


# Words for an operator


def test_where_orders_are_kept_is_said_for_each_driver(tmp_path: Path) -> None:
    """The file with its whole path; never a password."""
    assert RepositoryUrl.of(f"sqlite:///{tmp_path}/x.db").describe() == f"stored in {tmp_path.resolve()}/x.db"
    assert "lost when this process ends" in RepositoryUrl.of("memory://?capacity=7").describe()
    assert RepositoryUrl.of(f"postgres://me:{SECRET}@host/db").describe() == "stored in postgres://me:***@host/db"
    assert theirs().describe() == "stored in elsewhere://user:***@host/db"


# Schema and counters


async def test_a_third_party_s_repository_is_neither_migrated_nor_counted() -> None:
    """Unless its driver says how; the error shows no password."""
    with pytest.raises(InvalidSetting, match="provides no migrations") as migrating:
        await theirs().migrate(dry_run=True)
    with pytest.raises(InvalidSetting, match="does not support it") as counting:
        await theirs().rebuild_counters(1)
    assert SECRET not in f"{migrating.value} {counting.value}"


async def test_what_ends_with_its_process_has_no_counters_to_rebuild() -> None:
    """They end with the orders."""
    with pytest.raises(InvalidSetting, match="end with its process"):
        await RepositoryUrl.of("memory://").rebuild_counters(1)


# What ours can do


def test_our_drivers_offer_what_their_stores_can_do() -> None:
    """The annotations are for type checkers: at run time only the names of methods are looked at."""
    schemas: list[SchemaKeeper] = [SqliteDriver(), PostgresDriver()]
    counters: list[CounterKeeper] = [SqliteDriver(), PostgresDriver()]
    durable: list[DurabilityChecker] = [SqliteDriver(), PostgresDriver()]
    limited: list[TimeLimited] = [SqliteDriver(), PostgresDriver(), PostgresQueueDriver()]
    files: list[FileBacked] = [SqliteDriver()]
    openers: list[RepositoryOpener] = [SqliteDriver(), PostgresDriver(), MemoryDriver()]
    queues: list[QueueOpener] = [PostgresQueueDriver(), open_queue]
    assert all(isinstance(each, SchemaKeeper) for each in schemas)
    assert all(isinstance(each, CounterKeeper) for each in counters)
    assert all(isinstance(each, DurabilityChecker) for each in durable)
    assert all(isinstance(each, TimeLimited) for each in limited)
    assert all(isinstance(each, FileBacked) for each in files)
    assert not isinstance(MemoryDriver(), SchemaKeeper | CounterKeeper | DurabilityChecker | TimeLimited | FileBacked)
    assert all(map(callable, (*openers, *queues)))


# The door is one


def test_only_an_adapter_s_own_package_knows_its_scheme() -> None:
    """No other module holds the name of a scheme, so none can compare one."""
    schemes = {point.name for group in (REPOSITORIES, QUEUES) for point in entry_points(group=group)}
    assert {"memory", "sqlite", "postgres", "postgresql"} <= schemes
    found = [
        f"{file.relative_to(PACKAGE)}:{node.lineno} {node.value}"
        for file in sorted(PACKAGE.rglob("*.py"))
        if file.relative_to(PACKAGE).parts[0] not in MAY_NAME_THEM
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Constant) and node.value in schemes
    ]
    assert found == []
