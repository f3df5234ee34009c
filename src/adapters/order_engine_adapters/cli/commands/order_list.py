"""`orders list`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import click

from order_engine_adapters.cli.flags import Flags
from order_engine_adapters.cli.formatting import ORDER_COLUMNS, order_row, table
from order_engine_adapters.cli.output import print_json, print_lines, read_document, terminal_width
from order_engine_adapters.cli.target.targets import CommandTarget, on_target


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOptions:
    """Filters and output format of a list."""

    status: str | None
    user_id: str | None
    limit: int
    cursor: str | None
    every_page: bool
    as_json: bool


def list_orders(flags: Flags, question: ListOptions) -> None:
    """Print orders, newest first, one page or all."""

    async def pages(target: CommandTarget) -> None:
        cursor, more = question.cursor, True
        while more:
            document = await target.list(
                status=question.status, user_id=question.user_id, limit=question.limit, cursor=cursor
            )
            page = read_document(document)
            if question.as_json:
                print_json(document)
            else:
                _say_page(page, question, first=cursor == question.cursor)
            cursor = page.get("next")
            more = question.every_page and cursor is not None

    on_target(flags, pages)


def _say_page(page: dict[str, Any], question: ListOptions, *, first: bool) -> None:
    rows = [order_row(order) for order in page["orders"]]
    if not rows and first:
        click.echo("No orders.", err=True)
        return
    print_lines(table(ORDER_COLUMNS, rows, terminal_width(), head=first))
    if page.get("next") is not None and not question.every_page:
        click.echo(f"More orders available. Add --all or --cursor {page['next']}", err=True)
