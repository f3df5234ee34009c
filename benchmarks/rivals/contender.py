"""What is measured of each contender: three tasks, on the same orders, until the last order is Completed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from enum import StrEnum
from typing import Protocol

from order_engine import NewOrder


class Task(StrEnum):
    """What a contender is given to do."""

    BULK = "bulk"
    """Place orders a thousand a call while its workers run, and complete them."""
    SINGLE = "single"
    """Place each order in a call of its own, from a thousand tasks at once, while its workers run."""
    PROCESS = "process"
    """Complete orders that were placed before the clock starts."""


class Completions:
    """Counts orders as their completion is committed, so that nobody has to ask the database."""

    def __init__(self, wanted: int) -> None:
        """Wait for `wanted` completions."""
        self._missing = wanted
        self.all = asyncio.Event()

    def count(self, completed: int) -> None:
        """Note that so many more are Completed."""
        self._missing -= completed
        if self._missing <= 0:
            self.all.set()


class Contender(Protocol):
    """One library, its tables made and its connections open, on a database of its own."""

    async def place_in_bulk(self, orders: Sequence[NewOrder]) -> None:
        """Store orders in as few calls as it can."""
        ...

    async def place(self, order: NewOrder) -> None:
        """Store one order; on return it is committed."""
        ...

    def working(self) -> AbstractAsyncContextManager[None]:
        """Run the workers, with a processor that does nothing, as long as the context lasts."""
        ...
