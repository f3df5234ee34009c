"""Writing many rows in one step of SQLite.

Each step lets go of Python's lock and has to get it back. While the event loop's thread is busy that takes up to the
switch interval, 5 ms: so a transaction takes few steps, whatever its size. Nearly all take one: a single INSERT into a
view, whose trigger writes the tables, and which commits by itself.

Measured with batches of 250 (CPython 3.11, SQLite 3.40, 2 cores). Rows of 20 columns, in µs a row: `executemany` 2.3,
but 790 while another thread spins; as one JSON parameter through `json_each` 9.0 and 37; as one long VALUES 2.1 and 27.
While another thread spins, 2,100 orders a second were placed and completed with a statement for each table between
BEGIN and COMMIT, and 4,300 with the view.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain
from typing import Final, TypeAlias

MAX_ROWS: Final = 512
"""Rows in one statement: of 20 columns these are 10,240 parameters, of the 32,766 that SQLite takes."""

Statement: TypeAlias = tuple[str, Sequence[object]]
"""SQL and its parameters."""


def statements(template: str, columns: int, rows: Sequence[Sequence[object]]) -> Iterator[Statement]:
    """Return the statements that execute `template` on all rows: one, unless there are very many.

    In the template, `{values}` stands for a VALUES of so many columns, called column1, column2 … The first of them is
    not null in any real row; rows that only fill up have nulls.
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
