"""Cursors of the order list: opaque to clients, and bound to the filters of their list."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import overload

from order_engine.domain.content.text import stored_order_id_problem
from order_engine.domain.errors import InvalidCursor
from order_engine.domain.order import Order, Status
from order_engine.ports.repository import PageKey

FOREIGN = "Invalid cursor. Use `next` of the previous page, or omit the cursor to start at the first page."
NO_OFFSET = timedelta()


def encode_cursor(key: PageKey | None, status: Status | None, user_id: str | None) -> str | None:
    """Return the cursor of the page after `key` in the list with these filters; None after the last page."""
    if key is None:
        return None
    # Keep it short: together with the filter, two ids of 256 characters must fit into a request line.
    fields = [key.created_at.isoformat(), key.order_id, status, user_id]
    content = json.dumps(fields, separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None, status: Status | None, user_id: str | None) -> PageKey | None:
    """Return the key in a cursor. Raises InvalidCursor for a foreign cursor, or one of a list with other filters."""
    if cursor is None:
        return None
    try:
        content = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        created_at_text, order_id, of_status, of_user_id = json.loads(content)
        created_at = datetime.fromisoformat(created_at_text)
    except (binascii.Error, ValueError, TypeError, RecursionError) as error:
        raise InvalidCursor(FOREIGN) from error
    # A key that no order can have is forged, and not all databases could compare with it.
    if created_at.utcoffset() != NO_OFFSET or stored_order_id_problem(order_id):
        raise InvalidCursor(FOREIGN)
    if (of_status, of_user_id) != (status, user_id):
        message = "The cursor belongs to a list with other filters. Omit it to start at the first page."
        raise InvalidCursor(message)
    return PageKey(created_at, order_id)


class OrderList(Sequence[Order]):
    """Page of orders, newest first. `next` is the cursor of the next page; None on the last page."""

    def __init__(self, orders: Sequence[Order], following: str | None) -> None:
        """Store the orders and the cursor of the next page."""
        self._orders = orders
        self.next = following

    @overload
    def __getitem__(self, index: int) -> Order: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Order]: ...

    def __getitem__(self, index: int | slice) -> Order | Sequence[Order]:
        """Return one order of the page, or a slice."""
        return self._orders[index]

    def __len__(self) -> int:
        """Return the number of orders on the page."""
        return len(self._orders)
