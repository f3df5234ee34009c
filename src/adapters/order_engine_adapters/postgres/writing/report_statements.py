"""SQL statements of reports and renewals, with fencing by token in the statement itself.

The condition for leased orders is written so that no index matches it: knowing that few orders are leased, the planner
would scan all of them to find the few named ones.
"""

from __future__ import annotations

from typing import Final

from order_engine_adapters.postgres.database_clock import LARGEST_STEP_HOURS
from order_engine_adapters.postgres.writing.named_parameters import numbered

_IS_HELD: Final = "o.token = {named}.token AND coalesce(o.lease_ends, '-infinity') <> '-infinity'"

_TARGET: Final = f"""
    FROM given JOIN order_engine.contents AS c ON c.order_id = given.order_id
    JOIN order_engine.orders AS o ON o.serial = c.serial
    WHERE {_IS_HELD.format(named="given")}
    ORDER BY o.serial FOR NO KEY UPDATE OF o SKIP LOCKED
"""
"""Skips rows locked by others, so that no statement waits for a lock and concurrent batches cannot deadlock. A foreign
key of a host does not conflict: it locks only the key."""

_CLOCK: Final = "WITH clock AS MATERIALIZED (SELECT order_engine.order_engine_now() AS now)"

COMPLETE: Final = numbered(
    ("order_ids", "tokens", "reasons"),
    f"""
{_CLOCK},
given AS (
    SELECT * FROM unnest(:order_ids::text[], :tokens::bigint[], :reasons::text[]) AS given (order_id, token, reason)
),
target AS MATERIALIZED (
    SELECT o.serial, given.order_id, given.token, given.reason
    {_TARGET}
), moved AS (
    UPDATE order_engine.orders AS o SET status = 'Completed', version = o.version + 1, lease_ends = NULL,
        failure = NULL, updated_at = greatest(clock.now, o.updated_at), ended_at = greatest(clock.now, o.updated_at)
    FROM target, clock
    WHERE o.serial = target.serial AND {_IS_HELD.format(named="target")}
    RETURNING o.serial, o.version, o.updated_at, o.token, o.attempts, target.order_id, target.reason
), appended AS (
    INSERT INTO order_engine.events (order_serial, version, type, at, token, attempt, reason)
    SELECT serial, version, 'completed', updated_at, token, attempts, reason FROM moved
)
SELECT order_id FROM moved
""",  # noqa: S608 - constants
)
"""Order ids, tokens, reasons. The common case of REPORT: every action is "complete"."""

REPORT: Final = numbered(
    ("order_ids", "tokens", "reasons", "actions", "delays", "earliest"),
    f"""
WITH clock AS MATERIALIZED (
    SELECT CASE WHEN now < :earliest AND :earliest <= now + interval '{LARGEST_STEP_HOURS} hours'
        THEN :earliest ELSE now END AS now
    FROM (SELECT order_engine.order_engine_now() AS now) AS shown
), given AS (
    SELECT * FROM unnest(:order_ids::text[], :tokens::bigint[], :reasons::text[], :actions::text[], :delays::bigint[])
        AS given (order_id, token, reason, action, delay)
), target AS MATERIALIZED (
    SELECT o.serial, given.order_id, given.token, given.reason, given.delay, o.attempts,
        CASE WHEN given.action = 'complete' THEN 'completed'
             WHEN o.cancel_requested THEN 'cancelled'
             WHEN given.action = 'retry' THEN 'retried'
             WHEN given.action = 'fail' THEN 'failed'
             WHEN given.action = 'release' THEN 'released' END AS type
    {_TARGET}
), moved AS (
    UPDATE order_engine.orders AS o SET
        status = CASE target.type WHEN 'completed' THEN 'Completed' WHEN 'failed' THEN 'Failed'
                                  WHEN 'cancelled' THEN 'Cancelled' ELSE 'Processing' END,
        version = o.version + 1,
        lease_ends = NULL,
        due = CASE WHEN target.type = 'retried' THEN clock.now + target.delay * interval '1 microsecond' END,
        attempts = o.attempts - (target.type = 'released')::int,
        failures = o.failures + (target.type IN ('retried', 'failed'))::int,
        failure = CASE WHEN target.type IN ('retried', 'failed') THEN target.reason
                       WHEN target.type <> 'completed' THEN o.failure END,
        updated_at = greatest(clock.now, o.updated_at),
        ended_at = CASE WHEN target.type IN ('completed', 'failed', 'cancelled')
                        THEN greatest(clock.now, o.updated_at) END
    FROM target, clock
    WHERE o.serial = target.serial AND {_IS_HELD.format(named="target")}
    RETURNING o.serial, o.version, o.updated_at, o.token, target.attempts, target.type, target.order_id, target.reason
), appended AS (
    INSERT INTO order_engine.events (order_serial, version, type, at, token, attempt, reason)
    SELECT serial, version, type, updated_at, token, attempts, reason FROM moved
)
SELECT order_id FROM moved
""",  # noqa: S608 - constants
)
"""Order ids, tokens, reasons, actions, microseconds of delay, minimum time.

Implements the lifecycle table for reports on leased orders. Reports that match no row are handled afterwards.
"""

RENEW: Final = numbered(
    ("order_ids", "tokens", "lease"),
    f"""
{_CLOCK},
given AS (SELECT * FROM unnest(:order_ids::text[], :tokens::bigint[]) AS given (order_id, token)),
target AS MATERIALIZED (
    SELECT o.serial, given.order_id, given.token
    {_TARGET}
)
UPDATE order_engine.orders AS o SET lease_ends = clock.now + :lease::bigint * interval '1 microsecond'
FROM target, clock
WHERE o.serial = target.serial AND {_IS_HELD.format(named="target")}
RETURNING target.order_id, target.token, o.cancel_requested
""",  # noqa: S608 - constants
)
"""Order ids, tokens, microseconds of the lease."""

CURRENT: Final = numbered(
    ("order_ids", "tokens"),
    f"""
SELECT given.order_id, given.token FROM unnest(:order_ids::text[], :tokens::bigint[]) AS given (order_id, token)
JOIN order_engine.contents AS c ON c.order_id = given.order_id
JOIN order_engine.orders AS o ON o.serial = c.serial
WHERE {_IS_HELD.format(named="given")}
""",  # noqa: S608 - constants
)
"""Order ids, tokens. Returns the leases with a current token, whether their orders are locked or not."""
