"""Opening by URL: parameters, and errors."""

from __future__ import annotations

import logging

import pytest

from order_engine.contracts.samples import placement, terms
from order_engine.domain.errors import InvalidSetting, Unavailable
from order_engine_adapters.clocks import SystemClock
from order_engine_adapters.postgres import open_repository
from order_engine_adapters.postgres.connection.durability import weaknesses
from order_engine_adapters.postgres.connection.target import parse
from tests.integration.postgres.support import execute, new_schema, server_url

SECRET = "hunter2"  # noqa: S105 - what must not be shown


def test_url_with_everything() -> None:
    """Our own parameters are taken out, and the driver gets the others."""
    target = parse(
        f"postgres://me:{SECRET}@db.example:6543/shop?schema=orders&pool=16&statement_cache_size=0&require_durable=true"
        "&sslmode=verify-full"
    )
    assert target.url == (
        f"postgresql://me:{SECRET}@db.example:6543/shop?application_name=order_engine&sslmode=verify-full"
    )
    assert (target.schema, target.pool, target.statement_cache_size, target.require_durable) == ("orders", 16, 0, True)
    assert target.pooled_elsewhere
    assert target.place == "db.example:6543/shop"
    assert SECRET not in repr(target)


def test_url_with_nothing() -> None:
    """What is left out has its default."""
    target = parse("postgresql://localhost/shop")
    assert (target.schema, target.pool, target.statement_cache_size) == ("order_engine", 8, 100)
    assert not target.require_durable


@pytest.mark.parametrize(
    "url",
    [
        "mysql://me:hunter2@host/shop",
        "postgresql://me:hunter2@host:port/shop",
        "postgresql://me:hunter2@host:99999/shop",
        "postgresql://me:hunter2@host/shop?schema=",
        "postgresql://me:hunter2@host/shop?schema=a%22b",
        "postgresql://me:hunter2@host/shop?schema=pg_catalog",
        "postgresql://me:hunter2@host/shop?pool=0",
        "postgresql://me:hunter2@host/shop?pool=many",
        "postgresql://me:hunter2@host/shop?pool=1e3",
        "postgresql://me:hunter2@host/shop?statement_cache_size=-1",
        "postgresql://me:hunter2@host/shop?require_durable=perhaps",
        "postgresql://me:hunter2@host/shop?pol=8",
        "postgresql://me:hunter2@host/shop#part",
        "postgresql://me:a/hunter2@host/shop",
        "postgresql://me:a?hunter2@host/shop",
        "postgresql://me:a#hunter2@host/shop",
    ],
)
def test_wrong_url_is_refused(url: str) -> None:
    """A URL that makes no sense is an InvalidSetting, which does not repeat its password."""
    with pytest.raises(InvalidSetting) as caught:
        parse(url)
    assert SECRET not in str(caught.value)


async def test_wrong_value_for_the_driver_is_refused() -> None:
    """What only the driver can judge is an InvalidSetting too, without its password."""
    with pytest.raises(InvalidSetting) as caught:
        await _open(f"postgresql://me:{SECRET}@127.0.0.1:1/shop?sslmode=sometimes")
    assert SECRET not in str(caught.value)


async def test_nobody_answers() -> None:
    """An unreachable server is Unavailable, and the message names it without the password."""
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1/shop") as caught:
        await _open(f"postgresql://me:{SECRET}@127.0.0.1:1/shop")
    assert SECRET not in str(caught.value)


async def test_database_that_does_not_exist() -> None:
    """A missing database is Unavailable."""
    with pytest.raises(Unavailable, match="does not exist"):
        await _open(server_url().rpartition("/")[0] + "/nowhere")


async def test_weak_server_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    """A server that may lose acknowledged orders is warned of, loudly, at every opening."""
    with caplog.at_level(logging.WARNING, "order_engine"):
        await _open(f"{server_url()}?schema={(await new_schema()).schema}")
    assert "fsync=off" in caplog.text


async def test_weak_server_is_refused() -> None:
    """With require_durable such a server is refused."""
    with pytest.raises(InvalidSetting, match="fsync=off"):
        await _open(f"{server_url()}?schema={(await new_schema()).schema}&require_durable=true")


def test_weaknesses() -> None:
    """Only the values that lose what was acknowledged are weak."""
    assert weaknesses("on", "on", "on") == []
    assert weaknesses("on", "on", "local") == []
    assert weaknesses("off", "off", "off") == ["fsync=off", "full_page_writes=off", "synchronous_commit=off"]


async def test_user_without_special_rights() -> None:
    """A user who may make a schema and nothing else can do everything."""
    target = await new_schema()
    await execute(target, "CREATE ROLE plain LOGIN; GRANT CREATE ON DATABASE postgres TO plain")
    url = f"{server_url().replace('//postgres@', '//plain@')}?schema=of_a_plain_user"
    async with open_repository(url, clock=SystemClock()) as repository:
        await repository.add([placement("order-1")], terms("claim-1"))
        assert len((await repository.events(None, 10)).events) == 2
        assert (await repository.statistics()).total_orders == 1


async def test_without_prepared_statements() -> None:
    """With statement_cache_size=0 everything works as well, each statement within a transaction."""
    url = f"{server_url()}?schema={(await new_schema()).schema}&statement_cache_size=0"
    async with open_repository(url, clock=SystemClock()) as repository:
        await repository.add([placement("order-1")])
        assert list(await repository.get(["order-1"])) == ["order-1"]
        assert len((await repository.events(None, 10)).events) == 1


async def _open(url: str) -> None:
    async with open_repository(url, clock=SystemClock()):
        pass
