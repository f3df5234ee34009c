"""Planted bugs in claiming: which orders are taken, how many, and what becomes of claims without an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import pytest

from order_engine.application.doorbell import Doorbell
from order_engine.application.worker.attempts import Attempts
from order_engine.application.worker.claim_slots import ClaimSlots
from order_engine.application.worker.claimer import Claimer
from order_engine.application.worker.renewal_capacity import RenewalCapacity
from order_engine.domain.commands import ClaimTerms
from order_engine.simulation import Fault, Sizes
from order_engine.simulation.network.doorbell_queue import QueueFailure
from tests.unit.application import planted as others
from tests.unit.simulation.planted import (
    BELLS,
    CRASHES,
    KILLERS,
    LOST_ANSWERS,
    OUTAGES,
    PROCESSORS,
    Circumstances,
    found,
)

SLOW_RENEWALS: Final = Circumstances(
    "slow renewals", {Fault.RENEWALS_SLOW: 1, Fault.PROCESSOR_SLOW: 0.3}, Sizes(orders=300, instances=3)
)
"""Repositories that renew few leases in time, and orders that take long."""

found("concurrency", within=10)(others.claims_beyond_its_slots)
found("P7", within=10)(others.no_poll)
found("P7", within=40, where=LOST_ANSWERS)(others.lost_claims_are_forgotten)
found("P7", within=60, where=OUTAGES)(others.takes_leases_right_after_an_outage)
found("P7", within=20, where=CRASHES)(others.never_takes_leases_after_an_outage)
found("P7", within=20, where=KILLERS)(others.suspects_without_limit)


@found("concurrency", within=100, where=BELLS)
def named_claims_know_no_limit(patch: pytest.MonkeyPatch) -> None:
    """Claim whatever the queue names, however few slots are free."""
    claim = Claimer._claim  # noqa: SLF001 - a planted bug changes what is inside

    async def greedy(self: Claimer, terms: ClaimTerms) -> Any:  # noqa: ANN401 - whatever it is
        if terms.order_ids is not None:
            terms = replace(terms, limit=len(terms.order_ids))
        else:
            terms = replace(terms, limit=max(1, min(terms.limit, self._attempts.free)))
        return await claim(self, terms)

    patch.setattr(Claimer, "_batch", lambda self: self._context.options.batch_orders)
    patch.setattr(Claimer, "_claim", greedy)


@found("P7", within=40, where=LOST_ANSWERS)
def asks_again_under_another_name(patch: pytest.MonkeyPatch) -> None:
    """Ask again for an unanswered claim under a new claim id, as if it were another claim."""

    async def anew(self: Claimer, unanswered: ClaimSlots) -> None:
        self._unanswered.popleft()
        unanswered.release()
        await self._claim(self.terms(unanswered.terms.limit))

    patch.setattr(Claimer, "_ask_again", anew)


@found("P7", within=20, where=KILLERS)
def room_of_suspects_is_never_given_back(patch: pytest.MonkeyPatch) -> None:
    """Count suspects that have ended as if they still ran."""
    leave = Attempts.leave

    def forgetful(self: Attempts, attempts: Sequence[Any]) -> None:
        suspects = self._suspects.copy()
        leave(self, attempts)
        self._suspects = suspects

    patch.setattr(Attempts, "leave", forgetful)


@found("the engine lives", within=10, where=BELLS)
def dies_of_a_queue_that_fails_to_ring(patch: pytest.MonkeyPatch) -> None:
    """Let the engine die of an error of the queue's."""

    async def fragile(self: Doorbell) -> None:
        while True:
            await self._rung.wait()
            self._rung.clear()
            order_ids = [self._order_ids.popleft() for _ in range(len(self._order_ids))]
            await self._context.queue.put(order_ids)

    patch.setattr(Doorbell, "run", fragile)


@found("P7", within=10, where=BELLS)
def a_failed_queue_is_never_asked_again(patch: pytest.MonkeyPatch) -> None:
    """Stop claiming at all once the queue has failed."""

    async def once(self: Claimer) -> None:
        try:
            while True:
                await self._attempts.free_slot()
                self._hints.extend(await self._context.queue.get(self._batch()))
                self._wake.set()
                await self._hints_taken.wait()
                self._hints_taken.clear()
        except QueueFailure:
            self.stop()

    patch.setattr(Claimer, "listen", once)


@found("P7", within=20, where=PROCESSORS)
def slots_wait_for_the_bell(patch: pytest.MonkeyPatch) -> None:
    """Do not claim again when slots become free, and poll only when none is."""
    patch.setattr(Claimer, "slot_freed", lambda _: None)
    patch.setattr(Claimer, "_has_reason", property(lambda self: bool(self._hints)))


@found("P7", within=40, where=SLOW_RENEWALS)
def claims_more_than_is_renewed(patch: pytest.MonkeyPatch) -> None:
    """Claim as many orders as there are slots, however few leases the repository renews in time."""
    patch.setattr(RenewalCapacity, "_set", lambda *_: None)
