"""The version of a real server is looked at by everything that connects."""

from __future__ import annotations

import pytest

from order_engine.domain.errors import Unavailable
from order_engine_adapters.clocks import SystemClock
from order_engine_adapters.postgres import open_repository, pending_migrations
from order_engine_adapters.postgres.connection import refusals
from tests.integration.postgres.bells import new_channel, opened, told_unavailable
from tests.integration.postgres.support import server_url


async def test_old_server_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repository, migrations and queue refuse an unsupported server version."""
    monkeypatch.setattr(refusals, "OLDEST_SERVER", 99)
    with pytest.raises(Unavailable, match="requires 99 or newer"):
        async with open_repository(server_url(), clock=SystemClock()):
            pass
    with pytest.raises(Unavailable, match="requires 99 or newer"):
        await pending_migrations(server_url())
    async with opened(new_channel(server_url())) as queue:
        assert "requires 99 or newer" in await told_unavailable(queue)
