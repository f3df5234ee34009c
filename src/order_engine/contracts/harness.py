"""Harnesses that adapters provide to the kit: a new adapter, and control of its time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from order_engine.contracts.fault_hooks import NO_FAULTS, FaultHooks, carry_out
from order_engine.ports.clock import Clock
from order_engine.ports.repository import OrderRepository


class RepositoryHarness(Protocol):
    """Repository under test. Its time advances only by `advance`."""

    @property
    def repository(self) -> OrderRepository:
        """Return the repository, new and empty when the harness is opened."""
        ...

    async def advance(self, seconds: float) -> None:
        """Advance the repository's clock by `seconds`; negative seconds set it back."""
        ...


@runtime_checkable
class RestorableHarness(RepositoryHarness, Protocol):
    """Harness that can restore a backup of the repository.

    Without it, the effect of a restore on cursors is not tested.
    """

    async def back_up(self) -> None:
        """Back up the repository."""
        ...

    async def restore(self) -> None:
        """Restore the backup. `repository` may return another object afterwards."""
        ...


@dataclass(frozen=True, slots=True)
class Harness:
    """Harness for most repositories: `turn` sets the repository's time of day, immediately or when awaited.

    `faults` injects faults. Other harness classes may also have an attribute of this name.
    """

    repository: OrderRepository
    turn: Callable[[float], Awaitable[None] | None]
    faults: FaultHooks = NO_FAULTS

    async def advance(self, seconds: float) -> None:
        """Advance the time."""
        await carry_out(self.turn(seconds))


@dataclass(frozen=True, slots=True)
class ClockHarness:
    """Clock under test. `let_pass` lets seconds pass on it, and lets sleeping tasks that have woken run."""

    clock: Clock
    let_pass: Callable[[float], Awaitable[None]]
