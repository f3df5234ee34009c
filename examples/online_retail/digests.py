"""Digests over every order and every line, as the data set defines them: equal only if nothing was lost or changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from examples.online_retail.fulfilment import lines_of
from examples.online_retail.records import ORDER, Record
from order_engine import Order


def digests(orders: Iterable[Order], set_apart: Iterable[Record]) -> dict[str, str]:
    """Return both digests over the orders as the engine gives them back, and the records that are no orders."""
    orders, set_apart = list(orders), list(set_apart)
    heads = [_head_of_order(order) for order in orders] + [_head_of_record(record) for record in set_apart]
    lines = [(order.order_id, _lines_of_order(order)) for order in orders]
    lines += [(record.order_id, _lines_of_record(record)) for record in set_apart]
    return {
        "order_digest": _sha256(text for _, text in sorted(heads, key=_by_id)),
        "line_digest": _sha256(text for _, texts in sorted(lines, key=_by_id) for text in texts),
    }


def _by_id(entry: tuple[str, object]) -> bytes:
    return entry[0].encode()


def _sha256(lines: Iterable[str]) -> str:
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()


def _head_of_order(order: Order) -> tuple[str, str]:
    placed_at = order.attributes["placed_at"] if order.attributes is not None else None
    figures = [order.order_id, ORDER, order.user_id, order.total_amount, len(order.item_ids), placed_at]
    return order.order_id, "|".join(map(str, figures))


def _head_of_record(record: Record) -> tuple[str, str]:
    kind, amount, lines = record.kind, record.total_amount, len(record.lines)
    figures = [record.order_id, kind, record.user_id, amount, lines, record.placed_at]
    return record.order_id, "|".join(map(str, figures))


def _lines_of_order(order: Order) -> list[str]:
    return [
        f"{order.order_id}|{number}|{line['sku']}|{line['quantity']}|{line['unit_price']}"
        for number, line in enumerate(lines_of(order), start=1)
    ]


def _lines_of_record(record: Record) -> list[str]:
    return [
        f"{record.order_id}|{number}|{line.sku}|{line.quantity}|{line.unit_price}"
        for number, line in enumerate(record.lines, start=1)
    ]
