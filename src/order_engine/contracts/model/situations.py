"""Situations of an order, and how to arrange them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from enum import Enum

from order_engine.contracts.samples import AFTER_THE_LEASE, RETRY_DELAY
from order_engine.contracts.trial import Trial
from order_engine.domain.commands import Action, Command
from order_engine.domain.order import Order


class Situation(Enum):
    """Column of the table, subdivided into the cases that the rules distinguish.

    Except in PENDING, the order has been claimed and released before, so that an older token exists.
    """

    PENDING = "Pending"
    REDRIVEN = "Pending after a redrive, the token of the last round spent"
    LEASED = "leased"
    MARKED = "leased, cancel requested"
    OVERDUE = "leased, lease ended"
    OVERDUE_MARKED = "leased, lease ended, cancel requested"
    OVERDUE_SPENT = "leased, lease ended, last delivery"
    RETRYING = "not leased, waiting for a retry"
    RETRY_DUE = "not leased, retry due"
    RELEASED = "not leased, released"
    FAILED = "Failed"
    VANISHED = "Failed because deliveries were exhausted"
    COMPLETED = "Completed"
    COMPLETED_MARKED = "Completed although a cancel was requested"
    CANCELLED = "Cancelled at once"
    STOPPED = "Cancelled by the worker's report"


MOST_DELIVERIES = 2
"""Maximum number of vanished attempts in all situations."""


async def arrange(trial: Trial, situation: Situation, order_id: str) -> Order:
    """Place a new order and bring it into `situation`."""
    await trial.place(order_id)
    if situation is not Situation.PENDING:
        await _report(trial, await _take(trial, order_id), Action.RELEASE)
        await _ARRANGEMENTS[situation](trial, order_id)
    return await trial.order(order_id)


async def _take(trial: Trial, order_id: str) -> Order:
    return await trial.take(order_id, max_deliveries=MOST_DELIVERIES)


async def _report(trial: Trial, leased: Order, action: Action, delay: float = 0.0) -> None:
    reason = None if action is Action.COMPLETE else "as arranged"
    await trial.do(Command(leased.order_id, action, token=leased.token, delay=delay, reason=reason))


async def _take_and_mark(trial: Trial, order_id: str) -> Order:
    leased = await _take(trial, order_id)
    await trial.do(Command(order_id, Action.CANCEL))
    return leased


async def _failed(trial: Trial, order_id: str) -> None:
    await _report(trial, await _take(trial, order_id), Action.FAIL)


async def _redriven(trial: Trial, order_id: str) -> None:
    await _failed(trial, order_id)
    await trial.do(Command(order_id, Action.REDRIVE))


async def _held(trial: Trial, order_id: str) -> None:
    await _take(trial, order_id)


async def _marked(trial: Trial, order_id: str) -> None:
    await _take_and_mark(trial, order_id)


async def _overdue(trial: Trial, order_id: str) -> None:
    await _take(trial, order_id)
    await trial.advance(AFTER_THE_LEASE)


async def _overdue_marked(trial: Trial, order_id: str) -> None:
    await _take_and_mark(trial, order_id)
    await trial.advance(AFTER_THE_LEASE)


async def _overdue_spent(trial: Trial, order_id: str) -> None:
    for _ in range(MOST_DELIVERIES):
        await _overdue(trial, order_id)


async def _retrying(trial: Trial, order_id: str) -> None:
    await _report(trial, await _take(trial, order_id), Action.RETRY, RETRY_DELAY)


async def _retry_due(trial: Trial, order_id: str) -> None:
    await _retrying(trial, order_id)
    await trial.advance(RETRY_DELAY)


async def _released(trial: Trial, order_id: str) -> None:
    await _report(trial, await _take(trial, order_id), Action.RELEASE)


async def _vanished(trial: Trial, order_id: str) -> None:
    await _overdue_spent(trial, order_id)
    await trial.claim(order_ids=[order_id], max_deliveries=MOST_DELIVERIES)


async def _completed(trial: Trial, order_id: str) -> None:
    await _report(trial, await _take(trial, order_id), Action.COMPLETE)


async def _completed_marked(trial: Trial, order_id: str) -> None:
    await _report(trial, await _take_and_mark(trial, order_id), Action.COMPLETE)


async def _cancelled(trial: Trial, order_id: str) -> None:
    await trial.do(Command(order_id, Action.CANCEL))


async def _stopped(trial: Trial, order_id: str) -> None:
    await _report(trial, await _take_and_mark(trial, order_id), Action.RELEASE)


_ARRANGEMENTS: Mapping[Situation, Callable[[Trial, str], Awaitable[None]]] = {
    Situation.REDRIVEN: _redriven,
    Situation.LEASED: _held,
    Situation.MARKED: _marked,
    Situation.OVERDUE: _overdue,
    Situation.OVERDUE_MARKED: _overdue_marked,
    Situation.OVERDUE_SPENT: _overdue_spent,
    Situation.RETRYING: _retrying,
    Situation.RETRY_DUE: _retry_due,
    Situation.RELEASED: _released,
    Situation.FAILED: _failed,
    Situation.VANISHED: _vanished,
    Situation.COMPLETED: _completed,
    Situation.COMPLETED_MARKED: _completed_marked,
    Situation.CANCELLED: _cancelled,
    Situation.STOPPED: _stopped,
}
