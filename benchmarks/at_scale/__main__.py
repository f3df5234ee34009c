"""Milliseconds of `GET /metrics`, a status read, a placing and an empty claim, as orders pile up on PostgreSQL.

Run from the root of the repository: `python -m benchmarks.at_scale`. It needs wrk and a PostgreSQL server, which it
starts itself; ten million orders (`--sizes 100000 1000000 10000000`) need about 15 GB of disk.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from statistics import quantiles
from typing import Final

import asyncpg

from benchmarks.at_scale.filling import fill
from benchmarks.http_load.postgres import running_postgres
from benchmarks.http_load.services import order_engine
from benchmarks.http_load.wrk import Load, load
from benchmarks.report import load_average, machine, table
from order_engine.domain.commands import ClaimTerms
from order_engine.domain.order import Status
from order_engine.domain.suspects import SuspectRoom
from order_engine_adapters.clocks import SystemClock
from order_engine_adapters.postgres import open_repository

ASK: Final = Path(__file__).with_name("ask.lua")
POST: Final = Path(__file__).parents[1] / "http_load" / "post_orders.lua"
CLAIMS: Final = 500
COUNT: Final = """
SELECT count(*), count(*) FILTER (WHERE status = 'Completed'),
    sum(order_engine.microseconds_between(processing_started_at, ended_at)) FILTER (WHERE status = 'Completed')::bigint
FROM order_engine.orders
"""
LOADING: Final = 8
"""Connections that post while the metrics are asked for."""
TERMS: Final = ClaimTerms(claim_id="", limit=500, lease_seconds=30, max_deliveries=10, suspects=SuspectRoom(1000, 0, 0))


def main() -> None:
    """Fill, measure, and print a line for each size."""
    options = _options()
    print(f"{machine()}; each load {options.seconds} s; milliseconds, p50 / p99\n")
    rows: list[Sequence[str]] = []
    with running_postgres() as url:
        asyncio.run(_claims(url))  # makes the schema
        there = 0
        for size in options.sizes:
            began = time.monotonic()
            there = asyncio.run(_fill(url, there + 1, size, options.fill_seconds))
            print(
                f"{there:,} orders: filled in {time.monotonic() - began:.0f} s, load average {load_average()}.",
                flush=True,
            )
            asyncio.run(_check_counters(url))
            rows.append((f"{there:,}", *_measured(url, there, options.seconds)))
            print(", ".join(rows[-1]), flush=True)
    head = ("orders", "GET /metrics", "while 8 connections post", "status of one", "POST, 1 connection", "empty claim")
    print(f"\n{table(head, rows)}")


def _measured(url: str, size: int, seconds: int) -> Sequence[str]:
    with order_engine(url) as service:
        alone = load(ASK, service, 1, seconds, ["/metrics"])
        with ThreadPoolExecutor(1) as others:
            posting = others.submit(load, POST, service, LOADING, seconds + 2, [f"light-{size}"])
            time.sleep(1)
            busy = load(ASK, service, 1, seconds, ["/metrics"])
            posting.result()
        status = load(ASK, service, 1, seconds, ["/orders/order-NUMBER/status", str(size)])
        placing = load(POST, service, 1, seconds, [f"single-{size}"])
    claims = quantiles(asyncio.run(_claims(url)), n=100)
    return (*map(_text, (alone, busy, status, placing)), f"{claims[49]:.2f} / {claims[98]:.2f}")


def _text(found: Load) -> str:
    failed = f" ({found.failed} failed)" if found.failed else ""
    return f"{found.p50:.2f} / {found.p99:.2f}{failed}"


async def _fill(url: str, first: int, last: int, seconds: float) -> int:
    connection = await asyncpg.connect(url)
    try:
        return await fill(connection, first, last, seconds)
    finally:
        await connection.close()


async def _check_counters(url: str) -> None:
    """Raise AssertionError where the counters are not what counting every order gives."""
    async with open_repository(url, clock=SystemClock()) as repository:
        told = await repository.statistics()
    connection = await asyncpg.connect(url)
    try:
        counted = await connection.fetchrow(COUNT)
    finally:
        await connection.close()
    expected = (told.total_orders, told.status_counts[Status.COMPLETED], told.processing_microseconds)
    if counted is None or tuple(counted) != expected:
        message = f"the counters tell {expected}, and the orders {counted}"
        raise AssertionError(message)


async def _claims(url: str) -> list[float]:
    """Return the milliseconds of claims that find nothing."""
    taken: list[float] = []
    async with open_repository(url, clock=SystemClock()) as repository:
        for number in range(CLAIMS):
            began = time.perf_counter()
            claimed = await repository.claim(replace(TERMS, claim_id=f"empty-{number}"))
            taken.append((time.perf_counter() - began) * 1000)
            if claimed.orders:
                message = "a claim found orders, so it was not an empty one"
                raise AssertionError(message)
    return taken


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="*", default=[100_000, 1_000_000], help="rising numbers of orders")
    parser.add_argument("--seconds", type=int, default=5, help="of each load")
    parser.add_argument("--fill-seconds", type=float, default=600, help="a size that takes longer is cut short")
    return parser.parse_args()


if __name__ == "__main__":
    main()
