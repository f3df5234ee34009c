"""Log lines for facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from order_engine.application.log.error_location import user_location
from order_engine.domain.commands import Action, Command
from order_engine.domain.content.tracing import trace_id_of
from order_engine.domain.errors import OrderEngineError, OutcomeUnknown, Unavailable
from order_engine.domain.order import Order
from order_engine.ports.observer import (
    AttemptFailed,
    AttemptsNotStarted,
    AttemptStartsRecovered,
    AttemptSuperseded,
    AttemptsVanished,
    HintsDropped,
    LoopBlocked,
    OrderLocked,
    ProcessorStuck,
    QueueUnavailable,
    RenewalsTooSlow,
    ReportFailed,
    RepositoryRecovered,
    RepositoryUnavailable,
)

OrderFact: TypeAlias = (
    AttemptFailed | AttemptsVanished | AttemptSuperseded | ProcessorStuck | OrderLocked | ReportFailed
)
ProcessFact: TypeAlias = AttemptsNotStarted | AttemptStartsRecovered | LoopBlocked | RenewalsTooSlow
LoggedFact: TypeAlias = (
    OrderFact | ProcessFact | RepositoryUnavailable | RepositoryRecovered | QueueUnavailable | HintsDropped
)


@dataclass(frozen=True, slots=True)
class LogLine:
    """Log line. If similar lines are too frequent, they are counted by `group` and `kind`.

    `fields` are structured data for log processors. `error` is set if its traceback is useful.
    """

    group: str
    message: str
    arguments: tuple[object, ...] = ()
    kind: str = ""
    fields: Mapping[str, object] = field(default_factory=dict)
    error: BaseException | None = None


def line_of(fact: LoggedFact) -> LogLine:
    """Return the line for a fact."""
    match fact:
        case RepositoryUnavailable(operation, error):
            message = "repository unavailable (%s): %s"
            return LogLine("repository failures", message, (operation, error), error=_unexpected(error))
        case RepositoryRecovered():
            return LogLine("repository recoveries", "repository available again")
        case QueueUnavailable(error):
            message = "queue unavailable, polling continues: %s"
            return LogLine("queue failures", message, (error,), error=_unexpected(error))
        case HintsDropped(orders):
            return LogLine("queue drops", "queue is slow: left %d orders to the poll", (orders,))
        case AttemptsNotStarted() | AttemptStartsRecovered() | LoopBlocked() | RenewalsTooSlow():
            return _process_line(fact)
        case _:
            return _order_line(fact)


def _process_line(fact: ProcessFact) -> LogLine:
    match fact:
        case AttemptsNotStarted(error, at_once):
            if not at_once:
                message = "Cannot start attempts. %s Orders wait until attempts can start; this process is not ready."
                return LogLine("failures to start attempts", message, (error,))
            message = "Cannot start more than %d attempts at once. %s Other orders wait. Retrying with more later."
            return LogLine("failures to start attempts", message, (at_once, error))
        case AttemptStartsRecovered():
            return LogLine("recoveries in starting attempts", "Attempts can start again.")
        case LoopBlocked(seconds):
            message = (
                "Event loop blocked for %.1f s: no leases were renewed and no requests answered. If the processor is "
                "an `async` function that blocks (time.sleep, a computation, a driver without async), make it a plain "
                "function."
            )
            return LogLine("event loop blocks", message, (seconds,))
        case RenewalsTooSlow(orders, concurrency):
            message = (
                "lease renewals too slow for %d orders at once: limited to %d. "
                "Increase lease_seconds, decrease concurrency, or use a faster database."
            )
            return LogLine("limits due to slow renewals", message, (concurrency, orders))


def _order_line(fact: OrderFact) -> LogLine:
    match fact:
        case AttemptFailed():
            return _failure_line(fact)
        case AttemptsVanished(order):
            message = "order %s failed: %d attempts vanished (ended without a report), the last being attempt %d"
            arguments = (order.order_id, order.vanished, order.attempt)
            return LogLine("orders failed", message, arguments, "vanished attempts", _fields_of(order))
        case ReportFailed(command, error):
            fields = _fields(command.order_id, command.token)
            message = "report on order %s failed: %s"
            return LogLine("reports failed", message, (command.order_id, error), fields=fields, error=error)
        case AttemptSuperseded(order_id, token):
            message = "attempt on order %s with token %s superseded while running"
            return LogLine("attempts superseded", message, (order_id, token), fields=_fields(order_id, token))
        case ProcessorStuck(order_id, token):
            message = "processor of order %s ignores cancellation; its slot stays occupied until it returns"
            fields = _fields(order_id, token)
            return LogLine("processors ignored cancellation", message, (order_id,), fields=fields)
        case OrderLocked(order_id, action):
            message = "order %s is locked by another database transaction; retrying to %s it"
            return LogLine("locked orders", message, (order_id, action), fields=_fields(order_id, None))


def superseded(command: Command, trace_parent: str | None) -> LogLine:
    """Return the line for a report that was refused because another attempt had taken the order."""
    traced = "" if trace_parent is None else f" (trace {trace_id_of(trace_parent)})"
    arguments = (command.order_id, command.token, traced)
    fields = _fields(command.order_id, command.token, trace_parent)
    return LogLine("attempts superseded", "attempt on order %s with token %s superseded%s", arguments, fields=fields)


def _fields_of(order: Order) -> Mapping[str, object]:
    """Return the structured fields of an order's attempt."""
    return {**_fields(order.order_id, order.token, order.trace_parent), "attempt": order.attempt}


def _failure_line(fact: AttemptFailed) -> LogLine:
    order, command = fact.order, fact.command
    place = None if fact.error is None else user_location(fact.error)
    reason = " ".join((command.reason or "").split())
    where = "" if place is None else f" ({place})"
    name = reason.partition(":")[0]
    kind = name if place is None else f"{name} at {place}"
    attempt, order_id = order.attempt, order.order_id
    arguments: tuple[object, ...] = (order_id, attempt, reason, where)
    group, message = "orders failed", "order %s failed after attempt %d, not retried: %s%s"
    if command.action is not Action.FAIL:
        group, message = "attempts failed and retried", "attempt %d of order %s failed, retry in %.3g s: %s%s"
        arguments = (attempt, order_id, command.delay, reason, where)
    return LogLine(group, message, arguments, kind, _fields_of(order), _unexpected(fact.error))


def _unexpected(error: BaseException | None) -> BaseException | None:
    """Return the error if its traceback is useful: not for errors raised deliberately, which explain themselves."""
    if isinstance(error, OrderEngineError) and error.__cause__ is None:
        return None
    return None if isinstance(error, Unavailable | OutcomeUnknown) else error


def _fields(order_id: str, token: int | None, trace_parent: str | None = None) -> Mapping[str, object]:
    fields: dict[str, object] = {"order_id": order_id}
    if token is not None:
        fields["token"] = token
    if trace_parent is not None:
        fields["trace_id"] = trace_id_of(trace_parent)
    return fields
