"""One process of several: how long it takes until a dead one is started again."""

from __future__ import annotations

from order_engine_adapters.wiring.member import wait_after


def test_who_dies_again_and_again_is_started_later_and_later() -> None:
    """Twice as late each time, up to half a minute, however often."""
    assert [wait_after(deaths) for deaths in range(1, 9)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert wait_after(1_000_000) == 30
