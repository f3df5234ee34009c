"""The tables of orders, with the lock of the file, the cache and the next serial number."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from order_engine.domain.commands import ClaimTerms
from order_engine.domain.errors import OutcomeUnknown, Unavailable
from order_engine.domain.order import Order, Status
from order_engine.domain.placement import KeyBinding
from order_engine.ports.repository import OrderState, Portion
from order_engine_adapters.sqlite.changes import Changes
from order_engine_adapters.sqlite.connection.connection import BUSY_SECONDS, Database
from order_engine_adapters.sqlite.connection.lock_file import FileLock
from order_engine_adapters.sqlite.reading.recent_orders import RecentOrders
from order_engine_adapters.sqlite.rows import (
    ORDERS_AS_JSON,
    SqliteOrder,
    SqliteOrderPage,
    bound,
    bounded_orders,
    microseconds,
    moment,
    read_bounded_orders,
    read_orders,
)
from order_engine_adapters.sqlite.schema.migrations import SqliteMigration, shipped

LAST_SERIAL: Final = "SELECT coalesce(max(serial), 0) FROM orders"

LAST_TIME: Final = "SELECT (SELECT at FROM events ORDER BY serial DESC LIMIT 1)"

ROOM_BYTES: Final = 1024 * 1024
TAKE_ROOM: Final = "INSERT OR REPLACE INTO room VALUES (1, zeroblob(?))"
GIVE_ROOM_BACK: Final = "DELETE FROM room"

DEAD_HOLDER_LEASE_END: Final = 0
"""End of a lease whose holder is known to be dead, in microseconds since the epoch: before any expired lease."""
END_LEASES: Final = "UPDATE orders SET lease_ends = ? WHERE lease_ends IS NOT NULL"

NAMED_ORDERS: Final = (
    f"SELECT {ORDERS_AS_JSON} FROM orders JOIN contents USING (serial) "  # noqa: S608 - constants
    "WHERE order_id IN (SELECT value FROM json_each(?))"
)

SOME_NAMED_ORDERS: Final = bounded_orders(
    "(SELECT key AS place, serial FROM json_each(:order_ids) CROSS JOIN orders ON order_id = value)", "place"
)

ORDERS_OF_A_CLAIM: Final = bounded_orders(
    "(SELECT order_id, serial FROM orders INDEXED BY orders_of_claim "
    "WHERE claim_id = :claim_id AND lease_ends IS NOT NULL AND order_id > :after)",
    "order_id",
)

STATES: Final = (
    "SELECT json_group_array(json_array(order_id, version, status)) FROM orders "
    "WHERE order_id IN (SELECT value FROM json_each(?))"
)

KEY_BINDINGS: Final = (
    "SELECT json_group_array(json_array(key, order_id, order_id_made, hex(fingerprint))) FROM idempotency_keys "
    "WHERE key IN (SELECT value FROM json_each(?))"
)


class OrderTables:
    """The part of the repository that runs on the database thread."""

    def __init__(self, path: Path, synchronous: Literal["FULL", "OFF"], busy_seconds: float = BUSY_SECONDS) -> None:
        """Store what `open` needs. Resolves symbolic links, so that all names of a file share its lock."""
        path = Path(os.path.realpath(path))
        self.database: Database = Database(path, synchronous, busy_seconds)
        self.lock: FileLock = FileLock(path)
        self.recent: RecentOrders = RecentOrders()
        self._last_serial = 0

    def open(self, now: datetime, *, may_migrate: bool = True) -> Sequence[SqliteMigration]:
        """Take the lock and open the database. Return the applied migrations. Raises Unavailable.

        Without `may_migrate`, the database must exist and be up to date.
        """
        self.database.check_surroundings()
        if not may_migrate:
            self.database.refuse_absent()
        self.lock.acquire()
        applied = self.database.open(microseconds(now), may_migrate=may_migrate)
        self._last_serial = self.database.ask(LAST_SERIAL)
        self._end_leases_of_the_dead()
        return applied

    def open_to_read(self) -> None:
        """Open an existing database read-only, while no other process writes. Raises Unavailable."""
        self._share()
        self.database.open_to_read()

    def pending(self) -> Sequence[SqliteMigration]:
        """Return the pending migrations: all of them for a missing file. Raises Unavailable."""
        self.database.check_surroundings()
        if not self.database.path.exists():
            return shipped()
        self._share()
        return self.database.pending()

    def _share(self) -> None:
        self.database.check_surroundings()
        self.database.refuse_absent()
        self.lock.share()

    def close(self) -> None:
        """Close the database and release the lock, as far as they were opened."""
        try:
            self.database.close()
        finally:
            self.lock.release()

    def _end_leases_of_the_dead(self) -> None:
        """Expire every lease: the holders also held the file lock and no longer exist.

        Orders of a killed process are therefore claimed at the next start, not when their leases would have expired or
        after the grace time that follows an outage. Tokens are unchanged and fence as usual.
        """
        # If the disk is full, leases expire as usual.
        with suppress(Unavailable, OutcomeUnknown):
            self.database.transact([(END_LEASES, (DEAD_HOLDER_LEASE_END,))])

    def last_time(self) -> datetime | None:
        """Return the time of the last event, or None if there is none."""
        at: int | None = self.database.ask(LAST_TIME)
        return None if at is None else moment(at)

    def next_serial(self) -> int:
        """Return a serial number for a new order. Unused numbers leave harmless gaps."""
        self._last_serial += 1
        return self._last_serial

    # Reading

    def find(self, order_ids: Sequence[str]) -> dict[str, SqliteOrder]:
        """Return the orders with these ids that exist."""
        found = self.recent.find(order_ids)
        missing = [order_id for order_id in order_ids if order_id not in found]
        if missing:
            for kept in read_orders(self.database.ask(NAMED_ORDERS, (json.dumps(missing),))):
                found[kept.order.order_id] = kept
        return found

    def get(self, order_ids: Sequence[str]) -> Mapping[str, Order]:
        """Return the orders with these ids that exist, in the order of the ids."""
        found = self.find(order_ids)
        return {order_id: found[order_id].order for order_id in order_ids if order_id in found}

    def get_some(self, order_ids: Sequence[str], max_bytes: int) -> Portion:
        """Return the existing orders among the first ids, up to a size limit."""
        unique = list(dict.fromkeys(order_ids))
        found = self.find_some(unique, max_bytes)
        orders = {kept.order.order_id: kept.order for kept in found.orders}
        if not found.more:
            return Portion(orders, ())
        return Portion(orders, unique[unique.index(found.orders[-1].order.order_id) + 1 :])

    def find_some(self, order_ids: Sequence[str], max_bytes: int | None) -> SqliteOrderPage:
        """Return the distinct existing orders among the first ids, up to a size limit."""
        wanted = {"order_ids": json.dumps(order_ids), "max_bytes": bound(max_bytes)}
        return read_bounded_orders(self.database.ask(SOME_NAMED_ORDERS, wanted))

    def states(self, order_ids: Sequence[str]) -> Mapping[str, OrderState]:
        """Return the states of the orders with these ids that exist."""
        rows = json.loads(self.database.ask(STATES, (json.dumps(list(order_ids)),)))
        return {order_id: OrderState(version, Status(status)) for order_id, version, status in rows}

    def held_by(self, terms: ClaimTerms) -> SqliteOrderPage:
        """Return the orders already leased by a claim, as far as its terms select them."""
        after = "" if terms.after is None else terms.after
        wanted = {"claim_id": terms.claim_id, "after": after, "max_bytes": bound(terms.max_bytes)}
        return read_bounded_orders(self.database.ask(ORDERS_OF_A_CLAIM, wanted))

    def bindings(self, keys: Iterable[str]) -> dict[str, KeyBinding]:
        """Return the bindings of the known idempotency keys."""
        rows = json.loads(self.database.ask(KEY_BINDINGS, (json.dumps(list(keys)),)))
        return {
            key: KeyBinding(order_id, bool(made), bytes.fromhex(fingerprint))
            for key, order_id, made, fingerprint in rows
        }

    # Writing

    def try_writing(self) -> None:
        """Write and remove as much data as a batch of orders may need. Raises Unavailable if that fails.

        Less would prove little: a disk that is too full for any order still has room for a byte.
        """
        self.database.transact([(TAKE_ROOM, (ROOM_BYTES,))])
        self.database.transact([(GIVE_ROOM_BACK, ())])

    def commit(self, changes: Changes) -> None:
        """Commit changes atomically.

        Raises Unavailable if nothing was changed, OutcomeUnknown if the outcome is unknown.
        """
        statements = changes.statements()
        if not statements:
            return
        try:
            self.database.transact(statements)
        except BaseException:
            self.recent.forget_all()
            raise
        self.recent.keep(changes.orders)
