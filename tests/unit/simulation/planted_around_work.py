"""Planted bugs around the work: leases, reports, the limits of calls, and outages."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from order_engine.application.worker.attempts import Attempt
from order_engine.application.worker.leases import Leases
from order_engine.application.worker.reporter import Report, Reporter
from order_engine.domain.errors import OrderEngineError
from order_engine.ports.repository import Applied
from tests.unit.application import planted as others
from tests.unit.simulation.planted import (
    CALLS,
    ENDS_IN_TROUBLE,
    FORGOTTEN,
    JUMPS,
    PARTITIONS,
    PROCESSORS,
    found,
)

found("P2", "one at a time", "limits", within=100, where=PARTITIONS)(others.runs_on_after_its_lease)
found("limits", "one at a time", within=200, where=JUMPS)(others.superseded_processors_run_on)
found("P7", "limits", within=20, where=PROCESSORS)(others.reports_without_token)
found("P7", within=10, where=CALLS)(others.reports_once_only)
found("the engine lives", "P7", within=10, where=CALLS)(others.calls_without_time_limit)
found("every call is answered", within=60, where=ENDS_IN_TROUBLE)(others.calls_outlive_the_engine)


@found("P7", within=40, where=FORGOTTEN)
def unheard_reports_are_taken_for_made(patch: pytest.MonkeyPatch) -> None:
    """Take a report for made whose outcome is unknown."""

    async def once(self: Reporter, reports: Sequence[Report]) -> Sequence[Applied]:
        commands = [report.command for report in reports]
        try:
            call = self._context.repository.apply(commands)
            answers = await self._context.calls.once("apply", len(commands), call)
        except OrderEngineError:
            answers = [Applied(None, None) for _ in reports]
        for report in reports:
            report.answered = True
        self._answered(reports, answers)
        return answers

    patch.setattr(Reporter, "_commit", once)


@found("one at a time", "P2", within=100, where=PARTITIONS)
def failed_renewals_count(patch: pytest.MonkeyPatch) -> None:
    """Take a lease for renewed although the renewal failed."""
    renew = Leases._renew  # noqa: SLF001 - a planted bug changes what is inside

    async def confident(self: Leases, attempts: Sequence[Attempt]) -> None:
        try:
            await renew(self, attempts)
        except OrderEngineError:
            for attempt in attempts:
                attempt.lease_until = self._context.clock.monotonic() + self._context.options.lease_seconds

    patch.setattr(Leases, "_renew", confident)
