"""A disk that runs full: nothing acknowledged is lost, new orders are refused, and it heals without a restart."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from itertools import islice
from pathlib import Path

import pytest

from tests.integration.conversation import Request, ask_all, post_order
from tests.integration.full_disks import Disk, limited_files, small_disk
from tests.integration.inspection import inspect, wait_completed
from tests.integration.service import Answer, Service, serving, wait_until
from tests.integration.wire_orders import wire_orders

ORDERS = 1200
AT_ONCE = 50
CONNECTIONS = 10
HEAL_SECONDS = 15
LOOK_SECONDS = 0.5
FLAGS = ("--poll-seconds", "0.1", "--lease-seconds", "2")


@pytest.mark.parametrize("disk_at", [limited_files, small_disk])
async def test_a_full_disk_heals_without_a_restart(
    tmp_path: Path, disk_at: Callable[[Path], AbstractContextManager[Disk]]
) -> None:
    """While the disk is full, placings get 503 as a problem with Retry-After, readiness fails, and reads are answered.

    Once there is room again the same process takes the refused orders, finishes what was running, and after a restart
    every order is there once and Completed.
    """
    with disk_at(tmp_path) as disk:
        orders = wire_orders(ORDERS)
        with serving(disk.folder, *FLAGS, "--processor", "demo:0.05") as service:
            warm = dict(islice(orders.items(), AT_ONCE))
            expect_placed(await post(service, warm))
            disk.fill(service)
            refused = await fill(service, orders)
            assert 0 < len(refused) < ORDERS
            await expect_full(service, orders, refused)
            disk.make_room(service)
            expect_healed(service)
            expect_placed(await post(service, orders))
            wait_completed(service.address, HEAL_SECONDS)
            assert "Traceback" not in service.errors, service.errors
            service.signal()
            assert service.wait() == 0
        with serving(disk.folder, *FLAGS) as again:
            assert (await inspect(again.address, orders)).orders == ORDERS


def test_readiness_fails_for_as_long_as_the_disk_is_full(tmp_path: Path) -> None:
    """A service that cannot take an order does not say that it is ready, also while nobody tries to place one."""
    with limited_files(tmp_path) as disk, serving(disk.folder, *FLAGS, "--processor", "none") as service:
        disk.fill(service)
        orders = iter(wire_orders(ORDERS).values())
        wait_until(lambda: service.post("/orders", next(orders)).status == 503, 30, "the disk is full")
        last = time.monotonic() + LOOK_SECONDS
        while time.monotonic() < last:
            assert service.get("/readyz").status == 503


async def test_kill_9_on_a_full_disk(tmp_path: Path) -> None:
    """Killed while its disk is full, the service comes back with every acknowledged order and completes it."""
    orders = wire_orders(ORDERS)
    with limited_files(tmp_path) as disk:
        with serving(disk.folder, *FLAGS, "--processor", "demo:0.05") as service:
            disk.fill(service)
            refused = await fill(service, orders)
            assert 0 < len(refused) < ORDERS
            service.kill()
        with serving(disk.folder, *FLAGS, "--processor", "demo:0.05") as again:
            kept = {order_id: body for order_id, body in orders.items() if order_id not in refused}
            answers = await post(again, kept)
            assert all("idempotent-replayed" in answer.headers for answer in answers.values())
            expect_placed(await post(again, refused))
            wait_completed(again.address, HEAL_SECONDS)
            await inspect(again.address, orders)


async def test_end_on_a_full_disk(tmp_path: Path) -> None:
    """Asked to end while its disk is full, the service ends in time, and what it could not report is run again."""
    orders = wire_orders(ORDERS)
    flags = (*FLAGS, "--grace-seconds", "0.5", "--request-seconds", "1")
    with limited_files(tmp_path) as disk:
        with serving(disk.folder, *flags, "--processor", "demo:0.3") as service:
            disk.fill(service)
            refused = await fill(service, orders)
            assert 0 < len(refused) < ORDERS
            service.signal()
            assert service.wait(20) == 0
            assert "Traceback" not in service.output + service.errors
        with serving(disk.folder, *FLAGS, "--processor", "demo:0") as again:
            expect_placed(await post(again, orders))
            wait_completed(again.address, HEAL_SECONDS)
            await inspect(again.address, orders)


async def post(service: Service, orders: Mapping[str, bytes]) -> Mapping[str, Answer]:
    """Post orders on several connections, and return the answers by the orders' ids."""
    answers = await ask_all(service.address, map(post_order, orders.values()), CONNECTIONS)
    return dict(zip(orders, answers, strict=True))


def expect_placed(answers: Mapping[str, Answer]) -> None:
    """Check that every placing was acknowledged."""
    others = {order_id: answer for order_id, answer in answers.items() if answer.status != 201}
    assert not others, others


async def fill(service: Service, orders: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """Post all orders, the disk running full on the way; return those that were refused, as they should be."""
    answers = await post(service, orders)
    for order_id, answer in answers.items():
        assert answer.status in {201, 503}, f"{order_id}: {answer}"
        if answer.status == 503:
            expect_problem(answer)
    return {order_id: orders[order_id] for order_id, answer in answers.items() if answer.status == 503}


def expect_problem(answer: Answer) -> None:
    """Check that a refusal is a problem document that says when to come back."""
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.json()["status"] == 503
    assert answer.json()["type"]


async def expect_full(service: Service, orders: Mapping[str, bytes], refused: Mapping[str, bytes]) -> None:
    """Check what a service on a full disk still does."""
    # The first may have been too large for the room that was left, when another still finds some.
    assert any(service.post("/orders", body).status == 503 for body in refused.values())
    wait_until(lambda: service.get("/readyz").status == 503, HEAL_SECONDS, "readiness fails")
    assert service.get("/livez").status == 200
    acknowledged = [order_id for order_id in orders if order_id not in refused]
    reads = await ask_all(service.address, [Request("GET", f"/orders/{each}") for each in acknowledged], CONNECTIONS)
    assert {answer.status for answer in reads} == {200}


def expect_healed(service: Service) -> None:
    """Check that the service becomes ready by itself."""
    wait_until(lambda: service.get("/readyz").status == 200, HEAL_SECONDS, "the service is ready again")
