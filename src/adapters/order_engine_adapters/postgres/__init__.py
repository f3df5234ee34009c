"""The PostgreSQL repository: `postgresql://host/database`. Durable orders for any number of processes."""

from order_engine_adapters.postgres.migrations import migrate, pending_migrations
from order_engine_adapters.postgres.opening import open_repository
from order_engine_adapters.postgres.rebuilding import rebuild_counters
from order_engine_adapters.postgres.repository import PostgresRepository

__all__ = ["PostgresRepository", "migrate", "open_repository", "pending_migrations", "rebuild_counters"]
