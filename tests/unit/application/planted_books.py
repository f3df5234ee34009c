"""Planted bugs in the books on slots, bytes and leases, and in who learns of what. They join the table of `planted`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from order_engine.application.calls.group_commit import GroupCommit
from order_engine.application.placer import Placer
from order_engine.application.worker.attempts import Attempt, Attempts, StopReason
from order_engine.application.worker.claim_slots import ClaimSlots
from order_engine.application.worker.claimer import Claimer
from order_engine.application.worker.worker import Worker
from order_engine.domain.commands import ClaimTerms
from order_engine.domain.order import Order
from order_engine.ports.repository import Added, Claimed
from tests.unit.application import (
    test_acting,
    test_attempts,
    test_bounds,
    test_claiming,
    test_doorbell,
    test_leasing,
)
from tests.unit.application.planted import noticed_by


async def test_the_lease_of_a_claim() -> None:
    """A claim that is answered late."""
    await test_leasing.test_a_lease_counts_from_when_it_was_asked_for("claim")


async def test_bytes_of_overdue_items() -> None:
    """Items that waited for too long."""
    await test_bounds.test_bytes_that_wait_are_given_back_once(test_bounds.overdue)


async def test_a_suspect_comes_and_goes() -> None:
    """One order whose attempt vanished before."""
    await test_attempts.count_exactly([("begin", 0, 1), ("leave", 0, 1)])


@noticed_by(test_claiming.test_orders_that_are_noted_during_a_claim_are_claimed_after_it)
def what_is_noted_during_a_claim_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    """Take the backlog for gone although more was noted while the claim was on its way."""
    claim = Claimer._claim  # noqa: SLF001 - a planted bug changes what is inside

    async def forgetful(self: Claimer, terms: ClaimTerms) -> Claimed:
        noted = self._noted
        claimed = await claim(self, terms)
        self._noted = noted
        return claimed

    patch.setattr(Claimer, "_claim", forgetful)


@noticed_by(test_claiming.test_a_claim_that_only_ended_orders_was_full_as_well)
def ended_orders_do_not_fill_a_claim(patch: pytest.MonkeyPatch) -> None:
    """Take a claim for the last one that was full of orders that it ended."""
    claim = Claimer._claim  # noqa: SLF001 - a planted bug changes what is inside

    async def content(self: Claimer, terms: ClaimTerms) -> Claimed:
        return replace(await claim(self, terms), ended=())

    patch.setattr(Claimer, "_claim", content)


@noticed_by(test_claiming.test_an_order_that_a_claim_ends_is_noticed_by_who_waits)
def ends_found_by_claims_are_told_nobody(patch: pytest.MonkeyPatch) -> None:
    """Leave those who wait for an order to the poll where a claim has ended it."""
    patch.setattr(Worker, "_start_claimed", lambda self, claimed, asked: self._start(claimed.orders, asked))


@noticed_by(test_acting.test_an_attempt_that_has_not_begun_is_told_as_well)
def attempts_are_cancelled_before_they_begin(patch: pytest.MonkeyPatch) -> None:
    """Cancel the task of an attempt that has not made its first step: it never will, nor give its slot back."""
    stop = Attempt.stop

    def hasty(self: Attempt, reason: StopReason, now: float) -> None:
        stop(self, reason, now)
        if self.task is not None:
            self.task.cancel()

    patch.setattr(Attempt, "stop", hasty)


@noticed_by(test_doorbell.test_an_order_placed_beside_one_that_is_born_claimed_rings)
def rings_for_nothing_beside_born_claimed_orders(patch: pytest.MonkeyPatch) -> None:
    """Ring for no order of a batch of which some are born claimed."""
    hand_over = Placer._hand_over  # noqa: SLF001 - a planted bug changes what is inside

    def silent(self: Placer, added: Sequence[Added], slots: ClaimSlots | None, *rest: Any, **named: Any) -> bool:  # noqa: ANN401 - whatever they are
        doorbell = self._doorbell
        if slots is not None:
            self._doorbell = SimpleNamespace(ring=lambda _: None)  # type: ignore[assignment]
        is_busy = hand_over(self, added, slots, *rest, **named)
        self._doorbell = doorbell
        return is_busy

    patch.setattr(Placer, "_hand_over", silent)


@noticed_by(test_the_lease_of_a_claim)
def leases_count_from_the_answer(patch: pytest.MonkeyPatch) -> None:
    """Let the lease of a claimed order begin when the claim was answered."""
    start = Worker._start  # noqa: SLF001 - a planted bug changes what is inside

    def late(self: Worker, orders: Iterable[Order], _: float) -> None:
        start(self, orders, self._context.clock.monotonic())

    patch.setattr(Worker, "_start", late)


@noticed_by(test_bytes_of_overdue_items)
def bytes_of_overdue_items_are_kept(patch: pytest.MonkeyPatch) -> None:
    """Never give back the bytes of items that were answered because they waited for too long."""
    fail_overdue = GroupCommit._fail_overdue  # noqa: SLF001 - a planted bug changes what is inside

    def leaking(self: GroupCommit[Any, Any]) -> None:
        waiting_bytes = self._waiting_bytes
        fail_overdue(self)
        self._waiting_bytes = waiting_bytes

    patch.setattr(GroupCommit, "_fail_overdue", leaking)


@noticed_by(test_a_suspect_comes_and_goes)
def suspects_count_twice(patch: pytest.MonkeyPatch) -> None:
    """Count a suspect when it begins, and once more."""
    begin = Attempts.begin

    def twice(self: Attempts, orders: Iterable[Order], started: float, lease_until: float) -> list[Attempt]:
        begun = begin(self, orders, started, lease_until)
        self._suspects.update(attempt.order.vanished for attempt in begun if attempt.order.vanished)
        return begun

    patch.setattr(Attempts, "begin", twice)
