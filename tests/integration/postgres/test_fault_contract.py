"""The PostgreSQL repository keeps the contract under faults: its network breaks, and its disk is full."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from order_engine.contracts import FaultContract, FaultHooks
from order_engine_adapters.postgres.connection.target import Target, parse
from tests.integration.postgres.support import PostgresHarness, execute, harness, new_schema, server_url
from tests.integration.tcp_proxy import TcpProxy

STORED: Final = "SELECT string_agg(o::text, ' ' ORDER BY serial) FROM {schema}.orders AS o"
"""Everything that a call may change changes an order as well."""
TABLES: Final = ("orders", "contents", "events", "idempotency_keys", "counters")
"""Whatever is changed, one of these is."""
NO_ROOM: Final = """
CREATE OR REPLACE FUNCTION {schema}.no_room() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = 'disk_full'; END $$;
""" + "".join(
    f"CREATE TRIGGER no_room BEFORE INSERT OR UPDATE OR DELETE ON {{schema}}.{table} "
    "FOR EACH STATEMENT EXECUTE FUNCTION {schema}.no_room();"
    for table in TABLES
)
ROOM: Final = "".join(f"DROP TRIGGER IF EXISTS no_room ON {{schema}}.{table};" for table in TABLES)

_schemas: dict[str, Target] = {}
"""The one schema of these tests on each server, which is emptied for each: making one takes a hundred times as long."""


class TestPostgresUnderFaults(FaultContract):
    """Between the repository and its database is a network that breaks at the moment that matters.

    PostgreSQL is never at a limit of orders. A text with a NUL, which the domain lets nobody place, it cannot keep.
    """

    patience_seconds = 30.0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[PostgresHarness]:
        """Open an empty repository on a clock that stands still, through a proxy."""
        if server_url() not in _schemas:
            _schemas[server_url()] = await new_schema(manual_time=True)
        target = _schemas[server_url()]
        await execute(target, ROOM)
        async with TcpProxy(server_url()) as proxy:
            through = replace(parse(proxy.url), schema=target.schema, pool=target.pool)
            async with harness(through) as opened:
                opened.faults = _hooks(proxy, target)
                yield opened


def _hooks(proxy: TcpProxy, target: Target) -> FaultHooks:
    async def allow_writing(allowed: bool) -> None:  # noqa: FBT001 - the hook's one parameter
        await execute(target, ROOM if allowed else NO_ROOM)

    def lose_request() -> None:
        proxy.lose_request(b"")

    async def lose_commit() -> None:
        before = await execute(target, STORED)

        async def is_committed() -> bool:
            return await execute(target, STORED) != before

        proxy.lose_commit(is_committed)

    return FaultHooks(
        unstorable_user_id="user\0",
        break_before_commit=lose_request,
        break_after_commit=lose_commit,
        break_reading=lose_request,
        allow_writing=allow_writing,
    )
