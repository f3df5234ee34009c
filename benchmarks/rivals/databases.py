"""A server with default durability, and on it a fresh database for each run."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from benchmarks.http_load.postgres import running_postgres

DURABILITY: Final = ("fsync", "synchronous_commit", "full_page_writes")
_numbers = itertools.count(1)


@contextmanager
def server(url: str | None) -> Iterator[str]:
    """Give the URL of the server that is there, else run one of our own as long as the context lasts."""
    with nullcontext(url) if url else running_postgres() as found:
        yield found


@contextmanager
def fresh_database(url: str) -> Iterator[str]:
    """Give the URL of a new database, after a checkpoint, so that no run pays for the last one; drop it afterwards."""
    name = f"rivals_{next(_numbers)}"
    asyncio.run(_execute(url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"CREATE DATABASE {name}", "CHECKPOINT"))
    try:
        yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
    finally:
        asyncio.run(_execute(url, f"DROP DATABASE {name} WITH (FORCE)"))


def description(url: str) -> str:
    """Return the server's version and how durable it is."""
    return asyncio.run(_description(url))


async def _description(url: str) -> str:
    connection = await asyncpg.connect(url)
    try:
        version = await connection.fetchval("SHOW server_version")
        settings = [f"{name} {await connection.fetchval(f'SHOW {name}')}" for name in DURABILITY]
    finally:
        await connection.close()
    return f"PostgreSQL {version.split()[0]} ({', '.join(settings)})"


async def _execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()
