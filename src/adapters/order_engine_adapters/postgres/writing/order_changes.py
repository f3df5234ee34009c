"""Writing decided changes: all steps of a transaction in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from order_engine.domain.events import Event
from order_engine.domain.order import Order
from order_engine_adapters.postgres.connection.sessions import Session
from order_engine_adapters.postgres.rows import PostgresOrder

WRITE: Final = """
WITH step AS (
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[],
        $6::timestamptz[], $7::timestamptz[], $8::int[], $9::int[], $10::int[], $11::int[], $12::int[], $13::bool[],
        $14::text[], $15::text[], $16::text[], $17::int[])
    AS step (serial, token, updated_at, lease_ends, due, processing_started_at, ended_at, version, round, attempts,
        failures, vanished, cancel_requested, status, claim_id, failure, version_before)
), moved AS (
    UPDATE order_engine.orders AS o SET token = step.token, updated_at = step.updated_at, lease_ends = step.lease_ends,
        due = step.due, processing_started_at = step.processing_started_at, ended_at = step.ended_at,
        version = step.version, round = step.round, attempts = step.attempts, failures = step.failures,
        vanished = step.vanished, cancel_requested = step.cancel_requested, status = step.status,
        claim_id = step.claim_id, failure = step.failure
    FROM step WHERE o.serial = step.serial AND o.version = step.version_before
    RETURNING o.serial
), appended AS (
    INSERT INTO order_engine.events (order_serial, version, type, at, token, attempt, reason)
    SELECT * FROM unnest($18::bigint[], $19::int[], $20::text[], $21::timestamptz[], $22::bigint[], $23::int[],
        $24::text[])
)
SELECT count(*) FROM moved
"""
"""The rows are already locked. The version is compared nevertheless."""

STEP_COLUMNS: Final = 17
EVENT_COLUMNS: Final = 7


class OrderChanges:
    """Steps of locked orders. An order may take several; its row is written once with the final state."""

    def __init__(self) -> None:
        """Start with none."""
        self._versions_before: dict[int, int] = {}
        self._after: dict[int, Order] = {}
        self._events: list[tuple[object, ...]] = []

    def take(self, before: PostgresOrder, after: Order, event: Event | None) -> None:
        """Record the next version of an order."""
        self._versions_before.setdefault(before.serial, before.order.version)
        self._after[before.serial] = after
        if event is not None:
            kind = event.type.value
            fields = (event.version, kind, event.at, event.token, event.attempt, event.reason)
            self._events.append((before.serial, *fields))

    async def write(self, session: Session) -> None:
        """Write all steps."""
        if not self._after:
            return
        rows = [_row(serial, order, self._versions_before[serial]) for serial, order in self._after.items()]
        written = await session.value(WRITE, *columns(rows, STEP_COLUMNS), *columns(self._events, EVENT_COLUMNS))
        if written != len(rows):
            message = f"{len(rows)} orders are locked, and {written} were written"
            raise AssertionError(message)


def columns(rows: Sequence[Sequence[object]], number: int) -> list[list[Any]]:
    """Return rows as columns, as `unnest` takes them."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(number)]


def _row(serial: int, order: Order, version_before: int) -> tuple[object, ...]:
    return (
        serial,
        order.token,
        order.updated_at,
        order.lease_ends,
        order.due,
        order.processing_started_at,
        order.ended_at,
        order.version,
        order.round,
        order.attempts,
        order.failures,
        order.vanished,
        order.cancel_requested,
        order.status.value,
        order.claim_id,
        order.failure,
        version_before,
    )
