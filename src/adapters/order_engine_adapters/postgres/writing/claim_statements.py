"""SQL statements of claims.

Most claims are one statement: it finds due orders that are no suspects, locks those that are not locked, leases them
and appends their events. Expired leases and suspects are decided one by one by the domain while their rows are locked:
the statement reports their presence, claims nothing, and leaves the claim to `DUE` or `NAMED`.
"""

from __future__ import annotations

from typing import Final

from order_engine_adapters.postgres.rows import CONTENT, CONTENT_SIZE, ORDER_OF_ONE_ROW, upto
from order_engine_adapters.postgres.token_floor import TOKEN_FLOOR
from order_engine_adapters.postgres.writing.named_parameters import numbered

_GATE: Final = f"""
WITH gate AS MATERIALIZED (
    SELECT order_engine.claim_is_new(:claim_id) AS is_new, order_engine.order_engine_now() AS now,
        {TOKEN_FLOOR} AS token_floor
),
"""

# Orders beyond the byte limit stay locked until the statement ends and are not changed.
_BOUNDED: Final = """
, weighed AS MATERIALIZED (
    SELECT picked.serial, picked.since, {content}, {size} AS size, {upto} AS upto
    FROM picked JOIN order_engine.contents AS c ON c.serial = picked.serial
)"""

_HAND_OUT: Final = f"""
, moved AS (
    UPDATE order_engine.orders AS o SET status = 'Processing', version = o.version + 1,
        token = greatest(o.token, gate.token_floor) + 1, attempts = o.attempts + 1, claim_id = :claim_id,
        lease_ends = gate.now + :lease::bigint * interval '1 microsecond',
        due = NULL, updated_at = greatest(gate.now, o.updated_at),
        processing_started_at = coalesce(o.processing_started_at, greatest(gate.now, o.updated_at))
    FROM weighed AS c, gate
    WHERE o.serial = c.serial AND o.lease_ends IS NULL AND o.ended_at IS NULL
        AND (c.upto <= :max_bytes::bigint OR c.upto = c.size)
    RETURNING o.*, c.since, {CONTENT}
), appended AS (
    INSERT INTO order_engine.events (order_serial, version, type, at, token, attempt)
    SELECT serial, version, 'claimed', updated_at, token, attempts FROM moved
)
SELECT gate.is_new, others.found, least(others.oldest, gate.now),
    EXISTS (SELECT FROM weighed WHERE upto > :max_bytes::bigint AND upto <> size), gate.now, o.since, {ORDER_OF_ONE_ROW}
FROM gate CROSS JOIN others LEFT JOIN moved AS o ON true
"""  # noqa: S608 - constants

_DUE: Final = """
begins AS MATERIALIZED (SELECT least(:floor, gate.now) - :look_back::float8 * interval '1 second' AS at FROM gate),
others AS MATERIALIZED (
    SELECT (
        SELECT lease_ends FROM order_engine.orders
        WHERE lease_ends IS NOT NULL AND lease_ends >= (SELECT at FROM begins) AND lease_ends <= (SELECT now FROM gate)
        ORDER BY lease_ends, serial LIMIT 1
    ) AS oldest, EXISTS (
        SELECT FROM order_engine.orders WHERE :take_ended AND lease_ends IS NOT NULL
            AND lease_ends >= (SELECT at FROM begins) AND lease_ends <= (SELECT now FROM gate)
            AND (cancel_requested OR vanished + 1 >= :cap::int OR vanished + 1 <= :most_vanished::int)
    ) OR EXISTS (
        SELECT FROM order_engine.orders
        WHERE :most_vanished::int > 0 AND lease_ends IS NULL AND ended_at IS NULL
            AND vanished > 0 AND vanished <= :most_vanished::int
            AND (due IS NULL OR due <= (SELECT now FROM gate))
    ) AS found
), ready AS MATERIALIZED (
    SELECT serial, updated_at AS since FROM order_engine.orders
    WHERE lease_ends IS NULL AND ended_at IS NULL AND due IS NULL AND vanished = 0
        AND updated_at >= (SELECT at FROM begins) AND (SELECT is_new AND NOT found FROM gate, others)
    ORDER BY updated_at, serial LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED
), later AS MATERIALIZED (
    SELECT serial, due AS since FROM order_engine.orders
    WHERE due IS NOT NULL AND vanished = 0 AND due >= (SELECT at FROM begins) AND due <= (SELECT now FROM gate)
        AND (SELECT is_new AND NOT found FROM gate, others)
    ORDER BY due, serial LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED
), picked AS MATERIALIZED (
    SELECT serial, since FROM (SELECT * FROM ready UNION ALL SELECT * FROM later) AS both_kinds
    ORDER BY since, serial LIMIT :limit
)"""


def _handed_out(order: str) -> str:
    """Return the end of a claim: the first orders within the size limit are leased."""
    return _BOUNDED.format(content=CONTENT, size=CONTENT_SIZE, upto=upto(order)) + _HAND_OUT


CLAIM_DUE: Final = numbered(
    ("claim_id", "lease", "limit", "take_ended", "cap", "most_vanished", "floor", "max_bytes", "look_back"),
    _GATE + _DUE + _handed_out("picked.since, picked.serial"),
)
"""Claim id, microseconds of the lease, limit, whether expired leases are taken, cap, highest vanished count, floor,
size limit. Returns whether the claim is new, whether something is left to `DUE`, the time or the end of the first
expired lease, whether the size limit cut off orders, the time, and for each order since when it could be claimed."""

_NAMED: Final = """
others AS MATERIALIZED (
    SELECT NULL::timestamptz AS oldest, EXISTS (
        SELECT FROM unnest(:order_ids::text[]) AS wanted (order_id)
        JOIN order_engine.contents AS c ON c.order_id = wanted.order_id
        JOIN order_engine.orders AS o ON o.serial = c.serial
        WHERE (:take_ended AND o.lease_ends <= (SELECT now FROM gate))
            OR (o.vanished > 0 AND o.lease_ends IS NULL AND o.ended_at IS NULL)
    ) AS found
), picked AS MATERIALIZED (
    SELECT o.serial, NULL::timestamptz AS since, wanted.position
    FROM unnest(:order_ids::text[]) WITH ORDINALITY AS wanted (order_id, position)
    JOIN order_engine.contents AS c ON c.order_id = wanted.order_id
    JOIN order_engine.orders AS o ON o.serial = c.serial
    WHERE o.lease_ends IS NULL AND o.ended_at IS NULL AND o.vanished = 0
        AND (o.due IS NULL OR o.due <= (SELECT now FROM gate)) AND (SELECT is_new AND NOT found FROM gate, others)
    ORDER BY wanted.position LIMIT :limit FOR NO KEY UPDATE OF o SKIP LOCKED
)"""

CLAIM_NAMED: Final = numbered(
    ("claim_id", "lease", "limit", "take_ended", "order_ids", "max_bytes"),
    _GATE + _NAMED + _handed_out("picked.position"),
)
"""Claim id, microseconds of the lease, limit, whether expired leases are taken, distinct order ids, size limit."""

BEGIN_CLAIM: Final = numbered(
    ("claim_id", "while_renewed"),
    f"""
WITH gate AS MATERIALIZED (
    SELECT order_engine.claim_is_new(:claim_id) AS is_new, order_engine.order_engine_now() AS now,
        {TOKEN_FLOOR} AS token_floor
)
SELECT is_new, now, token_floor, EXISTS (
    SELECT FROM (SELECT time_set_at + time_ahead * interval '1 second' FROM order_engine.identity) AS corrected (at)
    WHERE corrected.at <= now AND now < corrected.at + :while_renewed::bigint * interval '1 microsecond'
) FROM gate
""",  # noqa: S608 - constants
)
"""Claim id, microseconds. Returns whether the claim is new, the time, its token floor, and whether the time was
corrected within that many microseconds."""

HELD: Final = numbered(
    ("claim_id", "after", "max_bytes"),
    f"""
SELECT total, {ORDER_OF_ONE_ROW} FROM (
    SELECT o.*, {CONTENT}, {CONTENT_SIZE} AS size, {upto("c.order_id")} AS upto, count(*) OVER () AS total
    FROM order_engine.orders AS o JOIN order_engine.contents AS c ON c.serial = o.serial
    WHERE o.claim_id = :claim_id AND o.lease_ends IS NOT NULL AND o.status = 'Processing' AND c.order_id > :after
) AS o
WHERE upto <= :max_bytes::bigint OR upto = size ORDER BY order_id
""",  # noqa: S608 - constants
)
"""Claim id, order id to start after, size limit. Returns the total count with each order."""

NAMED: Final = numbered(
    ("order_ids", "max_bytes"),
    f"""
WITH candidate AS MATERIALIZED (
    SELECT o.*, wanted.position FROM unnest(:order_ids::text[]) WITH ORDINALITY AS wanted (order_id, position)
    JOIN order_engine.contents AS c ON c.order_id = wanted.order_id
    JOIN order_engine.orders AS o ON o.serial = c.serial
    ORDER BY wanted.position FOR NO KEY UPDATE OF o SKIP LOCKED
)
SELECT total, {ORDER_OF_ONE_ROW} FROM (
    SELECT o.*, {CONTENT}, {CONTENT_SIZE} AS size, {upto("o.position")} AS upto, count(*) OVER () AS total
    FROM candidate AS o JOIN order_engine.contents AS c ON c.serial = o.serial
) AS o
WHERE upto <= :max_bytes::bigint OR upto = size ORDER BY position
""",  # noqa: S608 - constants
)
"""Order ids, size limit. Returns the total count with each order."""

DUE: Final = numbered(
    ("now", "since", "serial", "limit", "take_ended", "cap", "most_vanished", "max_bytes"),
    f"""
WITH held AS MATERIALIZED (
    SELECT *, lease_ends AS since FROM order_engine.orders
    WHERE :take_ended AND lease_ends IS NOT NULL AND lease_ends <= :now
        AND (lease_ends, serial) > (:since, :serial::bigint)
        AND (cancel_requested OR vanished + 1 >= :cap::int OR vanished + 1 <= :most_vanished::int)
    ORDER BY lease_ends, serial LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED
), ready AS MATERIALIZED (
    SELECT *, updated_at AS since FROM order_engine.orders
    WHERE lease_ends IS NULL AND ended_at IS NULL AND due IS NULL AND vanished = 0
        AND (updated_at, serial) > (:since, :serial::bigint)
    ORDER BY updated_at, serial LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED
), later AS MATERIALIZED (
    SELECT *, due AS since FROM order_engine.orders
    WHERE due IS NOT NULL AND vanished = 0 AND due <= :now AND (due, serial) > (:since, :serial::bigint)
    ORDER BY due, serial LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED
), suspect AS MATERIALIZED (
    SELECT *, coalesce(due, updated_at) AS since FROM order_engine.orders
    WHERE :most_vanished::int > 0 AND lease_ends IS NULL AND ended_at IS NULL
        AND vanished > 0 AND vanished <= :most_vanished::int
        AND (due IS NULL OR due <= :now) AND (coalesce(due, updated_at), serial) > (:since, :serial::bigint)
    ORDER BY coalesce(due, updated_at), serial LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED
), candidate AS (
    SELECT * FROM (SELECT * FROM held UNION ALL SELECT * FROM ready UNION ALL SELECT * FROM later
                   UNION ALL SELECT * FROM suspect) AS every_kind
    ORDER BY since, serial LIMIT :limit
)
SELECT total, {ORDER_OF_ONE_ROW} FROM (
    SELECT o.*, {CONTENT}, {CONTENT_SIZE} AS size, {upto("o.since, o.serial")} AS upto, count(*) OVER () AS total
    FROM candidate AS o JOIN order_engine.contents AS c ON c.serial = o.serial
) AS o
WHERE upto <= :max_bytes::bigint OR upto = size ORDER BY since, serial
""",  # noqa: S608 - constants
)
"""The next claimable orders, longest due first.

Time, position (since, serial), limit, whether expired leases are taken, cap, highest vanished count with room, size
limit. Returns the total count with each order.

Suspects without room are excluded, so that a claim does not read them repeatedly, however many wait. Every branch
continues after the same position.
"""
