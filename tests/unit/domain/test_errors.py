"""Errors: one tree, a stable code each, and messages that say what to do."""

from __future__ import annotations

import copy
import inspect
import pickle
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_engine.domain import errors
from order_engine.domain.errors import (
    LONGEST_RETRY_LATER_SECONDS,
    ActionRefused,
    AdapterFault,
    AttemptNotStarted,
    CallerError,
    FieldError,
    IdempotencyKeyReused,
    InvalidOrder,
    OrderBusy,
    OrderConflict,
    OrderEngineError,
    OrderNotFound,
    Overloaded,
    Rejected,
    RepositoryHeld,
    RetryLater,
    TransientError,
    Unavailable,
    VersionMismatch,
)
from tests.unit.domain.strategies import usual

CODES = {
    "OrderEngineError": "order_engine_error",
    "TransientError": "transient_error",
    "CallerError": "caller_error",
    "InvalidOrder": "invalid_order",
    "InvalidQuery": "invalid_query",
    "InvalidCursor": "invalid_cursor",
    "InvalidSetting": "invalid_setting",
    "OrderNotFound": "order_not_found",
    "OrderConflict": "order_conflict",
    "IdempotencyKeyReused": "idempotency_key_reused",
    "ActionRefused": "action_refused",
    "VersionMismatch": "version_mismatch",
    "Overloaded": "overloaded",
    "NotRunning": "not_running",
    "WrongEventLoop": "wrong_event_loop",
    "Unavailable": "unavailable",
    "OrderBusy": "order_busy",
    "RepositoryHeld": "repository_held",
    "MalformedJson": "malformed_json",
    "OutcomeUnknown": "outcome_unknown",
    "StoreRefused": "store_refused",
    "WaitTimedOut": "wait_timed_out",
    "AdapterFault": "adapter_fault",
    "AttemptNotStarted": "attempt_not_started",
    "Rejected": "rejected",
    "RetryLater": "retry_later",
}

CLASSES: list[type[OrderEngineError]] = [
    member
    for _, member in inspect.getmembers(errors, inspect.isclass)
    if issubclass(member, OrderEngineError) and member.__module__ == errors.__name__
]

SAMPLES: tuple[tuple[OrderEngineError, str], ...] = (
    (
        InvalidOrder((FieldError("/user_id", "must not be empty"), FieldError("/currency", "must be a string"))),
        "/user_id: must not be empty; /currency: must be a string",
    ),
    (OrderNotFound("order1"), "Order 'order1' not found."),
    (
        OrderConflict("order1"),
        "Order 'order1' already exists with different content. Use a new order id for the new content.",
    ),
    (
        IdempotencyKeyReused("key1"),
        "Idempotency key 'key1' was already used with different content. Use a new key.",
    ),
    (
        ActionRefused("order1", "cancel", "Failed", ("redrive",)),
        "Cannot cancel order 'order1': its status is Failed. Allowed actions: redrive.",
    ),
    (
        ActionRefused("order1", "redrive", "Completed", ()),
        "Cannot redrive order 'order1': its status is Completed. No action is allowed in this status.",
    ),
    (
        VersionMismatch("order1", 3, 5),
        "Order 'order1' is at version 5, not 3. Read the order again and retry with its current version.",
    ),
    (Overloaded("Too many orders are waiting.", 2.5), "Too many orders are waiting. Retry after 2.5 s."),
    (Overloaded("Too many orders are waiting."), "Too many orders are waiting. Retry after 1 s."),
    (Unavailable("The database is unavailable."), "The database is unavailable."),
    (
        OrderBusy("order1"),
        (
            "Order 'order1' is locked by another database transaction. Nothing was changed. "
            "Retry after that transaction has ended."
        ),
    ),
    (
        RepositoryHeld("orders.db", 7, "http://127.0.0.1:8000"),
        (
            "orders.db is in use by process 7, which serves http://127.0.0.1:8000. "
            "Stop that process, or use another repository."
        ),
    ),
    (
        RepositoryHeld("orders.db", None, None),
        "orders.db is in use by another process. Stop that process, or use another repository.",
    ),
    (Rejected("No such item."), "No such item."),
    (RetryLater(5, "The bank is closed."), "The bank is closed."),
    (RetryLater(5), "retry later"),
)


def test_the_codes_are_pinned() -> None:
    """Programs compare codes: one may be added here, none may change."""
    assert {error.__name__: error.code for error in CLASSES} == CODES


def test_codes_are_unique() -> None:
    """A code tells its class."""
    assert len({error.code for error in CLASSES}) == len(CLASSES)


NEITHER = {
    OrderEngineError: "the root",
    AdapterFault: "a bug of an adapter: neither waiting nor another call helps",
    AttemptNotStarted: "observers see it, and no caller meets it",
    Rejected: "processors raise it",
    RetryLater: "processors raise it",
}


@pytest.mark.parametrize("error", [error for error in CLASSES if error not in NEITHER])
def test_an_error_says_whether_to_retry_or_to_change_the_call(error: type[OrderEngineError]) -> None:
    """It is one of the two that users catch, and never both."""
    assert issubclass(error, TransientError) != issubclass(error, CallerError)


@pytest.mark.parametrize("error", NEITHER, ids=lambda error: error.__name__)
def test_what_is_neither_is_named_here(error: type[OrderEngineError]) -> None:
    """With its reason."""
    assert not issubclass(error, TransientError | CallerError)


def test_there_is_one_root() -> None:
    """Whoever catches the root catches all that the module defines."""
    defined = [member for _, member in inspect.getmembers(errors, inspect.isclass) if issubclass(member, Exception)]
    assert {error for error in defined if not issubclass(error, OrderEngineError)} == set()


@pytest.mark.parametrize("error", CLASSES)
def test_no_error_is_also_one_of_pythons_own_kinds(error: type[OrderEngineError]) -> None:
    """Nobody catches one by accident, meaning a wrong value or a lost connection of their own."""
    assert error.__mro__[-3:] == (Exception, BaseException, object)
    assert not issubclass(error, OSError | ValueError | LookupError | RuntimeError | TimeoutError)


@pytest.mark.parametrize("error", CLASSES)
def test_every_error_says_what_it_means(error: type[OrderEngineError]) -> None:
    """Its docstring is the reference documentation."""
    assert error.__doc__
    assert error.__doc__.strip().endswith(".")


@pytest.mark.parametrize(("error", "message"), SAMPLES)
def test_messages_say_what_happened_and_what_to_do(error: OrderEngineError, message: str) -> None:
    """One line, with the names and numbers at hand."""
    assert str(error) == message


@pytest.mark.parametrize("error", [error for error, _ in SAMPLES], ids=lambda error: error.code)
def test_every_error_crosses_processes(error: OrderEngineError) -> None:
    """A processor may run in a process of its own: what it raises arrives whole, with message and parts."""
    for arrived in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):  # noqa: S301 - our own
        assert type(arrived) is type(error)
        assert str(arrived) == str(error)
        assert arrived.args == error.args
        assert vars(arrived) == vars(error)


class OutOfStock(Rejected):
    """A user's own error, with parts of its own."""

    def __init__(self, item_id: str, left: int) -> None:
        """Keep both parts."""
        self.item_id = item_id
        self.left = left
        super().__init__(f"{item_id}: {left} left")


def test_an_error_derived_from_ours_crosses_processes_too() -> None:
    """Users derive from Rejected, with constructors as they like them."""
    arrived = copy.copy(OutOfStock("item1", 0))
    assert (type(arrived), str(arrived), arrived.item_id, arrived.left) == (OutOfStock, "item1: 0 left", "item1", 0)


def test_errors_keep_their_parts() -> None:
    """Programs read the parts, not the sentence."""
    refusal = ActionRefused("order1", "cancel", "Failed", ("redrive",))
    assert (refusal.order_id, refusal.action, refusal.status, refusal.allowed) == (
        "order1",
        "cancel",
        "Failed",
        ("redrive",),
    )
    mismatch = VersionMismatch("order1", 3, 5)
    assert (mismatch.order_id, mismatch.expected, mismatch.actual) == ("order1", 3, 5)
    assert Overloaded("Full.", 2.5).retry_after == 2.5
    assert OrderNotFound("order1").order_id == OrderConflict("order1").order_id == "order1"
    assert IdempotencyKeyReused("key1").key == "key1"


@usual
@given(st.text())
def test_a_message_can_always_be_logged(hostile: str) -> None:
    """Whatever an id holds, the message is one printable line."""
    for error in (OrderNotFound(hostile), OrderConflict(hostile), IdempotencyKeyReused(hostile)):
        assert str(error).isprintable()
        assert str(error).encode()


@usual
@given(st.floats(0, LONGEST_RETRY_LATER_SECONDS) | st.integers(0, 365 * 24 * 3600))
def test_retry_later_takes_up_to_a_year(seconds: float) -> None:
    """Both ends included; the delay is kept as a float."""
    error = RetryLater(seconds)
    assert error.seconds == seconds
    assert type(error.seconds) is float


@pytest.mark.parametrize(
    "seconds",
    [
        -1,
        -0.000001,
        365 * 24 * 3600 + 1,
        LONGEST_RETRY_LATER_SECONDS * 1.0001,
        1e300,
        10**400,
        float("nan"),
        float("inf"),
        float("-inf"),
    ],
)
def test_retry_later_refuses_other_delays(seconds: float) -> None:
    """Negative, endless, or no number: the processor's mistake is said at once, with the range that it has."""
    with pytest.raises(ValueError, match=r"between 0 and 3\.1536e\+07"):
        RetryLater(seconds)


@usual
@given(st.timedeltas(timedelta(0), timedelta(days=365)))
def test_retry_later_takes_a_timedelta(delay: timedelta) -> None:
    """It is kept in seconds."""
    assert RetryLater(delay).seconds == delay.total_seconds()


@pytest.mark.parametrize("delay", [timedelta(microseconds=-1), timedelta(days=366), timedelta.min, timedelta.max])
def test_retry_later_refuses_other_timedeltas(delay: timedelta) -> None:
    """The same range counts."""
    with pytest.raises(ValueError, match=r"between 0 and 3\.1536e\+07"):
        RetryLater(delay)
