"""Checks of the schema for the current user, before any order is accepted."""

from __future__ import annotations

from typing import Final

from order_engine.domain.errors import InvalidSetting
from order_engine_adapters.postgres.connection.sessions import Session, Sessions
from order_engine_adapters.postgres.connection.target import Target
from order_engine_adapters.postgres.schema.privileges import TO_WORK, lacking_to_work

FILTERED: Final = """
SELECT string_agg(relname, ', ' ORDER BY relname) FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = $1 AND relname = ANY ($2::text[]) AND row_security_active(pg_class.oid)
"""
DISABLED: Final = """
SELECT string_agg(tgname, ', ' ORDER BY tgname)
FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = $1 AND relname = 'orders' AND NOT tgisinternal AND tgenabled NOT IN ('O', 'A')
"""
READ_ONLY_FOR_GOOD: Final = """
SELECT setting = 'on' AND source IN ('user', 'database user', 'client') FROM pg_settings
WHERE name = 'default_transaction_read_only'
"""
"""Set for the user or in the URL. For a database or server it may be temporary, so the start may wait."""


async def refuse_schema(sessions: Sessions) -> None:
    """Raise InvalidSetting for a schema that the user cannot write, or that would not be updated correctly.

    A standby or a read-only database is allowed: it may become writable later.
    """
    message = await sessions.read(lambda session: _fault(session, sessions.target))
    if message is not None:
        raise InvalidSetting(message)


async def _fault(session: Session, target: Target) -> str | None:
    where = f"the schema {target.schema} of the PostgreSQL database at {target.place}"
    if lacking := await lacking_to_work(session.connection, target.schema):
        return f"The user lacks privileges in {where}. Run GRANT {lacking}."
    if tables := await session.value(FILTERED, target.schema, list(TO_WORK)):
        return (
            f"Row-level security hides rows of {where} from this user ({tables}). "
            "DISABLE ROW LEVEL SECURITY on these tables, or grant the user BYPASSRLS."
        )
    if triggers := await session.value(DISABLED, target.schema):
        return (
            f"Triggers are disabled in {where}, so the metrics would be wrong ({triggers}). Run ALTER TABLE "
            f"{target.schema}.orders ENABLE TRIGGER USER, then run `order-engine metrics rebuild`."
        )
    if await session.value(READ_ONLY_FOR_GOOD):
        return (
            f"The user of the PostgreSQL database at {target.place} is read-only because of its role or the URL. "
            "Run ALTER ROLE … RESET default_transaction_read_only."
        )
    return None
