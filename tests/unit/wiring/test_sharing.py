"""Which repositories several processes may open."""

from __future__ import annotations

import pytest

from order_engine import InvalidSetting
from order_engine_adapters import Settings
from order_engine_adapters.wiring import sharing
from order_engine_adapters.wiring.sharing import check_shared


def test_postgresql_is_for_several() -> None:
    """By either of its schemes; nothing is opened for that."""
    for scheme in ("postgresql", "postgres"):
        check_shared(Settings.given(database_url=f"{scheme}://user@nowhere.invalid/shop", workers=4))


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("sqlite:///orders.db", "workers is 4, and sqlite:///orders.db is held by one process."),
        ("memory://", "each would have orders of its own"),
    ],
)
def test_what_is_one_process_s_own_is_refused(url: str, reason: str) -> None:
    """With the reason, and what to do instead."""
    with pytest.raises(InvalidSetting, match="PostgreSQL") as refused:
        check_shared(Settings.given(database_url=url, workers=4))
    assert reason in str(refused.value)


def test_a_third_party_s_repository_says_so_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """By an attribute of its opener; whose says nothing is taken for one process's own, and no password is shown."""

    def opener(url: str) -> object:
        return url

    monkeypatch.setattr(sharing, "repository_opener", lambda _: opener)
    settings = Settings.given(database_url="cockroach://user:hunter2@host/shop", workers=2)
    with pytest.raises(InvalidSetting, match="nothing says that several processes may share") as refused:
        check_shared(settings)
    assert "hunter2" not in str(refused.value)
    opener.several_processes = True  # type: ignore[attr-defined]
    check_shared(settings)
