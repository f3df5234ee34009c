"""Planted bugs in what becomes of orders that a stranger has locked, and of their neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from order_engine.application.actions import Actions
from order_engine.application.worker.attempts import Attempt
from order_engine.application.worker.leases import Leases
from order_engine.application.worker.reporter import Report, Reporter
from order_engine.domain.commands import Action, Command
from order_engine.domain.decisions import RefusalReason
from order_engine.domain.errors import Unavailable
from order_engine.domain.order import Status
from order_engine.ports.repository import Applied
from order_engine.simulation.faults.locks import Locks
from tests.unit.application import planted_busy as others
from tests.unit.simulation.planted import LOCKS, found

found("one at a time", "P2", "limits", within=60, where=LOCKS)(others.busy_renewals_count)
found("P7", "limits", within=60, where=LOCKS)(others.busy_renewals_are_lost)
found("P7", "limits", within=60, where=LOCKS)(others.busy_reports_are_dropped)


@found("neighbours", within=20, where=LOCKS)
def reports_wait_for_their_neighbours(patch: pytest.MonkeyPatch) -> None:
    """Make a whole batch of reports again until none of its orders is locked."""
    take_some = Reporter._take_some  # noqa: SLF001 - a planted bug changes what is inside

    async def together(self: Reporter, reports: Sequence[Report]) -> Sequence[Any]:
        while True:
            answers = await self._context.repository.apply([report.command for report in reports])
            if not any(answer.refusal is RefusalReason.BUSY for answer in answers):
                return take_some(self, reports, answers)
            await self._context.clock.sleep(0.1)

    patch.setattr(Reporter, "_commit", together)


@found("P7", "limits", "one at a time", within=60, where=LOCKS)
def one_busy_renewal_stops_all(patch: pytest.MonkeyPatch) -> None:
    """Take a whole round of renewals for failed where one order is locked."""

    async def together(self: Leases, attempts: Sequence[Attempt]) -> None:
        if any(attempt.order.order_id in locked for attempt in attempts):
            message = "an order is locked"
            raise Unavailable(message)
        await renew(self, attempts)

    def begin(self: Locks, order_ids: Sequence[str], now: float = 0.0) -> None:
        locked.update(order_ids)
        begin_lock(self, order_ids, now)

    def end(self: Locks, order_ids: Sequence[str], now: float = 0.0) -> None:
        locked.difference_update(order_ids)
        end_lock(self, order_ids, now)

    locked: set[str] = set()
    renew = Leases._renew  # noqa: SLF001 - a planted bug changes what is inside
    begin_lock, end_lock = Locks.begin, Locks.end
    patch.setattr(Leases, "_renew", together)
    patch.setattr(Locks, "begin", begin)
    patch.setattr(Locks, "end", end)


@found("cancel", "P1", "P3", within=40, where=LOCKS)
def busy_cancellations_are_made(patch: pytest.MonkeyPatch) -> None:
    """Tell a client that its order is Cancelled although it was locked."""
    apply = Actions._apply  # noqa: SLF001 - a planted bug changes what is inside

    async def rosy(self: Actions, command: Command) -> Applied:
        try:
            return await apply(self, command)
        except Unavailable:
            if command.action is not Action.CANCEL:
                raise
            order = await self._get(command.order_id)
            return Applied(None, replace(order, status=Status.CANCELLED))

    patch.setattr(Actions, "_apply", rosy)
