"""The changes of one transaction, collected and then written in few statements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Final

from order_engine.domain.events import Event
from order_engine.domain.placement import KeyBinding
from order_engine_adapters.sqlite import rows
from order_engine_adapters.sqlite.connection.bulk_statements import Statement, statements
from order_engine_adapters.sqlite.rows import SqliteOrder

INSERT_KEYS: Final = (
    "INSERT INTO idempotency_keys (key, order_id, order_id_made, fingerprint) "
    "SELECT * FROM ({values}) WHERE column1 IS NOT NULL"
)
KEY_COLUMNS: Final = 4


class Changes:
    """Steps of orders within one transaction, and idempotency keys to bind."""

    def __init__(self) -> None:
        """Start without changes."""
        self._placed: list[SqliteOrder] = []
        self._moved: dict[int, SqliteOrder] = {}
        self._steps: list[tuple[object, ...]] = []
        self._keys: list[tuple[object, ...]] = []

    @property
    def orders(self) -> Iterable[SqliteOrder]:
        """Return the orders in their state after the transaction."""
        return chain(self._placed, self._moved.values())

    def place(self, kept: SqliteOrder) -> None:
        """Add a new order, Pending or leased."""
        self._placed.append(kept)

    def move(self, kept: SqliteOrder, event: Event | None) -> None:
        """Record the next version of an order. Without an event it is a renewal."""
        self._moved[kept.serial] = kept
        self._steps.append(rows.step_row(kept, event))

    def bind(self, key: str, bound: KeyBinding) -> None:
        """Bind an idempotency key to an order."""
        self._keys.append((key, bound.order_id, int(bound.order_id_made), bound.fingerprint))

    def statements(self) -> Sequence[Statement]:
        """Return the statements to execute, if any."""
        placings = list(map(rows.placing_row, self._placed))
        return [
            *statements(rows.INSERT_PLACINGS, rows.PLACING_COLUMNS, placings),
            *statements(rows.INSERT_STEPS, rows.STEP_COLUMNS, self._steps),
            *statements(INSERT_KEYS, KEY_COLUMNS, self._keys),
        ]
