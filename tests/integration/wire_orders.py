"""The orders of the real data, as a client of the service sends them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from tests.real_orders import LARGEST_FILE, data_file

FILES = (LARGEST_FILE, "online_retail_2011-01.jsonl.gz")
FIELDS = ("order_id", "user_id", "item_ids", "total_amount", "currency")
CARRIED = ("lines", "placed_at")
"""What an order of the shop has beyond the fields of ours: it travels as attributes."""


def wire_orders(count: int) -> Mapping[str, bytes]:
    """Return bodies of orders by their ids: the shop's, and again under other ids where they are not enough."""
    bodies: dict[str, bytes] = {}
    real = [record for name in FILES for record in shop_orders(name)]
    for number in range(count):
        copy, record = divmod(number, len(real))
        order = _fields(real[record])
        if copy:
            order["order_id"] = f"{order['order_id']}-{copy}"
        bodies[order["order_id"]] = json.dumps(order).encode()
    return bodies


def december() -> Mapping[str, dict[str, Any]]:
    """Return the orders of December by id, each with its lines and its time as attributes."""
    return {
        record["order_id"]: _fields(record) | {"attributes": {name: record[name] for name in CARRIED}}
        for record in shop_orders(LARGEST_FILE)
    }


@cache
def shop_orders(name: str) -> Sequence[Mapping[str, Any]]:
    """Return the records of a file of the real data that are orders."""
    return [record for record in _records(name) if "kind" not in record]


def _records(name: str) -> Iterator[Mapping[str, Any]]:
    with gzip.open(data_file(name), "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def _fields(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: record[name] for name in FIELDS}
