"""The file lock: one process uses the file, and others can tell which one."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from order_engine.domain.errors import RepositoryHeld
from order_engine.ports.adapters import Announcing
from order_engine_adapters.clocks import ManualClock
from order_engine_adapters.sqlite.driver import open_file
from tests.unit.sqlite.support import beside, output_of, start

ADDRESS = "http://127.0.0.1:8000"

SECOND_OPENER = """
from order_engine.domain.errors import RepositoryHeld

async def main():
    try:
        async with open_file(path, clock=clock):
            print("opened")
    except RepositoryHeld as held:
        print(held.process_id, held.address)

asyncio.run(main())
"""

HOLDER = """
async def main():
    async with open_file(path, clock=clock) as repository:
        repository.announce("http://127.0.0.1:8000")
        await repository.add([placement("order-1")])
        print("held", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_second_opener_of_this_process_is_refused(tmp_path: Path) -> None:
    """A process cannot open a file twice; the error names the process itself."""
    path = tmp_path / "orders.db"
    async with open_file(path, clock=ManualClock()):
        with pytest.raises(RepositoryHeld) as refused:
            async with open_file(path, clock=ManualClock()):
                pass
    assert refused.value.process_id == os.getpid()
    assert refused.value.address is None
    assert str(path) in str(refused.value)


async def test_other_process_is_refused_and_told_the_address(tmp_path: Path) -> None:
    """The error has the holder's process id and address. The file can be opened afterwards."""
    path = tmp_path / "orders.db"
    async with open_file(path, clock=ManualClock()) as repository:
        assert output_of(SECOND_OPENER, path) == f"{os.getpid()} None"
        assert isinstance(repository, Announcing)
        repository.announce(ADDRESS)
        assert output_of(SECOND_OPENER, path) == f"{os.getpid()} {ADDRESS}"
        repository.announce("http://[::1]")
        assert output_of(SECOND_OPENER, path) == f"{os.getpid()} http://[::1]"
    assert output_of(SECOND_OPENER, path) == "opened"


async def test_symbolic_link_is_the_same_file(tmp_path: Path) -> None:
    """A file is locked under all names that link to it."""
    path, link = tmp_path / "orders.db", tmp_path / "link.db"
    link.symlink_to(path)
    async with open_file(link, clock=ManualClock()):
        with pytest.raises(RepositoryHeld):
            async with open_file(path, clock=ManualClock()):
                pass


async def test_killed_holder_lets_go(tmp_path: Path) -> None:
    """The lock of a process that was killed with kill -9 is no obstacle, though its content is still there."""
    path = tmp_path / "orders.db"
    with start(HOLDER, path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(RepositoryHeld) as refused:
            async with open_file(path, clock=ManualClock()):
                pass
        assert (refused.value.process_id, refused.value.address) == (process.pid, ADDRESS)
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=60)
        assert json.loads(beside(path, ".lock").read_text())["process"] == process.pid
        async with open_file(path, clock=ManualClock()) as repository:
            assert set(await repository.get(["order-1"])) == {"order-1"}


async def test_lock_file_stays_empty_after_closing(tmp_path: Path) -> None:
    """After closing, the lock file exists and is empty."""
    path = tmp_path / "orders.db"
    async with open_file(path, clock=ManualClock()):
        assert json.loads(beside(path, ".lock").read_text()) == {"process": os.getpid(), "address": None}
    assert beside(path, ".lock").read_text() == ""


@pytest.mark.parametrize(
    ("content", "process_id", "address"),
    [
        ("", None, None),
        ('{"process": 12', None, None),
        ("[]", None, None),
        ('{"process": "12", "address": 7}', None, None),
        ('{"process": 12, "address": null}ss": "http://old"}', 12, None),
        ("\udcff", None, None),
    ],
)
async def test_unreadable_holder_is_still_a_holder(
    tmp_path: Path, content: str, process_id: int | None, address: str | None
) -> None:
    """Whatever the lock file contains, a second opener is refused with the readable part."""
    path = tmp_path / "orders.db"
    async with open_file(path, clock=ManualClock()):
        beside(path, ".lock").write_bytes(content.encode(errors="surrogateescape"))
        with pytest.raises(RepositoryHeld) as refused:
            async with open_file(path, clock=ManualClock()):
                pass
    assert (refused.value.process_id, refused.value.address) == (process_id, address)


async def test_failed_opening_lets_go(tmp_path: Path) -> None:
    """A failed attempt to open a file releases the lock."""
    path = tmp_path / "orders.db"
    path.write_text("this is no database, and long enough to be taken for one" * 100)
    for _ in range(2):
        with pytest.raises(Exception, match="not a SQLite database"):
            async with open_file(path, clock=ManualClock()):
                pass
