"""The rival: what a Python team writes first. FastAPI, asyncpg, an `asyncio.Queue` and workers, and nothing more.

One INSERT and two UPDATEs an order. It has no idempotency, no history, no retry, no fencing and no recovery, and what
is in its queue is lost with its process. Run by `python -m benchmarks.http_load`; the database comes in DATABASE_URL.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Annotated

import asyncpg
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field

WORKERS = 10
POOL = 20

CREATE = """
CREATE TABLE IF NOT EXISTS orders (
    order_id text PRIMARY KEY,
    user_id text NOT NULL,
    item_ids text[] NOT NULL,
    total_amount numeric NOT NULL,
    status text NOT NULL DEFAULT 'Pending',
    created_at timestamptz NOT NULL DEFAULT now(),
    processing_started_at timestamptz,
    ended_at timestamptz
)
"""
INSERT = "INSERT INTO orders (order_id, user_id, item_ids, total_amount) VALUES ($1, $2, $3, $4)"
START = "UPDATE orders SET status = 'Processing', processing_started_at = now() WHERE order_id = $1"
COMPLETE = "UPDATE orders SET status = 'Completed', ended_at = now() WHERE order_id = $1"
COUNT = """
SELECT status, count(*) AS orders, avg(extract(epoch FROM ended_at - processing_started_at)) AS seconds
FROM orders GROUP BY status
"""


class Order(BaseModel):
    """What a client sends."""

    order_id: Annotated[str, Field(min_length=1, max_length=128)]
    user_id: Annotated[str, Field(min_length=1, max_length=128)]
    item_ids: Annotated[list[str], Field(min_length=1)]
    total_amount: Annotated[Decimal, Field(ge=0)]


waiting: asyncio.Queue[str] = asyncio.Queue()
pools: list[asyncpg.Pool[asyncpg.Record]] = []


async def work() -> None:
    """Take one order after the other and complete it."""
    while True:
        order_id = await waiting.get()
        await pools[0].execute(START, order_id)
        await asyncio.sleep(0)
        await pools[0].execute(COMPLETE, order_id)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Open the pool, make the table, run the workers."""
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=POOL, max_size=POOL) as pool:
        pools.append(pool)
        await pool.execute(CREATE)
        workers = [asyncio.create_task(work()) for _ in range(WORKERS)]
        yield
        for worker in workers:
            worker.cancel()


async def create_order(order: Order) -> dict[str, str]:
    """Store an order and put it into the queue."""
    try:
        await pools[0].execute(INSERT, order.order_id, order.user_id, order.item_ids, order.total_amount)
    except asyncpg.UniqueViolationError:
        raise HTTPException(409, "The order exists") from None
    waiting.put_nowait(order.order_id)
    return {"message": "Order created successfully"}


async def metrics() -> dict[str, object]:
    """Count the orders."""
    rows = await pools[0].fetch(COUNT)
    return {
        "total_orders": sum(row["orders"] for row in rows),
        "status_counts": {row["status"]: row["orders"] for row in rows},
    }


app = FastAPI(lifespan=lifespan)
app.add_api_route("/orders", create_order, methods=["POST"], status_code=201)
app.add_api_route("/metrics", metrics, methods=["GET"])
