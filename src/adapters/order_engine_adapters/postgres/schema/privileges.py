"""Required and missing privileges of a user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from order_engine_adapters.postgres.connection.target import Connection

TO_WORK: Final[Mapping[str, str]] = {
    "contents": "SELECT, INSERT",
    "orders": "SELECT, INSERT, UPDATE",
    "events": "SELECT, INSERT",
    "idempotency_keys": "SELECT, INSERT",
    "counters": "SELECT, INSERT, UPDATE",
    "identity": "SELECT, UPDATE",
    "migrations": "SELECT",
}
"""Privileges that the statements need, by table."""

LACKING_TO_WORK: Final = """
SELECT string_agg(kind || ' ON ' || what, ', ' ORDER BY what, kind) FROM (
    SELECT 'USAGE' AS kind, format('SCHEMA %I', nspname) AS what FROM pg_namespace
    WHERE nspname = $1 AND NOT has_schema_privilege(oid, 'USAGE')
    UNION ALL
    SELECT kind, format('TABLE %I.%I', nspname, relname)
    FROM unnest($2::text[], $3::text[]) AS needed (name, kinds)
    CROSS JOIN LATERAL regexp_split_to_table(kinds, ', ') AS kind
    JOIN pg_class ON relname = needed.name JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname = $1 AND NOT has_table_privilege(pg_class.oid, kind)
    UNION ALL
    SELECT 'USAGE', format('SEQUENCE %I.%I', nspname, relname)
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname = $1 AND relname = 'serials' AND NOT has_sequence_privilege(pg_class.oid, 'USAGE')
    UNION ALL
    SELECT 'EXECUTE', format('FUNCTION %I.%I', nspname, proname)
    FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
    WHERE nspname = $1 AND prorettype <> 'trigger'::regtype AND NOT has_function_privilege(pg_proc.oid, 'EXECUTE')
) AS lacking
"""
LACKING_TO_MIGRATE: Final = """
SELECT CASE
    WHEN to_regnamespace(quote_ident($1)) IS NOT NULL AND NOT has_schema_privilege($1, 'CREATE')
        THEN format('CREATE ON SCHEMA %I', $1::text)
    WHEN to_regnamespace(quote_ident($1)) IS NULL AND NOT has_database_privilege(current_database(), 'CREATE')
        THEN format('CREATE ON DATABASE %I', current_database())
END
"""


async def lacking_to_work(connection: Connection, schema: str) -> str | None:
    """Return the missing privileges for working on orders, in GRANT syntax; None if there are none."""
    lacking: str | None = await connection.fetchval(LACKING_TO_WORK, schema, list(TO_WORK), list(TO_WORK.values()))
    return lacking


async def lacking_to_migrate(connection: Connection, schema: str) -> str | None:
    """Return the missing privilege for creating or changing the schema; None if there is none."""
    lacking: str | None = await connection.fetchval(LACKING_TO_MIGRATE, schema)
    return lacking
