"""What a server and its sessions have to be like. What waiting does not change is a wrong setting."""

from __future__ import annotations

from random import Random
from typing import Final

import asyncpg

from order_engine.domain.errors import InvalidSetting, Unavailable
from order_engine_adapters.postgres.connection.failures import CONNECTION_LOST
from order_engine_adapters.postgres.connection.refusals import refusal
from order_engine_adapters.postgres.connection.target import Connection, Target, connect

REPLICATION_ROLE: Final = "SHOW session_replication_role"
TRIGGERS_FIRE: Final = "origin"
HAS_LANGUAGE: Final = "SELECT EXISTS (SELECT FROM pg_language WHERE lanname = 'plpgsql')"


async def refuse_server(connection: Connection, target: Target) -> None:
    """Raise InvalidSetting for a database in which the schema cannot be made, or would not count."""
    role = await connection.fetchval(REPLICATION_ROLE)
    if role != TRIGGERS_FIRE:
        raise InvalidSetting(_triggers_are_off(target, role))
    if not await connection.fetchval(HAS_LANGUAGE):
        message = f"The PostgreSQL database at {target.place} lacks the language plpgsql. Run CREATE EXTENSION plpgsql."
        raise InvalidSetting(message)


async def open_session(target: Target, random: Random) -> Connection:
    """Open a connection for orders: `connect`, and a look at what would make the counters wrong in silence.

    Settings of a role or database count for the sessions that are opened after them, so each new one is looked at.
    Where sessions are handed around there is none to look at. Raises as `connect` does.
    """
    connection = await connect(target, random)
    if target.pooled_elsewhere:
        return connection
    is_fit = False
    try:
        role = await connection.fetchval(REPLICATION_ROLE)
        is_fit = role == TRIGGERS_FIRE
    except (asyncpg.PostgresError, *CONNECTION_LOST) as error:
        raise refusal(error, target.place) from error
    finally:
        if not is_fit:
            connection.terminate()
    if not is_fit:
        raise Unavailable(_triggers_are_off(target, role), lasting=True)
    return connection


def _triggers_are_off(target: Target, role: str) -> str:
    return (
        f"session_replication_role is {role} in the PostgreSQL database at {target.place}. Triggers do not fire, so "
        "the metrics would be wrong. Run ALTER ROLE … or ALTER DATABASE … RESET session_replication_role."
    )
