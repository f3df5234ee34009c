"""A server that may lose what it acknowledged is noticed wherever that was set: for all, a database or a user."""

from __future__ import annotations

import logging
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from order_engine.domain.errors import InvalidSetting
from order_engine_adapters.clocks import SystemClock
from order_engine_adapters.postgres import open_repository
from order_engine_adapters.postgres.connection.target import parse
from tests.integration.postgres.pooler import running_pooler
from tests.integration.postgres.support import execute, server_url

WEAK = "synchronous_commit=off"


@asynccontextmanager
async def weakened(kind: str) -> AsyncIterator[str]:
    """Give the URL of a database, or of a user, for which commits are not waited for."""
    server, name = parse(server_url()), f"weak_{uuid.uuid4().hex[:8]}"
    address, _, database = server_url().rpartition("/")
    await execute(server, f"CREATE {kind} {name} {'SUPERUSER LOGIN' if kind == 'ROLE' else ''}")
    await execute(server, f"ALTER {kind} {name} SET synchronous_commit = off")
    try:
        yield (
            f"{address}/{name}" if kind == "DATABASE" else f"postgresql://{name}@{address.partition('@')[2]}/{database}"
        )
    finally:
        if kind == "DATABASE":
            await execute(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize("kind", ["DATABASE", "ROLE"])
async def test_set_for_a_database_or_a_user(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """It is warned of at every opening; with require_durable it is refused. Elsewhere commits are waited for."""
    async with weakened(kind) as url:
        schema = f"schema=weak_{uuid.uuid4().hex[:8]}"
        with caplog.at_level(logging.WARNING, "order_engine"):
            await _open(f"{url}?{schema}")
        assert WEAK in caplog.text
        with pytest.raises(InvalidSetting, match=WEAK):
            await _open(f"{url}?{schema}&require_durable=true")
    caplog.clear()
    await _open(f"{server_url()}?{schema}")
    assert WEAK not in caplog.text


async def test_set_behind_pgbouncer(caplog: pytest.LogCaptureFixture) -> None:
    """It is noticed through PgBouncer as well."""
    async with weakened("DATABASE") as url:
        with running_pooler(url) as pooler, caplog.at_level(logging.WARNING, "order_engine"):
            await _open(f"{pooler.url}?statement_cache_size=0")
    assert WEAK in caplog.text


async def _open(url: str) -> None:
    async with open_repository(url, clock=SystemClock()):
        pass
