"""The PostgreSQL repository for `postgresql://host/database`: durable orders for any number of processes."""

from order_engine_adapters.postgres.driver import open_repository
from order_engine_adapters.postgres.reading.counter_rebuild import rebuild_counters
from order_engine_adapters.postgres.repository import PostgresRepository
from order_engine_adapters.postgres.schema.migrations import migrate, pending_migrations

__all__ = ["PostgresRepository", "migrate", "open_repository", "pending_migrations", "rebuild_counters"]
