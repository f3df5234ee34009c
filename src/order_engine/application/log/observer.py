"""Default observer, which writes to the log, and the guard around any observer."""

from __future__ import annotations

import logging
from typing import Final

from order_engine.application.log.error_location import user_traceback
from order_engine.application.log.lines import LogLine, line_of, superseded
from order_engine.application.log.quota import LogQuota, LogSummary
from order_engine.ports.clock import Clock
from order_engine.ports.observer import (
    Committed,
    Fact,
    Observer,
    Reported,
    RepositoryRecovered,
    RepositoryUnavailable,
    Summarizer,
)

KINDS_IN_A_SUMMARY: Final = 5

_logger = logging.getLogger("order_engine")


class LogObserver:
    """Writes facts relevant to operators to the logger `order_engine`.

    Only the first lines of each kind are written in full, with tracebacks; further ones are summarized. Regular work is
    not logged.
    """

    def __init__(self, clock: Clock) -> None:
        """Assume that the repository is available."""
        self._quota = LogQuota(clock)
        self._repository_is_unavailable = False

    def observe(self, fact: Fact) -> None:
        """Log problems and recoveries as warnings.

        In an outage, only the first failed call is logged as a warning.
        """
        if isinstance(fact, Committed):
            return
        if isinstance(fact, Reported):
            for command, answer in zip(fact.commands, fact.answers, strict=True):
                if answer.refusal is not None:
                    self._write(superseded(command, fact.trace_parents.get(command.order_id)))
        elif isinstance(fact, RepositoryUnavailable) and self._repository_is_unavailable:
            line = line_of(fact)
            _logger.debug(line.message, *line.arguments)
        else:
            if isinstance(fact, RepositoryUnavailable | RepositoryRecovered):
                self._repository_is_unavailable = isinstance(fact, RepositoryUnavailable)
            self._write(line_of(fact))

    def summarize(self, *, last: bool) -> None:
        """Log the number of suppressed lines of each kind, at most once per interval."""
        for summary in self._quota.summaries(last=last):
            _logger.warning("%s", _sentence(summary))

    def _write(self, line: LogLine) -> None:
        if self._quota.admits(line.group, line.kind):
            error = line.error
            info = None if error is None else (type(error), error, user_traceback(error) or error.__traceback__)
            _logger.warning(line.message, *line.arguments, exc_info=info, extra=dict(line.fields))


def _sentence(summary: LogSummary) -> str:
    kinds = [f"{kind} ({count:,})" for kind, count in summary.kinds.most_common(KINDS_IN_A_SUMMARY) if kind]
    if rest := len(summary.kinds) - KINDS_IN_A_SUMMARY:
        kinds += [f"and {rest} other kinds"] if rest > 0 else []
    details = f": {', '.join(kinds)}" if kinds else ""
    return f"{summary.kinds.total():,} more {summary.group} in the last {summary.seconds:.0f} s{details}"


class GuardedObserver:
    """Protects the engine from errors of an observer."""

    def __init__(self, observer: Observer, clock: Clock) -> None:
        """Guard `observer`."""
        self._observer = observer
        self._quota = LogQuota(clock)

    @property
    def summarizes(self) -> bool:
        """Whether the observer reports summaries."""
        return isinstance(self._observer, Summarizer)

    def observe(self, fact: Fact) -> None:
        """Pass the fact to the observer; log errors that it raises."""
        try:
            self._observer.observe(fact)
        except Exception as error:  # noqa: BLE001 - an observer may raise anything
            self._log(error, fact)

    def summarize(self, *, last: bool) -> None:
        """Let the observer report summaries, if it does; log errors that it raises."""
        try:
            if isinstance(self._observer, Summarizer):
                self._observer.summarize(last=last)
        except Exception as error:  # noqa: BLE001 - likewise
            self._log(error, "summarize")

    def _log(self, error: Exception, fact: object) -> None:
        if self._quota.admits("errors of the observer"):
            _logger.error("observer raised on %r", fact, exc_info=error)
