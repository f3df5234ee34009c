"""URLs, and files that are none of ours."""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path

import pytest

from order_engine.contracts.samples import placement
from order_engine.domain.errors import InvalidSetting, Unavailable
from order_engine_adapters.clocks import ManualClock
from order_engine_adapters.sqlite import open_repository
from order_engine_adapters.sqlite.connection.connection import Database
from order_engine_adapters.sqlite.driver import open_file
from order_engine_adapters.sqlite.file_url import database_path
from tests.unit.sqlite.support import beside, output_of

READ_ONLY = """
from order_engine.domain.errors import Unavailable
from order_engine_adapters.sqlite.schema.migrations import shipped

# Imports what it needs while it may still read all of Python.
shipped()

if os.getuid() == 0:
    os.setuid(65534)

async def main():
    try:
        async with open_file(path, clock=clock):
            print("opened")
    except Unavailable as error:
        print(error)

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///orders.db", "orders.db"),
        ("sqlite:///data/orders.db", "data/orders.db"),
        ("sqlite:////var/lib/orders.db", "/var/lib/orders.db"),
        ("SQLite:///orders.db", "orders.db"),
        ("sqlite:///my%20orders%3F%23.db", "my orders?#.db"),
        ("sqlite:///%C3%A9.db", "\u00e9.db"),
    ],
)
def test_url_names_a_path(url: str, path: str) -> None:
    """Three slashes and a relative path, four and an absolute one; percent encoding is decoded."""
    assert database_path(url) == Path(path)


@pytest.mark.parametrize(
    "url", ["sqlite:", "sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite://:memory:", "sqlite:///file::memory:"]
)
def test_url_without_a_file_points_to_memory(url: str) -> None:
    """A URL for an in-memory database is refused, with the alternative."""
    with pytest.raises(InvalidSetting, match="memory://"):
        database_path(url)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:orders.db",
        "sqlite:/orders.db",
        "sqlite://host/orders.db",
        "sqlite:///orders.db?mode=ro",
        "sqlite:///%00.db",
        "sqlite:///%FF.db",
    ],
)
def test_other_urls_are_refused(url: str) -> None:
    """A host, a parameter, a NUL and what is no UTF-8 are refused with how to write it."""
    with pytest.raises(InvalidSetting, match="sqlite:////var"):
        database_path(url)


async def test_open_repository_opens_the_file(tmp_path: Path) -> None:
    """The entry point opens the file that the URL names, and makes it."""
    path = tmp_path / "my orders.db"
    async with open_repository(f"sqlite:///{tmp_path}/my%20orders.db", clock=ManualClock()) as repository:
        await repository.add([placement("order-1")])
    assert path.is_file()
    assert not beside(path, "-wal").exists()


async def test_missing_folder_is_named(tmp_path: Path) -> None:
    """Where the folder is missing, the error names it."""
    await _refused(tmp_path / "missing" / "orders.db", f"{tmp_path}/missing of the database does not exist")
    assert not _names(tmp_path)


async def test_folder_is_no_file(tmp_path: Path) -> None:
    """A folder in the file's place is named."""
    await _refused(tmp_path, "is a folder")


async def test_name_that_is_too_long(tmp_path: Path) -> None:
    """A name that the file system refuses is an error of the environment as well."""
    await _refused(tmp_path / ("a" * 300), "name")


async def test_other_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    """A file that is no database is refused, and its content stays."""
    path = tmp_path / "orders.db"
    content = b"a letter to a customer\n" * 100
    path.write_bytes(content)
    await _refused(path, "is not a SQLite database")
    assert path.read_bytes() == content


async def test_database_of_other_software_is_refused_and_left_alone(tmp_path: Path) -> None:
    """A database with tables, or with a mark, of other software is refused and not changed."""
    for number, made_by in enumerate(("CREATE TABLE orders (id)", "PRAGMA application_id = 7")):
        path = tmp_path / f"{number}.db"
        connection = sqlite3.connect(path)
        connection.execute(made_by)
        connection.close()
        content = path.read_bytes()
        await _refused(path, "belongs to other software")
        assert path.read_bytes() == content


async def test_empty_file_is_a_new_database(tmp_path: Path) -> None:
    """An empty file, as `touch` makes it, is taken for a new database."""
    path = tmp_path / "orders.db"
    path.touch()
    async with open_file(path, clock=ManualClock()) as repository:
        assert (await repository.statistics()).total_orders == 0


@pytest.mark.parametrize("what", ["file", "folder"])
async def test_read_only_is_noticed_at_once(what: str) -> None:
    """A file or folder that may not be written is refused when it is opened, not at the first order."""
    # Not below pytest's own folder, whose rights every run of pytest takes away from others.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "orders.db")
        async with open_file(path, clock=ManualClock()) as repository:
            await repository.add([placement("order-1")])
        _make_read_only(path, what)
        output = output_of(READ_ONLY, path)
        path.parent.chmod(0o777)
    assert "Grant this user write permission" in output
    assert str(path) in output


async def test_settings_of_the_connection(tmp_path: Path) -> None:
    """Write-ahead log, flush per commit, and foreign keys are enabled."""
    database = Database(tmp_path / "orders.db", "FULL")
    database.open(0)
    told = [database.ask(f"PRAGMA {name}") for name in ("journal_mode", "synchronous", "foreign_keys")]
    database.close()
    assert told == ["wal", 2, 1]


async def test_old_sqlite_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the required SQLite version."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 37, 2))
    await _refused(tmp_path / "orders.db", "3.38.0 or newer")


def _names(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()]


def _make_read_only(path: Path, what: str) -> None:
    """Take the rights away from everybody but root, who would have them all the same, and let others look inside."""
    lock, folder = beside(path, ".lock"), path.parent
    if what == "file":
        lock.chmod(0o666)
        folder.chmod(0o777)
        path.chmod(0o444)
    else:
        lock.unlink()
        folder.chmod(0o555)


async def _refused(path: Path, why: str) -> None:
    with pytest.raises(Unavailable, match=why):
        async with open_file(path, clock=ManualClock()):
            pass
