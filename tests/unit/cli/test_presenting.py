"""Tables are aligned whatever they contain, and truncated only on a terminal."""

from __future__ import annotations

import pytest

from order_engine_adapters.cli.failures import escaped
from order_engine_adapters.cli.formatting import Column, cells_of, fields, table
from order_engine_adapters.cli.output import print_json

COLUMNS = (Column("NAME"), Column("COUNT", right=True), Column("REASON"))
ROWS = [("a", "1", ""), ("大阪", "20,000", "long enough to be cut"), ("e\N{COMBINING ACUTE ACCENT}", "3", "x")]


def test_columns_line_up() -> None:
    """Wide characters take two cells, combining ones none; numbers are flush right; no space at a line's end."""
    assert list(table(COLUMNS, ROWS)) == [
        "NAME   COUNT  REASON",
        "a          1",
        "大阪  20,000  long enough to be cut",
        "e\N{COMBINING ACUTE ACCENT}          3  x",
    ]


@pytest.mark.parametrize("width", [8, 13, 20, 24])
def test_a_terminal_gets_lines_that_fit(width: int) -> None:
    """Cut, with a mark, also in the middle of wide characters."""
    lines = list(table(COLUMNS, ROWS, width))
    assert all(cells_of(line) <= width for line in lines)
    assert lines[2].endswith("…")


def test_a_table_without_its_head() -> None:
    """For the pages after the first."""
    assert list(table(COLUMNS, ROWS[:1], head=False)) == ["a         1"]


def test_fields_line_up() -> None:
    """The values stand below one another."""
    assert list(fields([("a", "1"), ("long", "2"), ("b", "")])) == ["a     1", "long  2", "b"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain Ünï 大", "plain Ünï 大"),
        ("\x1b[31m\n\x9b\u202e\x00", r"\x1b[31m\n\x9b\u202e\x00"),
        ("\udcff", r"\udcff"),
    ],
)
def test_what_a_terminal_could_take_for_a_command_is_escaped(text: str, shown: str) -> None:
    """Control and format characters, and halves of characters."""
    assert escaped(text) == shown


def test_json_for_machines_is_safe_on_a_terminal_too(capsys: pytest.CaptureFixture[str]) -> None:
    """The same values, on one line."""
    print_json('{"a":\n"\x9b\u202e\U000e0001"}')
    assert capsys.readouterr().out == '{"a": "\\u009b\\u202e\\udb40\\udc01"}\n'
