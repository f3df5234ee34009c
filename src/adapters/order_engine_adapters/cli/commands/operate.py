"""`orders show`, `orders cancel`, `orders redrive` and `metrics`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import click

from order_engine import OrderNotFound
from order_engine.domain.content.text import stored_order_id_problem
from order_engine_adapters.cli.flags import Flags
from order_engine_adapters.cli.formatting import (
    EVENT_COLUMNS,
    Column,
    amount_of,
    event_row,
    fields,
    moment,
    table,
    text_of,
)
from order_engine_adapters.cli.output import exact_member, print_json, print_lines, read_document, terminal_width
from order_engine_adapters.cli.target.targets import CommandTarget, on_target
from order_engine_adapters.wiring.repository_url import Schema

MOMENTS: Final = (("created", "created_at"), ("started", "processing_started_at"), ("ended", "ended_at"))
CANCELLED: Final = "Cancelled"


def show(flags: Flags, order_id: str, *, history: bool, as_json: bool) -> None:
    """Print one order, with its events if requested."""
    _check_id(order_id)

    async def ask(target: CommandTarget) -> tuple[str, str]:
        order = "" if as_json and history else await target.order(order_id)
        return order, await target.history(order_id) if history else ""

    order, events = on_target(flags, ask)
    if as_json:
        print_json(events or order)
        return
    print_lines(_order_lines(order))
    if events:
        click.echo()
        print_lines(table(EVENT_COLUMNS, map(event_row, read_document(events)["events"]), terminal_width()))


def cancel(flags: Flags, order_id: str, *, as_json: bool) -> None:
    """Cancel an order. Print whether it is cancelled or a cancellation was requested."""
    _check_id(order_id)
    document = on_target(flags, lambda target: target.cancel(order_id), Schema.KEEP)
    if as_json:
        print_json(document)
        return
    status = read_document(document)["status"]
    pending = "" if status == CANCELLED else ". Cancellation requested; if the processor completes first, it wins"
    click.echo(f"{order_id} is {text_of(status)}{pending}.")


def redrive(flags: Flags, order_id: str, *, as_json: bool) -> None:
    """Redrive an order."""
    _check_id(order_id)
    document = on_target(flags, lambda target: target.redrive(order_id), Schema.KEEP)
    if as_json:
        print_json(document)
        return
    click.echo(f"{order_id} is {text_of(read_document(document)['status'])}: a new round of attempts starts.")


def metrics(flags: Flags, *, as_json: bool) -> None:
    """Print the counts."""
    document = on_target(flags, lambda target: target.metrics())
    if as_json:
        print_json(document)
        return
    numbers = read_document(document)
    counts: Mapping[str, int] = numbers["status_counts"]
    rows = [(text_of(status), f"{count:,}") for status, count in counts.items()]
    rows.append(("Total", f"{numbers['total_orders']:,}"))
    *lines, total = list(table((Column("STATUS"), Column("ORDERS", right=True)), rows))
    print_lines(lines)
    click.echo("-" * max(map(len, lines)))
    click.echo(total)
    click.echo(f"\nAverage processing time: {numbers['average_processing_time']:.3f} s")


def _check_id(order_id: str) -> None:
    # An empty id or ".." would be another path of the service.
    if stored_order_id_problem(order_id):
        raise OrderNotFound(order_id)


def _order_lines(document: str) -> Iterator[str]:
    order = read_document(document)
    return fields([(name, value) for name, value in _order_fields(order, document) if value])


def _order_fields(order: Mapping[str, Any], document: str) -> Iterator[tuple[str, str]]:
    yield "order", text_of(order.get("order_id"))
    waits = " (cancel requested)" if order.get("cancel_requested") else ""
    yield "status", text_of(order.get("status")) + waits
    yield "user", text_of(order.get("user_id"))
    yield "items", ", ".join(map(text_of, order.get("item_ids") or ()))
    yield "total", amount_of(order)
    yield "attributes", text_of(exact_member(document, "attributes"))
    yield "attempts", text_of(order.get("attempts"))
    for name, field in MOMENTS:
        if time := moment(order.get(field), fraction=True):
            yield name, f"{time} UTC"
    yield "failure", text_of(order.get("failure"))
    yield "version", text_of(order.get("version"))
    yield "traceparent", text_of(order.get("traceparent"))
