"""The SQLite repository for `sqlite:///file.db`: durable orders in one file, used by one process at a time."""

from order_engine_adapters.sqlite.driver import open_repository
from order_engine_adapters.sqlite.reading.counter_rebuild import rebuild_counters
from order_engine_adapters.sqlite.repository import SqliteRepository

__all__ = ["SqliteRepository", "open_repository", "rebuild_counters"]
