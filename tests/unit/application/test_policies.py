"""Policies: bounded, jittered, and the same for the same chance."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from order_engine import Order, Rejected, RetryLater
from order_engine.application.retry_policy import Backoff, RetryPolicy, failure_reason, full_jitter
from order_engine.domain.commands import Action, Command
from order_engine.domain.order import evolve
from tests.unit.application import test_processors
from tests.unit.application.bench import chance

usual = settings(deadline=None)


def failed_before(times: int) -> Order:
    """Return an order that has failed so often in this round."""
    return evolve(test_processors.order(), {"failures": times, "token": times + 1})


@usual
@given(st.integers(0, 10_000), st.floats(0, 1e6), st.floats(0, 1e6), st.integers())
def test_full_jitter_is_bounded(exponent: int, first: float, cap: float, seed: int) -> None:
    """Between 0 and the cap, and between 0 and the exponential, for any exponent without overflow."""
    wait = full_jitter(exponent, first, cap, chance(seed))
    assert 0 <= wait <= cap
    assert exponent > 60 or wait <= first * 2.0**exponent


def test_full_jitter_uses_the_whole_range() -> None:
    """Chance comes from the injected Random alone, and spreads the crowd over the whole interval."""
    waits = [full_jitter(3, 1.0, 60.0, random) for random in [chance(7)] for _ in range(1000)]
    assert min(waits) < 0.5
    assert max(waits) > 7.5
    assert waits == [full_jitter(3, 1.0, 60.0, random) for random in [chance(7)] for _ in range(1000)]


@usual
@given(st.integers(0, 20), st.integers(1, 20), st.integers())
def test_a_failure_is_retried_exactly_until_the_attempts_are_spent(failures: int, most: int, seed: int) -> None:
    """The report says retry while failures are left, and fail with the last one; always under the order's token."""
    policy = RetryPolicy(max_attempts=most, backoff_seconds=0.5, backoff_cap_seconds=60)
    order = failed_before(failures)
    command = policy.after_failure(order, ValueError("boom"), chance(seed))
    assert command.action is (Action.FAIL if failures + 1 >= most else Action.RETRY)
    assert (command.order_id, command.token, command.reason) == (order.order_id, order.token, "ValueError: boom")
    assert 0 <= command.delay <= 60


@pytest.mark.parametrize("seconds", [0, 0.25, 3600, 365 * 24 * 3600])
def test_retry_later_has_the_delay_that_it_says(seconds: float) -> None:
    """Neither jitter nor cap touch a delay that the processor chose."""
    policy = RetryPolicy(max_attempts=5, backoff_seconds=0.5, backoff_cap_seconds=60)
    command = policy.after_failure(failed_before(0), RetryLater(seconds), chance(1))
    assert (command.action, command.delay) == (Action.RETRY, seconds)


@pytest.mark.parametrize("seconds", [None, "soon", float("nan"), -1.0, 1e300, object()])
def test_a_retry_later_that_was_tampered_with_is_a_failure_like_any_other(seconds: object) -> None:
    """A subclass or an author may leave anything in `seconds`; the report is one that every store can take."""
    error = RetryLater(1)
    vars(error)["seconds"] = seconds
    command = RetryPolicy(5, 0.5, 60).after_failure(failed_before(0), error, chance(1))
    assert command.action is Action.RETRY
    assert 0 <= command.delay <= 0.5


def test_retry_later_counts_and_rejected_does_not_wait() -> None:
    """The last attempt fails although RetryLater asked for more; Rejected fails at the first."""
    policy = RetryPolicy(max_attempts=3, backoff_seconds=0.5, backoff_cap_seconds=60)
    assert policy.after_failure(failed_before(2), RetryLater(5), chance(1)).action is Action.FAIL
    assert policy.after_failure(failed_before(0), Rejected("no"), chance(1)).action is Action.FAIL


@usual
@given(st.text(st.characters(), max_size=3000))
def test_any_text_of_an_error_becomes_a_storable_reason(text: str) -> None:
    """NUL, lone surrogates and any length: the reason names the type and can be kept by every store."""
    reason = failure_reason(ValueError(text))
    assert reason.startswith("ValueError")
    assert len(reason) <= 1000
    assert "\x00" not in reason
    reason.encode()


def test_the_pauses_of_a_backoff_grow_to_their_cap_and_start_again() -> None:
    """Half of each pause is fixed, so that nobody spins; the other half is chance."""
    backoff = Backoff(chance(3), first=0.1, cap=1.0)
    pauses = [backoff.pause() for _ in range(2000)]
    assert all(0.5 * min(1.0, 0.1 * 2.0**i) <= pause <= min(1.0, 0.1 * 2.0**i) for i, pause in enumerate(pauses[:900]))
    assert 0.5 <= min(pauses[10:]) < max(pauses[10:]) <= 1.0
    backoff.reset()
    assert backoff.pause() <= 0.1


# Groups of errors


def after(*errors: Exception, failures: int = 0) -> Command:
    """Return what is reported of an attempt that raised these in a group of five groups around one another."""
    group: Exception = ExceptionGroup("unhandled errors in a TaskGroup", list(errors))
    for _ in range(4):
        group = ExceptionGroup("outer", [ValueError("beside it"), group])
    return RetryPolicy(5, 0.5, 60).after_failure(failed_before(failures), group, chance(1))


def test_a_rejected_in_a_group_rejects_the_order() -> None:
    """Whatever failed beside it, and however deep it is: another attempt would meet it again."""
    command = after(ValueError("boom"), RetryLater(5), Rejected("no such address"))
    assert command.action is Action.FAIL
    assert command.reason is not None
    assert "Rejected: no such address" in command.reason


def test_the_longest_delay_in_a_group_is_kept() -> None:
    """Each part of the work asked to be left alone for so long at least; other errors ask for nothing."""
    command = after(RetryLater(5), ValueError("boom"), RetryLater(70, "closed until noon"), RetryLater(0))
    assert (command.action, command.delay) == (Action.RETRY, 70)
    assert command.reason is not None
    assert "RetryLater: closed until noon" in command.reason


def test_a_delay_of_nothing_in_a_group_is_kept() -> None:
    """At once is a choice as well."""
    assert after(RetryLater(0), ValueError("boom"), failures=3).delay == 0


def test_a_group_of_other_errors_is_a_failure_like_any_other() -> None:
    """It is retried with backoff until the attempts are spent, and its reason names what is in it."""
    command = after(LookupError("no shelf"), KeyError("tea"))
    assert command.action is Action.RETRY
    assert 0 <= command.delay <= 0.5
    assert command.reason is not None
    assert "LookupError: no shelf" in command.reason
    assert after(LookupError(), failures=4).action is Action.FAIL


def test_a_group_of_many_errors_has_a_reason_of_the_usual_length() -> None:
    """What decided comes first; the rest is cut."""
    group = ExceptionGroup("many", [ValueError("x" * 100)] * 5_000 + [Rejected("the one that counts")])
    reason = failure_reason(group)
    assert len(reason) <= 1_000
    assert "[Rejected: the one that counts; ValueError" in reason


def test_an_error_whose_text_is_of_a_strange_class_has_a_reason() -> None:
    """A text that cannot be formatted is a text all the same."""

    class Text(str):
        __slots__ = ()

        def __format__(self, _spec: str) -> str:
            raise LookupError

    class Strange(Exception):
        def __str__(self) -> str:
            return Text("odd")

    assert failure_reason(Strange()) == "Strange: odd"
