"""Planted bugs around orders that somebody else has locked. They join the table of `planted`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import pytest

from order_engine import OrderEngineError
from order_engine.application import placer
from order_engine.application.actions import Actions
from order_engine.application.calls.busy_items import BusyItems, BusyLimits
from order_engine.application.calls.group_commit import BatchLimits, batch_limits
from order_engine.application.worker.attempts import Attempt
from order_engine.application.worker.leases import Leases
from order_engine.application.worker.reporter import Report, Reporter
from order_engine.domain.commands import Command
from order_engine.domain.errors import OrderBusy
from order_engine.ports.repository import Applied
from tests.unit.application import test_busy
from tests.unit.application.planted import noticed_by


@noticed_by(test_busy.test_a_lock_for_longer_than_a_lease_stops_that_processor_alone)
def busy_renewals_count(patch: pytest.MonkeyPatch) -> None:
    """Take a lease for renewed although its order was locked."""

    def confident(self: Leases, attempt: Attempt) -> None:
        attempt.lease_until = self._context.clock.monotonic() + self._context.options.lease_seconds

    patch.setattr(Leases, "_note_busy", confident)


@noticed_by(test_busy.test_a_lock_for_part_of_a_lease_costs_nobody_its_lease)
def busy_renewals_are_lost(patch: pytest.MonkeyPatch) -> None:
    """Take a lease for lost because its order was locked."""

    def timid(self: Leases, attempt: Attempt) -> None:
        self._superseded(attempt, self._context.clock.monotonic())

    patch.setattr(Leases, "_note_busy", timid)


@noticed_by(test_busy.test_a_lock_for_part_of_a_lease_costs_nobody_its_lease)
def busy_renewals_wait_for_the_next_round(patch: pytest.MonkeyPatch) -> None:
    """Do not renew sooner again what was locked."""
    patch.setattr(Leases, "_note_busy", lambda *_: None)


@noticed_by(test_busy.test_a_report_on_a_locked_order_is_made_when_it_is_free)
def busy_reports_are_dropped(patch: pytest.MonkeyPatch) -> None:
    """Take a report for made although its order was locked."""

    def content(self: Reporter, reports: Sequence[Report], answers: Sequence[Applied]) -> Sequence[Applied]:
        self._take(reports, answers)
        return answers

    patch.setattr(Reporter, "_take_some", content)


@noticed_by(test_busy.test_a_locked_id_waits_alone_and_is_placed_when_it_is_free)
def busy_placings_are_refused(patch: pytest.MonkeyPatch) -> None:
    """Refuse a placing at once whose order is locked."""
    patch.setattr(BusyItems, "add", lambda *_: False)


@noticed_by(test_busy.test_a_placing_that_stays_locked_is_answered_in_time)
def busy_placings_wait_for_ever(patch: pytest.MonkeyPatch) -> None:
    """Keep a placing for as long as its order is locked."""
    patch.setattr(placer, "batch_limits", lambda *given: batch_limits(*given[:3]))


@noticed_by(test_busy.test_no_more_wait_for_locks_than_may)
def any_number_waits_for_locks(patch: pytest.MonkeyPatch) -> None:
    """Keep any number of placings whose orders are locked."""

    def ample(self: BatchLimits) -> BusyLimits:
        return BusyLimits(self.orders, self.bytes, sys.maxsize, sys.maxsize, self.busy_seconds)

    patch.setattr(BatchLimits, "of_busy_items", property(ample))


@noticed_by(test_busy.test_a_lock_that_an_earlier_try_may_hold_leaves_doubt)
def busy_means_that_nothing_was_stored(patch: pytest.MonkeyPatch) -> None:
    """Forget that an earlier try of the same placing was not answered."""

    def sure(order_id: str, *, in_doubt: bool) -> OrderEngineError:  # noqa: ARG001 - what is forgotten
        return OrderBusy(order_id)

    patch.setattr(placer, "_busy", sure)


@noticed_by(test_busy.test_a_cancellation_waits_for_the_lock_and_is_made_once)
def actions_on_busy_orders_are_not_tried_again(patch: pytest.MonkeyPatch) -> None:
    """Refuse an action at once whose order is locked."""

    async def once(self: Actions, command: Command, deadline: float) -> Applied:  # noqa: ARG001 - what is forgotten
        return await self._apply(command)

    patch.setattr(Actions, "_apply_until_known", once)
