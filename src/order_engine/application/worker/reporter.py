"""Reports of attempts, under their tokens, repeated until the repository answers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence

from order_engine.application.calls.calls import require_count
from order_engine.application.calls.group_commit import GroupCommit, batch_limits
from order_engine.application.context import EngineContext
from order_engine.application.worker.attempts import Attempt
from order_engine.domain.commands import Command
from order_engine.domain.decisions import RefusalReason
from order_engine.domain.errors import OrderBusy, OrderEngineError, OutcomeUnknown, Unavailable
from order_engine.ports.observer import OrderLocked, Reported, ReportFailed
from order_engine.ports.repository import Applied

REPORT_SIZE = 200


class Reporter:
    """Sends reports in batches, and repeats these idempotent calls until they are answered.

    During an outage, attempts wait here with their slots, so that an outage does not cost attempts.
    """

    def __init__(
        self, context: EngineContext, answered: Callable[[Sequence[Report], Sequence[Applied | None]], None]
    ) -> None:
        """Call `answered` with reports and the repository's answers; None for a report that it cannot accept."""
        self._context = context
        self._answered = answered
        # No limit needed: every waiting report belongs to an attempt that occupies a slot.
        limits = batch_limits(context.options, waiting=sys.maxsize, waiting_bytes=sys.maxsize)
        backoff = context.busy_backoff()
        self.batcher: GroupCommit[Report, Applied] = GroupCommit(self._commit, limits, context.clock, backoff)

    def report(self, attempt: Attempt, command: Command) -> None:
        """Send the report of an attempt."""
        report = Report(self, attempt, command)
        self.batcher.send(report, REPORT_SIZE, report)

    def failed(self, report: Report, error: BaseException) -> None:
        """Drop a report that the repository cannot accept. The lease expires, and the order is claimed again."""
        report.answered = True
        self._context.observer.observe(ReportFailed(report.command, error))
        self._answered([report], [None])

    async def _commit(self, reports: Sequence[Report]) -> Sequence[Applied | OrderEngineError]:
        commands = [report.command for report in reports]
        backoff = self._context.backoff()
        while True:
            try:
                call = self._context.repository.apply(commands)
                answers = require_count(await self._context.calls.once("apply", len(commands), call), len(commands))
            except (Unavailable, OutcomeUnknown):
                await self._context.clock.sleep(backoff.pause())
            else:
                if any(answer.refusal is RefusalReason.BUSY for answer in answers):
                    return self._take_some(reports, answers)
                self._take(reports, answers)
                return answers

    def _take(self, reports: Sequence[Report], answers: Sequence[Applied]) -> None:
        """Process the answers to reports."""
        commands = [report.command for report in reports]
        self._context.observer.observe(Reported(commands, answers, _trace_parents(reports)))
        for report in reports:
            report.answered = True
        self._answered(reports, answers)

    def _take_some(self, reports: Sequence[Report], answers: Sequence[Applied]) -> Sequence[Applied | OrderEngineError]:
        """Process answers, and return an error for reports whose orders are locked."""
        outcomes: list[Applied | OrderEngineError] = []
        settled: list[tuple[Report, Applied]] = []
        for report, answer in zip(reports, answers, strict=True):
            if answer.refusal is not RefusalReason.BUSY:
                settled.append((report, answer))
                outcomes.append(answer)
                continue
            outcomes.append(OrderBusy(report.command.order_id))
            if report.attempt.note_busy():
                self._context.observer.observe(OrderLocked(report.command.order_id, report.command.action))
        if settled:
            self._take([report for report, _ in settled], [answer for _, answer in settled])
        return outcomes


class Report:
    """Report on one attempt. Answers are processed per batch; only errors are delivered to the report itself."""

    __slots__ = ("_reporter", "answered", "attempt", "command")

    def __init__(self, reporter: Reporter, attempt: Attempt, command: Command) -> None:
        """Report `attempt` with `command`."""
        self._reporter = reporter
        self.attempt: Attempt = attempt
        self.command: Command = command
        self.answered: bool = False

    def done(self) -> bool:
        """Return whether it was answered."""
        return self.answered

    def set_result(self, result: Applied, /) -> None:
        """Do nothing: the reporter processes the answers of the whole batch."""

    def set_exception(self, exception: BaseException, /) -> None:
        """Receive an error instead of an answer."""
        self._reporter.failed(self, exception)


def _trace_parents(reports: Sequence[Report]) -> Mapping[str, str]:
    orders = [report.attempt.order for report in reports]
    return {order.order_id: order.trace_parent for order in orders if order.trace_parent is not None}
