"""Requirements on servers and sessions. A violation that waiting cannot resolve is an invalid setting."""

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
    """Raise InvalidSetting for a database in which the schema cannot be created or would have no effect."""
    role = await connection.fetchval(REPLICATION_ROLE)
    if role != TRIGGERS_FIRE:
        raise InvalidSetting(_triggers_are_off(target, role))
    if not await connection.fetchval(HAS_LANGUAGE):
        message = f"The PostgreSQL database at {target.place} lacks the language plpgsql. Run CREATE EXTENSION plpgsql."
        raise InvalidSetting(message)


async def open_session(target: Target, random: Random) -> Connection:
    """Open a connection with `connect` and check settings that would silently make the counters wrong.

    Settings of roles and databases apply to sessions opened later, so each new session is checked. A pooler has no
    session to check. Raises as `connect` does.
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
