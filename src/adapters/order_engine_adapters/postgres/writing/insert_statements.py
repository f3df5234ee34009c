"""The statements of placing."""

from __future__ import annotations

from typing import Final

from order_engine_adapters.postgres.token_floor import TOKEN_FLOOR

_GIVEN: Final = """
given AS MATERIALIZED (
    SELECT nextval('order_engine.serials') AS serial, clock.now, given.*,
        clock.now + $10::bigint * interval '1 microsecond' AS lease_ends,
        CASE WHEN given.held THEN clock.token_floor + 1 ELSE 0 END AS token
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bool[])
        AS given (order_id, user_id, item_ids, total_amount, currency, attributes, trace_parent, held), clock
"""

_STORE: Final = """
), described AS (
    INSERT INTO order_engine.contents (serial, created_at, order_id, user_id, item_ids, total_amount, currency,
        attributes, trace_parent)
    SELECT serial, now, order_id, user_id, item_ids, total_amount, currency, attributes, trace_parent FROM given
), placed AS (
    INSERT INTO order_engine.orders (serial, token, created_at, updated_at, lease_ends, processing_started_at, version,
        round, attempts, failures, vanished, cancel_requested, status, claim_id)
    SELECT serial, token, now, now, CASE WHEN held THEN lease_ends END, CASE WHEN held THEN now END, 1 + held::int,
        1, held::int, 0, 0, false, CASE WHEN held THEN 'Processing' ELSE 'Pending' END, CASE WHEN held THEN $9 END
    FROM given
), told AS (
    INSERT INTO order_engine.events (order_serial, version, type, at, token, attempt)
    SELECT serial, 1, 'placed', now, NULL, NULL FROM given
    UNION ALL SELECT serial, 2, 'claimed', now, token, 1 FROM given WHERE held
), bound AS (
    INSERT INTO order_engine.idempotency_keys (key, order_id, order_id_made, fingerprint)
    SELECT * FROM unnest($11::text[], $12::text[], $13::bool[], $14::bytea[])
        AS bound (key, order_id, order_id_made, fingerprint)
"""

_IF_ALL_IS_NEW: Final = f"""
WITH clock AS MATERIALIZED (
    SELECT order_engine.order_engine_now() AS now, {TOKEN_FLOOR} AS token_floor, set_config('lock_timeout', $15, true)
    WHERE NOT EXISTS (SELECT FROM unnest($1::text[]) AS wanted (order_id)
                      JOIN order_engine.contents AS c ON c.order_id = wanted.order_id)
        AND NOT EXISTS (SELECT FROM unnest($11::text[]) AS wanted (key)
                        JOIN order_engine.idempotency_keys AS bound ON bound.key = wanted.key)
), """  # noqa: S608 - constants

STORE_NEW: Final = (
    f"{_IF_ALL_IS_NEW}{_GIVEN}{_STORE} WHERE EXISTS (SELECT FROM clock)) SELECT now, token_floor FROM clock"  # noqa: S608
)
"""The hot case: stores everything if every id and every key is new, and nothing otherwise; tells the time it took, and
above which number its tokens begin.

Of another transaction that stores the same and is not committed yet it sees nothing, and waits at the unique index for
as long as its last argument says. Tables that are locked are waited for before, for as long as the session says.
"""

_AT: Final = """
WITH clock AS MATERIALIZED (
    SELECT $15::timestamptz AS now, $16::bigint AS token_floor,
        CASE WHEN $17::text IS NOT NULL THEN set_config('lock_timeout', $17, true) END
), """

STORE: Final = f"{_AT}{_GIVEN}{_STORE}) SELECT now FROM clock"  # noqa: S608 - constants
"""Stores what was judged to be new, and binds keys, also those of replays. Waits as STORE_NEW does; None: as the
session says, which may be a host's.
"""

BINDINGS: Final = """
SELECT bound.key, bound.order_id, bound.order_id_made, bound.fingerprint
FROM unnest($1::text[]) AS wanted (key) JOIN order_engine.idempotency_keys AS bound ON bound.key = wanted.key
"""

NOW: Final = f"SELECT order_engine.order_engine_now(), {TOKEN_FLOOR}"
