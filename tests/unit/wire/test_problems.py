"""Problem documents: every error has one, with a status, a type and a title that are stable."""

from __future__ import annotations

import inspect
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_engine.domain import errors
from order_engine.domain.errors import (
    ActionRefused,
    AdapterFault,
    AttemptNotStarted,
    CallerError,
    FieldError,
    IdempotencyKeyReused,
    InvalidCursor,
    InvalidOrder,
    InvalidQuery,
    InvalidSetting,
    MalformedJson,
    NotRunning,
    OrderBusy,
    OrderConflict,
    OrderEngineError,
    OrderNotFound,
    OutcomeUnknown,
    Overloaded,
    Rejected,
    RepositoryHeld,
    RetryLater,
    StoreRefused,
    TransientError,
    Unavailable,
    VersionMismatch,
    WaitTimedOut,
    WrongEventLoop,
)
from order_engine.wire import Problem, problem_of
from order_engine.wire.problems import DETAILS
from tests.unit.domain.strategies import usual

PINNED: list[tuple[OrderEngineError, int, str]] = [
    (MalformedJson("m"), 400, "malformed_json"),
    (OrderNotFound("o"), 404, "order_not_found"),
    (OrderConflict("o"), 409, "order_conflict"),
    (ActionRefused("o", "cancel", "Failed", ("redrive",)), 409, "action_refused"),
    (VersionMismatch("o", 1, 2), 412, "version_mismatch"),
    (InvalidOrder((FieldError("/a", "is wrong"),)), 422, "invalid_order"),
    (IdempotencyKeyReused("k"), 422, "idempotency_key_reused"),
    (InvalidQuery("m"), 422, "invalid_query"),
    (InvalidCursor("m"), 422, "invalid_cursor"),
    (StoreRefused("m"), 422, "store_refused"),
    (AdapterFault("m"), 500, "adapter_fault"),
    (Overloaded("m"), 503, "overloaded"),
    (NotRunning("m"), 503, "not_running"),
    (WrongEventLoop("m"), 503, "wrong_event_loop"),
    (OutcomeUnknown("m"), 503, "outcome_unknown"),
    (Unavailable("m"), 503, "unavailable"),
    (OrderBusy("order-1"), 503, "order_busy"),
    (RepositoryHeld("r", 1, None), 503, "repository_held"),
    # These are for callers in the same program, and reach no client: meeting one would be our own error.
    (OrderEngineError("m"), 500, "order_engine_error"),
    (TransientError("m"), 500, "transient_error"),
    (CallerError("m"), 500, "caller_error"),
    (InvalidSetting("m"), 500, "invalid_setting"),
    (WaitTimedOut("m"), 500, "wait_timed_out"),
    (AttemptNotStarted("m"), 500, "attempt_not_started"),
    (Rejected("m"), 500, "rejected"),
    (RetryLater(1), 500, "retry_later"),
]


def detail_of(error: OrderEngineError) -> str:
    """Return what a client is told of an error: its own sentence, unless an adapter may have written it."""
    told_by_adapters = isinstance(error, Unavailable | OutcomeUnknown) and not isinstance(error, OrderBusy)
    return (
        DETAILS[OutcomeUnknown if isinstance(error, OutcomeUnknown) else Unavailable]
        if told_by_adapters
        else str(error)
    )


@pytest.mark.parametrize(("error", "status", "code"), PINNED, ids=lambda value: value if isinstance(value, str) else "")
def test_every_error_has_its_document(error: OrderEngineError, status: int, code: str) -> None:
    """Status, type, title, detail and code; Retry-After with each 503 and with nothing else."""
    problem = problem_of(error)
    document = json.loads(problem.json())
    assert document["type"] == f"urn:order-engine:problem:{code}"
    assert (document["status"], document["code"], document["detail"]) == (status, code, detail_of(error))
    assert document["title"]
    assert document == problem.document()
    assert (problem.retry_after is not None) == (status == 503)


@pytest.mark.parametrize(("error", "status", "code"), PINNED, ids=lambda value: value if isinstance(value, str) else "")
def test_a_client_is_asked_to_retry_what_may_be_retried(error: OrderEngineError, status: int, code: str) -> None:
    """503 belongs to TransientError and 4xx to CallerError; a call in the wrong event loop is the host's own."""
    if status == 503:
        assert isinstance(error, TransientError) or code == "wrong_event_loop"
    if status < 500:
        assert isinstance(error, CallerError)


def test_no_error_is_left_out() -> None:
    """Whoever adds one says here what its document is."""
    classes = {
        member
        for _, member in inspect.getmembers(errors, inspect.isclass)
        if issubclass(member, OrderEngineError) and member.__module__ == errors.__name__
    }
    assert {type(error) for error, _, _ in PINNED} == classes
    assert len({code for _, _, code in PINNED}) == len(PINNED)


def test_an_error_of_an_adapter_has_the_document_of_its_base() -> None:
    """With a code of its own, and the status and title that a client knows."""

    class DiskFull(Unavailable):
        """An adapter's own."""

        code = "disk_full"

    problem = problem_of(DiskFull("The disk is full."))
    assert (problem.status, problem.code, problem.retry_after) == (503, "disk_full", 1)
    assert problem.title == problem_of(Unavailable("m")).title


def test_titles_belong_to_types() -> None:
    """The same type has the same title whatever happened."""
    assert problem_of(OrderNotFound("a")).title == problem_of(OrderNotFound("b")).title


def test_wrong_fields_are_named_by_pointers() -> None:
    """In the order in which they were found; an error without any has no such member."""
    found = (FieldError("/item_ids/0", "must not be empty"), FieldError("", "must be a JSON object"))
    assert problem_of(InvalidOrder(found)).document()["errors"] == [
        {"pointer": "/item_ids/0", "detail": "must not be empty"},
        {"pointer": "", "detail": "must be a JSON object"},
    ]
    assert "errors" not in problem_of(MalformedJson("m")).document()


@pytest.mark.parametrize(("count", "told"), [(1, 1), (100, 100), (101, 100), (10_000, 100)])
def test_no_more_than_a_hundred_errors_are_told(count: int, told: int) -> None:
    """The first ones."""
    found = tuple(FieldError(f"/item_ids/{index}", "is wrong") for index in range(count))
    listed = problem_of(InvalidOrder(found)).document()["errors"]
    assert listed == [{"pointer": error.pointer, "detail": "is wrong"} for error in found[:told]]


@pytest.mark.parametrize(
    ("pointer", "told"),
    [("/attributes/" + "a" * 988, None), ("/attributes/" + "a" * 989, "/attributes"), ("/a" * 500, None),
     ("/a" * 501, "/a" * 500), ("/attributes/" + "b" * 500_000 + "/c", "/attributes"), ("/" + "~1" * 1000, "")],
)  # fmt: skip
def test_a_pointer_stops_before_it_gets_too_long(pointer: str, told: str | None) -> None:
    """At whatever holds the wrong value, and never in the middle of a name."""
    problem = problem_of(InvalidOrder((FieldError(pointer, "must not contain NUL characters"),)))
    (error,) = json.loads(problem.json())["errors"]
    assert error["pointer"] == (pointer if told is None else told)
    assert "must not contain NUL characters" in error["detail"]
    assert len(problem.json()) < 5000


@pytest.mark.parametrize("allowed", [(), ("cancel",), ("cancel", "redrive")])
def test_a_refused_action_says_what_is_open(allowed: tuple[str, ...]) -> None:
    """`order_status` and `allowed`, which may be empty."""
    document = problem_of(ActionRefused("order1", "redrive", "Completed", allowed)).document()
    assert (document["order_status"], document["allowed"]) == ("Completed", list(allowed))


@pytest.mark.parametrize(("seconds", "told"), [(0.0, 1), (0.2, 1), (1.0, 1), (1.1, 2), (30.0, 30), (86_400.0, 86_400)])
def test_the_time_to_come_back_is_in_whole_seconds(seconds: float, told: int) -> None:
    """Rounded up, and one at least."""
    assert problem_of(Overloaded("m", seconds)).retry_after == told


def test_a_problem_has_nothing_that_it_was_not_given() -> None:
    """Five members at least."""
    assert Problem(400, "c", "t", "d").document() == {
        "type": "urn:order-engine:problem:c",
        "title": "t",
        "status": 400,
        "detail": "d",
        "code": "c",
    }


@usual
@given(st.text() | st.text(st.characters(categories=["Cs", "Cc", "L"])), st.text())
def test_documents_are_ascii_whatever_is_quoted_in_them(quoted: str, pointer: str) -> None:
    """Control characters and lone surrogates as well."""
    for error in (
        OrderNotFound(quoted),
        IdempotencyKeyReused(quoted),
        InvalidOrder((FieldError(f"/{pointer}", quoted),)),
    ):
        text = problem_of(error).json()
        assert text.isascii()
        assert text.isprintable()
        assert json.loads(text)["detail"] == str(error)
