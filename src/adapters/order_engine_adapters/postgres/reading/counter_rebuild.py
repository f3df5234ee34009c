"""Rebuild of the counters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import asyncpg

from order_engine.domain.errors import OutcomeUnknown, Unavailable
from order_engine.domain.metrics import Statistics
from order_engine_adapters.postgres.connection.failures import CONNECTION_LOST, as_unavailable
from order_engine_adapters.postgres.connection.target import CLOSE_SECONDS, Connection, Target, connect, parse, within
from order_engine_adapters.postgres.reading.orders import SUMS, read_statistics
from order_engine_adapters.postgres.schema.migrations import migrate_target, shipped

COUNT_SECONDS: Final = 3_600.0
"""Default time limit of a rebuild."""
ANSWER_SECONDS: Final = 5.0
"""Added to the server's own time limit, so that the server's error arrives."""

ALONE: Final = "SELECT pg_advisory_xact_lock(hashtextextended('order_engine counters of ' || $1, 0))"
LIMITS: Final = (
    "SET LOCAL statement_timeout = {milliseconds}; SET LOCAL lock_timeout = 0; SET LOCAL enable_seqscan = on"
)

COMPARE: Final = f"""
SELECT counted.*, stored.*
FROM (
    SELECT count(*), count(*) FILTER (WHERE status = 'Pending'), count(*) FILTER (WHERE status = 'Processing'),
        count(*) FILTER (WHERE status = 'Completed'), count(*) FILTER (WHERE status = 'Failed'),
        count(*) FILTER (WHERE status = 'Cancelled'),
        coalesce(sum(order_engine.microseconds_between(processing_started_at, ended_at))
                 FILTER (WHERE status = 'Completed'), 0)::bigint
    FROM order_engine.orders
) AS counted CROSS JOIN (SELECT {SUMS} FROM order_engine.counters) AS stored
"""  # noqa: S608 - constants
"""Completed orders never change, so the orders contain the same totals as the history.

Both sides are read in one snapshot, and every writer changes both in one transaction. Their difference is therefore the
error of the counters, whatever is written meanwhile, and nobody has to wait.
"""

CORRECT: Final = "SELECT order_engine.count_orders($1, $2, $3, $4, $5, $6, $7)"

Figures = Sequence[int]
NUMBER_OF_FIGURES: Final = 7


async def rebuild_counters(url: str, seconds: float = COUNT_SECONDS) -> tuple[Statistics, Statistics]:
    """Recount all orders. Return the metrics before and after.

    Counters are corrected by the difference. Neither writers nor readers wait, and concurrent writes are not lost. The
    whole table is scanned, for at most `seconds`. Raises InvalidSetting; Unavailable if nothing was changed,
    OutcomeUnknown if it may have been.
    """
    return await rebuild_counters_of(parse(url), seconds)


async def rebuild_counters_of(target: Target, seconds: float) -> tuple[Statistics, Statistics]:
    """Do as `rebuild_counters` does, with a database that is parsed."""
    if await migrate_target(target, shipped(), dry_run=True):
        message = f"The schema {target.schema} at {target.place} is not up to date. Run `order-engine migrate` first."
        raise Unavailable(message)
    connection = await connect(target)
    try:
        counted, stored = await _compared_and_corrected(connection, target, seconds)
    finally:
        connection.terminate()
    return read_statistics(stored), read_statistics(counted)


async def _compared_and_corrected(connection: Connection, target: Target, seconds: float) -> tuple[Figures, Figures]:
    committing = False
    limit = seconds + ANSWER_SECONDS
    try:
        await connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
        await connection.execute(LIMITS.format(milliseconds=max(1, int(seconds * 1000))))
        # Two concurrent rebuilds would correct the same difference twice. Each statement has its own snapshot, so the
        # second one sees the correction of the first.
        await connection.fetchval(ALONE, target.schema, timeout=limit)
        (row,) = await connection.fetch(within(COMPARE, target.schema), timeout=limit)
        counted, stored = row[:NUMBER_OF_FIGURES], row[NUMBER_OF_FIGURES:]
        if counted != stored:
            difference = [right - wrong for right, wrong in zip(counted, stored, strict=True)]
            await connection.fetchval(within(CORRECT, target.schema), *difference)
        committing = counted != stored
        await connection.execute("COMMIT")
        await connection.close(timeout=CLOSE_SECONDS)
    except (asyncpg.PostgresError, *CONNECTION_LOST) as error:
        if committing:
            message = (
                f"The PostgreSQL database at {target.place} did not respond. The counters may have been corrected. "
                "Run the command again to check."
            )
            raise OutcomeUnknown(message) from error
        raise as_unavailable(error, target.place) or error from error
    return counted, stored
