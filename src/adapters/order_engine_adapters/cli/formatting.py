"""Formatting of orders, events and counts for people."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from order_engine_adapters.cli.failures import escaped

GAP = "  "
CUT = "…"


class Column(NamedTuple):
    """A table column: its heading, and whether it is right-aligned, as numbers are."""

    head: str
    right: bool = False


ORDER_COLUMNS = (
    Column("ID"),
    Column("STATUS"),
    Column("USER"),
    Column("TOTAL", right=True),
    Column("CREATED (UTC)"),
    Column("ATTEMPTS", right=True),
    Column("FAILURE"),
)
EVENT_COLUMNS = (
    Column("VERSION", right=True),
    Column("AT (UTC)"),
    Column("EVENT"),
    Column("STATUS"),
    Column("ATTEMPT", right=True),
    Column("REASON"),
)


def order_row(order: Mapping[str, Any]) -> Sequence[str]:
    """Return the cells of an order in a list."""
    return (
        text_of(order.get("order_id")),
        text_of(order.get("status")),
        text_of(order.get("user_id")),
        amount_of(order),
        moment(order.get("created_at")),
        text_of(order.get("attempts")),
        text_of(order.get("failure")),
    )


def event_row(event: Mapping[str, Any]) -> Sequence[str]:
    """Return the cells of an event."""
    names = ("type", "status", "attempt", "reason")
    return (
        text_of(event.get("version")),
        moment(event.get("at"), fraction=True),
        *(text_of(event.get(name)) for name in names),
    )


def amount_of(order: Mapping[str, Any]) -> str:
    """Return the total with its currency."""
    return f"{text_of(order.get('total_amount'))} {text_of(order.get('currency'))}".strip()


def moment(value: object, *, fraction: bool = False) -> str:
    """Return a time in a readable form, with or without a fraction of a second."""
    text = text_of(value).replace("T", " ").removesuffix("Z")
    return text if fraction else text.partition(".")[0]


def text_of(value: object) -> str:
    """Return a value as text that is safe on a terminal; an empty text for None."""
    return "" if value is None else escaped(str(value))


def table(
    columns: Sequence[Column], rows: Iterable[Sequence[str]], width: int | None = None, *, head: bool = True
) -> Iterator[str]:
    """Yield the lines of a table, with or without headings, truncated to `width`."""
    lines = [[column.head for column in columns], *map(list, rows)]
    widths = [max(map(cells_of, column)) for column in zip(*lines, strict=True)]
    for line in lines if head else lines[1:]:
        placed = [
            _padded(cell, widths[at], right=column.right)
            for at, (cell, column) in enumerate(zip(line, columns, strict=True))
        ]
        yield _cut(GAP.join(placed).rstrip(), width)


def fields(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield the lines of a list of names and aligned values."""
    known = list(pairs)
    width = max(len(name) for name, _ in known)
    for name, value in known:
        yield f"{name:{width}}{GAP}{value}".rstrip()


def cells_of(text: str) -> int:
    """Return the number of terminal cells of a text: wide characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(map(_cells, text))


def _cells(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def _padded(cell: str, width: int, *, right: bool) -> str:
    space = " " * (width - cells_of(cell))
    return space + cell if right else cell + space


def _cut(line: str, width: int | None) -> str:
    if width is None or cells_of(line) <= width:
        return line
    kept, room = 0, width - len(CUT)
    while room >= _cells(line[kept]):
        room -= _cells(line[kept])
        kept += 1
    return line[:kept] + CUT
