"""A file that is replaced by a backup goes back in time: its readers get every event, or an error, never a gap."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from order_engine.contracts.samples import placement
from order_engine.domain.errors import InvalidCursor
from order_engine.ports.repository import Cursor
from order_engine_adapters.clocks import ManualClock
from order_engine_adapters.sqlite.driver import open_file


def _copied(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)


def _vacuumed(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as connection:
        connection.execute("VACUUM INTO ?", (str(target),))


def _backed_up(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as read, closing(sqlite3.connect(target)) as written:
        read.backup(written)


def _restored(source: Path, target: Path) -> None:
    """Do what the shell's `.restore` does: write the pages of the backup over those of the file, which stays."""
    _backed_up(source, target)


def _replaced(source: Path, target: Path) -> None:
    target.unlink()
    source.rename(target)


@pytest.mark.parametrize("back_up", [_copied, _vacuumed, _backed_up])
@pytest.mark.parametrize("restore", [_copied, _restored, _replaced])
async def test_positions_that_are_reached_again(
    tmp_path: Path, back_up: Callable[[Path, Path], None], restore: Callable[[Path, Path], None]
) -> None:
    """Cursors of events that a restore has undone stay refused, however many events come after it.

    One of before the backup leads on to everything that the restored file has and gets.
    """
    clock, path, backup = ManualClock(), tmp_path / "orders.db", tmp_path / "backup.db"
    async with open_file(path, clock=clock) as repository:
        await repository.add([placement("kept-1"), placement("kept-2")])
        early = (await repository.events(None, 2)).next
    back_up(path, backup)
    late: list[Cursor] = []
    async with open_file(path, clock=clock) as repository:
        for number in range(18):
            await repository.add([placement(f"lost-{number}")])
            late.append((await repository.events(None, 0)).next)
    restore(backup, path)
    clock.jump(1)
    async with open_file(path, clock=clock) as repository:
        for number in range(30):
            await repository.add([placement(f"new-{number}")])
            for cursor in late:
                with pytest.raises(InvalidCursor, match="restore"):
                    await repository.events(cursor, 100)
        told = [event.order_id for event in (await repository.events(early, 100)).events]
        assert told == [f"new-{number}" for number in range(30)]


async def test_a_cursor_of_an_earlier_form(tmp_path: Path) -> None:
    """A cursor without an event may belong to a discarded history, so it is refused."""
    async with open_file(tmp_path / "orders.db", clock=ManualClock()) as repository:
        await repository.add([placement("order-1")])
        name, serial, _ = (await repository.events(None, 1)).next.split(":")
        for cursor in (f"{name}:{serial}", f"{name}:{serial}:", f"{name}:2:", f"{name}:-1:"):
            with pytest.raises(InvalidCursor):
                await repository.events(Cursor(cursor), 1)
        assert len((await repository.events(Cursor(f"{name}:0:"), 1)).events) == 1
