"""The setting `require_durable`: which repositories it refuses, and what it leaves alone."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from order_engine import InvalidSetting, NewOrder
from order_engine_adapters import open_engine
from order_engine_adapters.postgres.connection.target import parse
from order_engine_adapters.wiring.durability import durable_url
from tests.unit.wiring.test_opening import Lifetimes

SECRET = "hunter2"  # noqa: S105 - not a password of anything


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
@pytest.mark.parametrize("query", ["", "?schema=shop&pool=2", "?require_durable=false"])
def test_postgresql_is_asked_when_it_is_opened(scheme: str, query: str) -> None:
    """Whatever the URL itself says of it."""
    target = parse(durable_url(f"{scheme}://user@host/db{query}"))
    assert target.require_durable
    assert target.schema == ("shop" if "schema" in query else "order_engine")


@pytest.mark.parametrize("url", ["memory://", f"memory://user:{SECRET}@host"])
def test_memory_keeps_nothing(url: str) -> None:
    """So it is refused, with what to do instead and without a secret."""
    with pytest.raises(InvalidSetting, match="--database-url") as refused:
        durable_url(url)
    assert SECRET not in str(refused.value)


async def test_memory_is_refused_before_anything_is_opened() -> None:
    """By the setting of an engine that is opened in a program."""
    lifetimes = Lifetimes()
    with pytest.raises(InvalidSetting, match="keeps orders in this process only"):
        async with open_engine("memory://", processor=None, container=lifetimes.container(), require_durable=True):
            pass
    assert lifetimes.urls == []


async def test_sqlite_is_durable(tmp_path: Path) -> None:
    """It always waits for the disk."""
    async with open_engine(f"sqlite:///{tmp_path}/orders.db", processor=None, require_durable=True) as engine:
        await engine.place(NewOrder(user_id="user1", item_ids=["item1"], total_amount="50.00"))
        assert (await engine.metrics()).total_orders == 1


async def test_a_repository_of_somebody_else_is_opened_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """By its URL as it is: it may know no parameter of ours. Nobody here can say whether it is durable."""
    lifetimes = Lifetimes()
    url = f"elsewhere://user:{SECRET}@host/db"
    with caplog.at_level(logging.WARNING, "order_engine"):
        async with open_engine(url, processor=None, container=lifetimes.container(), require_durable=True):
            pass
    assert lifetimes.urls[0] == url
    assert "whether elsewhere://user:***@host/db is durable" in caplog.text


async def test_without_the_setting_nothing_is_asked() -> None:
    """The URL is passed on as it is."""
    lifetimes = Lifetimes()
    async with open_engine("memory://?capacity=7", processor=None, container=lifetimes.container()):
        pass
    assert lifetimes.urls[0] == "memory://?capacity=7"
