"""The memory repository under test, with a backup: nothing that users have, but the kit is to be tried on it."""

from __future__ import annotations

from copy import deepcopy
from typing import Generic, TypeVar

from order_engine_adapters.clocks import ManualClock
from order_engine_adapters.memory import MemoryRepository

Kind = TypeVar("Kind", bound=MemoryRepository)


class MemoryHarness(Generic[Kind]):
    """An empty repository of a class, on a clock that stands still."""

    def __init__(self, kind: type[Kind]) -> None:
        """Open one."""
        self._clock = ManualClock()
        self.repository = kind(self._clock)
        self._backup = self.repository

    async def advance(self, seconds: float) -> None:
        """Turn the clock."""
        self._clock.jump(seconds)

    async def back_up(self) -> None:
        """Keep a copy."""
        self._backup = self._copy(self.repository)

    async def restore(self) -> None:
        """Go on with a copy of the copy."""
        self.repository = self._copy(self._backup)

    def _copy(self, repository: Kind) -> Kind:
        return deepcopy(repository, {id(self._clock): self._clock})
