"""Place a file of real orders, process all of them, and print totals beside the expected ones."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections import defaultdict
from pathlib import Path

from examples.online_retail.digests import digests
from examples.online_retail.fulfilment import fulfil
from examples.online_retail.records import ORDER, Record, read_records
from examples.online_retail.report import compare, expected_file, table
from examples.online_retail.totals import Totals, totals_of_orders, totals_of_records
from order_engine import Order, OrderEngine, OrderEngineError, Statistics, Status
from order_engine_adapters import open_engine

PAGE = 1000


async def process(records: list[Record]) -> tuple[list[Order], Statistics]:
    """Place every order, see each to its end, and return the Completed ones as the engine gives them back."""
    orders = [record.to_order() for record in records if record.is_order]
    async with open_engine("memory://", processor=fulfil) as engine:
        for outcome in await engine.place_many(orders):
            if isinstance(outcome, OrderEngineError):
                raise outcome
        for order in orders:
            await engine.wait_for(str(order.order_id), seconds=60)
        return await completed_orders(engine), await engine.metrics()


async def completed_orders(engine: OrderEngine) -> list[Order]:
    """Return all Completed orders, page by page."""
    page = await engine.list(status=Status.COMPLETED, limit=PAGE)
    orders = list(page)
    while page.next is not None:
        page = await engine.list(status=Status.COMPLETED, limit=PAGE, cursor=page.next)
        orders.extend(page)
    return orders


def totals_by_kind(set_apart: list[Record]) -> dict[str, Totals]:
    """Sum up the cancellations and adjustments, which are no orders and go to the report alone."""
    by_kind: dict[str, list[Record]] = defaultdict(list)
    for record in set_apart:
        by_kind[record.kind].append(record)
    return {kind: totals_of_records(of_kind) for kind, of_kind in by_kind.items()}


def run(data: Path) -> int:
    """Do the whole job on one file; return the exit code."""
    records = list(read_records(data))
    started = time.perf_counter()
    orders, statistics = asyncio.run(process(records))
    seconds = time.perf_counter() - started
    set_apart = [record for record in records if not record.is_order]
    totals = {ORDER: totals_of_orders(orders)} | totals_by_kind(set_apart)
    comparisons = compare(totals, digests(orders, set_apart), data)
    counts = ", ".join(f"{status} {count}" for status, count in statistics.status_counts.items())
    print(f"{statistics.total_orders} orders placed and processed in {seconds:.2f} s ({counts})")
    print(table(comparisons))
    differing = sum(not comparison.agrees for comparison in comparisons)
    if not any(comparison.expected is not None for comparison in comparisons):
        print(f"Nothing to compare with: there is no {expected_file(data).name} beside the data.")
    else:
        print(f"{differing} figures differ." if differing else "All figures agree.")
    return 1 if differing else 0


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m examples.online_retail", description=__doc__)
    parser.add_argument("data", type=Path, help="a file of the data set, for example online_retail_2010-12.jsonl.gz")
    data: Path = parser.parse_args().data
    if not data.is_file():
        print(f"There is no file {data}. Give the path of a data file.", file=sys.stderr)
        return 1
    try:
        return run(data)
    except (EOFError, OSError, KeyError, TypeError, ValueError) as error:
        print(f"{data} cannot be read as the data set's JSON lines: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
