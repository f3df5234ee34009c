"""A memory repository that carries out a batch item by item, so that a mutant may go wrong at one of them."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from datetime import datetime
from typing import Any, TypeVar

from order_engine.domain.commands import ClaimTerms, Command, Lease, Placement, Renewal
from order_engine.ports.repository import Added, AddOutcome, Applied, Renewed
from order_engine_adapters.memory import MemoryRepository

Answer = TypeVar("Answer")


class OneByOne(MemoryRepository):
    """Answers as the memory repository does: the outcome of a batch is that of its items one after the other."""

    async def add(self, placements: Sequence[Placement], hold: ClaimTerms | None = None) -> Sequence[Added]:
        """Add one after the other."""
        room = 0 if hold is None else hold.limit
        outcomes: list[Added] = []
        for placement in placements:
            added = self._add_one(placement, hold if room > 0 else None, self._clock.now())
            room -= added.outcome is AddOutcome.ADDED
            outcomes.append(added)
        return outcomes

    async def renew(self, leases: Sequence[Lease], seconds: float) -> Sequence[Renewed]:
        """Renew one after the other."""
        return [self._renew_one(Renewal(lease, seconds), self._clock.now()) for lease in leases]

    async def apply(self, commands: Sequence[Command]) -> Sequence[Applied]:
        """Apply one after the other."""
        return [self._apply_one(command, self._clock.now()) for command in commands]

    def _add_one(self, placement: Placement, hold: ClaimTerms | None, now: datetime) -> Added:  # noqa: ARG002 - a hook's
        (added,) = _answer(MemoryRepository.add(self, [placement], hold))
        return added

    def _renew_one(self, renewal: Renewal, now: datetime) -> Renewed:  # noqa: ARG002 - a hook's
        (renewed,) = _answer(MemoryRepository.renew(self, [renewal.lease], renewal.seconds))
        return renewed

    def _apply_one(self, command: Command, now: datetime) -> Applied:  # noqa: ARG002 - a hook's
        (applied,) = _answer(MemoryRepository.apply(self, [command]))
        return applied


def _answer(call: Coroutine[Any, Any, Answer]) -> Answer:
    """Return the answer of a call that waits for nothing but its turn."""
    while True:
        try:
            call.send(None)
        except StopIteration as end:
            answer: Answer = end.value
            return answer
