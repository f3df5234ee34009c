"""Planted bugs in what is counted and told of attempts: caps, delays, numbers, reasons and releases."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from order_engine.application import retry_policy
from order_engine.application.retry_policy import RetryPolicy
from order_engine.application.worker import worker
from order_engine.application.worker.attempts import Attempt, Attempts, StopReason
from order_engine.application.worker.claimer import Claimer
from order_engine.application.worker.worker import Worker
from order_engine.domain.commands import Action, ClaimTerms, Command
from order_engine.domain.order import Order
from tests.unit.contracts import mutants_applying, mutants_claiming
from tests.unit.simulation.planted import ENDS, KILLERS, PROCESSORS, found, stores

stores(mutants_applying.RetryHasNoDelay, "backoff", within=20, where=PROCESSORS)
stores(mutants_applying.ReasonIsLost, "reasons", within=20, where=PROCESSORS)
stores(mutants_applying.AttemptsGoOnAfterRedrive, "P2", "P3", within=20, where=PROCESSORS)
stores(mutants_applying.ReleaseCountsAsAnAttempt, "P2", "P3", within=20, where=ENDS)
stores(mutants_claiming.RetriesAreDueAtOnce, "backoff", within=40, where=PROCESSORS)


@found("P7", within=20, where=PROCESSORS)
def one_attempt_too_few(patch: pytest.MonkeyPatch) -> None:
    """Fail an order one failure too early."""
    after_failure = RetryPolicy.after_failure

    def impatient(self: RetryPolicy, order: Order, error: BaseException, random: Random) -> Command:
        return after_failure(replace(self, max_attempts=self.max_attempts - 1), order, error, random)

    patch.setattr(RetryPolicy, "after_failure", impatient)


@found("P7", within=20, where=KILLERS)
def one_delivery_too_few(patch: pytest.MonkeyPatch) -> None:
    """Fail an order whose attempts vanished one attempt too early."""
    terms = Claimer.terms

    def impatient(self: Claimer, limit: int) -> ClaimTerms:
        wanted = terms(self, limit)
        return replace(wanted, max_deliveries=wanted.max_deliveries - 1)

    patch.setattr(Claimer, "terms", impatient)


@found("P7", within=20, where=KILLERS)
def one_delivery_too_many(patch: pytest.MonkeyPatch) -> None:
    """Claim an order once more whose deliveries are spent."""
    terms = Claimer.terms

    def generous(self: Claimer, limit: int) -> ClaimTerms:
        wanted = terms(self, limit)
        return replace(wanted, max_deliveries=wanted.max_deliveries + 1)

    patch.setattr(Claimer, "terms", generous)


@found("backoff", within=20, where=PROCESSORS)
def retries_at_once(patch: pytest.MonkeyPatch) -> None:
    """Retry without a delay."""
    patch.setattr(retry_policy, "full_jitter", lambda *_: 0.0)


@found("backoff", within=20, where=PROCESSORS)
def backoff_begins_at_its_cap(patch: pytest.MonkeyPatch) -> None:
    """Wait as long before the second attempt as before the last."""
    patch.setattr(retry_policy, "full_jitter", lambda _, __, cap, random: random.uniform(0, cap))


@found("reasons", within=20, where=PROCESSORS)
def every_reason_is_the_same(patch: pytest.MonkeyPatch) -> None:
    """Tell that an attempt failed instead of what was raised."""
    patch.setattr(retry_policy, "failure_reason", lambda _: "the attempt failed")


@found("reasons", within=20, where=PROCESSORS)
def time_limits_are_not_told(patch: pytest.MonkeyPatch) -> None:
    """Blame the cancellation where an attempt ran out of time."""
    patch.setattr(worker, "TimeoutError", Cancelled, raising=False)


class Cancelled(Exception):
    """What a processor would see of it."""


@found("P7", within=20, where=PROCESSORS)
def overdue_attempts_are_released(patch: pytest.MonkeyPatch) -> None:
    """Release an order whose first attempt ran out of time, as if a drain had stopped it."""
    stopped = Worker._report_on_stopped  # noqa: SLF001 - a planted bug changes what is inside

    def lenient(self: Worker, attempt: Attempt) -> Command:
        if attempt.order.token > 1:
            return stopped(self, attempt)
        return Command(attempt.order.order_id, Action.RELEASE, token=attempt.order.token)

    patch.setattr(Worker, "_report_on_stopped", lenient)


@found("P7", within=20, where=PROCESSORS)
def suspicious_orders_are_released(patch: pytest.MonkeyPatch) -> None:
    """Release an order at its second attempt without running it."""
    begin = Attempts.begin

    def wary(self: Attempts, orders: Any, now: float, lease_until: float) -> Any:  # noqa: ANN401 - as it is
        begun = begin(self, orders, now, lease_until)
        for attempt in begun:
            if attempt.order.failures == 1 and attempt.order.token % 2 == 0:
                attempt.stop(StopReason.LEASE_EXPIRING, now)
        return begun

    patch.setattr(Attempts, "begin", wary)
