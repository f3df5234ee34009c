"""`orders` and `metrics` on the repository itself: what people see, what machines get, and what must not happen."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from order_engine import NewOrder, Order, OrderEngine, Rejected
from order_engine_adapters import open_engine
from tests.unit.cli.shop import DATABASE, one_line, order, run, write_orders

ASK = ("--database-url", DATABASE)


@pytest.fixture
def shop(folder: Path) -> None:
    """Three orders: one as placed, one failed for a reason with a control character, one with everything."""
    full = order(3, currency="EUR", user_id="søren", attributes={"weight": 1, "gift": {"to": "大阪"}})
    text = json.dumps(full).replace('"weight": 1', '"weight": 1.230000000000000000001')
    path = write_orders(folder / "orders.jsonl", [order(1), order(2, user_id="user2"), text.encode()])
    assert run("import", str(path), *ASK).exit_code == 0

    async def fail(placed: Order) -> None:
        if placed.order_id == "order2":
            message = "no\x1b[31m\nway"
            raise Rejected(message)
        await asyncio.sleep(60)

    async def work(engine: OrderEngine) -> None:
        await engine.wait_for("order2", seconds=20)

    async def main() -> None:
        async with open_engine(DATABASE, processor=fail, grace_seconds=0) as engine:
            await work(engine)

    asyncio.run(main())


@pytest.mark.usefixtures("shop")
def test_a_list_for_people() -> None:
    """Aligned, newest first, without control characters, and truncated only on a terminal."""
    result = run("orders", "list", *ASK)
    assert result.exit_code == 0
    head, *rows = result.stdout.splitlines()
    assert head.split()[:4] == ["ID", "STATUS", "USER", "TOTAL"]
    assert [row.split()[0] for row in rows] == ["order3", "order2", "order1"]
    assert rows[1].endswith(r"no\x1b[31m\nway")
    assert "50.00 EUR" in rows[0]
    assert all(line.isprintable() for line in result.stdout.splitlines())


@pytest.mark.usefixtures("shop")
def test_a_list_by_status_and_user() -> None:
    """The status without regard to case."""
    assert [each["order_id"] for each in _json("orders", "list", "--status", "failed")["orders"]] == ["order2"]
    assert [each["order_id"] for each in _json("orders", "list", "--user-id", "søren")["orders"]] == ["order3"]
    result = run("orders", "list", "--user-id", "nobody", *ASK)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "No orders.\n")


@pytest.mark.usefixtures("shop")
def test_a_list_page_by_page() -> None:
    """`--cursor` continues after a page; `--all` prints all pages."""
    first = _json("orders", "list", "--limit", "2")
    assert len(first["orders"]) == 2
    second = _json("orders", "list", "--limit", "2", "--cursor", first["next"])
    assert ([each["order_id"] for each in second["orders"]], second["next"]) == (["order1"], None)
    pages = run("orders", "list", "--limit", "2", "--all", "--json", *ASK).stdout.splitlines()
    assert [json.loads(page) for page in pages] == [first, second]
    page = run("orders", "list", "--limit", "2", *ASK)
    assert f"--cursor {first['next']}" in page.stderr
    every = run("orders", "list", "--limit", "2", "--all", *ASK)
    assert (every.stdout.count("ID"), every.stderr) == (1, "")
    assert len(every.stdout.splitlines()) == 4


@pytest.mark.usefixtures("shop")
def test_an_order_for_people_and_for_machines() -> None:
    """Every field, numbers to their last digit, and the events where they are asked for."""
    shown = run("orders", "show", "order3", "--history", *ASK).stdout
    assert 'attributes  {"weight": 1.230000000000000000001, "gift": {"to": "大阪"}}' in shown
    assert "user        søren" in shown
    assert "placed" in shown
    failed = run("orders", "show", "order2", *ASK).stdout
    assert r"failure   Rejected: no\x1b[31m\nway" in failed
    assert _json("orders", "show", "order1")["total_amount"] == "50.00"
    events = _json("orders", "show", "order1", "--history")["events"]
    assert [event["version"] for event in events] == list(range(1, len(events) + 1))


def test_an_order_is_shown_with_its_trace(folder: Path) -> None:
    """Only if it was placed with one."""
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    async def place() -> None:
        async with open_engine(f"sqlite:///{folder / 'orders.db'}", processor=None) as engine:
            for order_id, trace_parent in (("traced", parent), ("untraced", None)):
                fields = {"user_id": "user1", "item_ids": ["item1"], "total_amount": "50.00"}
                await engine.place(NewOrder(order_id=order_id, trace_parent=trace_parent, **fields))  # type: ignore[arg-type]

    asyncio.run(place())
    assert run("orders", "show", "traced", *ASK).stdout.endswith(f"traceparent  {parent}\n")
    assert _json("orders", "show", "traced")["traceparent"] == parent
    assert "traceparent" not in run("orders", "show", "untraced", *ASK).stdout
    assert "traceparent" not in _json("orders", "show", "untraced")


@pytest.mark.usefixtures("shop")
def test_a_long_history_is_shown_to_its_end() -> None:
    """Also where it is longer than a page."""
    whole = _json("orders", "show", "order2", "--history")["events"]
    result = run("orders", "show", "order2", "--history", "--json", *ASK, ORDER_ENGINE_PAGE_LIMIT="1")
    assert json.loads(result.stdout)["events"] == whole


@pytest.mark.usefixtures("shop")
def test_actions() -> None:
    """They print the new status."""
    assert run("orders", "cancel", "order1", *ASK).stdout == "order1 is Cancelled.\n"
    assert _json("orders", "cancel", "order1")["status"] == "Cancelled"
    assert run("orders", "redrive", "order2", *ASK).stdout == "order2 is Pending: a new round of attempts starts.\n"
    result = run("orders", "redrive", "order2", *ASK)
    assert result.exit_code == 1
    assert one_line(result).startswith("Cannot redrive order 'order2': its status is Pending.")


@pytest.mark.usefixtures("shop")
def test_metrics_for_people_and_for_machines() -> None:
    """All five statuses, also those that no order has."""
    numbers = _json("metrics")
    assert numbers["total_orders"] == 3
    assert numbers["status_counts"]["Failed"] == 1
    shown = run("metrics", *ASK).stdout.splitlines()
    assert [line.split()[0] for line in shown[1:6]] == list(numbers["status_counts"])
    assert shown[7].split() == ["Total", "3"]
    assert shown[-1] == "Average processing time: 0.000 s"


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("order_id", ["absent", "-x", "..", "", "a/b", "\udcff", "x\x1b[31m", "a b?c#d%"])
@pytest.mark.parametrize("command", ["show", "cancel", "redrive"])
def test_an_unknown_id_is_one_line(command: str, order_id: str) -> None:
    """Also one that no order can have, and one that looks like a flag after `--`."""
    result = run("orders", command, *ASK, "--", order_id)
    assert result.exit_code == 1
    assert re.fullmatch(r"Order '.*' not found\.", one_line(result))


def test_an_id_that_looks_like_a_flag_works_after_two_dashes(folder: Path) -> None:
    """As everywhere."""
    run("import", str(write_orders(folder / "orders.jsonl", [order(1, order_id="-x")])), *ASK)
    assert run("orders", "cancel", *ASK, "--", "-x").stdout == "-x is Cancelled.\n"


@pytest.mark.parametrize(
    "arguments", ["orders list", "orders show x", "orders cancel x", "orders redrive x", "metrics"]
)
def test_asking_makes_no_database(folder: Path, arguments: str) -> None:
    """A misspelt file is an error with a remedy, and creates no empty file."""
    result = run(*arguments.split(), *ASK)
    assert result.exit_code == 1
    assert one_line(result).startswith("Database orders.db does not exist. Start `order-engine serve` first")
    assert list(folder.iterdir()) == []


def test_a_file_that_is_no_database_is_one_line(folder: Path) -> None:
    """The adapter's own sentence."""
    (folder / "orders.db").write_text("no database at all, but long enough to look like a header of one" * 20)
    result = run("metrics", *ASK)
    assert result.exit_code == 1
    assert "orders.db" in one_line(result)


def _json(*arguments: str) -> Any:  # noqa: ANN401 - a JSON document
    result = run(*arguments, "--json", *ASK)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)
