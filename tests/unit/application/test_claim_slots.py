"""Slots of a claim: reserved before it is made, and never lost, however it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress

import pytest

from order_engine import NotRunning, OrderEngine, OrderEngineError, OutcomeUnknown, Unavailable
from order_engine.application.retry_policy import RetryPolicy
from order_engine.application.worker.attempts import Attempts
from order_engine.application.worker.claim_slots import ClaimSlots
from order_engine.contracts.samples import AMPLE_ROOM
from order_engine.domain.commands import ClaimTerms
from order_engine.domain.errors import AdapterFault
from tests.unit.application.bench import Bench, Work, new_order, order_ids
from tests.unit.application.faults import AnswersShort, Fails, Fault, Forgets, LosesAnswer, NeverAnswers, Raises

SLOTS = 4
TERMS = ClaimTerms(claim_id="claim", limit=3, lease_seconds=30, max_deliveries=5, suspects=AMPLE_ROOM)


class Reserved:
    """Slots of a claim, and what became of them."""

    def __init__(self) -> None:
        """Have every slot free."""
        self.attempts = Attempts(SLOTS)
        self.unanswered: list[ClaimSlots] = []
        self.freed = 0
        self.slots = ClaimSlots(self.attempts, TERMS, 0.0, self.unanswered.append, self._note)

    def _note(self) -> None:
        self.freed += 1


async def test_a_claim_has_its_slots_while_it_is_made() -> None:
    """Others cannot take them, and nobody has them before or after."""
    reserved = Reserved()
    assert reserved.attempts.free == SLOTS
    with reserved.slots:
        assert reserved.attempts.free == SLOTS - TERMS.limit
    assert (reserved.attempts.free, reserved.freed, reserved.unanswered) == (SLOTS, 1, [])


async def test_slots_are_released_once() -> None:
    """Before the orders start, and not again at the end of the context or by an error after it."""
    reserved = Reserved()
    with suppress(OutcomeUnknown), reserved.slots:
        reserved.slots.release()
        reserved.slots.release()
        raise OutcomeUnknown
    assert (reserved.attempts.free, reserved.freed, reserved.unanswered) == (SLOTS, 1, [])


@pytest.mark.parametrize(
    "error", [Unavailable(), NotRunning(), asyncio.CancelledError(), ZeroDivisionError(), SystemExit()]
)
async def test_a_claim_that_had_no_effect_releases_its_slots(error: BaseException) -> None:
    """An error of the repository, a cancellation, a bug: whatever ends the body."""
    reserved = Reserved()
    with pytest.raises(type(error)), reserved.slots:
        raise error
    assert (reserved.attempts.free, reserved.unanswered) == (SLOTS, [])


@pytest.mark.parametrize("error", [OutcomeUnknown(), AdapterFault(), None], ids=repr)
async def test_a_claim_of_unknown_outcome_keeps_its_slots_until_it_is_known(error: BaseException | None) -> None:
    """They are handed over, and free again when the one who asks has its answer."""
    reserved = Reserved()
    with suppress(OrderEngineError), reserved.slots:
        reserved.slots.is_in_doubt = error is None
        if error is not None:
            raise error
    assert (reserved.attempts.free, reserved.unanswered) == (SLOTS - TERMS.limit, [reserved.slots])
    reserved.slots.release()
    assert (reserved.attempts.free, reserved.freed) == (SLOTS, 1)


def _free_slots(engine: OrderEngine) -> int:
    worker = engine._worker  # noqa: SLF001 - nothing else shows it
    assert worker is not None
    return worker._attempts.free  # noqa: SLF001 - likewise


def _faults() -> Iterator[Fault]:
    yield from (Fails(), LosesAnswer(), Forgets(), NeverAnswers(), NeverAnswers(takes_effect=True), AnswersShort())
    for takes_effect in (False, True):
        yield Raises(OSError("broken"), takes_effect)
        yield Raises(asyncio.CancelledError(), takes_effect)


@pytest.mark.parametrize("operation", ["add", "claim", "apply"])
@pytest.mark.parametrize("fault", [*_faults()], ids=repr)
async def test_no_fault_of_the_repository_costs_a_slot(operation: str, fault: Fault) -> None:
    """Once it answers again, every order is done and every slot is free."""
    if operation == "claim" and isinstance(fault, AnswersShort):
        pytest.skip("a claim may answer with fewer orders than it asks for")
    bench, work = Bench(), Work()
    async with bench.engine(work, concurrency=2, request_seconds=1, lease_seconds=30) as engine:
        bench.repository.plan(fault, operation)
        placing = [asyncio.ensure_future(engine.place(new_order(each))) for each in order_ids(5)]
        await bench.advance(3)
        placing[-1].cancel()
        bench.repository.heal()
        await bench.advance(120)
        await asyncio.gather(*placing, return_exceptions=True)
        for each in order_ids(5):
            await bench.within(10, engine.place(new_order(each)))
        await bench.advance(10)
        assert _free_slots(engine) == 2
        assert len(set(work.finished)) == 5


async def test_a_retry_policy_that_fails_costs_no_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lease of the order ends, and it is taken up again."""
    bench = Bench()
    broken = ZeroDivisionError()

    async def fails(_: object) -> None:
        raise ValueError

    def break_policy(*_: object) -> None:
        raise broken

    monkeypatch.setattr(RetryPolicy, "after_failure", break_policy)
    async with bench.engine(Work(fails), concurrency=1, grace_seconds=0) as engine:
        await bench.place(engine, "order1")
        await bench.settle()
        assert _free_slots(engine) == 1
