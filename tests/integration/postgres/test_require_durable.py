"""`--require-durable` on servers that keep what they acknowledged, and on those that may not."""

from __future__ import annotations

import asyncio
import sys

import pytest

from order_engine import NewOrder
from order_engine_adapters import open_engine
from tests.integration.postgres.support import new_schema, server_url
from tests.integration.service import clean_environment
from tests.postgres_server import FAST, running_server

ORDER = NewOrder(order_id="536365", user_id="17850", item_ids=["85123A", "71053"], total_amount="139.12")


async def _ended(*arguments: str, **environment: str) -> tuple[int | None, str]:
    """Run a command to its end. Return its exit code and standard error."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "order_engine_adapters.cli", *arguments),
        stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        env=clean_environment(environment),
    )
    try:
        async with asyncio.timeout(60):
            _, told = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    return process.returncode, told.decode()


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("worker",)], ids=["serve", "worker"])
async def test_weak_session_is_refused_in_one_line(command: tuple[str, ...]) -> None:
    """Neither starts if a crash may lose acknowledged orders; the line names the settings."""
    target = await new_schema()
    url = f"{server_url()}?schema={target.schema}&options=-csynchronous_commit%3Doff"
    exit_code, told = await _ended(*command, "--require-durable", "--database-url", url)
    assert exit_code == 2
    assert told.startswith("order-engine: The PostgreSQL server at ")
    assert "synchronous_commit=off" in told
    assert told.count("\n") == 1


async def test_the_variable_says_the_same() -> None:
    """Also to a command that only asks."""
    target = await new_schema()
    url = f"{server_url()}?schema={target.schema}&options=-csynchronous_commit%3Doff"
    exit_code, told = await _ended("metrics", "--database-url", url, ORDER_ENGINE_REQUIRE_DURABLE="true")
    assert (exit_code, told.count("\n")) == (2, 1)


async def test_a_server_that_keeps_what_it_acknowledged_is_taken() -> None:
    """With its default durability, which the tests' own server goes without."""
    with running_server({**FAST, "fsync": "on", "full_page_writes": "on"}) as server:
        async with open_engine(server.url, processor=None, require_durable=True) as engine:
            await engine.place(ORDER)
            assert (await engine.metrics()).total_orders == 1
