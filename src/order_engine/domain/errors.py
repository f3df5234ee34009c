"""Errors: every error that order_engine raises deliberately is an `OrderEngineError`.

Each class has a stable `code` that programs may compare. Messages are for people and may change.

Most errors have one of two base classes: `TransientError` if the same call may be retried, `CallerError` if the caller
has to change it. The others are `AdapterFault`, a bug in an adapter; `AttemptNotStarted`, which only observers see; and
`Rejected` and `RetryLater`, which processors raise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

LONGEST_RETRY_LATER_SECONDS = 365 * 24 * 3600.0


class OrderEngineError(Exception):
    """Base class of all errors of order_engine."""

    code: ClassVar[str] = "order_engine_error"

    def __reduce__(self) -> tuple[Callable[..., OrderEngineError], tuple[object, ...]]:
        """Support pickling of errors whose constructor builds the message."""
        return _restored, (type(self), self.args, vars(self))


def _restored(
    error_type: type[OrderEngineError], arguments: tuple[object, ...], state: Mapping[str, object]
) -> OrderEngineError:
    error = error_type.__new__(error_type, *arguments)
    vars(error).update(state)
    return error


class TransientError(OrderEngineError):
    """The same call may be retried: placing orders and acting on them are idempotent.

    Before the retry, wait `retry_after` seconds after Overloaded, and increasingly long after other errors.
    """

    code = "transient_error"


class CallerError(OrderEngineError):
    """The caller has to change the call: retrying it unchanged fails again. Nothing was changed."""

    code = "caller_error"


@dataclass(frozen=True, slots=True)
class FieldError:
    """Problem of one field. `pointer` is a JSON Pointer (RFC 6901) into the order."""

    pointer: str
    detail: str

    def __str__(self) -> str:
        """Format both in one line; the empty pointer refers to the order itself."""
        return f"{self.pointer}: {self.detail}" if self.pointer else f"the order {self.detail}"


class InvalidOrder(CallerError):
    """The order has invalid fields, listed in `errors`; nothing was stored."""

    code = "invalid_order"

    def __init__(self, errors: tuple[FieldError, ...]) -> None:
        """Store all field errors; the message contains the first ones."""
        self.errors = errors
        super().__init__("; ".join(map(str, errors[:5])))


class MalformedJson(CallerError):
    """The text is not valid I-JSON (RFC 8259, RFC 7493); nothing was stored."""

    code = "malformed_json"


class InvalidQuery(CallerError):
    """A query parameter is invalid, for example a page limit of 0."""

    code = "invalid_query"


class InvalidCursor(CallerError):
    """The cursor is foreign, too old, or belongs to another query. Start again without a cursor."""

    code = "invalid_cursor"


class InvalidSetting(CallerError):
    """A setting is unknown or out of range; the message names it and its allowed values."""

    code = "invalid_setting"


class OrderNotFound(CallerError):
    """No order has this id."""

    code = "order_not_found"

    def __init__(self, order_id: str) -> None:
        """Store the requested id."""
        self.order_id = order_id
        super().__init__(f"Order {order_id!r} not found.")


class OrderConflict(CallerError):
    """An order with this id and different content exists; nothing was changed (promise P4)."""

    code = "order_conflict"

    def __init__(self, order_id: str) -> None:
        """Store the id of the existing order."""
        self.order_id = order_id
        super().__init__(
            f"Order {order_id!r} already exists with different content. Use a new order id for the new content."
        )


class IdempotencyKeyReused(CallerError):
    """The idempotency key was already used with different content; nothing was stored."""

    code = "idempotency_key_reused"

    def __init__(self, key: str) -> None:
        """Store the key."""
        self.key = key
        super().__init__(f"Idempotency key {key!r} was already used with different content. Use a new key.")


class ActionRefused(CallerError):
    """The action is not allowed in the order's status; `allowed` lists the client's actions that are."""

    code = "action_refused"

    def __init__(self, order_id: str, action: str, status: str, allowed: tuple[str, ...]) -> None:
        """Store the action, the order's status, and the allowed actions."""
        self.order_id = order_id
        self.action = action
        self.status = status
        self.allowed = allowed
        instead = f"Allowed actions: {', '.join(allowed)}." if allowed else "No action is allowed in this status."
        super().__init__(f"Cannot {action} order {order_id!r}: its status is {status}. {instead}")


class VersionMismatch(CallerError):
    """The order has changed since the caller read it: its version is not the expected one."""

    code = "version_mismatch"

    def __init__(self, order_id: str, expected: int, actual: int) -> None:
        """Store both versions."""
        self.order_id = order_id
        self.expected = expected
        self.actual = actual
        super().__init__(
            f"Order {order_id!r} is at version {actual}, not {expected}. "
            "Read the order again and retry with its current version."
        )


class Overloaded(TransientError):
    """A memory limit is reached; nothing was stored. Retry after `retry_after` seconds."""

    code = "overloaded"

    def __init__(self, detail: str, retry_after: float = 1.0) -> None:
        """Store the delay; `detail` names the limit."""
        self.retry_after = retry_after
        super().__init__(f"{detail} Retry after {retry_after:g} s.")


class NotRunning(TransientError):
    """The engine has not started, is draining, or has stopped; nothing was stored."""

    code = "not_running"


class WrongEventLoop(CallerError):
    """The engine runs in another event loop than the caller; nothing was stored."""

    code = "wrong_event_loop"


class Unavailable(TransientError):
    """The repository or queue is unavailable; nothing was changed. The same call may be retried.

    `lasting`: it stays unavailable until an operator acts, so a starting process does not wait for it.
    """

    code = "unavailable"
    lasting: bool = False

    def __init__(self, *sentence: object, lasting: bool = False) -> None:
        """Store `lasting`; `sentence` says what is unavailable."""
        self.lasting = lasting
        super().__init__(*sentence)


class OrderBusy(Unavailable):
    """Another database transaction has locked the order; nothing was changed. Retry after it has ended."""

    code = "order_busy"

    def __init__(self, order_id: str) -> None:
        """Store the order id."""
        self.order_id = order_id
        super().__init__(
            f"Order {order_id!r} is locked by another database transaction. Nothing was changed. "
            "Retry after that transaction has ended."
        )


class RepositoryHeld(Unavailable):
    """Another process uses the repository, which only one process may open.

    `process_id` and `address` (the URL of its HTTP service) describe that process; None if unknown.
    """

    code = "repository_held"

    def __init__(self, repository: str, process_id: int | None, address: str | None) -> None:
        """Store the repository and the process that uses it."""
        self.repository = repository
        self.process_id = process_id
        self.address = address
        owner = "another process" if process_id is None else f"process {process_id}"
        where = f", which serves {address}" if address is not None else ""
        super().__init__(
            f"{repository} is in use by {owner}{where}. Stop that process, or use another repository.", lasting=True
        )


class OutcomeUnknown(TransientError):
    """The repository did not answer: the call may have taken effect. The same call may be retried."""

    code = "outcome_unknown"


class StoreRefused(CallerError):
    """The repository cannot store this order, because of its content; nothing was stored."""

    code = "store_refused"


class WaitTimedOut(TransientError):
    """The order did not end within the given time. Its processing continues."""

    code = "wait_timed_out"


class AdapterFault(OrderEngineError):
    """An adapter violated the contract of its port, as the message explains. Test it with the conformance kit."""

    code = "adapter_fault"


class AttemptNotStarted(OrderEngineError):
    """No thread or task could be started for a processor. The order is released; the attempt does not count."""

    code = "attempt_not_started"


class Rejected(OrderEngineError):
    """Raised by a processor: the order can never succeed. It ends as Failed without another attempt."""

    code = "rejected"


class RetryLater(OrderEngineError):
    """Raised by a processor: retry after `seconds` (0 to one year). The attempt counts as a failure."""

    code = "retry_later"

    def __init__(self, seconds: float | timedelta, reason: str = "retry later") -> None:
        """Set the delay, in seconds or as a timedelta.

        Raises ValueError for a delay that is negative, not a number, or over a year.
        """
        delay = seconds.total_seconds() if isinstance(seconds, timedelta) else seconds
        if not 0 <= delay <= LONGEST_RETRY_LATER_SECONDS:
            message = f"seconds must be between 0 and {LONGEST_RETRY_LATER_SECONDS:g}, not {seconds!r}"
            raise ValueError(message)
        self.seconds: float = float(delay)
        super().__init__(reason)
