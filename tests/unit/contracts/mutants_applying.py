"""Mutants of the memory repository that go wrong when reports and clients' actions are applied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from order_engine.domain.commands import REPORTS, Action, Command
from order_engine.domain.decisions import Refusal, RefusalReason, act
from order_engine.domain.events import Event, EventType
from order_engine.domain.order import Order, Status
from order_engine.ports.repository import Applied
from tests.unit.contracts.mutant import mutant
from tests.unit.contracts.one_by_one import OneByOne


class _Misreads(OneByOne):
    """Takes a command for another one."""

    def _apply_one(self, command: Command, now: datetime) -> Applied:
        order = self._orders.get(command.order_id)
        return super()._apply_one(command if order is None else self.misread(command, order), now)

    def misread(self, command: Command, order: Order) -> Command:
        """Return the command as this mutant reads it."""
        raise NotImplementedError


@mutant("test_superseded_reports_are_refused", "test_table_under_an_older_token", "test_reports_with_mixed_fates")
class CompletionIsNotFenced(_Misreads):
    """A worker that was paused past its lease completes somebody else's attempt."""

    def misread(self, command: Command, order: Order) -> Command:
        """Overlook the token."""
        return command._replace(token=order.token) if command.action is Action.COMPLETE else command


@mutant("test_superseded_reports_are_refused", "test_table_under_an_older_token")
class RetryIsNotFenced(_Misreads):
    """A superseded attempt puts off the present one."""

    def misread(self, command: Command, order: Order) -> Command:
        """Overlook the token."""
        return command._replace(token=order.token) if command.action is Action.RETRY else command


@mutant("test_superseded_reports_are_refused", "test_table_under_an_older_token")
class FailureIsNotFenced(_Misreads):
    """A superseded attempt ends the order as Failed under the present one."""

    def misread(self, command: Command, order: Order) -> Command:
        """Overlook the token."""
        return command._replace(token=order.token) if command.action is Action.FAIL else command


@mutant("test_superseded_reports_are_refused", "test_table_under_an_older_token")
class ReleaseIsNotFenced(_Misreads):
    """A superseded attempt gives the present one's order away."""

    def misread(self, command: Command, order: Order) -> Command:
        """Overlook the token."""
        return command._replace(token=order.token) if command.action is Action.RELEASE else command


@mutant("test_failure", "test_reports_with_mixed_fates", "test_table_fail")
class FailureIsARetry(_Misreads):
    """An order that failed for good is tried again."""

    def misread(self, command: Command, order: Order) -> Command:  # noqa: ARG002 - the hook's signature
        """Take one report for the other."""
        return command._replace(action=Action.RETRY) if command.action is Action.FAIL else command


@mutant("test_retry", "test_no_claim_before_the_retry_is_due", "test_table_retry")
class RetryIsAFailure(_Misreads):
    """The first error ends an order that has attempts left."""

    def misread(self, command: Command, order: Order) -> Command:  # noqa: ARG002 - the hook's signature
        """Take one report for the other."""
        return command._replace(action=Action.FAIL) if command.action is Action.RETRY else command


@mutant("test_release", "test_table_release")
class ReleaseIsARetry(_Misreads):
    """A process that drains charges its orders with a failure."""

    def misread(self, command: Command, order: Order) -> Command:  # noqa: ARG002 - the hook's signature
        """Take one report for the other."""
        return command._replace(action=Action.RETRY) if command.action is Action.RELEASE else command


@mutant("test_retry", "test_no_claim_before_the_retry_is_due", "test_table_retry")
class RetryIsARelease(_Misreads):
    """Errors that the processor raised are not counted."""

    def misread(self, command: Command, order: Order) -> Command:  # noqa: ARG002 - the hook's signature
        """Take one report for the other."""
        return command._replace(action=Action.RELEASE) if command.action is Action.RETRY else command


@mutant("test_expected_version_is_compared")
class ExpectedVersionIsIgnored(_Misreads):
    """If-Match is not looked at."""

    def misread(self, command: Command, order: Order) -> Command:  # noqa: ARG002 - the hook's signature
        """Expect nothing."""
        return command._replace(expected_version=None)


@mutant("test_retry", "test_no_claim_before_the_retry_is_due", "test_table_retry")
class RetryHasNoDelay(_Misreads):
    """A retry is due at once."""

    def misread(self, command: Command, order: Order) -> Command:  # noqa: ARG002 - the hook's signature
        """Drop the delay."""
        return command._replace(delay=0.0)


@mutant("test_failure", "test_cancel_before_the_first_claim", "test_texts_are_exact")
class ReasonIsLost(_Misreads):
    """Nobody learns why."""

    def misread(self, command: Command, order: Order) -> Command:  # noqa: ARG002 - the hook's signature
        """Drop the reason."""
        return command._replace(reason=None)


@mutant("test_reports_with_mixed_fates", "test_batch_is_applied_in_order")
class RefusalFailsTheWholeBatch(OneByOne):
    """One report that is refused takes its whole batch down with it."""

    async def apply(self, commands: Sequence[Command]) -> Sequence[Applied]:
        """Look for a refusal first."""
        now = self._clock.now()
        for command in commands:
            refusal = act(self._orders.get(command.order_id), command, now)
            if isinstance(refusal, Refusal):
                return [Applied(refusal.reason, self._orders.get(each.order_id)) for each in commands]
        return await super().apply(commands)


@mutant("test_batch_is_applied_in_order", "test_reports_with_mixed_fates")
class BatchIsAppliedBackwards(OneByOne):
    """A batch is applied in another order than it was given."""

    async def apply(self, commands: Sequence[Command]) -> Sequence[Applied]:
        """Begin at the end."""
        return list(await super().apply(commands[::-1]))[::-1]


@mutant("test_repeated_reports_are_applied_once", "test_table_complete", "test_reports_with_mixed_fates")
class RepeatedReportIsLost(OneByOne):
    """A report that is sent again after a lost answer is answered as superseded."""

    def _apply_one(self, command: Command, now: datetime) -> Applied:
        order = self._orders.get(command.order_id)
        if command.action in REPORTS and order is not None and not order.leased:
            return Applied(RefusalReason.LOST, order)
        return super()._apply_one(command, now)


@mutant("test_repeated_reports_are_applied_once", "test_table_complete")
class RepeatedCompletionIsToldAgain(OneByOne):
    """A completion that is sent again writes a second event."""

    def _apply_one(self, command: Command, now: datetime) -> Applied:
        before = self._orders.get(command.order_id)
        applied = super()._apply_one(command, now)
        if before is not None and before.status is Status.COMPLETED and applied.refusal is None:
            after = replace(before, version=before.version + 1)
            last = self._history.of(command.order_id, before.version - 1, 1)[-1]
            self._commit(before, after, last._replace(version=after.version))
            return Applied(None, after)
        return applied


@mutant("test_late_reports_hold_if_nobody_took_the_order", "test_table_complete")
class LateReportIsRefused(OneByOne):
    """A report after the end of the lease is lost, although nobody took the order."""

    def _apply_one(self, command: Command, now: datetime) -> Applied:
        order = self._orders.get(command.order_id)
        late = order is not None and order.lease_ends is not None and order.lease_ends <= now
        if late and command.action in REPORTS:
            return Applied(RefusalReason.LOST, order)
        return super()._apply_one(command, now)


@mutant("test_cancel_of_a_running_order_is_a_request", "test_table_cancel")
class CancelTakesTheOrderFromItsWorker(OneByOne):
    """A cancel ends an order under the hands of the one who runs it."""

    def _apply_one(self, command: Command, now: datetime) -> Applied:
        before = self._orders.get(command.order_id)
        if command.action is not Action.CANCEL or before is None or not before.leased:
            return super()._apply_one(command, now)
        decision = act(replace(before, lease_ends=None), command, now)
        if isinstance(decision, Refusal) or decision.event is None:
            return super()._apply_one(command, now)
        self._commit(before, decision.order, decision.event)
        return Applied(None, decision.order)


@mutant("test_reports_on_a_marked_order", "test_table_retry", "test_table_release")
class CancelRequestDoesNotOutlastTheReport(OneByOne):
    """A retry or a release of an order that is to be cancelled gives it back to be run again."""

    def _apply_one(self, command: Command, now: datetime) -> Applied:
        before = self._orders.get(command.order_id)
        if before is None or not before.cancel_requested or command.action not in {Action.RETRY, Action.RELEASE}:
            return super()._apply_one(command, now)
        decision = act(replace(before, cancel_requested=False), command, now)
        if isinstance(decision, Refusal) or decision.event is None:
            return super()._apply_one(command, now)
        self._commit(before, decision.order, decision.event)
        return Applied(None, decision.order)


class _CommitsDifferently(OneByOne):
    """Changes what is committed with a certain event."""

    def _commit(self, before: Order | None, after: Order, *events: Event) -> None:
        if before is None or not events:
            super()._commit(before, after, *events)
            return
        super()._commit(before, *self.spoil(before, after, *events))

    def spoil(self, before: Order, after: Order, event: Event) -> tuple[Order, Event]:
        """Return what this mutant commits instead."""
        raise NotImplementedError


@mutant("test_redrive_begins_a_new_round", "test_spent_token_stays_spent_over_rounds", "test_table_redrive")
class TokenStartsAgainAtRedrive(_CommitsDifferently):
    """A new round begins with token 0, so that a report of the last round may hit the new one."""

    def spoil(self, before: Order, after: Order, event: Event) -> tuple[Order, Event]:  # noqa: ARG002 - the hook's
        """Forget the token."""
        return (replace(after, token=0) if event.type is EventType.REDRIVEN else after), event


@mutant("test_redrive_begins_a_new_round", "test_table_redrive")
class AttemptsGoOnAfterRedrive(_CommitsDifferently):
    """A new round begins with the attempts of the last one spent."""

    def spoil(self, before: Order, after: Order, event: Event) -> tuple[Order, Event]:
        """Keep the count."""
        return (replace(after, attempts=before.attempts) if event.type is EventType.REDRIVEN else after), event


@mutant("test_release", "test_table_release", "test_history_replays_to_the_order")
class ReleaseCountsAsAnAttempt(_CommitsDifferently):
    """Draining a process uses up an attempt of every order it ran."""

    def spoil(self, before: Order, after: Order, event: Event) -> tuple[Order, Event]:
        """Keep the count."""
        return (replace(after, attempts=before.attempts) if event.type is EventType.RELEASED else after), event


@mutant("test_times_never_run_backwards")
class TimesRunBackwards(_CommitsDifferently):
    """Times are stamped as the clock shows them, set back or not."""

    def spoil(self, before: Order, after: Order, event: Event) -> tuple[Order, Event]:  # noqa: ARG002 - the hook's
        """Stamp the bare time."""
        now = self._clock.now()
        return replace(after, updated_at=now), event._replace(at=now)
