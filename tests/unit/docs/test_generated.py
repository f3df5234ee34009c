"""The docs that are made from the code say what the code says."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs import generate
from order_engine import CallerError, OrderEngineError, TransientError, exports
from order_engine.domain.lifecycle import LIFECYCLE


def test_every_page_is_fresh() -> None:
    """No page differs from what `make docs` would write."""
    assert [str(path) for path, _ in generate.stale_pages()] == []


def test_every_part_is_shown_somewhere() -> None:
    """Each part that can be generated has its place in a page."""
    pages = "".join(path.read_text(encoding="utf-8") for path in generate.DOCS.rglob("*.md"))
    assert [name for name in generate.PARTS if f"<!-- generated: {name} -->" not in pages] == []


def test_a_stale_page_is_found_and_mended(tmp_path: Path) -> None:
    """A part that was edited by hand is stale; its fresh text keeps what stands around it."""
    page = tmp_path / "page.md"
    page.write_text(
        "before\n<!-- generated: event-table -->\nold\n<!-- end of generated -->\nafter\n", encoding="utf-8"
    )
    [(path, text)] = generate.stale_pages(tmp_path)
    assert path == page
    assert "old" not in text
    assert "| `placed` | Pending |" in text
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    page.write_text(text, encoding="utf-8")
    assert list(generate.stale_pages(tmp_path)) == []


def test_an_unknown_part_is_an_error(tmp_path: Path) -> None:
    """A misspelt marker does not pass as fresh."""
    page = tmp_path / "page.md"
    page.write_text("<!-- generated: no-such-part -->\n<!-- end of generated -->\n", encoding="utf-8")
    with pytest.raises(KeyError, match="no-such-part"):
        list(generate.stale_pages(tmp_path))


def test_the_lifecycle_table_has_a_row_for_each_rule() -> None:
    """Head and rule aside, the table is as long as the lifecycle."""
    assert len(generate.lifecycle_table().splitlines()) == len(LIFECYCLE) + 2


def test_the_error_tables_name_every_error_once() -> None:
    """Each error that users import from `order_engine` is listed under its code, except the three that only group."""
    tables = generate.error_tables()
    grouping = {OrderEngineError, TransientError, CallerError}
    listed = {value for value in vars(exports).values() if isinstance(value, type)} - grouping
    errors = [value for value in listed if issubclass(value, OrderEngineError)]
    assert len(errors) > 20
    assert [error.__name__ for error in errors if tables.count(f"| `{error.code}` | `{error.__name__}` |") != 1] == []
