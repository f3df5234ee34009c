"""In-memory repository and queue for `memory://`. They are private to a process and lost when it ends."""

from order_engine_adapters.memory.driver import open_queue, open_repository
from order_engine_adapters.memory.queue import MemoryQueue
from order_engine_adapters.memory.repository import MemoryRepository

__all__ = ["MemoryQueue", "MemoryRepository", "open_queue", "open_repository"]
