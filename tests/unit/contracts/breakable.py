"""A memory repository on which every fault of the kit can be injected: what the mutants of faults begin with."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from datetime import datetime
from enum import Enum, auto
from typing import Any, Final, TypeVar

from order_engine.contracts import FaultHooks, Harness
from order_engine.domain.commands import ClaimTerms, Command, Lease, Placement
from order_engine.domain.errors import OutcomeUnknown, Unavailable
from order_engine.domain.events import Event
from order_engine.domain.metrics import Statistics
from order_engine.domain.order import Order
from order_engine.ports.repository import Added, AddOutcome, Applied, Claimed, OrderPage, OrderQuery, Renewed
from order_engine_adapters.clocks import ManualClock
from tests.unit.contracts.one_by_one import OneByOne

UNSTORABLE: Final = "user\ufffe"

Answer = TypeVar("Answer")


class Break(Enum):
    """Where the next call breaks."""

    BEFORE_COMMIT = auto()
    AFTER_COMMIT = auto()
    READING = auto()


class BreakableMemory(OneByOne):
    """Breaks when it is told to, and says what the port wants of it."""

    def __init__(self, clock: ManualClock) -> None:
        """Start whole."""
        super().__init__(clock)
        self.breaks: Break | None = None
        self.may_write = True

    # The hooks

    def fill(self, orders: int) -> None:
        """Take so many more orders."""
        self._capacity = len(self._orders) + orders

    def break_next(self, where: Break) -> None:
        """Break the next call there."""
        self.breaks = where

    def allow_writing(self, allowed: bool) -> None:  # noqa: FBT001 - the hook's one parameter
        """Have room, or none."""
        self.may_write = allowed

    # What is told of a break: mutants say something else

    def broken_before_commit(self) -> Exception:
        """Return what a call raises that took no effect."""
        return Unavailable("broken before the commit")

    def broken_after_commit(self) -> Exception:
        """Return what a call raises whose answer was lost."""
        return OutcomeUnknown("broken after the commit")

    def broken_reading(self) -> Exception:
        """Return what a call raises that read nothing."""
        return Unavailable("broken while reading")

    async def write(self, call: Coroutine[Any, Any, Answer]) -> Answer:
        """Carry out a call that changes something, unless it breaks."""
        if self._takes(Break.BEFORE_COMMIT) or not self.may_write:
            await self.before_commit(call)
            raise self.broken_before_commit()
        answer = await call
        if self._takes(Break.AFTER_COMMIT):
            raise self.broken_after_commit()
        return answer

    async def before_commit(self, call: Coroutine[Any, Any, object]) -> None:
        """Do what is done of a call that breaks before its commit: nothing."""
        call.close()

    async def read(self, call: Coroutine[Any, Any, Answer]) -> Answer:
        """Carry out a call that reads, unless it breaks."""
        answer = await call
        if self._takes(Break.READING):
            raise self.broken_reading()
        return answer

    def _takes(self, where: Break) -> bool:
        breaks = self.breaks is where
        if breaks:
            self.breaks = None
        return breaks

    # The port

    async def add(self, placements: Sequence[Placement], hold: ClaimTerms | None = None) -> Sequence[Added]:
        """Add, or break."""
        return await self.write(super().add(placements, hold))

    async def claim(self, terms: ClaimTerms) -> Claimed:
        """Claim, or break."""
        return await self.write(super().claim(terms))

    async def renew(self, leases: Sequence[Lease], seconds: float) -> Sequence[Renewed]:
        """Renew, or break."""
        return await self.write(super().renew(leases, seconds))

    async def apply(self, commands: Sequence[Command]) -> Sequence[Applied]:
        """Apply, or break."""
        return await self.write(super().apply(commands))

    async def get(self, order_ids: Sequence[str]) -> Mapping[str, Order]:
        """Get, or break."""
        return await self.read(super().get(order_ids))

    async def list(self, query: OrderQuery) -> OrderPage:
        """List, or break."""
        return await self.read(super().list(query))

    async def history(self, order_id: str, after: int, limit: int) -> Sequence[Event]:
        """Return the history, or break."""
        return await self.read(super().history(order_id, after, limit))

    async def statistics(self) -> Statistics:
        """Count, or break."""
        return await self.read(super().statistics())

    def _add_one(self, placement: Placement, hold: ClaimTerms | None, now: datetime) -> Added:
        if placement.user_id == UNSTORABLE:
            return Added(AddOutcome.REFUSED, None, "the user id cannot be kept")
        return super()._add_one(placement, hold, now)


def harness(repository: BreakableMemory, clock: ManualClock) -> Harness:
    """Return a harness with every hook."""
    faults = FaultHooks(
        full_after=repository.fill,
        unstorable_user_id=UNSTORABLE,
        break_before_commit=lambda: repository.break_next(Break.BEFORE_COMMIT),
        break_after_commit=lambda: repository.break_next(Break.AFTER_COMMIT),
        break_reading=lambda: repository.break_next(Break.READING),
        allow_writing=repository.allow_writing,
    )
    return Harness(repository, clock.jump, faults)
