"""Reports: what the worker says of its attempts, under their tokens, until the repository has heard it."""

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
    """Sends reports in batches. A report may be repeated, so it is repeated until it is answered.

    While the repository is away, attempts wait here with their slots: an outage costs no attempt.
    """

    def __init__(
        self, context: EngineContext, answered: Callable[[Sequence[Report], Sequence[Applied | None]], None]
    ) -> None:
        """Call `answered` for reports: with what the repository says, or None where nothing can be said to it."""
        self._context = context
        self._answered = answered
        # Every waiting report stands for an attempt that keeps its slot: the slots are what bounds them.
        limits = batch_limits(context.options, waiting=sys.maxsize, waiting_bytes=sys.maxsize)
        backoff = context.busy_backoff()
        self.batcher: GroupCommit[Report, Applied] = GroupCommit(self._commit, limits, context.clock, backoff)

    def report(self, attempt: Attempt, command: Command) -> None:
        """Send the report of an attempt."""
        report = Report(self, attempt, command)
        self.batcher.send(report, REPORT_SIZE, report)

    def failed(self, report: Report, error: BaseException) -> None:
        """Let go of a report that the repository cannot take. The lease ends, and the order is taken up again."""
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
        """Take the answers to reports that were heard."""
        commands = [report.command for report in reports]
        self._context.observer.observe(Reported(commands, answers, _trace_parents(reports)))
        for report in reports:
            report.answered = True
        self._answered(reports, answers)

    def _take_some(self, reports: Sequence[Report], answers: Sequence[Applied]) -> Sequence[Applied | OrderEngineError]:
        """Take the answers to those that were heard, and return an error for those whose orders are locked."""
        outcomes: list[Applied | OrderEngineError] = []
        heard: list[tuple[Report, Applied]] = []
        for report, answer in zip(reports, answers, strict=True):
            if answer.refusal is not RefusalReason.BUSY:
                heard.append((report, answer))
                outcomes.append(answer)
                continue
            outcomes.append(OrderBusy(report.command.order_id))
            if report.attempt.note_busy():
                self._context.observer.observe(OrderLocked(report.command.order_id, report.command.action))
        if heard:
            self._take([report for report, _ in heard], [answer for _, answer in heard])
        return outcomes


class Report:
    """What is said of one attempt. Answers are passed on by the batch; only an error comes to the report itself."""

    __slots__ = ("_reporter", "answered", "attempt", "command")

    def __init__(self, reporter: Reporter, attempt: Attempt, command: Command) -> None:
        """Say `command` of `attempt`."""
        self._reporter = reporter
        self.attempt = attempt
        self.command = command
        self.answered = False

    def done(self) -> bool:
        """Whether it has its answer: every other report matters, whoever waits for it."""
        return self.answered

    def set_result(self, result: Applied, /) -> None:
        """Do nothing: the reporter has passed the answers of the whole batch on."""

    def set_exception(self, exception: BaseException, /) -> None:
        """Take the error that stands for the answer."""
        self._reporter.failed(self, exception)


def _trace_parents(reports: Sequence[Report]) -> Mapping[str, str]:
    orders = [report.attempt.order for report in reports]
    return {order.order_id: order.trace_parent for order in orders if order.trace_parent is not None}
