"""Specification of the lifecycle: a table of states and actions, independent of the domain's table and functions.

The kit checks adapters, and the domain itself, against this specification instead of the implementation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from order_engine.contracts.model.situations import Situation
from order_engine.domain.events import EventType
from order_engine.domain.order import LifecycleState


class TableAction(Enum):
    """Row of the table. Workers' actions use the order's last token."""

    ADD_SAME = "add (same content)"
    ADD_OTHER = "add (other content)"
    CLAIM = "claim"
    RENEW = "renew"
    COMPLETE = "complete"
    RETRY = "retry"
    FAIL = "fail"
    RELEASE = "release"
    CANCEL = "cancel"
    REDRIVE = "redrive"


WORKER_ACTIONS = (TableAction.RENEW, TableAction.COMPLETE, TableAction.RETRY, TableAction.FAIL, TableAction.RELEASE)


@dataclass(frozen=True, slots=True)
class TableCell:
    """Cell of the table: the answer, the resulting state, the event, and changes of counts.

    Without an event, nothing changes except the lease in a renewal.
    """

    answer: str
    becomes: LifecycleState | None = None
    event: EventType | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    begins_a_round: bool = False


_S = Situation
_PENDING = (_S.PENDING, _S.REDRIVEN)
_RUNNING = (_S.LEASED, _S.OVERDUE, _S.OVERDUE_SPENT)
_RUNNING_MARKED = (_S.MARKED, _S.OVERDUE_MARKED)
_WAITING = (_S.RETRYING, _S.RETRY_DUE, _S.RELEASED)
_FAILED = (_S.FAILED, _S.VANISHED)
_COMPLETED = (_S.COMPLETED, _S.COMPLETED_MARKED)
_CANCELLED = (_S.CANCELLED, _S.STOPPED)

LOST = TableCell("lost")
_APPLIED_BEFORE = TableCell("applied")
_PASSED_OVER = TableCell("passed over")
_REFUSED = TableCell("illegal")
_CLAIMED = TableCell("claimed", LifecycleState.LEASED, EventType.CLAIMED, {"token": 1, "attempts": 1})
_TAKEN_OVER = TableCell("claimed", LifecycleState.LEASED, EventType.CLAIMED, {"token": 1, "attempts": 1, "vanished": 1})
_GIVEN_UP = TableCell("ended", LifecycleState.FAILED, EventType.FAILED, {"vanished": 1})
_CALLED_OFF = TableCell("ended", LifecycleState.CANCELLED, EventType.CANCELLED, {"vanished": 1})
_COMPLETES = TableCell("applied", LifecycleState.COMPLETED, EventType.COMPLETED)
_RETRIES = TableCell("applied", LifecycleState.WAITING, EventType.RETRIED, {"failures": 1})
_FAILS = TableCell("applied", LifecycleState.FAILED, EventType.FAILED, {"failures": 1})
_RELEASES = TableCell("applied", LifecycleState.WAITING, EventType.RELEASED, {"attempts": -1})
_CANCELS = TableCell("applied", LifecycleState.CANCELLED, EventType.CANCELLED)
_MARKS = TableCell("applied", LifecycleState.LEASED, EventType.CANCEL_REQUESTED)
_REDRIVES = TableCell("applied", LifecycleState.PENDING, EventType.REDRIVEN, {"round": 1}, begins_a_round=True)


def _row(*groups: tuple[tuple[Situation, ...], TableCell]) -> Mapping[Situation, TableCell]:
    return {situation: outcome for situations, outcome in groups for situation in situations}


TABLE: Mapping[TableAction, Mapping[Situation, TableCell]] = {
    TableAction.ADD_SAME: _row((tuple(Situation), TableCell("replayed"))),
    TableAction.ADD_OTHER: _row((tuple(Situation), TableCell("conflict"))),
    TableAction.CLAIM: _row(
        (_PENDING, _CLAIMED),
        ((_S.LEASED, _S.MARKED), _PASSED_OVER),
        ((_S.OVERDUE,), _TAKEN_OVER),
        ((_S.OVERDUE_MARKED,), _CALLED_OFF),
        ((_S.OVERDUE_SPENT,), _GIVEN_UP),
        ((_S.RETRYING,), _PASSED_OVER),
        ((_S.RETRY_DUE, _S.RELEASED), _CLAIMED),
        ((*_FAILED, *_COMPLETED, *_CANCELLED), _PASSED_OVER),
    ),
    TableAction.RENEW: _row(
        (_PENDING, LOST),
        (_RUNNING, TableCell("held")),
        (_RUNNING_MARKED, TableCell("cancel requested")),
        ((*_WAITING, *_FAILED, *_COMPLETED, *_CANCELLED), LOST),
    ),
    TableAction.COMPLETE: _row(
        (_PENDING, LOST),
        ((*_RUNNING, *_RUNNING_MARKED), _COMPLETES),
        ((*_WAITING, *_FAILED), LOST),
        (_COMPLETED, _APPLIED_BEFORE),
        (_CANCELLED, LOST),
    ),
    TableAction.RETRY: _row(
        (_PENDING, LOST),
        (_RUNNING, _RETRIES),
        (_RUNNING_MARKED, _CANCELS),
        (_WAITING, _APPLIED_BEFORE),
        ((*_FAILED, *_COMPLETED, *_CANCELLED), LOST),
    ),
    TableAction.FAIL: _row(
        (_PENDING, LOST),
        (_RUNNING, _FAILS),
        (_RUNNING_MARKED, _CANCELS),
        (_WAITING, LOST),
        (_FAILED, _APPLIED_BEFORE),
        ((*_COMPLETED, *_CANCELLED), LOST),
    ),
    TableAction.RELEASE: _row(
        (_PENDING, LOST),
        (_RUNNING, _RELEASES),
        (_RUNNING_MARKED, _CANCELS),
        (_WAITING, _APPLIED_BEFORE),
        ((*_FAILED, *_COMPLETED, *_CANCELLED), LOST),
    ),
    TableAction.CANCEL: _row(
        (_PENDING, _CANCELS),
        (_RUNNING, _MARKS),
        (_RUNNING_MARKED, TableCell("applied")),
        (_WAITING, _CANCELS),
        ((*_FAILED, *_COMPLETED), _REFUSED),
        (_CANCELLED, TableCell("applied")),
    ),
    TableAction.REDRIVE: _row(
        ((*_PENDING, *_RUNNING, *_RUNNING_MARKED, *_WAITING), _REFUSED),
        (_FAILED, _REDRIVES),
        ((*_COMPLETED, *_CANCELLED), _REFUSED),
    ),
}
"""Table with a cell for every action and situation."""
