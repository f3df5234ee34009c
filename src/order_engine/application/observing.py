"""Telling the observer, and the observer that is there when nobody brings one."""

from __future__ import annotations

import logging
from typing import TypeAlias

from order_engine.domain.commands import Command
from order_engine.domain.tracing import trace_id_of
from order_engine.ports.observer import (
    AttemptSuperseded,
    BellDropped,
    Committed,
    Fact,
    Observer,
    OrderLocked,
    ProcessorStuck,
    QueueAway,
    Reported,
    ReportFailed,
    RepositoryAway,
    RepositoryBack,
)
from order_engine.ports.repository import Applied

_logger = logging.getLogger("order_engine")

Trouble: TypeAlias = (
    RepositoryAway | QueueAway | ReportFailed | AttemptSuperseded | ProcessorStuck | OrderLocked | BellDropped
)


class LogObserver:
    """Writes what an operator should know to the standard library's log `order_engine`."""

    def __init__(self) -> None:
        """Start with a repository that is there."""
        self._repository_is_away = False

    def observe(self, fact: Fact) -> None:
        """Log trouble as a warning, failed attempts and ends of trouble as information; ordinary work is not logged.

        Of an outage only the first failure is a warning, whatever number of calls fail before it is over.
        """
        if isinstance(fact, Reported):
            for command, answer in zip(fact.commands, fact.answers, strict=True):
                if answer.refusal is not None or command.reason is not None:
                    _log_report(command, answer, fact.trace_parents.get(command.order_id))
        elif isinstance(fact, RepositoryBack):
            self._repository_is_away = False
            _logger.warning("the repository is back")
        elif isinstance(fact, RepositoryAway):
            level = logging.DEBUG if self._repository_is_away else logging.WARNING
            self._repository_is_away = True
            _logger.log(level, *_trouble(fact))
        elif not isinstance(fact, Committed):
            _logger.warning(*_trouble(fact))


def _log_report(command: Command, answer: Applied, trace_parent: str | None) -> None:
    traced = "" if trace_parent is None else f" (trace {trace_id_of(trace_parent)})"
    if answer.refusal is not None:
        _logger.warning("attempt %s of order %s%s was superseded", command.token, command.order_id, traced)
    else:
        _logger.info("attempt %s of order %s%s: %s", command.token, command.order_id, traced, command.reason)


def _trouble(fact: Trouble) -> tuple[object, ...]:  # noqa: PLR0911 - one for each kind of fact
    """Return the words for a fact that is trouble, and what goes into them."""
    match fact:
        case RepositoryAway(operation, error):
            return "the repository is away (%s): %s", operation, error
        case QueueAway(error):
            return "the queue is away, the poll goes on: %s", error
        case ReportFailed(command, error):
            return "the report on order %s could not be made: %s", command.order_id, error
        case AttemptSuperseded(order_id, token):
            return "attempt %s of order %s was superseded while it ran", token, order_id
        case ProcessorStuck(order_id, _):
            return "the processor of order %s ignores its cancellation; its slot is lost until it ends", order_id
        case OrderLocked(order_id, action):
            return "order %s is locked by another transaction in the database; retrying to %s it", order_id, action
        case BellDropped(orders):
            return "the queue is slow: %d orders are left to the poll", orders


class GuardedObserver:
    """Keeps an observer's own errors away from the engine."""

    def __init__(self, observer: Observer) -> None:
        """Guard `observer`."""
        self._observer = observer

    def observe(self, fact: Fact) -> None:
        """Pass the fact on; an error of the observer is logged and goes no further."""
        try:
            self._observer.observe(fact)
        except Exception:
            _logger.exception("the observer raised on %r", fact)
