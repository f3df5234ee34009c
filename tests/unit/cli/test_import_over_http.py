"""`import` into a running service: by the batch, again where the service was away, each order once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from order_engine_adapters.cli.importing.progress import ImportCounts, progress
from order_engine_adapters.cli.target.service import ServiceTarget
from tests.unit.cli.shop import Answer, InventedService, items, one_line, order, placed, run, write_orders

SECRET = "hunter2"  # noqa: S105 - not a password of anything


def lines_of(body: bytes) -> list[Any]:
    """Return the orders of a batch."""
    return [json.loads(line) for line in body.splitlines()]


def load(service: InventedService, path: Path, *flags: str) -> Any:  # noqa: ANN401 - click's result
    """Import a file into the invented service."""
    return run("import", str(path), "--url", service.url, *flags, ORDER_ENGINE_API_KEY=SECRET)


def test_lines_go_by_the_batch_as_they_are(folder: Path, service: InventedService) -> None:
    """In bounded chunks of lines and of bytes, each on the same terms as POST /orders."""
    orders = [order(number) for number in range(5)]
    path = write_orders(folder / "orders.jsonl", [*orders[:2], b"", *orders[2:]])
    service.will_say(placed(*orders[:2]), placed(*orders[2:4], replayed=True), placed(orders[4]))
    result = load(service, path, "--batch-orders", "2")
    assert (result.exit_code, result.stdout) == (0, "imported 5 orders (3 new, 2 already there), 0 refused\n")
    assert [lines_of(asked.body) for asked in service.asked] == [orders[:2], orders[2:4], orders[4:]]
    assert {(asked.method, asked.path, asked.headers["content-type"]) for asked in service.asked} == {
        ("POST", "/orders/batch", "application/x-ndjson")
    }
    assert service.asked[0].headers["authorization"] == f"Bearer {SECRET}"
    service.asked.clear()
    service.will_say(*(placed(each) for each in orders))
    load(service, path, "--batch-bytes", "100")
    assert len(service.asked) == 5


def test_refused_items_are_kept_with_their_problem(folder: Path, service: InventedService) -> None:
    """With the problem document of the service."""
    path = write_orders(folder / "orders.jsonl", [order(1), b"no json", order(3), order(4), order(5)])
    problems = [{"status": code, "detail": str(code)} for code in (400, 409, 413, 422)]
    refused = [{"order_id": None, "code": problem["status"], "problem": problem} for problem in problems]
    service.will_say(items({"order_id": "order1", "code": 201, "replayed": False}, *refused))
    result = load(service, path)
    assert result.exit_code == 3
    assert "imported 1 order (1 new, 0 already there), 4 refused" in result.stdout
    kept = [json.loads(line) for line in Path(f"{path}.refused.jsonl").read_text().splitlines()]
    assert [(each["line"], each["problem"]) for each in kept] == list(zip(range(2, 6), problems, strict=True))


def test_orders_without_an_id_go_alone_under_a_key(folder: Path, service: InventedService) -> None:
    """The same key in every run, another for every line."""
    nameless = order(1, order_id=None)
    path = write_orders(folder / "orders.jsonl", [nameless, order(2), nameless, order(3, order_id=None, user_id="")])
    answers = [
        placed(order(2)),
        Answer({"order_id": "x"}, 201),
        Answer({"order_id": "y"}, 201, {"Idempotent-Replayed": "true"}),
        Answer({"status": 422, "detail": "no"}, 422),
    ]
    keys = []
    for _ in range(2):
        service.will_say(*answers)
        result = load(service, path)
        assert "imported 3 orders (2 new, 1 already there), 1 refused" in result.stdout
        assert [asked.path for asked in service.asked] == ["/orders/batch", "/orders", "/orders", "/orders"]
        assert lines_of(service.asked[1].body) == [nameless]
        keys.append([asked.headers["idempotency-key"] for asked in service.asked[1:]])
        service.asked.clear()
    assert keys[0] == keys[1]
    assert len(set(keys[0])) == 3


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Do not wait; remember how long it would have been."""
    seconds: list[float] = []

    async def sleep(_: ServiceTarget, wait: float) -> None:
        seconds.append(wait)

    monkeypatch.setattr(ServiceTarget, "sleep", sleep)
    return seconds


@pytest.mark.parametrize(
    "trouble",
    [
        Answer({"detail": "The service drains."}, 503, {"Retry-After": "1"}),
        Answer({"detail": "Too many."}, 429, {"Retry-After": "1"}),
        Answer(b"", 502, {"Retry-After": "1"}),
        Answer(b"", breaks_off=True),
    ],
    ids=str,
)
def test_trouble_that_passes_is_waited_out(
    trouble: Answer, folder: Path, service: InventedService, slept: Sequence[float]
) -> None:
    """As long as the service asks."""
    orders = [order(1), order(2)]
    path = write_orders(folder / "orders.jsonl", orders)
    service.will_say(trouble, trouble, placed(*orders))
    result = load(service, path)
    assert (result.exit_code, result.stdout) == (0, "imported 2 orders (2 new, 0 already there), 0 refused\n")
    assert len(slept) == 2
    assert slept[0] == (1 if trouble.headers else 0.1)


def test_only_what_was_not_answered_is_sent_again(
    folder: Path, service: InventedService, slept: Sequence[float]
) -> None:
    """An answer that breaks off counts as far as it goes; an order that met a busy service goes again."""
    orders = [order(number) for number in range(5)]
    path = write_orders(folder / "orders.jsonl", orders)
    fine: dict[str, object] = {"code": 201, "replayed": False}
    busy: dict[str, object] = {"code": 503, "problem": {"detail": "Busy."}}
    service.will_say(items(fine, busy, fine, breaks_off=True), items(fine, fine, breaks_off=True))
    service.will_say(placed(orders[4]))
    result = load(service, path)
    assert result.stdout == "imported 5 orders (5 new, 0 already there), 0 refused\n"
    sent = [[each["order_id"] for each in lines_of(asked.body)] for asked in service.asked]
    assert sent == [
        ["order0", "order1", "order2", "order3", "order4"],
        ["order1", "order3", "order4"],
        ["order4"],
    ]
    assert slept == [0.1, 0.1]


def test_a_batch_that_lost_orders_on_its_way_is_sent_again_whole(
    folder: Path, service: InventedService, slept: Sequence[float]
) -> None:
    """If fewer orders were read than sent, results cannot be assigned to lines."""
    orders = [order(number) for number in range(4)]
    path = write_orders(folder / "orders.jsonl", orders)
    refused: dict[str, object] = {"order_id": None, "code": 422, "problem": {"detail": "Not a line of the file."}}
    service.will_say(items({"code": 201}, refused, {"code": 201}), items(), placed(*orders, replayed=True))
    assert load(service, path).stdout == "imported 4 orders (0 new, 4 already there), 0 refused\n"
    assert [len(lines_of(asked.body)) for asked in service.asked] == [4, 4, 4]
    assert len(slept) == 2


def test_a_proxy_that_always_loses_orders_is_named(folder: Path, service: InventedService) -> None:
    """An import that goes through it ends with exit code 1, and never looks like success."""
    path = write_orders(folder / "orders.jsonl", [order(1), order(2)])
    service.will_say(*[items({"code": 201})] * 20)
    result = load(service, path, "--request-seconds", "0.3")
    assert result.exit_code == 1
    assert "read 1 of 2 orders: the other orders were lost on the way to the service." in one_line(result)


@pytest.mark.parametrize("breaks_off", [False, True])
def test_what_was_not_read_of_a_batch_is_sent_again(
    folder: Path, service: InventedService, slept: Sequence[float], *, breaks_off: bool
) -> None:
    """The item with the reason of an early end is not a result."""
    orders = [order(number) for number in range(4)]
    path = write_orders(folder / "orders.jsonl", orders)
    why: dict[str, object] = {"order_id": None, "code": 413, "problem": {"detail": "Too many answers."}}
    service.will_say(items({"code": 201}, {"code": 201}, why, read=2, breaks_off=breaks_off), placed(*orders[2:]))
    assert load(service, path).stdout == "imported 4 orders (4 new, 0 already there), 0 refused\n"
    assert [len(lines_of(asked.body)) for asked in service.asked] == [4, 2]
    assert len(slept) == 1


def test_a_batch_of_which_nothing_is_read_ends_the_import(folder: Path, service: InventedService) -> None:
    """With the service's own reason, once it has been asked for long enough."""
    path = write_orders(folder / "orders.jsonl", [order(1)])
    why: dict[str, object] = {"order_id": None, "code": 413, "problem": {"detail": "Too large."}}
    service.will_say(*[items(why, read=0)] * 20)
    result = load(service, path, "--request-seconds", "0.3")
    assert result.exit_code == 1
    assert "read 0 of 1 orders: Too large." in one_line(result)


def test_a_long_wait_that_the_service_asks_for_ends_the_import(folder: Path, service: InventedService) -> None:
    """The message asks to run the command again, instead of waiting for an hour."""
    path = write_orders(folder / "orders.jsonl", [order(1)])
    service.will_say(Answer({"detail": "Come back later."}, 503, {"Retry-After": "3600"}))
    result = load(service, path)
    assert result.exit_code == 1
    assert one_line(result) == (
        "Come back later. Imported so far: 0 orders (0 new, 0 already there), 0 refused. "
        "Run the same command again to resume."
    )


def test_an_order_without_an_id_is_waited_for_too(
    folder: Path, service: InventedService, slept: Sequence[float]
) -> None:
    """Under the same key, so that an answer that was lost does no harm."""
    path = write_orders(folder / "orders.jsonl", [order(1, order_id=None), order(2, order_id=None)])
    created, busy = Answer({"order_id": "x"}, 201), Answer({"detail": "Busy."}, 503)
    service.will_say(busy, created, busy, created)
    assert "imported 2 orders (2 new" in load(service, path).stdout
    keys = [asked.headers["idempotency-key"] for asked in service.asked]
    assert (keys[0], keys[2]) == (keys[1], keys[3])
    assert len(slept) == 2


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (Answer({"detail": "No key."}, 401), "No key. Set ORDER_ENGINE_API_KEY to a valid key."),
        (Answer({"detail": "Not yours."}, 403), "Not yours."),
        (Answer({"detail": "Too large."}, 413), "Too large."),
        (Answer(b"", 404), "Check that it is an order_engine service."),
        (items({"code": 403, "problem": {"detail": "Not yours."}}), "Not yours."),
    ],
    ids=str,
)
def test_what_no_waiting_mends_ends_the_import_at_once(
    answer: Answer, sentence: str, folder: Path, service: InventedService
) -> None:
    """With exit code 1."""
    path = write_orders(folder / "orders.jsonl", [order(1)])
    service.will_say(answer)
    result = load(service, path)
    assert result.exit_code == 1
    assert sentence in one_line(result)
    assert len(service.asked) == 1


def test_an_answer_of_another_kind_is_not_taken_for_one(
    folder: Path, service: InventedService, slept: Sequence[float]
) -> None:
    """Only results of the service count as placed."""
    path = write_orders(folder / "orders.jsonl", [order(1)])
    service.will_say(*(Answer(body) for body in [b"<html>\n", b"[]\n", b'{"code":"201"}\n', b"\xff\n"]))
    service.will_say(placed(order(1)))
    assert "imported 1 order (1 new" in load(service, path).stdout
    assert len(slept) == 4


class Terminal(StringIO):
    """A terminal that remembers what was written to it."""

    def isatty(self) -> bool:
        """Be a terminal."""
        return True


def test_a_terminal_gets_a_bar_with_the_rate() -> None:
    """It ends at its end."""
    terminal, tally, clock = Terminal(), ImportCounts(), iter((0.0, *[10.0] * 100))
    with progress(terminal, 1000, tally, lambda: next(clock)) as report:
        tally.new, tally.already_there, tally.refused = 1000, 300, 200
        for position in (100, 300, 600):
            report(position)
        shown = terminal.getvalue()
        assert " 60%" in shown
        assert "100%" not in shown
        assert "1,500 orders, 150/s" in shown
        report(1000)
    assert "100%" in terminal.getvalue()


def test_nothing_but_a_terminal_gets_a_bar() -> None:
    """A log would be full of it."""
    stream = StringIO()
    with progress(stream, 1000, ImportCounts(), lambda: 0.0) as report:
        report(500)
    assert stream.getvalue() == ""


def test_an_import_that_is_killed_ends_the_same_when_it_runs_again(folder: Path) -> None:
    """Also after `kill -9`, which leaves nothing behind that matters."""
    lines = [order(number, order_id=None if number % 50 == 0 else f"order{number}") for number in range(4000)]
    path = write_orders(folder / "orders.jsonl", [*lines, b"no json"])
    code = (
        "import os, order_engine_adapters.cli as cli\n"
        "from order_engine_adapters.cli.importing.importer import Importer\n"
        "carry, count = Importer.carry, []\n"
        "async def killed(self, chunk):\n"
        "    await carry(self, chunk)\n"
        "    count.append(chunk)\n"
        "    if len(count) == 3: os.kill(os.getpid(), 9)\n"
        "Importer.carry = killed\n"
        f"cli.main(['import', {str(path)!r}])\n"
    )
    killed = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", code], cwd=folder, env=dict(os.environ), timeout=60, check=False, capture_output=True
    )
    assert killed.returncode == -9
    assert not Path(f"{path}.refused.jsonl").exists()
    result = run("import", str(path))
    assert result.exit_code == 3
    assert result.stdout.startswith("imported 4000 orders (2500 new, 1500 already there), 1 refused")
    assert json.loads(run("metrics", "--json").stdout)["total_orders"] == 4000
    assert sorted(each.name for each in folder.glob("orders.jsonl*")) == ["orders.jsonl", "orders.jsonl.refused.jsonl"]
