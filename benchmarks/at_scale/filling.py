"""Orders by the hundred thousand: the rows that the engine would have written, made in the database.

Each portion is one transaction that does what placing and completing do: orders are born claimed, then completed, with
their events, and the schema's own triggers count them. So the tables also hold the old row versions that updates leave.
"""

from __future__ import annotations

import time
from typing import Final

from order_engine_adapters.postgres.connection.target import Connection

PORTION: Final = 100_000

PLACE: Final = """
WITH numbers AS (
    SELECT nextval('order_engine.serials') AS serial, number, clock_timestamp() AS at
    FROM generate_series($1::bigint, $2::bigint) AS number
), described AS (
    INSERT INTO order_engine.contents (serial, created_at, order_id, user_id, item_ids, total_amount)
    SELECT serial, at, 'order-' || number, 'user-' || number % 1000, '["85123A","71053","84406B"]',
        number % 500 || '.50'
    FROM numbers
), placed AS (
    INSERT INTO order_engine.orders (serial, token, created_at, updated_at, lease_ends, processing_started_at, version,
        round, attempts, failures, vanished, cancel_requested, status, claim_id)
    SELECT serial, 1, at, at, at + interval '30 s', at, 2, 1, 1, 0, 0, false, 'Processing', 'claim-' || number / 500
    FROM numbers
)
INSERT INTO order_engine.events (order_serial, version, type, at, token, attempt)
SELECT serial, version, type, at, token, token
FROM numbers CROSS JOIN (VALUES (1, 'placed', NULL::int), (2, 'claimed', 1)) AS step (version, type, token)
ORDER BY serial, version
"""

COMPLETE: Final = """
WITH completed AS (
    UPDATE order_engine.orders AS o SET status = 'Completed', version = 3, lease_ends = NULL,
        updated_at = o.updated_at + interval '3 ms', ended_at = o.updated_at + interval '3 ms'
    FROM order_engine.contents AS c
    WHERE c.order_id = ANY(SELECT 'order-' || number FROM generate_series($1::bigint, $2::bigint) AS number)
        AND o.serial = c.serial
    RETURNING o.serial, o.updated_at
)
INSERT INTO order_engine.events (order_serial, version, type, at, token, attempt)
SELECT serial, 3, 'completed', updated_at, 1, 1 FROM completed ORDER BY serial
"""


async def fill(connection: Connection, first: int, last: int, seconds: float) -> int:
    """Add the orders with these numbers, Completed, and settle the tables as autovacuum would in time.

    Begins no portion after `seconds`. Returns the last number that is there.
    """
    deadline = time.monotonic() + seconds
    end = first - 1
    await connection.execute("SET synchronous_commit = off")
    while end < last and time.monotonic() < deadline:
        start, end = end + 1, min(end + PORTION, last)
        async with connection.transaction():
            await connection.execute(PLACE, start, end)
            await connection.execute(COMPLETE, start, end)
    await connection.execute("VACUUM (ANALYZE)")
    await connection.execute("CHECKPOINT")
    return end
