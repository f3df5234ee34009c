"""SQL statements of placements."""

from __future__ import annotations

from typing import Final

from order_engine_adapters.postgres.token_floor import TOKEN_FLOOR
from order_engine_adapters.postgres.writing.named_parameters import numbered

_NEW: Final = (
    "order_ids", "user_ids", "item_ids", "amounts", "currencies", "attributes", "trace_parents", "held",
    "claim_id", "lease",
    "keys", "key_order_ids", "key_order_ids_made", "fingerprints",
)  # fmt: skip

_GIVEN: Final = """
given AS MATERIALIZED (
    SELECT nextval('order_engine.serials') AS serial, clock.now, given.*,
        clock.now + :lease::bigint * interval '1 microsecond' AS lease_ends,
        CASE WHEN given.held THEN clock.token_floor + 1 ELSE 0 END AS token
    FROM unnest(:order_ids::text[], :user_ids::text[], :item_ids::text[], :amounts::text[], :currencies::text[],
            :attributes::text[], :trace_parents::text[], :held::bool[])
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
        1, held::int, 0, 0, false, CASE WHEN held THEN 'Processing' ELSE 'Pending' END,
        CASE WHEN held THEN :claim_id END
    FROM given
), appended AS (
    INSERT INTO order_engine.events (order_serial, version, type, at, token, attempt)
    SELECT serial, 1, 'placed', now, NULL, NULL FROM given
    UNION ALL SELECT serial, 2, 'claimed', now, token, 1 FROM given WHERE held
), bound AS (
    INSERT INTO order_engine.idempotency_keys (key, order_id, order_id_made, fingerprint)
    SELECT * FROM unnest(:keys::text[], :key_order_ids::text[], :key_order_ids_made::bool[], :fingerprints::bytea[])
        AS bound (key, order_id, order_id_made, fingerprint)
"""

_IF_ALL_IS_NEW: Final = f"""
WITH clock AS MATERIALIZED (
    SELECT order_engine.order_engine_now() AS now, {TOKEN_FLOOR} AS token_floor,
        set_config('lock_timeout', :lock_wait, true)
    WHERE NOT EXISTS (SELECT FROM unnest(:order_ids::text[]) AS wanted (order_id)
                      JOIN order_engine.contents AS c ON c.order_id = wanted.order_id)
        AND NOT EXISTS (SELECT FROM unnest(:keys::text[]) AS wanted (key)
                        JOIN order_engine.idempotency_keys AS bound ON bound.key = wanted.key)
), """  # noqa: S608 - constants

STORE_NEW: Final = numbered(
    (*_NEW, "lock_wait"),
    f"{_IF_ALL_IS_NEW}{_GIVEN}{_STORE} WHERE EXISTS (SELECT FROM clock)) SELECT now, token_floor FROM clock",  # noqa: S608
)
"""The common case:

stores everything if every id and key is new, and nothing otherwise. Returns the time and the token floor.

It cannot see uncommitted rows of other transactions, and waits for them at the unique index for as long as its last
argument allows. It waits for locked tables before that, as the session allows.
"""

_AT: Final = """
WITH clock AS MATERIALIZED (
    SELECT :now::timestamptz AS now, :token_floor::bigint AS token_floor,
        CASE WHEN :lock_wait::text IS NOT NULL THEN set_config('lock_timeout', :lock_wait, true) END
), """

STORE: Final = numbered(
    (*_NEW, "now", "token_floor", "lock_wait"),
    f"{_AT}{_GIVEN}{_STORE}) SELECT now FROM clock",  # noqa: S608 - constants
)
"""Stores orders known to be new, and binds keys, including those of replays. Waits like STORE_NEW; with None, as the
session allows, which may be a host's."""

BINDINGS: Final = numbered(
    ("keys",),
    """
SELECT bound.key, bound.order_id, bound.order_id_made, bound.fingerprint
FROM unnest(:keys::text[]) AS wanted (key) JOIN order_engine.idempotency_keys AS bound ON bound.key = wanted.key
""",
)

NOW: Final = f"SELECT order_engine.order_engine_now(), {TOKEN_FLOOR}"
