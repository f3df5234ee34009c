"""Writing many rows in one step of SQLite.

Each step releases Python's lock and has to acquire it again, which takes up to the switch interval of 5 ms while the
event loop's thread is busy. A transaction therefore takes few steps, whatever its size. Most take one: a single INSERT
into a view whose trigger writes the tables, and which commits by itself.

Measured with batches of 250 (CPython 3.11, SQLite 3.40, 2 cores), in µs per row of 20 columns: `executemany` 2.3, but
790 while another thread spins; one JSON parameter with `json_each` 9.0 and 37; one long VALUES 2.1 and 27. While
another thread spins, 2,100 orders/s were placed and completed with a statement per table between BEGIN and COMMIT, and
4,300 with the view.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain
from typing import Final, TypeAlias

MAX_ROWS: Final = 512
"""Rows per statement. With 20 columns these are 10,240 parameters; SQLite allows 32,766."""

Statement: TypeAlias = tuple[str, Sequence[object]]
"""SQL and its parameters."""


def statements(template: str, columns: int, rows: Sequence[Sequence[object]]) -> Iterator[Statement]:
    """Return the statements that execute `template` for all rows: one, unless there are very many.

    In the template, `{values}` is a VALUES clause with columns column1, column2 … The first one is not null in real
    rows; padding rows contain nulls.
    """
    for start in range(0, len(rows), MAX_ROWS):
        part = rows[start : start + MAX_ROWS]
        # Padded to a power of two, so that a few prepared statements cover every number of rows.
        size = 1 << (len(part) - 1).bit_length()
        parameters = list(chain.from_iterable(part))
        parameters += [None] * ((size - len(part)) * columns)
        yield _sql(template, columns, size), parameters


@cache
def _sql(template: str, columns: int, rows: int) -> str:
    row = f"({', '.join('?' * columns)})"
    return template.replace("{values}", f"VALUES {', '.join([row] * rows)}")
