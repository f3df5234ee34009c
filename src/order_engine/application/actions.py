"""A client's and an operator's actions on an order: cancel and redrive, also where the answer got lost."""

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
"""Which events tell that an action took effect."""


REPEAT_REFUSALS = frozenset({RefusalReason.STALE, RefusalReason.ILLEGAL})
"""How an action that took effect is refused when it is asked for again."""


class Actions:
    """Applies actions, each once, and finds out what became of one that was not answered."""

    def __init__(self, context: EngineContext) -> None:
        """Act on the repository."""
        self._context = context

    async def act(self, command: Command) -> Order:
        """Apply `command` and return the order as it stands after it.

        Raises OrderNotFound, VersionMismatch, ActionRefused; Unavailable where nothing took effect (OrderBusy where the
        order stays locked for the time limit), OutcomeUnknown where it stays unknown within the time limit.
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
        """Redrive the order at the version that it has now.

        Asked for again after an answer that got lost, a redrive of whatever version would begin one more round where
        the order has failed again meanwhile. Where the version changed before the redrive came, the next is tried.
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
        """Apply a command once. Raises OrderBusy where another transaction has locked the order."""
        call = self._context.repository.apply([command])
        (applied,) = require_count(await self._context.calls.once("apply", 1, call), 1)
        if applied.refusal is RefusalReason.BUSY:
            raise OrderBusy(command.order_id)
        return applied

    async def _took_effect(self, command: Command, applied: Applied) -> bool:
        """Whether a repetition is refused because the first try, whose answer got lost, took effect."""
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
    """Whether only the version kept a command from being applied."""
    order = applied.order
    return applied.refusal is RefusalReason.STALE and order is not None and (command.action, order.state) in RULES


def _refusal(command: Command, applied: Applied) -> OrderNotFound | VersionMismatch | ActionRefused | AdapterFault:
    order = applied.order
    if applied.refusal is RefusalReason.UNKNOWN:
        return OrderNotFound(command.order_id)
    if order is None:
        return AdapterFault(f"The repository refused to {command.action} without returning the order.")
    # Where the action is refused at any version, the version is no matter (RFC 9110, section 13.2.1).
    if _was_overtaken(command, applied):
        return VersionMismatch(command.order_id, command.expected_version or 0, order.version)
    return ActionRefused(command.order_id, command.action, order.status, tuple(map(str, allowed(order))))
