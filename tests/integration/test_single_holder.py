"""One process holds a database file; everybody else is told who, or asks that one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.integration.inspection import body_of, counts_of, wait_completed
from tests.integration.service import Service, expect_one_line, run_command, serving

URL = "sqlite:///orders.db"


def serve_again(folder: Path, url: str = URL) -> CompletedProcess[str]:
    """Run a second `serve` to its end, which must come by itself."""
    return run_command(folder, "serve", "--port", "0", "--database-url", url)


def expect_told_of(holder: Service, ended: CompletedProcess[str]) -> None:
    """Check that a process ended with exit code 1 and one line that names the holder's process and address."""
    assert ended.returncode == 1, ended
    assert not ended.stdout
    expect_one_line(ended.stderr, str(holder.process.pid), holder.address, "orders.db")


def read(folder: Path, *command: str) -> Any:  # noqa: ANN401 - a JSON document
    """Return what a command says for machines."""
    ended = run_command(folder, *command, "--json", "--database-url", URL)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_a_second_service_says_who_holds_the_file(tmp_path: Path) -> None:
    """A second `serve` ends with exit code 1 and one line with the holder's process id and address; it harms nobody."""
    with serving(tmp_path, "--processor", "demo:0") as holder:
        expect_told_of(holder, serve_again(tmp_path))
        assert holder.post("/orders", body_of("after")).status == 201
        wait_completed(holder.address, 10)


def test_another_name_of_the_file_is_the_same_file(tmp_path: Path) -> None:
    """Neither a symbolic link to the file, nor a path by another folder, gets round the lock."""
    (tmp_path / "link.db").symlink_to("orders.db")
    (tmp_path / "folder").symlink_to(tmp_path)
    with serving(tmp_path) as holder:
        expect_told_of(holder, serve_again(tmp_path, "sqlite:///link.db"))
        expect_told_of(holder, serve_again(tmp_path, "sqlite:///folder/orders.db"))
        expect_told_of(holder, serve_again(tmp_path, f"sqlite:///{tmp_path}/orders.db"))


def test_a_killed_holder_is_in_nobodys_way(tmp_path: Path) -> None:
    """After kill -9 the next service starts at once, although the lock file still names the dead one."""
    with serving(tmp_path, "--processor", "none") as killed:
        assert killed.post("/orders", body_of("order")).status == 201
        killed.kill()
    assert str(killed.process.pid) in (tmp_path / "orders.db.lock").read_text(encoding="utf-8")
    with serving(tmp_path, "--processor", "demo:0") as following:
        wait_completed(following.address, 10)
        expect_told_of(following, serve_again(tmp_path))


def test_two_at_once(tmp_path: Path) -> None:
    """Of services that start at the same moment on a file that is not there yet, exactly one gets it."""
    flags = ("--database-url", URL)
    with Service(tmp_path, *flags) as first, Service(tmp_path, *flags) as second, Service(tmp_path, *flags) as third:
        services = (first, second, third)
        losers = _without_winner(services)
        assert len(losers) == 2
        for loser in losers:
            assert loser.wait() == 1
            expect_one_line(loser.errors, "orders.db is in use by")


def test_commands_ask_the_holder(tmp_path: Path) -> None:
    """`orders list`, `orders show` and `metrics` ask the running service by themselves, and know what it knows."""
    with serving(tmp_path, "--processor", "demo:0") as service:
        for order_id in ("one", "two"):
            assert service.post("/orders", body_of(order_id)).status == 201
        wait_completed(service.address, 10)
        _expect_both_orders(tmp_path)
        assert read(tmp_path, "metrics") == service.get("/metrics").json()
        assert read(tmp_path, "orders", "show", "one") == service.get("/orders/one").json()
        assert service.process.poll() is None


def test_commands_open_a_file_that_nobody_holds(tmp_path: Path) -> None:
    """While no service runs, or it was killed, the same commands read the file, and leave it free again."""
    with serving(tmp_path, "--processor", "demo:0") as service:
        for order_id in ("one", "two"):
            assert service.post("/orders", body_of(order_id)).status == 201
        wait_completed(service.address, 10)
        told = service.get("/orders/one").json()
        service.kill()
    _expect_both_orders(tmp_path)
    assert read(tmp_path, "orders", "show", "one") == told
    with serving(tmp_path) as again:
        assert counts_of(again.address)["Completed"] == 2


@pytest.mark.parametrize("state", ["running", "ended"])
def test_cancel_by_command(tmp_path: Path, state: str) -> None:
    """`orders cancel` works on a Pending order, whether the service runs or not."""
    with serving(tmp_path, "--processor", "none") as service:
        assert service.post("/orders", body_of("order")).status == 201
        if state == "ended":
            service.signal()
            assert service.wait() == 0
        assert read(tmp_path, "orders", "cancel", "order")["status"] == "Cancelled"
    assert read(tmp_path, "orders", "show", "order")["status"] == "Cancelled"


def _expect_both_orders(folder: Path) -> None:
    assert {order["order_id"] for order in read(folder, "orders", "list")["orders"]} == {"one", "two"}
    assert read(folder, "metrics")["status_counts"]["Completed"] == 2
    absent = run_command(folder, "orders", "show", "three", "--database-url", URL)
    assert absent.returncode == 1
    expect_one_line(absent.stderr, "three")


def _without_winner(services: Sequence[Service]) -> Sequence[Service]:
    """Wait for the one that is ready, and return the others."""
    for service in services:
        with suppress(AssertionError):
            service.wait_ready()
            return [other for other in services if other is not service]
    pytest.fail("none of them is ready")
