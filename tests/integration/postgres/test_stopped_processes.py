"""Processes that are stopped for longer than their leases last, and then continue."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from random import Random
from typing import Final

import pytest

from order_engine.domain.events import Event, EventType
from tests.integration.conversation import Request, ask_all, connected, post_order
from tests.integration.crash_rounds import fresh_seed
from tests.integration.inspection import inspect, wait_completed
from tests.integration.postgres.clients import Clients
from tests.integration.postgres.support import new_schema, server_url
from tests.integration.service import PROGRAM, Service, wait_until
from tests.integration.wire_orders import wire_orders

LEASE_SECONDS: Final = 1.0
FLAGS: Final = ("--lease-seconds", str(LEASE_SECONDS), "--poll-seconds", "0.1", "--stop-seconds", "0.5")
PATIENCE_SECONDS: Final = 30.0
ORDERS: Final = 20
ROUNDS: Final = 3
CLIENTS: Final = 4
LONGEST_MOMENT: Final = 0.05
"""Seconds from the first placing to the moment in which the service is stopped."""

WITNESS: Final = """
import asyncio
import time
from pathlib import Path

LOOKS = 6000

def note(order, what):
    with open("seen.txt", "a", encoding="utf-8") as seen:
        seen.write(f"{order.order_id} {order.token} {what}\\n")

def may_end(order):
    return Path(f"token-{order.token}-may-end").exists()

async def waits(order):
    note(order, "began")
    for _ in range(LOOKS):
        if may_end(order):
            return note(order, "ended")
        await asyncio.sleep(0.01)

async def blocks(order):
    note(order, "began")
    for _ in range(LOOKS):
        if may_end(order):
            return note(order, "ended")
        time.sleep(0.01)
"""
"""Two processors. The one that blocks its whole process cannot be stopped by anything in it, also when it wakes up."""

UNFENCED: Final = r"""
import re
from order_engine_adapters.postgres.writing import order_updates

FENCE = re.compile(r"\b(?:o\.token = \w+\.token|\w+\.token = o\.token)\b")
statements = {name: text for name, text in vars(order_updates).items() if isinstance(text, str) and "o.token" in text}
torn = {name: FENCE.subn("true", text) for name, text in statements.items()}
assert sum(number for _, number in torn.values()) > 0, "no statement compares tokens in the way that is known here"
vars(order_updates).update({name: text for name, (text, _) in torn.items()})

from order_engine_adapters.cli import main
main()
"""
"""A worker with a bug planted: its reports are applied without a look at the token."""


@pytest.mark.parametrize(("processor", "orders"), [("blocks", 1), ("waits", ORDERS)])
async def test_a_stopped_worker_completes_nothing_of_others(tmp_path: Path, processor: str, orders: int) -> None:
    """A worker that went on after another took its orders over has every report refused; the other's counts.

    A processor that only waits is stopped by its worker as soon as that wakes up. One that blocks ends, and the
    completion of an attempt that has begun long ago is reported: the repository refuses it.
    """
    histories = await _outlast_a_lease(tmp_path, processor, orders)
    for history in histories:
        claimed, completed = EventType.CLAIMED, EventType.COMPLETED
        told = [(event.type, event.token) for event in history[1:]]
        assert told == [(claimed, 1), (claimed, 2), (completed, 2)]
    seen = (tmp_path / "seen.txt").read_text(encoding="utf-8").splitlines()
    ended = [line for line in seen if line.endswith("ended")]
    assert sum(line.endswith(" 2 ended") for line in ended) == orders
    assert processor == "waits" or len(ended) == 2 * orders


async def test_a_worker_that_is_not_fenced_is_caught(tmp_path: Path) -> None:
    """Without the token in the statement, the test above fails."""
    with pytest.raises(AssertionError, match="completed what another worker holds"):
        await _outlast_a_lease(tmp_path, "blocks", 1, program=("-c", UNFENCED))


async def test_a_service_that_is_stopped_while_it_places(tmp_path: Path) -> None:
    """Clients that wait are answered when it goes on; those that ask another service meanwhile place no second order.

    Orders that it had begun to work on are taken over. In the end each is there once and Completed once.
    """
    seed = fresh_seed()
    random = Random(seed)  # noqa: S311 - to be repeated
    orders = wire_orders(ROUNDS * ORDERS)
    url = f"{server_url()}?schema={(await new_schema()).schema}"
    flags = ("--database-url", url, *FLAGS, "--processor", "demo:0.2")
    with Service(tmp_path, *flags) as first, Service(tmp_path, *flags) as second:
        first.wait_ready()
        second.wait_ready()
        remaining, caught = iter(orders.items()), 0
        for _ in range(ROUNDS):
            moment = random.uniform(0, LONGEST_MOMENT)
            caught += await _place_while_stopped(first, second, dict(islice(remaining, ORDERS)), moment)
        assert caught > 0, f"it never stood still in the middle of placing, with the seed {seed}"
        wait_completed(second.address, PATIENCE_SECONDS)
        assert (await inspect(second.address, orders)).orders == ROUNDS * ORDERS
        assert "Traceback" not in first.errors + second.errors


async def _place_while_stopped(first: Service, second: Service, orders: Mapping[str, bytes], moment: float) -> int:
    """Post orders to the first service, stop it at `moment` seconds, and post every other one to the second as well.

    Returns how many placings were under way when it was stopped.
    """
    impatient = dict(islice(orders.items(), 0, None, 2))
    elsewhere = Clients(impatient, lambda: [second.address], Random(0))  # noqa: S311 - chooses one of one
    async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as group:
        patient = [group.create_task(_place(first.address, body)) for body in orders.values()]
        await asyncio.sleep(moment)
        first.signal(signal.SIGSTOP)
        try:
            caught = sum(not each.done() for each in patient)
            group.create_task(elsewhere.place_all(CLIENTS))
            # Nothing is waited for: that the leases' time passes is the point.
            await asyncio.sleep(2 * LEASE_SECONDS)
        finally:
            first.signal(signal.SIGCONT)
    return caught


async def _place(address: str, body: bytes) -> None:
    async with connected(address) as connection:
        answer = await connection.ask(post_order(body))
        assert answer.status == 201, answer


async def _outlast_a_lease(
    folder: Path, processor: str, number: int, program: Sequence[str] = PROGRAM
) -> Sequence[Sequence[Event]]:
    """Stop a worker until another one has its orders, and continue it before that one has completed them."""
    (folder / "witness.py").write_text(WITNESS, encoding="utf-8")
    orders = wire_orders(number)
    database = ("--database-url", f"{server_url()}?schema={(await new_schema()).schema}")
    with ExitStack() as running:

        def begin(command: str, work: str, program: Sequence[str] = PROGRAM) -> Service:
            flags = (*database, *FLAGS, "--processor", work)
            return running.enter_context(Service(folder, *flags, command=command, program=program)).wait_ready()

        service = begin("serve", "none")
        stopped = begin("worker", f"witness:{processor}", program)
        for body in orders.values():
            assert service.post("/orders", body).status == 201
        _wait_seen(folder, "1 began", number)
        stopped.signal(signal.SIGSTOP)
        begin("worker", "witness:waits")
        _wait_seen(folder, "2 began", number)
        (folder / "token-1-may-end").touch()
        stopped.signal(signal.SIGCONT)
        await _expect_superseded(service, stopped, list(orders))
        (folder / "token-2-may-end").touch()
        wait_completed(service.address, PATIENCE_SECONDS)
        findings = await inspect(service.address, orders)
        assert "Traceback" not in stopped.errors
        return list(findings.histories.values())


async def _expect_superseded(service: Service, stopped: Service, order_ids: Sequence[str]) -> None:
    """Wait until every attempt of the worker that was stopped has had its answer, and check that none took effect."""
    requests = [Request("GET", f"/orders/{order_id}/status") for order_id in order_ids]
    async with asyncio.timeout(PATIENCE_SECONDS):
        while _superseded(stopped.errors) < len(order_ids):
            statuses = [answer.json()["status"] for answer in await ask_all(service.address, requests, 1)]
            assert set(statuses) == {"Processing"}, "a superseded attempt completed what another worker holds (P2)"
            await asyncio.sleep(0.05)
    statuses = [answer.json()["status"] for answer in await ask_all(service.address, requests, 1)]
    assert set(statuses) == {"Processing"}, "a superseded attempt completed what another worker holds (P2)"


def _superseded(log: str) -> int:
    """Return how many attempts the log names or sums up as superseded."""
    named = set(re.findall(r"attempt on order (\S+) with token 1 superseded", log))
    return len(named) + sum(map(int, re.findall(r"(\d+) more attempts superseded", log)))


def _wait_seen(folder: Path, end: str, number: int) -> None:
    """Wait until the processors have noted so much `number` times."""
    path = folder / "seen.txt"

    def is_seen() -> bool:
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return sum(line.endswith(end) for line in lines) == number

    wait_until(is_seen, PATIENCE_SECONDS, f"{number} times {end!r}")
