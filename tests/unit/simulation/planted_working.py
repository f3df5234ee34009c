"""Planted bugs in the worker and its policies: how attempts run, how they end, and what is said of them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from order_engine.application.worker.attempts import Attempt
from order_engine.application.worker.worker import Worker
from order_engine.domain.commands import Action, Command
from tests.unit.application import planted as others
from tests.unit.simulation.planted import CLIENTS, ENDS, OUTAGES, PAUSES, PROCESSORS, found

found("P7", within=20, where=PROCESSORS)(others.retries_a_rejected_order)
found("backoff", within=80, where=PROCESSORS)(others.backoff_without_cap)
found("P7", within=20, where=PROCESSORS)(others.one_attempt_too_many)
found("P7", within=20, where=PROCESSORS)(others.slots_of_failures_are_lost)
found("limits", within=20, where=PROCESSORS)(others.attempts_without_time_limit)
found("limits", within=40, where=CLIENTS)(others.cancel_requests_are_ignored)
found("P7", within=20, where=OUTAGES)(others.an_outage_counts_as_a_failure)


@found("P7", within=20, where=ENDS)
def a_drain_counts_as_a_failure(patch: pytest.MonkeyPatch) -> None:
    """Report work that was stopped by a drain as failed."""
    stopped = Worker._report_on_stopped  # noqa: SLF001 - a planted bug changes what is inside

    def blame(self: Worker, attempt: Attempt) -> Command:
        if self._grace_is_over:
            return self._policy.after_failure(attempt.order, TimeoutError("drained"), self._context.random)
        return stopped(self, attempt)

    patch.setattr(Worker, "_report_on_stopped", blame)


@found("P2", within=20, where=PROCESSORS)
def failures_complete(patch: pytest.MonkeyPatch) -> None:
    """Complete an order whose processor raised."""

    def rosy(self: Worker, attempt: Attempt, error: BaseException | None) -> Command:
        return report(self, attempt, error if attempt.stop_reason is not None else None)

    report = Worker._report  # noqa: SLF001 - a planted bug changes what is inside
    patch.setattr(Worker, "_report", rosy)


@found("P2", within=20, where=PROCESSORS)
def completes_what_it_stopped(patch: pytest.MonkeyPatch) -> None:
    """Complete an order whose processor had to be stopped."""

    def rosy(_: Worker, attempt: Attempt) -> Command:
        return Command(attempt.order.order_id, Action.COMPLETE, token=attempt.order.token)

    patch.setattr(Worker, "_report_on_stopped", rosy)


@found("concurrency", within=20, where=PROCESSORS)
def stubborn_processors_take_no_slot(patch: pytest.MonkeyPatch) -> None:
    """Free the slot of a processor that was given up, although it still runs."""

    def generous(self: Worker, attempt: Attempt) -> None:
        give_up(self, attempt)
        self._attempts.slots += 1

    give_up = Worker._give_up  # noqa: SLF001 - a planted bug changes what is inside
    patch.setattr(Worker, "_give_up", generous)


@found("P7", within=40, where=PAUSES)
def slots_of_superseded_attempts_are_lost(patch: pytest.MonkeyPatch) -> None:
    """Do not free the slot of an attempt whose order is somebody else's."""
    leave = Worker._leave  # noqa: SLF001 - a planted bug changes what is inside

    def forgetful(self: Worker, attempts: Sequence[Attempt]) -> None:
        leave(self, [attempt for attempt in attempts if not attempt.given_up])

    patch.setattr(Worker, "_leave", forgetful)
