"""Parameters of statements are named where they are written, and numbered where they are sent."""

from __future__ import annotations

import pytest

from order_engine_adapters.postgres.writing.named_parameters import numbered


def test_names_become_numbers_in_their_order() -> None:
    """However often and in whichever order the statement uses them; a cast is none of them."""
    sql = "SELECT :lease::bigint, :order_id, '10:30', :lease + 1 FROM orders WHERE order_id = ANY(:order_id::text[])"
    expected = "SELECT $2::bigint, $1, '10:30', $2 + 1 FROM orders WHERE order_id = ANY($1::text[])"
    assert numbered(("order_id", "lease"), sql) == expected


@pytest.mark.parametrize("names", [(), ("order_id",), ("order_id", "lease", "more")])
def test_a_name_that_is_missing_or_not_used_is_an_error(names: tuple[str, ...]) -> None:
    """When the module is imported, not when the statement is sent."""
    with pytest.raises(ValueError, match="lease"):
        numbered(names, "SELECT :order_id, :lease")
