"""What the kit needs of an adapter's tests: a fresh adapter, and a hand on its time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from order_engine.contracts.fault_hooks import NO_FAULTS, FaultHooks, carry_out
from order_engine.ports.clock import Clock
from order_engine.ports.repository import OrderRepository


class RepositoryHarness(Protocol):
    """A repository under test, whose time stands still except for `advance`."""

    @property
    def repository(self) -> OrderRepository:
        """Return the repository, fresh and empty when the harness is opened."""
        ...

    async def advance(self, seconds: float) -> None:
        """Let `seconds` pass for what the repository stamps and compares; negative seconds set its clock back."""
        ...


@runtime_checkable
class RestorableHarness(RepositoryHarness, Protocol):
    """A harness that can also go back in time, as an operator does who restores a backup.

    A repository whose harness is none is not tested for what a restore does to cursors.
    """

    async def back_up(self) -> None:
        """Keep the repository as it is now."""
        ...

    async def restore(self) -> None:
        """Take the repository back to the backup. `repository` may be another object afterwards."""
        ...


@dataclass(frozen=True, slots=True)
class Harness:
    """The harness for most repositories: `turn` moves the repository's time of day, at once or when awaited.

    `faults` injects faults. A harness of another class may have an attribute of this name too.
    """

    repository: OrderRepository
    turn: Callable[[float], Awaitable[None] | None]
    faults: FaultHooks = NO_FAULTS

    async def advance(self, seconds: float) -> None:
        """Turn the time."""
        await carry_out(self.turn(seconds))


@dataclass(frozen=True, slots=True)
class ClockHarness:
    """A clock under test; `let_pass` returns when so many seconds have passed on it and woken sleepers had a turn."""

    clock: Clock
    let_pass: Callable[[float], Awaitable[None]]
