"""`serve --workers`: several processes on one port, of which any may die."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from tests.integration.crash_rounds import fresh_seed
from tests.integration.inspection import body_of, counts_of, inspect, wait_completed
from tests.integration.postgres.support import server_url
from tests.integration.service import Service, expect_one_line, run_command, wait_until
from tests.integration.test_access import asked

CHILDREN = Path("/proc/self/task")
FLAGS = ("--processor", "demo:0.2", "--poll-seconds", "0.2", "--lease-seconds", "3")

pytestmark = pytest.mark.skipif(not CHILDREN.exists(), reason="asks Linux which processes are whose")


def database() -> str:
    """Return the URL of a schema that no other test has."""
    return f"{server_url()}?schema=test_workers_{fresh_seed()}"


def children_of(service: Service) -> Sequence[int]:
    """Return the processes that this one has started."""
    number = service.process.pid
    return [int(word) for word in Path(f"/proc/{number}/task/{number}/children").read_text().split()]


def is_gone(number: int) -> bool:
    """Whether there is no such process any more, or only its exit code is left."""
    try:
        return "\nState:\tZ" in Path(f"/proc/{number}/status").read_text()
    except OSError:
        return True


async def test_a_process_that_is_killed_is_started_again(tmp_path: Path) -> None:
    """Meanwhile the others answer on the same port; every order that was acknowledged completes, by a legal history."""
    flags = ("--database-url", database(), "--workers", "3", *FLAGS)
    with Service(tmp_path, *flags) as service:
        service.wait_ready()
        wait_until(lambda: len(children_of(service)) == 3, 10, "three processes run")
        first, *others = children_of(service)
        posted: dict[str, bytes] = {}
        for number in range(150):
            if number == 50:
                os.kill(first, signal.SIGKILL)
            body = body_of(f"order-{number}")
            assert _place(service, body) == 201
            posted[f"order-{number}"] = body
        wait_until(lambda: len(children_of(service)) == 3, 10, "there are three again")
        assert set(others) < set(children_of(service))
        assert first not in children_of(service)
        wait_completed(service.address, 30)
        await inspect(service.address, posted)
        assert f"Process {first} of this service exited (signal 9)" in service.errors


def test_a_signal_drains_all_of_them(tmp_path: Path) -> None:
    """SIGTERM to the first process drains all of them; the exit code is 0, and the message is printed once."""
    with Service(tmp_path, "--database-url", database(), "--workers", "2", *FLAGS) as service:
        service.wait_ready()
        children = children_of(service)
        for number in range(20):
            assert _place(service, body_of(f"order-{number}")) == 201
        service.signal(signal.SIGTERM)
        assert service.wait() == 0
        assert all(map(is_gone, children))
        assert service.output.count("draining") == 1
        assert service.output.count("answers at") == 1
        assert service.output.rstrip().endswith("drained")
        assert "Traceback" not in service.errors
        assert "exited" not in service.errors


def test_nothing_is_left_when_the_first_process_is_killed(tmp_path: Path) -> None:
    """The others drain and end by themselves, and what they ran is free for the next service."""
    url = database()
    with Service(tmp_path, "--database-url", url, "--workers", "3", *FLAGS) as service:
        service.wait_ready()
        children = children_of(service)
        for number in range(20):
            assert _place(service, body_of(f"order-{number}")) == 201
        service.kill()
        try:
            wait_until(lambda: all(map(is_gone, children)), 20, "the others have ended")
        finally:
            _kill(children)
    with Service(tmp_path, "--database-url", url, "--workers", "2", *FLAGS) as following:
        following.wait_ready()
        wait_completed(following.address, 30)
        assert counts_of(following.address)["Completed"] == 20


def test_each_of_them_follows_the_keys(tmp_path: Path) -> None:
    """A key that is revoked stops working at every process, whichever takes the connection."""
    add = ("keys", "add", "--file", "keys.json", "--scopes", "read", "--name")
    old, kept = (run_command(tmp_path, *add, name).stdout.strip() for name in ("old", "kept"))
    flags = ("--database-url", database(), "--workers", "2", "--processor", "none", "--api-keys-file", "keys.json")
    with Service(tmp_path, *flags) as service:
        service.wait_ready()
        assert _statuses(service, old) == {200}
        assert run_command(tmp_path, "keys", "revoke", "--file", "keys.json", "--name", "old").returncode == 0
        wait_until(lambda: _statuses(service, old) == {401}, 10, "every process refuses the key")
        assert _statuses(service, kept) == {200}


@pytest.mark.parametrize(
    ("flags", "exit_code", "parts"),
    [
        (("--processor", "nothing:here"), 2, ("module nothing is neither installed",)),
        (("--api-keys-file", "keys.json"), 1, ("order-engine keys add",)),
        (("--start-seconds", "0", "--database-url", "postgresql://nobody@127.0.0.1:1/shop"), 1, ("Cannot connect to",)),
    ],
)
def test_what_none_of_them_can_do_ends_the_service(
    tmp_path: Path, flags: Sequence[str], exit_code: int, parts: Sequence[str]
) -> None:
    """With the same line and exit code as for one process, instead of starting again and again."""
    given = flags if "--database-url" in flags else ("--database-url", database(), *flags)
    ended = run_command(tmp_path, "serve", "--port", "0", "--workers", "2", *given)
    assert (ended.returncode, ended.stdout) == (exit_code, "")
    lines = [line for line in ended.stderr.splitlines() if line.startswith("order-engine: ")]
    expect_one_line("\n".join(lines), *parts)
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("url", ["sqlite:///orders.db", "memory://"])
def test_a_repository_of_one_process_is_refused(tmp_path: Path, url: str) -> None:
    """Exit code 2, with the reason; no file is made."""
    ended: subprocess.CompletedProcess[str] = run_command(tmp_path, "serve", "--workers", "2", "--database-url", url)
    assert (ended.returncode, ended.stdout) == (2, "")
    expect_one_line(ended.stderr, "workers is 2", "PostgreSQL")
    assert not list(tmp_path.iterdir())


def _statuses(service: Service, key: str) -> set[int]:
    """Return the statuses of many requests, each on a connection of its own, which show a key."""
    return {asked(service, "GET", "/orders", key).status for _ in range(30)}


def _kill(numbers: Sequence[int]) -> None:
    """Leave no process behind whose parent is gone."""
    for number in numbers:
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)


def _place(service: Service, body: bytes) -> int:
    """Place an order, and again where the process that had the connection was killed: placing is idempotent."""
    try:
        return service.post("/orders", body).status
    except OSError:
        return service.post("/orders", body).status


def test_each_process_writes_its_lines_once(tmp_path: Path) -> None:
    """A failed order is one document in the common log, with the number of the process that ran it."""
    (tmp_path / "shop.py").write_text("def fulfil(order):\n    raise ValueError(order.order_id)\n")
    flags = ("--workers", "2", "--processor", "shop:fulfil", "--max-attempts", "1", "--poll-seconds", "0.2")
    with Service(tmp_path, "--database-url", database(), *flags) as service:
        service.wait_ready()
        orders = [f"order-{number}" for number in range(4)]
        assert {_place(service, body_of(order_id)) for order_id in orders} == {201}
        wait_until(lambda: counts_of(service.address)["Failed"] == len(orders), 30, "the orders are Failed")
        processes = children_of(service)
        service.signal()
        assert service.wait() == 0
        told = [json.loads(line) for line in service.errors.splitlines()]
    failed = [each for each in told if "not retried" in each["message"]]
    assert sorted(each["order_id"] for each in failed) == orders
    assert {each["process"] for each in failed} <= set(processes)
    assert all("shop.py" in each["traceback"] for each in failed)
