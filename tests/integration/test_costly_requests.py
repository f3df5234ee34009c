"""Requests that cost much, against the real service: others are answered meanwhile, and leases are kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest

from tests.integration.inspection import body_of
from tests.integration.service import Service, serving, wait_until

SECONDS: Final = 120.0
"""Far longer than anything takes: the limit is against hanging."""
ORDERS: Final = 50
LINES: Final = "application/x-ndjson"
JSON: Final = "application/json"
PROCESSOR: Final = """
import asyncio

async def fulfil(order):
    with open("runs", "a") as runs:
        runs.write(order.order_id + chr(10))
    await asyncio.sleep(3)
"""
BAD_LINES: Final = b"{}\n" * 60_000
NOTHING_BUT_LISTS: Final = b'{"order_id":"large","attributes":{"a":[' + b",".join([b"[]"] * 330_000) + b"]}}"


def send(service: Service, path: str, body: bytes, media_type: str) -> tuple[int, list[Any]]:
    """Return the status of the answer to a POST, and its lines."""
    connection = HTTPConnection(urlsplit(service.address).netloc, timeout=SECONDS)
    try:
        connection.request("POST", path, body, {"Content-Type": media_type})
        with connection.getresponse() as response:
            return response.status, [json.loads(line) for line in response.read().splitlines()]
    finally:
        connection.close()


def answered_meanwhile(service: Service, works: list[Callable[[], tuple[int, list[Any]]]]) -> tuple[int, list[Any]]:
    """Run all of this concurrently while checking liveness. Return the number of successful checks and the results."""
    answers = 0
    with ThreadPoolExecutor(len(works)) as threads:
        under_way: list[Future[tuple[int, list[Any]]]] = [threads.submit(work) for work in works]
        while not all(each.done() for each in under_way):
            assert service.get("/livez").status == 200
            answers += 1
        return answers, [each.result(SECONDS) for each in under_way]


@pytest.mark.parametrize("kind", ["bad lines", "large orders"])
def test_others_are_answered_and_leases_kept_meanwhile(kind: str, tmp_path: Path) -> None:
    """Running orders are processed once, and the service reports that it is alive."""
    (tmp_path / "shop.py").write_text(PROCESSOR)
    with serving(tmp_path, "--processor", "shop:fulfil", "--lease-seconds", "8") as service:
        for number in range(ORDERS):
            assert service.post("/orders", body_of(f"order{number}")).status == 201
        if kind == "bad lines":
            answers, (done,) = answered_meanwhile(service, [lambda: send(service, "/orders/batch", BAD_LINES, LINES)])
            assert done[0] == 200
            assert done[1][-1] == {"read": 60_000, "placed": 0, "replayed": 0, "refused": 60_000}
        else:
            answers, done = answered_meanwhile(service, [lambda: send(service, "/orders", NOTHING_BUT_LISTS, JSON)] * 6)
            assert [status for status, _ in done] == [422] * 6
        assert answers >= 10
        wait_until(lambda: _completed(service) == ORDERS, SECONDS, "all orders are Completed")
    runs = (tmp_path / "runs").read_text().split()
    assert sorted(runs) == sorted({*runs})


def _completed(service: Service) -> int:
    return int(service.get("/metrics").json()["status_counts"]["Completed"])
