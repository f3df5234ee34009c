"""`metrics rebuild`: output for people and machines, and errors."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from order_engine_adapters.sqlite.connection.lock_file import FileLock
from tests.unit.cli.shop import DATABASE, one_line, order, run, write_orders

ASK = ("--database-url", DATABASE)
SPOIL = "UPDATE statistics SET total_orders = 17, pending = 9"


@pytest.fixture
def shop(folder: Path) -> Path:
    """Three orders, and wrong counters."""
    path = write_orders(folder / "orders.jsonl", [order(number) for number in range(3)])
    assert run("import", str(path), *ASK).exit_code == 0
    with closing(sqlite3.connect(folder / "orders.db")) as connection:
        connection.execute(SPOIL)
        connection.commit()
    return folder


@pytest.mark.usefixtures("shop")
def test_it_says_what_was_wrong_and_then_that_nothing_is() -> None:
    """Only the counters that were wrong, before and now."""
    result = run("metrics", "rebuild", *ASK)
    assert (result.exit_code, result.stderr) == (0, "")
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["COUNTER", "BEFORE", "NOW"],
        ["Total", "17", "3"],
        ["Pending", "9", "3"],
    ]
    assert run("metrics", "rebuild", *ASK).stdout == "The counters were correct: 3 orders.\n"


@pytest.mark.usefixtures("shop")
def test_for_machines_it_is_one_document() -> None:
    """Whether anything was wrong, and the metrics before and now."""
    told = json.loads(run("metrics", "rebuild", "--json", *ASK).stdout)
    assert (told["changed"], told["before"]["total_orders"], told["now"]["total_orders"]) == (True, 17, 3)
    assert told["now"] == json.loads(run("metrics", "--json", *ASK).stdout)
    again = json.loads(run("metrics", "rebuild", "--json", *ASK).stdout)
    assert (again["changed"], again["before"]) == (False, again["now"])


def test_a_file_that_a_process_holds_is_one_line(shop: Path) -> None:
    """It names the process that uses the file, and the counters stay unchanged."""
    lock = FileLock(shop / "orders.db")
    lock.acquire()
    try:
        result = run("metrics", "rebuild", *ASK)
    finally:
        lock.release()
    assert result.exit_code == 1
    assert f"process {os.getpid()}" in one_line(result)
    assert json.loads(run("metrics", "--json", *ASK).stdout)["total_orders"] == 17


@pytest.mark.parametrize(
    ("url", "exit_code", "sentence"),
    [
        ("memory://", 2, "The orders and counters of memory:// end with its process"),
        ("nowhere://shop", 2, "No installed package provides a repository"),
        ("sqlite:///misspelt.db", 1, "Database misspelt.db does not exist"),
        ("postgresql://user:hunter2@127.0.0.1:1/shop", 1, "127.0.0.1:1/shop"),
    ],
)
def test_what_cannot_be_counted_is_one_line(folder: Path, url: str, exit_code: int, sentence: str) -> None:
    """With the reason, and without creating anything."""
    result = run("metrics", "rebuild", "--database-url", url)
    assert result.exit_code == exit_code
    assert sentence in one_line(result)
    assert "hunter2" not in result.output
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("flag", [("--json",), ASK])
def test_a_flag_before_the_command_is_not_ignored(flag: tuple[str, ...]) -> None:
    """It would be another one's: which file is counted must not be a guess."""
    result = run("metrics", *flag, "rebuild")
    assert result.exit_code == 2
    assert one_line(result).startswith("Write the flags after rebuild, not before it.")
