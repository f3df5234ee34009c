"""Processors that fork: what happens to a child happens to it alone, and it keeps nothing of the service."""

from __future__ import annotations

import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.integration.inspection import counts_of
from tests.integration.service import serving, wait_until
from tests.integration.stubborn_service import (
    do,
    import_works,
    is_alive,
    left_processes,
    noted,
    stubborn,
    wait_noted,
)

TERMINATED = ("process", "process_in_thread", "pool", "fork", "program")
"""Ways to start a child and to terminate it."""
WITHOUT_END = {"fork_that_exits": "ended 3", "fork_that_fails": "ended 1", "fork_that_returns": "ended 1"}
"""Children that do not end themselves, and how they end."""
SECONDS = 40.0


@pytest.mark.parametrize("uvloop", [True, False])
def test_children_of_a_service(tmp_path: Path, uvloop: bool) -> None:  # noqa: FBT001 - a case
    """A child that is terminated ends, and the service goes on; a child that comes back from its fork does no harm."""
    with stubborn(tmp_path, uvloop=uvloop) as service:
        service.wait_ready()
        for work in (*TERMINATED, *WITHOUT_END):
            do(service, work)
            wait_noted(tmp_path, f"{work} ended")
        outcomes = dict.fromkeys(TERMINATED, "ended -15") | WITHOUT_END
        for work, outcome in outcomes.items():
            assert f"{work} {outcome}" in noted(tmp_path)
        wait_until(
            lambda: counts_of(service.address)["Completed"] == len(outcomes), SECONDS, "all orders are Completed"
        )
        assert service.get("/readyz").status == 200
        for work in WITHOUT_END:
            history = service.get(f"/orders/{work}/history").json()["events"]
            assert [event["type"] for event in history] == ["placed", "claimed", "completed"]
        service.signal()
        assert service.wait(SECONDS) == 0


def test_children_of_a_worker(tmp_path: Path) -> None:
    """The same without HTTP."""
    import_works(tmp_path, "process", "fork", "program")
    with stubborn(tmp_path, command="worker") as worker:
        for work in ("process", "fork", "program"):
            wait_noted(tmp_path, f"{work} ended -15")
        assert worker.process.poll() is None
        worker.signal()
        assert worker.wait(SECONDS) == 0


def test_an_orphan_keeps_neither_the_file_nor_the_address(tmp_path: Path) -> None:
    """After kill -9 of the service the next one gets the same file and port, while a child of the first lives on."""
    with stubborn(tmp_path) as service:
        do(service.wait_ready(), "leave_a_child")
        wait_until(lambda: bool(left_processes(tmp_path)), SECONDS, "there is a child")
        port = str(urlsplit(service.address).port)
        service.kill()
        assert all(map(is_alive, left_processes(tmp_path)))
        with serving(tmp_path, "--processor", "none", "--port", port) as following:
            assert following.address.endswith(port)
            assert all(map(is_alive, left_processes(tmp_path)))


@pytest.mark.parametrize("uvloop", [True, False])
def test_a_child_keeps_no_connection_open(tmp_path: Path, uvloop: bool) -> None:  # noqa: FBT001 - a case
    """A connection that the service closes is closed for its client too, while a child lives."""
    with stubborn(tmp_path, "--keep-alive-seconds", "4", uvloop=uvloop) as service:
        service.wait_ready()
        parts = urlsplit(service.address)
        with socket.create_connection((parts.hostname, parts.port), timeout=SECONDS) as connection:
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: here\r\n\r\n")
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
            do(service, "leave_a_child")
            wait_until(lambda: bool(left_processes(tmp_path)), SECONDS, "there is a child")
            assert connection.recv(65536) == b""
        assert all(map(is_alive, left_processes(tmp_path)))
