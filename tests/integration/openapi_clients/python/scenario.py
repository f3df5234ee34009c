"""What every generated client does with a running service: places, reads, lists, cancels and follows orders.

The same as typescript/scenario.ts.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias

Placement: TypeAlias = Mapping[str, Any]


class Answer(NamedTuple):
    """The HTTP status, and what came as JSON: an order, a page, or a problem."""

    status: int
    value: Mapping[str, Any]


class Shop(Protocol):
    """What a generated client is asked to do; each file beside this one does it with the code of one generator."""

    def place(self, order: Placement, idempotency_key: str | None = None) -> Answer:
        """Place an order."""

    def read(self, order_id: str) -> Answer:
        """Read an order."""

    def list(self, user_id: str, limit: int, cursor: str | None = None) -> Answer:
        """Read a page of a user's orders."""

    def cancel(self, order_id: str, if_match: str) -> Answer:
        """Cancel an order at a version."""

    def follow(self, order_id: str) -> str:
        """Return the text of the order's stream of events, to its end."""


def event_types(stream: str) -> Sequence[str]:
    """Return the event types in the text of a stream, without the first event, which has the start position."""
    return [name for name in re.findall(r"^event: (.*)$", stream, re.MULTILINE) if name != "ready"]


def play(shop: Shop, first: Placement, second: Placement) -> None:
    """Play the scenario."""
    order_id, user_id = first["order_id"], first["user_id"]
    assert [shop.place(first).status for _ in range(2)] == [201, 201]
    other = shop.place({**first, "total_amount": "0.01"})
    assert (other.status, other.value["code"]) == (409, "order_conflict")

    unnamed = {name: value for name, value in second.items() if name != "order_id"}
    made, again = (shop.place(unnamed, f"key-of-{order_id}").value["order_id"] for _ in range(2))
    assert made == again

    read = shop.read(order_id).value
    assert {name: read[name] for name in ("item_ids", "total_amount", "attributes")} == {
        name: first[name] for name in ("item_ids", "total_amount", "attributes")
    }
    assert (read["status"], read["version"]) == ("Pending", 1)
    missing = shop.read("nobody")
    assert (missing.status, missing.value["code"]) == (404, "order_not_found")

    newest = shop.list(user_id, 1).value
    assert [each["order_id"] for each in newest["orders"]] == [made]
    oldest = shop.list(user_id, 1, newest["next"]).value
    assert ([each["order_id"] for each in oldest["orders"]], oldest["next"]) == ([order_id], None)

    stale = shop.cancel(order_id, '"99"')
    assert (stale.status, stale.value["code"]) == (412, "version_mismatch")
    cancelled = shop.cancel(order_id, '"1"').value
    assert (cancelled["status"], cancelled["version"]) == ("Cancelled", 2)
    assert event_types(shop.follow(order_id)) == ["placed", "cancelled"]


def main(shop: Callable[[str, str], Shop]) -> None:
    """Play with the shop that `shop` makes of an address and a key."""
    address, key, orders = sys.argv[1:]
    play(shop(address, key), *json.loads(orders))
