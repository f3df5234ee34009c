"""What a person sees on the console of a service whose processor fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.inspection import body_of, counts_of
from tests.integration.service import Service, serving, wait_until

SHOP = """
import logging

log = logging.getLogger("shop")


async def fulfil(order):
    logging.info("looking at %s", order.order_id)
    reserve(order)


def reserve(order):
    log.info("reserving")
    raise ValueError("no stock")
"""
OWN_LOG = """
import logging.config

logging.config.dictConfig({
    "version": 1,
    "formatters": {"own": {"format": "OWN %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "own"}},
    "root": {"handlers": ["console"], "level": "INFO"},
})
"""
ONCE = ("--processor", "shop:fulfil", "--max-attempts", "2", "--backoff-seconds", "0.01", "--poll-seconds", "0.1")


def fails_and_ends(service: Service, *order_ids: str) -> None:
    """Place orders and wait until all of them are Failed; then end the service."""
    for order_id in order_ids:
        assert service.post("/orders", body_of(order_id)).status == 201
    wait_until(lambda: counts_of(service.address)["Failed"] == len(order_ids), 30, "the orders are Failed")
    service.signal()
    assert service.wait() == 0


def documents(service: Service) -> list[dict[str, Any]]:
    """Return the documents that the service has logged: each line of its standard error is one."""
    return [json.loads(line) for line in service.errors.splitlines()]


def test_a_failed_attempt_is_a_document_for_machines(tmp_path: Path) -> None:
    """One that is retried and one that is not, each with its order, its attempt, its place and the traceback."""
    (tmp_path / "shop.py").write_text(SHOP)
    with serving(tmp_path, *ONCE) as service:
        fails_and_ends(service, "order-1")
    retried, failed = documents(service)
    assert retried["message"].startswith("attempt 1 of order order-1 failed, retry in ")
    place = "shop.py:14 in reserve"
    assert failed["message"] == f"order order-1 failed after attempt 2, not retried: ValueError: no stock ({place})"
    assert [(each["order_id"], each["attempt"]) for each in (retried, failed)] == [("order-1", 1), ("order-1", 2)]
    assert all("shop.py" in each["traceback"] and each["time"].endswith("Z") for each in (retried, failed))


def test_a_person_reads_text(tmp_path: Path) -> None:
    """And, at that level, what the processor itself logs."""
    (tmp_path / "shop.py").write_text(SHOP)
    with serving(tmp_path, *ONCE, "--log-format", "text", "--log-level", "info") as service:
        fails_and_ends(service, "order-1")
    assert "INFO root: looking at order-1" in service.errors
    assert "INFO shop: reserving" in service.errors
    assert "WARNING order_engine: order order-1 failed after attempt 2" in service.errors
    assert 'shop.py", line 14, in reserve' in service.errors


def test_a_log_that_the_processor_sets_up_is_used(tmp_path: Path) -> None:
    """Every line is in its form and there once, although it disables the loggers that were there before it."""
    (tmp_path / "shop.py").write_text(OWN_LOG + SHOP)
    with serving(tmp_path, *ONCE) as service:
        fails_and_ends(service, "order-1")
    lines = [line for line in service.errors.splitlines() if line.startswith("OWN")]
    assert [line.partition(" (")[0].partition(" failed")[0] for line in lines] == [
        "OWN INFO root looking at order-1",
        "OWN INFO shop reserving",
        "OWN WARNING order_engine attempt 1 of order order-1",
        "OWN INFO root looking at order-1",
        "OWN INFO shop reserving",
        "OWN WARNING order_engine order order-1",
    ]


@pytest.mark.parametrize("orders", [40])
def test_many_failures_are_a_few_lines_and_their_sum(tmp_path: Path, orders: int) -> None:
    """Nothing is lost: what is not written in full is counted."""
    (tmp_path / "shop.py").write_text(SHOP)
    flags = ("--processor", "shop:fulfil", "--max-attempts", "1")
    with serving(tmp_path, *flags) as service:
        fails_and_ends(service, *(f"order-{number}" for number in range(orders)))
    told = [each["message"] for each in documents(service)]
    in_full = [message for message in told if message.startswith("order ")]
    sums = [message for message in told if " more orders failed in the last " in message]
    assert len(in_full) + sum(int(message.split()[0]) for message in sums) == orders
    assert len(in_full) == 5
    assert "ValueError at shop.py:14 in reserve (" in sums[0]
