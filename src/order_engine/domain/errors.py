"""The one tree of errors: every error this project raises on purpose is an `OrderEngineError`.

Each class has a stable `code`. Programs may compare codes; the sentences are for people and may improve.

Users catch two bases: `TransientError` for what may be retried as it is, `CallerError` for what they have to change.
Under neither are the errors that no retry and no change of the call helps against: `AdapterFault`, which is a bug of an
adapter; `AttemptNotStarted`, which observers see and no caller meets; `Rejected` and `RetryLater`, which processors
raise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

LONGEST_RETRY_LATER_SECONDS = 365 * 24 * 3600.0


class OrderEngineError(Exception):
    """The root of all errors of order_engine."""

    code: ClassVar[str] = "order_engine_error"

    def __reduce__(self) -> tuple[Callable[..., OrderEngineError], tuple[object, ...]]:
        """Let every error cross processes: without this, one whose constructor makes the message could not."""
        return _restored, (type(self), self.args, vars(self))


def _restored(
    error_type: type[OrderEngineError], arguments: tuple[object, ...], state: Mapping[str, object]
) -> OrderEngineError:
    error = error_type.__new__(error_type, *arguments)
    vars(error).update(state)
    return error


class TransientError(OrderEngineError):
    """The call may be made again as it is: placing and acting are idempotent, so nothing happens twice.

    Wait before that: `retry_after` seconds after Overloaded, with growing pauses after the others.
    """

    code = "transient_error"


class CallerError(OrderEngineError):
    """The caller has to change the call first. The same call would meet the same error. Nothing was changed by it."""

    code = "caller_error"


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field: `pointer` is a JSON Pointer (RFC 6901) into the order."""

    pointer: str
    detail: str

    def __str__(self) -> str:
        """Say both in one line; the empty pointer is the order itself."""
        return f"{self.pointer}: {self.detail}" if self.pointer else f"the order {self.detail}"


class InvalidOrder(CallerError):
    """The order breaks a rule of its fields; nothing was stored. `errors` names each field that is wrong."""

    code = "invalid_order"

    def __init__(self, errors: tuple[FieldError, ...]) -> None:
        """Keep every field error and put the first ones into the message."""
        self.errors = errors
        super().__init__("; ".join(map(str, errors[:5])))


class MalformedJson(CallerError):
    """The text is not I-JSON (RFC 8259, RFC 7493), so nothing in it can be trusted; nothing was stored."""

    code = "malformed_json"


class InvalidQuery(CallerError):
    """A question to the engine is out of its range, for example a page limit of 0."""

    code = "invalid_query"


class InvalidCursor(CallerError):
    """The cursor is foreign, too old, or was made for another question. Start again without one."""

    code = "invalid_cursor"


class InvalidSetting(CallerError):
    """A setting is unknown or out of its range; the message names it and says what it takes."""

    code = "invalid_setting"


class OrderNotFound(CallerError):
    """No order has this id."""

    code = "order_not_found"

    def __init__(self, order_id: str) -> None:
        """Name the id that was asked for."""
        self.order_id = order_id
        super().__init__(f"Order {order_id!r} not found.")


class OrderConflict(CallerError):
    """The id is taken by an order with other content; nothing was changed (promise P4)."""

    code = "order_conflict"

    def __init__(self, order_id: str) -> None:
        """Name the id that is taken."""
        self.order_id = order_id
        super().__init__(
            f"Order {order_id!r} already exists with different content. Use a new order id for the new content."
        )


class IdempotencyKeyReused(CallerError):
    """The idempotency key was used before with other content; nothing was stored."""

    code = "idempotency_key_reused"

    def __init__(self, key: str) -> None:
        """Name the key."""
        self.key = key
        super().__init__(f"Idempotency key {key!r} was already used with different content. Use a new key.")


class ActionRefused(CallerError):
    """The action is not open in the order's status; `allowed` lists the client's actions that are."""

    code = "action_refused"

    def __init__(self, order_id: str, action: str, status: str, allowed: tuple[str, ...]) -> None:
        """Name the action, the status it met, and what is allowed instead."""
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
        """Name both versions."""
        self.order_id = order_id
        self.expected = expected
        self.actual = actual
        super().__init__(
            f"Order {order_id!r} is at version {actual}, not {expected}. "
            "Read the order again and retry with its current version."
        )


class Overloaded(TransientError):
    """A limit of memory is reached; nothing was stored. Try again after `retry_after` seconds."""

    code = "overloaded"

    def __init__(self, detail: str, retry_after: float = 1.0) -> None:
        """Say which limit, and when to come back (seconds)."""
        self.retry_after = retry_after
        super().__init__(f"{detail} Retry after {retry_after:g} s.")


class NotRunning(TransientError):
    """The engine is not started, is draining, or has ended; nothing was stored."""

    code = "not_running"


class WrongEventLoop(CallerError):
    """The engine runs in another event loop than the caller, or in none; nothing was stored."""

    code = "wrong_event_loop"


class Unavailable(TransientError):
    """The repository or queue cannot be reached; nothing took effect. The same call may be made again.

    `lasting`: somebody has to do something first, so that no start waits for it.
    """

    code = "unavailable"
    lasting: bool = False

    def __init__(self, *sentence: object, lasting: bool = False) -> None:
        """Say what cannot be reached."""
        self.lasting = lasting
        super().__init__(*sentence)


class OrderBusy(Unavailable):
    """Another transaction in the database has locked the order; nothing took effect. Try again when it has ended."""

    code = "order_busy"

    def __init__(self, order_id: str) -> None:
        """Name the order."""
        self.order_id = order_id
        super().__init__(
            f"Order {order_id!r} is locked by another database transaction. Nothing was changed. "
            "Retry after that transaction has ended."
        )


class RepositoryHeld(Unavailable):
    """Another process holds the repository, which is one process's own.

    `process_id` and `address` (the URL it answers HTTP at) are the holder's, None where it did not say.
    """

    code = "repository_held"

    def __init__(self, repository: str, process_id: int | None, address: str | None) -> None:
        """Name the repository and its holder."""
        self.repository = repository
        self.process_id = process_id
        self.address = address
        owner = "another process" if process_id is None else f"process {process_id}"
        where = f", which serves {address}" if address is not None else ""
        super().__init__(
            f"{repository} is in use by {owner}{where}. Stop that process, or use another repository.", lasting=True
        )


class OutcomeUnknown(TransientError):
    """The repository did not answer: the call may have taken effect. The same call may be made again."""

    code = "outcome_unknown"


class StoreRefused(CallerError):
    """The repository cannot keep this one order, for a reason of its own; nothing was stored."""

    code = "store_refused"


class WaitTimedOut(TransientError):
    """The order did not end within the time the caller was ready to wait. It goes on all the same."""

    code = "wait_timed_out"


class AdapterFault(OrderEngineError):
    """An adapter broke its port's contract; the message says how. Run the conformance kit on it."""

    code = "adapter_fault"


class AttemptNotStarted(OrderEngineError):
    """No thread could be started for a processor. The order is released, and the attempt does not count."""

    code = "attempt_not_started"


class Rejected(OrderEngineError):
    """Raised by a processor: this order can never succeed. It ends as Failed without another attempt."""

    code = "rejected"


class RetryLater(OrderEngineError):
    """Raised by a processor: try again after `seconds` (0 to a year). Counts as a failure of the attempt."""

    code = "retry_later"

    def __init__(self, seconds: float | timedelta, reason: str = "retry later") -> None:
        """Choose the delay, in seconds or as a timedelta.

        Raises ValueError for a delay that is negative, not a number, or over a year.
        """
        delay = seconds.total_seconds() if isinstance(seconds, timedelta) else seconds
        if not 0 <= delay <= LONGEST_RETRY_LATER_SECONDS:
            message = f"seconds must be between 0 and {LONGEST_RETRY_LATER_SECONDS:g}, not {seconds!r}"
            raise ValueError(message)
        self.seconds = float(delay)
        super().__init__(reason)
