"""`order-engine serve` as a client meets it: the three calls, many orders at once, the default demonstration."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conversation import Request, ask_all, post_order
from tests.integration.in_flight import IN_FLIGHT_SECONDS, hold_in_flight
from tests.integration.inspection import body_of, counts_of, inspect, wait_completed
from tests.integration.service import Service, serving, wait_until
from tests.integration.wire_orders import wire_orders

CREATED = '{"message":"Order created successfully"}'
PROMISED_SECONDS = 15
"""The promise is 4 s after the last answer; a machine that is busy with something else may take longer."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Give one service, with the default processor, to the tests that only ask it."""
    with serving(tmp_path_factory.mktemp("service")) as service:
        yield service


def test_the_three_calls(service: Service) -> None:
    """Placing, the status and the metrics answer exactly as promised, and the demonstration takes about 2 seconds."""
    body = b'{"order_id":"order1","user_id":"user1","item_ids":["item1","item2"],"total_amount":50.00}'
    placed = service.post("/orders", body)
    assert (placed.status, placed.body) == (201, CREATED)
    assert placed.headers["location"] == "/orders/order1"
    status = service.get("/orders/order1/status")
    assert (status.status, status.body) in {(200, '{"status":"Pending"}'), (200, '{"status":"Processing"}')}
    completed = '{"status":"Completed"}'
    wait_until(lambda: service.get("/orders/order1/status").body == completed, 10, "the order is Completed")
    metrics = service.get("/metrics").json()
    assert metrics.keys() == {"total_orders", "average_processing_time", "status_counts"}
    assert 1.9 <= metrics["average_processing_time"] <= 3
    assert service.get("/orders/order1").json()["total_amount"] == "50.00"


def test_placing_again(service: Service) -> None:
    """The same order again gets the same answer, marked as a replay; other content under its id is a conflict."""
    body = b'{"order_id":"again","user_id":"user1","item_ids":["item1"],"total_amount":"50.00"}'
    same = b'{"total_amount":5e1,"item_ids":["item1"],"user_id":"user1","order_id":"again"}'
    assert service.post("/orders", body).body == CREATED
    replayed = service.post("/orders", same)
    assert (replayed.status, replayed.body) == (201, CREATED)
    assert replayed.headers["idempotent-replayed"] == "true"
    assert service.post("/orders", body.replace(b"50.00", b"50.01")).status == 409


async def test_a_thousand_orders_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of 1,000 orders posted on as many connections at once every one is Completed soon after the last answer."""
    orders = wire_orders(1000)
    with serving(tmp_path) as service:
        begun = time.monotonic()
        answers = await ask_all(service.address, map(post_order, orders.values()), connections=1000)
        answered = time.monotonic()
        assert {(answer.status, answer.body) for answer in answers} == {(201, CREATED)}
        wait_completed(service.address, PROMISED_SECONDS)
        completed = time.monotonic()
        await inspect(service.address, orders)
        assert service.get("/metrics").json()["average_processing_time"] >= 2
    with capsys.disabled():
        _say(f"1,000 orders answered in {answered - begun:.2f} s, all Completed {completed - answered:.2f} s later")


async def test_many_orders_in_flight(tmp_path: Path) -> None:
    """With `--concurrency 10000` a thousand orders, each taking long, are all being worked on at the same moment."""
    orders = wire_orders(1000)
    with serving(tmp_path, "--concurrency", "10000", "--processor", f"demo:{IN_FLIGHT_SECONDS:g}") as service:
        await hold_in_flight(service, orders)
        wait_completed(service.address, 30)
        await inspect(service.address, orders)


async def test_no_more_than_the_concurrency(tmp_path: Path) -> None:
    """With `--concurrency 10` no more than ten orders are Processing at any look, and all the same all complete."""
    orders = wire_orders(100)
    with serving(tmp_path, "--concurrency", "10", "--processor", "demo:0.1") as service:
        await ask_all(service.address, map(post_order, orders.values()), connections=10)
        most = 0

        def completed() -> bool:
            nonlocal most
            counts = counts_of(service.address)
            most = max(most, counts["Processing"])
            return counts["Completed"] == len(orders)

        wait_until(completed, 30, "all are Completed")
        assert 1 <= most <= 10
        await inspect(service.address, orders)


async def test_reads_while_busy(service: Service) -> None:
    """While orders pour in, every status that is asked for is answered, and is one of an order's."""
    ids = [f"busy-{number}" for number in range(300)]
    both = [each for order_id in ids for each in (post_order(body_of(order_id)), _status_of(order_id))]
    answers = await ask_all(service.address, both, connections=1)
    assert {answer.status for answer in answers} <= {200, 201}
    told = {answer.body for answer in answers[1::2]}
    assert told <= {f'{{"status":"{status}"}}' for status in ("Pending", "Processing", "Completed")}


def _status_of(order_id: str) -> Request:
    return Request("GET", f"/orders/{order_id}/status")


def _say(line: str) -> None:
    sys.stdout.write(f"\n{line}\n")
