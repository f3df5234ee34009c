"""Reports: what the worker says of its attempts, under their tokens, until the repository has heard it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from order_engine.application.attempts import Attempt
from order_engine.application.batching import Batcher, batch_limits
from order_engine.application.policies import Backoff
from order_engine.application.surroundings import Surroundings
from order_engine.domain.commands import Command
from order_engine.domain.errors import OutcomeUnknown, Unavailable
from order_engine.ports.observer import Reported, ReportFailed
from order_engine.ports.repository import Applied

REPORT_SIZE = 200


class Reporter:
    """Sends reports in batches. A report may be repeated, so it is repeated until it is answered.

    While the repository is away, attempts wait here with their slots: an outage costs no attempt.
    """

    def __init__(
        self, surroundings: Surroundings, answered: Callable[[Attempt, Command, Applied | None], None]
    ) -> None:
        """Call `answered` for each report: with what the repository says, or None where nothing can be said to it."""
        self._surroundings = surroundings
        self._answered = answered
        # Every waiting report stands for an attempt that keeps its slot: the slots are what bounds them.
        limits = batch_limits(surroundings.options, waiting=sys.maxsize, waiting_bytes=sys.maxsize)
        self.batcher: Batcher[Command, Applied] = Batcher(self._commit, limits, surroundings.clock)

    def report(self, attempt: Attempt, command: Command) -> None:
        """Send the report of an attempt."""
        self.batcher.send(command, REPORT_SIZE, _Report(self, attempt, command))

    def answered(self, attempt: Attempt, command: Command, applied: Applied) -> None:
        """Pass an answer on."""
        self._answered(attempt, command, applied)

    def failed(self, attempt: Attempt, command: Command, error: BaseException) -> None:
        """Let go of a report that the repository cannot take. The lease ends, and the order is taken up again."""
        self._surroundings.observer.observe(ReportFailed(command, error))
        self._answered(attempt, command, None)

    async def _commit(self, commands: Sequence[Command]) -> Sequence[Applied]:
        backoff = Backoff(self._surroundings.random)
        while True:
            try:
                call = self._surroundings.repository.apply(commands)
                answers = await self._surroundings.calls.once("apply", len(commands), call)
            except (Unavailable, OutcomeUnknown):
                await self._surroundings.clock.sleep(backoff.pause())
            else:
                self._surroundings.observer.observe(Reported(commands, answers))
                return answers


class _Report:
    """Receives the outcome of one report."""

    __slots__ = ("_answered", "_attempt", "_command", "_reporter")

    def __init__(self, reporter: Reporter, attempt: Attempt, command: Command) -> None:
        self._reporter = reporter
        self._attempt = attempt
        self._command = command
        self._answered = False

    def done(self) -> bool:
        """Whether it has its answer: every other report matters, whoever waits for it."""
        return self._answered

    def set_result(self, result: Applied, /) -> None:
        """Take the repository's answer."""
        self._answered = True
        self._reporter.answered(self._attempt, self._command, result)

    def set_exception(self, exception: BaseException, /) -> None:
        """Take the error that stands for it."""
        self._answered = True
        self._reporter.failed(self._attempt, self._command, exception)
