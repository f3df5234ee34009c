"""Ending a service: it says so, finishes what runs, releases what does not end, and goes with exit code 0."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.integration.inspection import body_of, counts_of
from tests.integration.service import Service, run_command, serving, wait_until

SIGNALS = (signal.SIGTERM, signal.SIGINT)
MOMENTS_OF_START = (0, 0.1, 0.2, 0.3, 0.35, 0.4, 0.45, 0.6)
ORDERS = tuple(f"order-{number}" for number in range(20))
HALF_REQUESTS = (
    b"",
    b"GET /livez HTTP/1.1\r\nHost: here\r\n",
    b"POST /orders HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{",
)
"""What a client may have sent when the service is asked to end: nothing, half a head, half a body."""


def place(service: Service, order_ids: Sequence[str] = ORDERS) -> None:
    """Place orders, which a worker then runs."""
    for order_id in order_ids:
        assert service.post("/orders", body_of(order_id)).status == 201


def history(service: Service, order_id: str) -> Sequence[str]:
    """Return the types of an order's events."""
    return [event["type"] for event in service.get(f"/orders/{order_id}/history").json()["events"]]


def expect_clean_end(service: Service, seconds: float = 30) -> None:
    """Check that the process ends in time, with exit code 0, and says nothing of errors."""
    assert service.wait(seconds) == 0
    assert "Traceback" not in service.output + service.errors
    assert not service.errors, service.errors
    assert service.output.rstrip().endswith("drained")


@pytest.mark.parametrize("number", SIGNALS)
def test_running_work_is_finished(tmp_path: Path, number: signal.Signals) -> None:
    """After SIGTERM or SIGINT running orders end within the grace time, and the service ends soon after the last.

    Meanwhile it is alive and not ready, reads are answered, and new placings are refused with 503 and Retry-After.
    """
    with serving(tmp_path, "--processor", "demo:1", "--poll-seconds", "0.1") as service:
        place(service)
        service.signal(number)
        wait_until(lambda: service.get("/readyz").status == 503, 5, "readiness fails")
        assert counts_of(service.address)["Processing"] == len(ORDERS)
        _expect_refused(service)
        assert service.get("/livez").status == 200
        assert service.get(f"/orders/{ORDERS[0]}/status").json() == {"status": "Processing"}
        expect_clean_end(service, seconds=10)
    with serving(tmp_path, "--processor", "none") as after:
        assert counts_of(after.address)["Completed"] == len(ORDERS)
        assert after.get("/orders/late").status == 404


@pytest.mark.parametrize("number", SIGNALS)
def test_what_does_not_end_is_released(tmp_path: Path, number: signal.Signals) -> None:
    """Work that outlasts the grace time is released: the next service takes it at once, not after the lease.

    The history tells of the release, and the attempt does not count.
    """
    flags = ("--lease-seconds", "600", "--poll-seconds", "0.1", "--grace-seconds", "0.3")
    with serving(tmp_path, "--processor", "demo:300", *flags) as service:
        place(service)
        service.signal(number)
        expect_clean_end(service, seconds=10)
    with serving(tmp_path, "--processor", "demo:0", *flags) as following:
        wait_until(lambda: counts_of(following.address)["Completed"] == len(ORDERS), 10, "the orders are taken at once")
        for order_id in ORDERS:
            assert history(following, order_id) == ["placed", "claimed", "released", "claimed", "completed"]
            assert following.get(f"/orders/{order_id}").json()["attempts"] == 1


@pytest.mark.parametrize("number", SIGNALS)
def test_idle_service_ends_at_once(tmp_path: Path, number: signal.Signals) -> None:
    """With nothing to do the service ends quickly, and lets go of the file."""
    with serving(tmp_path) as service:
        service.signal(number)
        expect_clean_end(service, seconds=5)
    assert run_command(tmp_path, "metrics", "--database-url", "sqlite:///orders.db").returncode == 0


def test_a_signal_that_comes_twice_is_one_request(tmp_path: Path) -> None:
    """A terminal and a program that passes signals on give one Ctrl-C twice: running work still ends."""
    with serving(tmp_path, "--processor", "demo:1") as service:
        place(service)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGINT):
            service.signal(number)
        expect_clean_end(service, seconds=10)
    with serving(tmp_path, "--processor", "none") as after:
        assert counts_of(after.address)["Completed"] == len(ORDERS)


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    """Asked again it ends with exit code 0 and without waiting for running work, which the next process takes up."""
    with serving(tmp_path, "--processor", "demo:300", "--grace-seconds", "300") as service:
        place(service)
        service.signal()
        wait_until(lambda: service.get("/readyz").status == 503, 5, "readiness fails")
        time.sleep(0.3)  # what comes sooner is the same request
        service.signal(signal.SIGINT)
        assert service.wait(5) == 0
        assert not service.errors, service.errors
    with serving(tmp_path, "--processor", "demo:0") as following:
        wait_until(lambda: counts_of(following.address)["Completed"] == len(ORDERS), 10, "the orders are taken at once")


def test_signal_during_start(tmp_path: Path) -> None:
    """SIGTERM while the service starts ends it: by the signal itself before it has begun, else with exit code 0.

    There is no traceback, and the next service starts on the same file.
    """
    for moment in MOMENTS_OF_START:
        with Service(tmp_path, "--database-url", "sqlite:///orders.db") as service:
            # The moment is what is tried here, so this is no wait for anything.
            time.sleep(moment)
            service.signal()
            code = service.wait(10)
            assert code in {0, -signal.SIGTERM}, service.errors
            assert not service.errors, service.errors
            assert code == 0 or not service.output
    with serving(tmp_path) as following:
        assert counts_of(following.address)["Pending"] == 0


def test_open_connections_hold_nothing_up(tmp_path: Path) -> None:
    """Idle connections and half-sent requests do not keep the service from ending in time."""
    with serving(tmp_path, "--processor", "demo:0.2") as service, ExitStack() as opened:
        place(service)
        for sent in HALF_REQUESTS * 5:
            opened.enter_context(_half_asked(service, sent))
        opened.enter_context(_kept_alive(service))
        wait_until(lambda: counts_of(service.address)["Completed"] == len(ORDERS), 10, "the orders end")
        service.signal()
        expect_clean_end(service, seconds=10)


def test_placings_on_their_way_are_answered(tmp_path: Path) -> None:
    """A placing whose body is still arriving when the signal comes gets an answer that is true: 201, or 503."""
    body = body_of("half-way")
    with serving(tmp_path, "--processor", "demo:1") as service:
        place(service)
        with _half_asked(service, _head(body) + body[:10]) as connection:
            # Asked on another connection: by the time this is answered, the first half has arrived.
            assert service.get("/livez").status == 200
            service.signal()
            wait_until(lambda: service.get("/readyz").status == 503, 5, "readiness fails")
            connection.sendall(body[10:])
            status = int(connection.recv(65536).split()[1])
        expect_clean_end(service, seconds=10)
    with serving(tmp_path, "--processor", "none") as after:
        assert status == (201 if after.get("/orders/half-way").status == 200 else 503)


def _expect_refused(service: Service) -> None:
    refused = service.post("/orders", body_of("late"))
    assert refused.status == 503
    assert refused.headers["content-type"] == "application/problem+json"
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.json()["status"] == 503


def _half_asked(service: Service, sent: bytes) -> socket.socket:
    parts = urlsplit(service.address)
    connection = socket.create_connection((parts.hostname, parts.port), timeout=10)
    connection.sendall(sent)
    return connection


def _kept_alive(service: Service) -> socket.socket:
    connection = _half_asked(service, b"GET /livez HTTP/1.1\r\nHost: here\r\n\r\n")
    assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    return connection


def _head(body: bytes) -> bytes:
    lines = ["POST /orders HTTP/1.1", "Host: here", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode()
