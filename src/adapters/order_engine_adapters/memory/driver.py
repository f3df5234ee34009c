"""The driver for `memory://` URLs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs

from order_engine.domain.errors import InvalidSetting
from order_engine.ports.clock import Clock
from order_engine.ports.queue import OrderQueue
from order_engine.ports.repository import OrderRepository
from order_engine_adapters.memory import queue, repository


class MemoryDriver:
    """Opens an empty repository: `memory://` or `memory://?capacity=ORDERS`. Raises InvalidSetting for another URL."""

    several_processes = False
    ends_with_process = True

    @asynccontextmanager
    async def __call__(self, url: str, *, clock: Clock) -> AsyncIterator[OrderRepository]:
        """Keep the orders for as long as the context lasts."""
        yield repository.MemoryRepository(clock, _capacity(url, repository.DEFAULT_CAPACITY))


open_repository: MemoryDriver = MemoryDriver()


@asynccontextmanager
async def open_queue(url: str, *, clock: Clock) -> AsyncIterator[OrderQueue]:  # noqa: ARG001 - the port's signature
    """Open an empty queue: `memory://` or `memory://?capacity=IDS`."""
    yield queue.MemoryQueue(_capacity(url, queue.DEFAULT_CAPACITY))


def _capacity(url: str, default: int) -> int:
    rest, _, query = url.partition("?")
    options = parse_qs(query, keep_blank_values=True)
    given = options.pop("capacity", [str(default)])[-1]
    if rest.partition(":")[2] not in {"", "//"} or options or not given.isdecimal() or int(given) < 1:
        message = f"Invalid memory URL {url!r}. Use memory:// or memory://?capacity=1000000"
        raise InvalidSetting(message)
    return int(given)
