"""Repository and queue in memory: `memory://`. They promise nothing across a crash, and are one process's own."""

from order_engine_adapters.memory.driver import open_queue, open_repository
from order_engine_adapters.memory.queue import MemoryQueue
from order_engine_adapters.memory.repository import MemoryRepository

__all__ = ["MemoryQueue", "MemoryRepository", "open_queue", "open_repository"]
