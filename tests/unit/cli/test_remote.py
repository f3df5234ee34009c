"""The commands over HTTP: what they ask, what they show, and what they make of every way in which it can go wrong."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from order_engine import RepositoryHeld
from order_engine_adapters.cli.target import targets
from tests.unit.cli.shop import Answer, InventedService, one_line, run

SECRET = "hunter2"  # noqa: S105 - not a password of anything
ORDER = {"order_id": "a b", "status": "Processing", "item_ids": ["x"], "total_amount": "1.00", "attributes": None}
COUNTS = {"total_orders": 1, "average_processing_time": 0.5, "status_counts": {"Pending": 1}}


def test_each_command_asks_its_route(service: InventedService) -> None:
    """Ids are percent-encoded; a path before the routes is kept; the answer is shown as it came."""
    base = f"{service.url}/base/"
    service.will_say(*(Answer(body) for body in [{"orders": [], "next": None}, ORDER, {"events": []}, COUNTS]))
    service.will_say(Answer(ORDER, 202), Answer(ORDER))
    flags = ("--json", "--url", base)
    assert json.loads(run("orders", "list", "--user-id", "ü&", "--status", "failed", *flags).stdout)["orders"] == []
    assert json.loads(run("orders", "show", "a ü?#%", *flags).stdout) == ORDER
    run("orders", "show", "x", "--history", *flags)
    run("metrics", *flags)
    run("orders", "cancel", "x", *flags)
    run("orders", "redrive", "x", *flags)
    assert [(asked.method, asked.path) for asked in service.asked] == [
        ("GET", "/base/orders?status=Failed&user_id=%C3%BC%26&limit=100"),
        ("GET", "/base/orders/a%20%C3%BC%3F%23%25"),
        ("GET", "/base/orders/x/history"),
        ("GET", "/base/metrics"),
        ("POST", "/base/orders/x/cancel"),
        ("POST", "/base/orders/x/redrive"),
    ]
    assert all("authorization" not in asked.headers for asked in service.asked)


def test_a_cancelling_that_waits_for_its_processor_says_so(service: InventedService) -> None:
    """The order is still running until its processor is notified."""
    service.will_say(Answer({**ORDER, "cancel_requested": True}, 202))
    assert "Cancellation requested" in run("orders", "cancel", "x", "--url", service.url).stdout


def test_the_key_is_shown_to_the_service_alone(service: InventedService) -> None:
    """And not to where it redirects."""
    service.will_say(Answer(COUNTS), Answer(None, 302, {"Location": "http://127.0.0.1:1/elsewhere"}))
    assert run("metrics", ORDER_ENGINE_URL=service.url, ORDER_ENGINE_API_KEY=SECRET).exit_code == 0
    assert service.asked[0].headers["authorization"] == f"Bearer {SECRET}"
    result = run("metrics", ORDER_ENGINE_URL=service.url, ORDER_ENGINE_API_KEY=SECRET)
    assert result.exit_code == 1
    assert "redirects to http://127.0.0.1:1/elsewhere" in one_line(result)
    assert SECRET not in result.output


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (Answer({"detail": "There is no\x1b order."}, 404), r"There is no\x1b order."),
        (Answer({"detail": "No key."}, 401), "No key. Set ORDER_ENGINE_API_KEY to a valid key."),
        (Answer({"detail": "The service drains."}, 503, {"Retry-After": "1"}), "The service drains."),
        (Answer(b"<html>", 502), "returned 502 Bad Gateway"),
        (Answer(b"[" * 100_000, 500), "returned 500"),
        (Answer({"detail": 7}, 500), "returned 500"),
        (Answer(b"<html>", 200), "is not an order_engine service"),
        (Answer(["orders"], 200), "is not an order_engine service"),
        (Answer({"other": 1}, 200), "is not an order_engine service"),
        (Answer(b"\xff\xfe", 200), "is not an order_engine service"),
        (Answer(b"{", breaks_off=True), "closed the connection before the response was complete"),
    ],
    ids=str,
)
def test_whatever_the_service_says_is_one_line(answer: Answer, sentence: str, service: InventedService) -> None:
    """With the detail of its problem document where there is one."""
    service.will_say(answer)
    result = run("metrics", "--url", service.url)
    assert result.exit_code == 1
    assert sentence in one_line(result)


def test_no_service_is_one_line() -> None:
    """No process listens at the address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    result = run("metrics", "--url", address)
    assert result.exit_code == 1
    assert one_line(result) == f"Cannot connect to {address}. Check that `order-engine serve` is running there."
    result = run("metrics", "--url", "http://no-such-host.invalid")
    assert (result.exit_code, "no-such-host.invalid failed" in one_line(result)) == (1, True)


@pytest.mark.parametrize(
    ("scheme", "answers", "sentence"),
    [
        ("http", b"", "failed"),
        ("http", b"SSH-2.0-OpenSSH\r\n", "sent an invalid HTTP response"),
        ("http", None, "did not respond within 0.2 s"),
        ("https", b"HTTP/1.1 200 OK\r\n\r\n", "failed"),
    ],
    ids=str,
)
def test_what_is_no_http_is_one_line(scheme: str, answers: bytes | None, sentence: str) -> None:
    """Another protocol, silence, no TLS."""
    with _raw_server(answers) as port:
        result = run("metrics", "--url", f"{scheme}://127.0.0.1:{port}", "--request-seconds", "0.2")
    assert result.exit_code == 1
    assert sentence in one_line(result)


@pytest.mark.parametrize("address", [None, "there"])
def test_a_held_repository_is_asked_through_its_holder(
    address: str | None, service: InventedService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At its published address; without one, the error names the process."""
    holder = address and service.url
    monkeypatch.setattr(targets, "open_with", _raiser(RepositoryHeld("orders.db", 7, holder)))
    Path("orders.db").touch()
    service.will_say(Answer(COUNTS))
    result = run("metrics", "--json", "--database-url", "sqlite:///orders.db")
    if address is None:
        assert result.exit_code == 1
        assert "is in use by process 7" in one_line(result)
    else:
        assert json.loads(result.stdout) == COUNTS


def test_a_flag_for_the_repository_wins_over_the_variable_for_the_service() -> None:
    """Flags win over the environment; with both flags, the service is asked."""
    asked = ("metrics", "--database-url", "sqlite:///absent.db")
    assert "Database absent.db does not exist" in one_line(run(*asked, ORDER_ENGINE_URL="http://127.0.0.1:1"))
    assert "Cannot connect" in one_line(run(*asked, "--url", "http://127.0.0.1:1"))


def test_control_c_ends_a_waiting_command(folder: Path) -> None:
    """One line and 130, at once, not after the time limit."""
    code = (
        "import os, signal, sys, threading, order_engine_adapters.cli as cli\n"
        "threading.Timer(1, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "cli.main(sys.argv[1:])"
    )
    with _raw_server(None) as port:
        ended = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-c", code, "metrics", "--url", f"http://127.0.0.1:{port}", "--request-seconds", "60"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            cwd=folder,
            env=dict(os.environ),
        )
    assert (ended.returncode, ended.stderr) == (130, "order-engine: Interrupted.\n")


@contextmanager
def _raw_server(answers: bytes | None) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        opened: list[socket.socket] = []

        def serve() -> None:
            connection, _ = listening.accept()
            opened.append(connection)
            connection.recv(65_536)
            if answers is not None:
                connection.sendall(answers)
                connection.close()

        thread = Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(10)
        for connection in opened:
            connection.close()


def _raiser(error: Exception) -> Callable[..., object]:
    def open_with(*_: object, **__: object) -> object:
        raise error

    return open_with
