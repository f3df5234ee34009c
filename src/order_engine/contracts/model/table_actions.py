"""Execution of the table's actions, in a repository and in the domain."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias

from order_engine.contracts import samples
from order_engine.contracts.model.lifecycle_table import TableAction
from order_engine.contracts.model.situations import MOST_DELIVERIES
from order_engine.contracts.trial import Trial
from order_engine.domain.commands import Action, ClaimTerms, Command, Lease, Placement, Renewal
from order_engine.domain.decisions import Decision, Refusal, RefusalReason, decide
from order_engine.domain.order import Order

Request: TypeAlias = Placement | ClaimTerms | Renewal | Command

_ACTIONS: Mapping[TableAction, Action] = {
    TableAction.COMPLETE: Action.COMPLETE,
    TableAction.RETRY: Action.RETRY,
    TableAction.FAIL: Action.FAIL,
    TableAction.RELEASE: Action.RELEASE,
    TableAction.CANCEL: Action.CANCEL,
    TableAction.REDRIVE: Action.REDRIVE,
}
_REPORTS = {Action.COMPLETE, Action.RETRY, Action.FAIL, Action.RELEASE}


def request(trial: Trial, row: TableAction, order: Order, token: int) -> Request:
    """Return the command for an action on the order; `token` is the worker's token."""
    if row is TableAction.CLAIM:
        return trial.terms(order_ids=[order.order_id], max_deliveries=MOST_DELIVERIES)
    if row is TableAction.RENEW:
        return Renewal(Lease(order.order_id, token), 2 * samples.LEASE_SECONDS)
    if row in _ACTIONS:
        action = _ACTIONS[row]
        under = token if action in _REPORTS else None
        reason = None if action is Action.COMPLETE else "as the table says"
        return Command(order.order_id, action, token=under, delay=samples.RETRY_DELAY, reason=reason)
    if row is TableAction.ADD_OTHER:
        return samples.placement(order.order_id, user_id="somebody-else")
    return samples.placement(order.order_id)


async def answer(trial: Trial, asked: Request) -> str:
    """Execute the request in the repository, and return its answer in the table's terms."""
    if isinstance(asked, Placement):
        return (await trial.add(asked))[0].outcome
    if isinstance(asked, Renewal):
        return (await trial.repository.renew([asked.lease], asked.seconds))[0]
    if isinstance(asked, ClaimTerms):
        claimed = await trial.repository.claim(asked)
        if claimed.orders:
            return "claimed"
        return "ended" if claimed.ended else "passed over"
    refusal = (await trial.apply(asked))[0].refusal
    return "applied" if refusal is None else refusal


def decided(order: Order, asked: Request, now: datetime) -> tuple[str, Order]:
    """Execute the request in the domain, and return its answer in the table's terms and the resulting order."""
    decision = decide(order, asked, now)
    after = order if isinstance(decision, Refusal) else decision.order
    if isinstance(asked, Placement):
        return ("conflict" if isinstance(decision, Refusal) else "replayed"), after
    if isinstance(asked, Renewal):
        return _renewed(decision), after
    if isinstance(asked, ClaimTerms):
        return _claimed(decision), after
    return (decision.reason if isinstance(decision, Refusal) else "applied"), after


def _renewed(decision: Decision) -> str:
    if isinstance(decision, Refusal):
        return RefusalReason.LOST
    return "cancel requested" if decision.order.cancel_requested else "held"


def _claimed(decision: Decision) -> str:
    if isinstance(decision, Refusal):
        return "passed over"
    return "ended" if decision.order.status.ended else "claimed"
