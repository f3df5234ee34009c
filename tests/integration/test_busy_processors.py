"""Processors that compute, and such that block the event loop, in a real service with a short lease."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.service import Service, serving, wait_until

SECONDS = 120
MOST_THAT_COMPUTE = 120
"""The threads that are started first, and half as many again three times before the event loop has shown to be late."""
SHOP = """
import threading
import time

began = 0.0
running = 0
counting = threading.Lock()

def note(order):
    with open("runs", "a") as runs:
        runs.write(order.order_id + "\\n")

def computes(order):
    note(order)
    end = time.thread_time() + 0.1
    while time.thread_time() < end:
        sum(number * number for number in range(1000))

def computes_for_long(order):
    global began, running
    with counting:
        began = began or time.monotonic()
        running += 1
        with open("running", "a") as counts:
            counts.write(f"{running}\\n")
    note(order)
    time.sleep(0.5)
    while time.monotonic() < began + 10:
        sum(number * number for number in range(1000))
    with counting:
        running -= 1

async def blocks(order):
    note(order)
    if order.order_id == "order0":
        time.sleep(9)

async def begins_slowly(order):
    note(order)
    time.sleep(0.05)
"""


def place(service: Service, orders: int) -> None:
    """Place so many orders."""
    fields = {"user_id": "user1", "item_ids": ["tea"], "total_amount": "50.00"}
    body = json.dumps([{"order_id": f"order{number}", **fields} for number in range(orders)]).encode()
    assert service.post("/orders/batch", body).status == 200


def completed(service: Service) -> int:
    """Return the number of orders that are Completed."""
    return int(service.get("/metrics").json()["status_counts"]["Completed"])


def runs(folder: Path) -> Counter[str]:
    """Return how often each order was worked on."""
    return Counter((folder / "runs").read_text().split())


@contextmanager
def looked_at(service: Service) -> Iterator[list[float]]:
    """Ask whether the service is alive again and again; give the seconds that each answer took."""
    waits, is_over = list[float](), threading.Event()

    def look() -> None:
        while not is_over.wait(0.05):
            asked = time.monotonic()
            service.get("/livez")
            waits.append(time.monotonic() - asked)

    looker = threading.Thread(target=look)
    looker.start()
    try:
        yield waits
    finally:
        is_over.set()
        looker.join(SECONDS)


def test_functions_that_compute_keep_neither_leases_nor_requests_waiting(tmp_path: Path) -> None:
    """60 of them, more than a lease of work for one processor: each runs once, and the service answers meanwhile."""
    (tmp_path / "shop.py").write_text(SHOP)
    with (
        serving(tmp_path, "--processor", "shop:computes", "--lease-seconds", "6") as service,
        looked_at(service) as waits,
    ):
        place(service, 60)
        wait_until(lambda: completed(service) == 60, SECONDS, "all orders are Completed")
    assert set(runs(tmp_path).values()) == {1}
    assert max(waits) < 6


def test_of_many_threads_few_compute_at_once(tmp_path: Path) -> None:
    """Of 1,000 that are allowed so few are started that the service answers and renews; the other orders wait."""
    (tmp_path / "shop.py").write_text(SHOP)
    flags = ("--processor", "shop:computes_for_long", "--threads", "1000", "--lease-seconds", "6")
    with serving(tmp_path, *flags) as service, looked_at(service) as waits:
        place(service, 300)
        wait_until(lambda: completed(service) == 300, SECONDS, "all orders are Completed")
    assert set(runs(tmp_path).values()) == {1}
    assert max(map(int, (tmp_path / "running").read_text().split())) <= MOST_THAT_COMPUTE
    assert max(waits) < 6


def test_a_first_step_that_computes_does_not_silence_the_service(tmp_path: Path) -> None:
    """120 coroutines of 0.05 s each before their first `await` would be 6 s in one turn of the loop."""
    (tmp_path / "shop.py").write_text(SHOP)
    flags = ("--processor", "shop:begins_slowly", "--lease-seconds", "6")
    with serving(tmp_path, *flags) as service, looked_at(service) as waits:
        place(service, 120)
        wait_until(lambda: completed(service) == 120, SECONDS, "all orders are Completed")
    assert set(runs(tmp_path).values()) == {1}
    assert max(waits) < 4


def test_a_coroutine_that_blocks_for_longer_than_a_lease_is_named_and_harms_no_other_order(tmp_path: Path) -> None:
    """The log has the remedy. Nothing runs twice, since no other process has taken the orders."""
    (tmp_path / "shop.py").write_text(SHOP)
    with serving(tmp_path, "--processor", "shop:blocks", "--lease-seconds", "4") as service:
        place(service, 20)
        wait_until(lambda: completed(service) == 20, SECONDS, "all orders are Completed")
        wait_until(lambda: "make it a plain function" in service.errors, 20, "the log names the block")
    assert set(runs(tmp_path).values()) == {1}
