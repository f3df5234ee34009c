"""Actions of clients and operators: cancel and redrive, including recovery from lost answers."""

from __future__ import annotations

from order_engine.application.calls.calls import require_count
from order_engine.application.context import EngineContext
from order_engine.application.retry_policy import Backoff
from order_engine.domain.commands import Action, Command
from order_engine.domain.decisions import RefusalReason
from order_engine.domain.errors import (
    ActionRefused,
    AdapterFault,
    OrderBusy,
    OrderNotFound,
    OutcomeUnknown,
    Unavailable,
    VersionMismatch,
)
from order_engine.domain.events import EventType
from order_engine.domain.lifecycle import RULES, allowed
from order_engine.domain.order import Order
from order_engine.ports.repository import Applied

EVENTS_OF = {
    Action.CANCEL: frozenset({EventType.CANCELLED, EventType.CANCEL_REQUESTED}),
    Action.REDRIVE: frozenset({EventType.REDRIVEN}),
}
"""Events that show that an action took effect."""


REPEAT_REFUSALS = frozenset({RefusalReason.STALE, RefusalReason.ILLEGAL})
"""Refusals of a repeated action that has already taken effect."""


class Actions:
    """Applies each action once, and resolves unknown outcomes."""

    def __init__(self, context: EngineContext) -> None:
        """Use the repository of `context`."""
        self._context = context

    async def act(self, command: Command) -> Order:
        """Apply `command` and return the resulting order.

        Raises OrderNotFound, VersionMismatch, ActionRefused; Unavailable if nothing was changed (OrderBusy if the order
        stays locked until the time limit); OutcomeUnknown if the outcome stays unknown until the time limit.
        """
        deadline = self._context.clock.monotonic() + self._context.options.request_seconds
        if command.action is Action.REDRIVE and command.expected_version is None:
            applied = await self._redrive_present_version(command, deadline)
        else:
            applied = await self._apply_until_known(command, deadline)
        if applied.refusal is not None:
            raise _refusal(command, applied)
        return await self._get(command.order_id) if applied.order is None else applied.order

    async def _redrive_present_version(self, command: Command, deadline: float) -> Applied:
        """Redrive the order at its current version.

        Without an expected version, retrying a redrive after a lost answer would begin another round if the order has
        failed again in the meantime. If the version changes before the redrive, retry with the new version.
        """
        while True:
            order = await self._get(command.order_id)
            applied = await self._apply_until_known(command._replace(expected_version=order.version), deadline)
            if not _was_overtaken(command, applied):
                return applied
            if self._context.calls.is_over(deadline):
                message = "The order changed before each try to redrive it. Nothing was changed by this call."
                raise Unavailable(message)

    async def _apply_until_known(self, command: Command, deadline: float) -> Applied:
        context = self._context
        unanswered, locked = Backoff(context.random), context.busy_backoff()
        unknown: OutcomeUnknown | None = None
        busy: OrderBusy | None = None
        while True:
            backoff = unanswered
            try:
                applied = await self._apply(command)
                if unknown is None or not await self._took_effect(command, applied):
                    return applied
            except OutcomeUnknown as error:
                unknown = error
            except OrderBusy as error:
                busy, backoff = error, locked
            except Unavailable:
                if unknown is None:
                    raise
            else:
                return Applied(None, applied.order)
            if not context.calls.is_over(deadline):
                await context.clock.sleep(backoff.pause())
            if context.calls.is_over(deadline):
                raise unknown or busy or AssertionError

    async def _apply(self, command: Command) -> Applied:
        """Apply a command once. Raises OrderBusy if another transaction has locked the order."""
        call = self._context.repository.apply([command])
        (applied,) = require_count(await self._context.calls.once("apply", 1, call), 1)
        if applied.refusal is RefusalReason.BUSY:
            raise OrderBusy(command.order_id)
        return applied

    async def _took_effect(self, command: Command, applied: Applied) -> bool:
        """Return whether a retry is refused because the first try took effect although its answer was lost."""
        if applied.refusal not in REPEAT_REFUSALS or command.expected_version is None:
            return False
        call = self._context.repository.history(command.order_id, command.expected_version, 1)
        events = await self._context.calls.ask("history", 1, call)
        return bool(events) and events[0].type in EVENTS_OF[command.action]

    async def _get(self, order_id: str) -> Order:
        orders = await self._context.calls.ask("get", 1, self._context.repository.get([order_id]))
        if order_id not in orders:
            raise OrderNotFound(order_id)
        return orders[order_id]


def _was_overtaken(command: Command, applied: Applied) -> bool:
    """Return whether a command was refused only because of its expected version."""
    order = applied.order
    return applied.refusal is RefusalReason.STALE and order is not None and (command.action, order.state) in RULES


def _refusal(command: Command, applied: Applied) -> OrderNotFound | VersionMismatch | ActionRefused | AdapterFault:
    order = applied.order
    if applied.refusal is RefusalReason.UNKNOWN:
        return OrderNotFound(command.order_id)
    if order is None:
        return AdapterFault(f"The repository refused to {command.action} without returning the order.")
    # If the action is refused at any version, the precondition is irrelevant (RFC 9110, section 13.2.1).
    if _was_overtaken(command, applied):
        return VersionMismatch(command.order_id, command.expected_version or 0, order.version)
    return ActionRefused(command.order_id, command.action, order.status, tuple(map(str, allowed(order))))
