"""Planted bugs: small changes to the engine that a careless author might make, and the test that has to notice each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from math import inf
from random import Random
from typing import Any, NamedTuple

import pytest

from order_engine import OrderEngineError, Unavailable
from order_engine.application import retry_policy, waiters
from order_engine.application.calls import calls
from order_engine.application.calls.adaptive_limit import AdaptiveLimit
from order_engine.application.calls.availability import Availability
from order_engine.application.calls.group_commit import GroupCommit
from order_engine.application.context import EngineContext
from order_engine.application.doorbell import Doorbell
from order_engine.application.retry_policy import RetryPolicy
from order_engine.application.runtime import Runtime
from order_engine.application.time_limits import TimeLimit, TimeLimits
from order_engine.application.waiters import Waiters
from order_engine.application.worker import leases, worker
from order_engine.application.worker.attempts import Attempt, Attempts, OwnLeases, StopReason
from order_engine.application.worker.claim_slots import ClaimSlots
from order_engine.application.worker.claimer import Claimer
from order_engine.application.worker.leases import Leases
from order_engine.application.worker.renewal_capacity import RenewalCapacity
from order_engine.application.worker.reporter import Report, Reporter
from order_engine.application.worker.starter import Starter
from order_engine.application.worker.worker import Worker
from order_engine.domain.commands import Action, Command
from order_engine.domain.order import Order
from order_engine.domain.suspects import SuspectRoom
from order_engine.ports.repository import Applied
from tests.unit.application import (
    test_acting,
    test_batching,
    test_capacity,
    test_claim_bounds,
    test_claiming,
    test_draining,
    test_engine,
    test_leasing,
    test_placing,
    test_reporting,
    test_starting,
    test_waiting,
    test_worker,
)

Scenario = Callable[[], Awaitable[None]]
Plant = Callable[[pytest.MonkeyPatch], None]


class PlantedBug(NamedTuple):
    """A bug, how it is planted, and the scenario that fails with it and only with it."""

    name: str
    plant: Plant
    scenario: Scenario

    def __str__(self) -> str:
        """Return one line of the table."""
        return f"{self.name:<62} {getattr(self.scenario, '__name__', '')}"


BUGS: list[PlantedBug] = []


def noticed_by(scenario: Scenario) -> Callable[[Plant], Plant]:
    """Enter a bug, by its function's docstring, with the scenario that notices it."""

    def enter(plant: Plant) -> Plant:
        BUGS.append(PlantedBug((plant.__doc__ or "").rstrip("."), plant, scenario))
        return plant

    return enter


# The batcher and placing


@noticed_by(test_batching.test_a_caller_is_answered_after_its_own_commit_and_not_before)
def answers_before_the_commit(patch: pytest.MonkeyPatch) -> None:
    """Answer a batch when it is taken, before its commit."""
    outcomes = GroupCommit._outcomes  # noqa: SLF001 - a planted bug changes what is inside

    async def early(self: GroupCommit[Any, Any], batch: Sequence[Any]) -> Any:  # noqa: ANN401 - whatever they are
        for item, _, receiver, _ in batch:
            receiver.set_result(item.upper())
        return await outcomes(self, batch)

    patch.setattr(GroupCommit, "_outcomes", early)


@noticed_by(test_batching.test_a_caller_cancelled_during_its_transaction_harms_no_other)
def a_cancelled_caller_fails_the_batch(patch: pytest.MonkeyPatch) -> None:
    """Fail the whole batch where one caller is gone."""
    untouched = GroupCommit._outcomes  # noqa: SLF001 - a planted bug changes what is inside

    async def fragile(self: GroupCommit[Any, Any], batch: Sequence[Any]) -> Any:  # noqa: ANN401 - whatever they are
        commit = self._commit

        async def commit_or_fail(items: Sequence[Any]) -> Any:  # noqa: ANN401 - whatever it is
            outcomes = await commit(items)
            if any(receiver.cancelled() for _, _, receiver, _ in batch):
                message = "somebody left"
                raise Unavailable(message)
            return outcomes

        patch.setattr(self, "_commit", commit_or_fail)
        answers = await untouched(self, batch)
        patch.setattr(self, "_commit", commit)
        return answers

    patch.setattr(GroupCommit, "_outcomes", fragile)


@noticed_by(test_batching.test_a_caller_cancelled_before_its_transaction_harms_no_other)
def a_cancelled_caller_travels_all_the_same(patch: pytest.MonkeyPatch) -> None:
    """Make a placing although its caller was gone before its transaction."""

    def take_all(self: GroupCommit[Any, Any]) -> list[Any]:
        batch = list(self._waiting)
        self._waiting.clear()
        self._waiting_bytes = 0
        self._arrived.clear()
        self._room.set()
        return batch

    patch.setattr(GroupCommit, "_take", take_all)


@noticed_by(test_batching.test_the_engine_refuses_what_it_cannot_hold)
def never_overloaded(patch: pytest.MonkeyPatch) -> None:
    """Never say Overloaded: let what waits grow without bound."""
    patch.setattr(GroupCommit, "has_room", property(lambda _: True))


@noticed_by(test_batching.test_a_slow_transaction_makes_the_next_ones_smaller_and_quick_ones_larger_again)
def does_not_adapt(patch: pytest.MonkeyPatch) -> None:
    """Keep transactions as large as ever, however slow they are."""
    patch.setattr(GroupCommit, "_adapt", lambda *_: None)


@noticed_by(test_batching.test_nobody_is_left_without_an_answer_when_run_is_cancelled)
def leaves_callers_waiting(patch: pytest.MonkeyPatch) -> None:
    """End the batcher without answering those who wait."""
    patch.setattr(GroupCommit, "_close", lambda *_: None)


@noticed_by(test_batching.test_an_unknown_outcome_is_asked_again_and_answered_once)
def guesses_unknown_outcomes(patch: pytest.MonkeyPatch) -> None:
    """Do not ask again for an unknown outcome."""

    async def once_only(
        self: calls.RepositoryCalls, operation: str, orders: int, call: Callable[[], Awaitable[Any]]
    ) -> Any:  # noqa: ANN401
        return await self.once(operation, orders, call())

    patch.setattr(calls.RepositoryCalls, "until_known", once_only)


@noticed_by(test_placing.test_failed_placings_give_their_slots_back)
def promised_slots_are_lost(patch: pytest.MonkeyPatch) -> None:
    """Keep the slots promised to a placing that failed."""
    patch.setattr(ClaimSlots, "__exit__", lambda *_: None)


@noticed_by(test_claiming.test_new_orders_do_not_overtake_a_known_backlog)
def new_orders_overtake(patch: pytest.MonkeyPatch) -> None:
    """Let new orders be born claimed although older ones wait."""
    patch.setattr(Claimer, "backlog", property(lambda _: False))


@noticed_by(test_placing.test_place_many_that_is_cancelled_leaves_out_what_has_not_begun)
def place_many_goes_on_without_its_caller(patch: pytest.MonkeyPatch) -> None:
    """Place what a cancelled `place_many` had handed in."""
    patch.setattr("order_engine.application.placer._cancel_pending", lambda _: None)


# Claiming


@noticed_by(test_claiming.test_no_claim_asks_for_more_than_the_free_slots)
def claims_beyond_its_slots(patch: pytest.MonkeyPatch) -> None:
    """Claim whole batches, however few slots are free."""
    patch.setattr(Claimer, "_batch", lambda _: 20)


@noticed_by(test_claiming.test_the_poll_finds_what_the_queue_lost)
def no_poll(patch: pytest.MonkeyPatch) -> None:
    """Do not poll."""
    patch.setattr(Claimer, "poll", lambda self: self._context.clock.sleep(1e9))


@noticed_by(test_claiming.test_the_queue_wakes_a_free_worker_without_the_poll)
def no_doorbell(patch: pytest.MonkeyPatch) -> None:
    """Do not ring."""
    patch.setattr(Doorbell, "ring", lambda *_: None)


@noticed_by(test_claiming.test_the_queue_wakes_a_free_worker_without_the_poll)
def nobody_listens(patch: pytest.MonkeyPatch) -> None:
    """Do not listen to the bell."""
    patch.setattr(Claimer, "listen", lambda self: self._context.clock.sleep(1e9))


@noticed_by(test_claiming.test_a_lost_claim_is_asked_for_again)
def lost_claims_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    """Forget a claim that was not answered, and its orders with it."""
    patch.setattr(Claimer, "_repeat", lambda _, unanswered: unanswered.release())


@noticed_by(test_claiming.test_asking_again_for_a_claim_does_not_wait_as_long_as_a_claim)
def lost_claims_are_asked_for_with_patience(patch: pytest.MonkeyPatch) -> None:
    """Wait as long for the answer to a claim that is asked for again as for any other."""
    patch.setattr(EngineContext, "lease_call_seconds", property(lambda self: self.options.request_seconds))


@noticed_by(test_claiming.test_an_outage_longer_than_a_lease_counts_against_no_order)
def late_claims_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    """Let go of an unanswered claim when its lease has ended."""
    ask_again = Claimer._ask_again  # noqa: SLF001 - a planted bug changes what is inside

    async def let_go_late(self: Claimer, unanswered: Any) -> None:  # noqa: ANN401 - whatever it is
        if self._context.clock.monotonic() < unanswered.asked + unanswered.terms.lease_seconds:
            await ask_again(self, unanswered)
            return
        self._unanswered.popleft()
        unanswered.release()

    patch.setattr(Claimer, "_ask_again", let_go_late)


@noticed_by(test_claiming.test_ended_leases_are_left_alone_for_one_renewal_after_an_outage)
def takes_leases_right_after_an_outage(patch: pytest.MonkeyPatch) -> None:
    """Take ended leases as soon as the repository is back."""
    patch.setattr(Availability, "may_take_ended_leases", property(lambda _: True))


@noticed_by(test_claiming.test_ended_leases_are_taken_once_the_holders_had_their_chance)
def never_takes_leases_after_an_outage(patch: pytest.MonkeyPatch) -> None:
    """Never take ended leases again after an outage."""
    patch.setattr(
        Availability,
        "may_take_ended_leases",
        property(lambda self: not self.unavailable and self._back_since is None),
    )


@noticed_by(test_claiming.test_suspects_run_in_ever_smaller_company)
def suspects_without_limit(patch: pytest.MonkeyPatch) -> None:
    """Let suspects run in any company."""
    patch.setattr(Attempts, "suspect_room", property(lambda _: SuspectRoom(1 << 60)))


# The worker


@noticed_by(test_worker.test_a_rejected_order_is_never_retried)
def retries_a_rejected_order(patch: pytest.MonkeyPatch) -> None:
    """Retry a rejected order like any other."""

    class Other(Exception):
        """Not raised by anybody."""

    patch.setattr(retry_policy, "Rejected", Other)


@noticed_by(test_worker.test_retries_keep_within_the_backoff_and_its_cap)
def backoff_without_jitter(patch: pytest.MonkeyPatch) -> None:
    """Wait as long as the backoff allows, without jitter."""

    def stiff(exponent: int, first: float, cap: float, _: Random) -> float:
        return min(cap, first * 2.0**exponent)

    patch.setattr(retry_policy, "full_jitter", stiff)


@noticed_by(test_worker.test_retries_keep_within_the_backoff_and_its_cap)
def backoff_without_cap(patch: pytest.MonkeyPatch) -> None:
    """Let the wait between attempts grow without cap."""
    full_jitter = retry_policy.full_jitter
    patch.setattr(
        retry_policy, "full_jitter", lambda exponent, first, _, random: full_jitter(exponent, first, 1e6, random)
    )


@noticed_by(test_worker.test_failures_are_retried_until_the_attempts_are_spent)
def one_attempt_too_many(patch: pytest.MonkeyPatch) -> None:
    """Fail an order one failure too late."""
    after_failure = RetryPolicy.after_failure

    def generous(self: RetryPolicy, order: Order, error: BaseException, random: Random) -> Command:
        return after_failure(replace(self, max_attempts=self.max_attempts + 1), order, error, random)

    patch.setattr(RetryPolicy, "after_failure", generous)


@noticed_by(test_worker.test_slots_come_back_after_every_kind_of_end)
def slots_of_failures_are_lost(patch: pytest.MonkeyPatch) -> None:
    """Do not free the slot of an attempt that failed."""
    reported = Worker._reported  # noqa: SLF001 - a planted bug changes what is inside

    def forgetful(self: Worker, reports: Sequence[Report], answers: Sequence[Applied | None]) -> None:
        for report, answer in zip(reports, answers, strict=True):
            if report.command.action is Action.COMPLETE:
                reported(self, [report], [answer])

    patch.setattr(Worker, "_reported", forgetful)


@noticed_by(test_worker.test_a_processor_that_hangs_is_cancelled_when_its_time_is_up)
def attempts_without_time_limit(patch: pytest.MonkeyPatch) -> None:
    """Let an attempt take for ever."""
    stop = Attempt.stop

    def deaf(self: Attempt, reason: StopReason, now: float) -> None:
        if reason is not StopReason.TIMED_OUT:
            stop(self, reason, now)

    patch.setattr(Attempt, "stop", deaf)


@noticed_by(test_worker.test_a_processor_that_ignores_cancellation_keeps_its_slot_and_loses_its_order)
def stubborn_processors_keep_their_orders(patch: pytest.MonkeyPatch) -> None:
    """Never give up a processor that does not stop."""
    patch.setattr(Worker, "_give_up", lambda *_: None)


@noticed_by(test_acting.test_a_running_processor_is_told_at_once_in_the_same_process)
def cancel_requests_wait_for_the_renewal(patch: pytest.MonkeyPatch) -> None:
    """Tell a processor in the same process of a cancellation at its renewal only."""
    patch.setattr(Worker, "cancel_requested", lambda *_: None)


@noticed_by(test_acting.test_a_processor_in_another_process_is_told_at_its_next_renewal)
def cancel_requests_are_ignored(patch: pytest.MonkeyPatch) -> None:
    """Ignore that a cancellation was requested."""
    stop = Attempt.stop

    def deaf(self: Attempt, reason: StopReason, now: float) -> None:
        if reason is not StopReason.CANCEL_REQUESTED:
            stop(self, reason, now)

    patch.setattr(Attempt, "stop", deaf)


# What fits, and what can be renewed


@noticed_by(test_capacity.test_a_repository_that_recovers_is_used_again)
def more_is_claimed_than_renewals_carry(patch: pytest.MonkeyPatch) -> None:
    """Claim as many as the concurrency allows, however slow renewals are."""
    patch.setattr(Attempts, "set_bound", lambda *_: None)


@noticed_by(test_capacity.test_processors_that_are_stuck_take_no_room_beside_others_that_are_renewed)
def what_was_given_up_takes_room(patch: pytest.MonkeyPatch) -> None:
    """Count attempts without a lease among those that renewals carry."""
    patch.setattr(RenewalCapacity, "_without_lease", property(lambda _: 0, lambda *_: None), raising=False)


@noticed_by(test_capacity.test_claims_leave_own_leases_alone)
def own_leases_are_taken(patch: pytest.MonkeyPatch) -> None:
    """Take over what runs here, where the repository takes its lease for ended."""
    patch.setattr(OwnLeases, "__contains__", lambda *_: False)


@noticed_by(test_capacity.test_an_order_that_is_handed_out_again_goes_on_where_it_runs)
def an_order_runs_twice_in_one_process(patch: pytest.MonkeyPatch) -> None:
    """Begin a second attempt beside the one that runs."""
    patch.setattr(Attempts, "_continues", lambda *_: False)


@noticed_by(test_claim_bounds.test_an_answer_that_is_too_large_is_fetched_in_portions)
def claims_never_become_smaller(patch: pytest.MonkeyPatch) -> None:
    """Ask for as much again after a claim that took too long."""
    patch.setattr(AdaptiveLimit, "_halve", lambda *_: None)


@noticed_by(test_claim_bounds.test_a_claim_takes_what_fits_and_the_rest_follows_at_once)
def what_a_claim_left_out_waits_for_the_poll(patch: pytest.MonkeyPatch) -> None:
    """Overlook that a claim was full in bytes."""
    adapting = Claimer._adapting  # noqa: SLF001 - a planted bug changes what is inside

    async def content(self: Claimer, *arguments: Any) -> Any:  # noqa: ANN401 - whatever they are
        return replace(await adapting(self, *arguments), more=False)

    patch.setattr(Claimer, "_adapting", content)


# Leases


@noticed_by(test_leasing.test_a_long_processor_is_not_taken_over)
def never_renews(patch: pytest.MonkeyPatch) -> None:
    """Never renew a lease."""
    patch.setattr(Leases, "renew", lambda self: self._context.clock.sleep(1e9))


@noticed_by(test_leasing.test_a_worker_stops_before_a_lease_that_it_could_not_renew_ends)
def runs_on_after_its_lease(patch: pytest.MonkeyPatch) -> None:
    """Let a processor run past a lease that could not be renewed."""
    patch.setattr(leases, "MARGIN", -1.0)


@noticed_by(test_leasing.test_a_worker_stops_before_a_lease_that_it_could_not_renew_ends)
def an_outage_counts_as_a_failure(patch: pytest.MonkeyPatch) -> None:
    """Report a stop because of the lease as a failure of the attempt."""

    def blame(self: Worker, attempt: Attempt) -> Command:
        return self._policy.after_failure(attempt.order, TimeoutError("stopped"), self._context.random)

    patch.setattr(Worker, "_report_on_stopped", blame)


@noticed_by(test_leasing.test_a_renewal_that_finds_the_order_taken_stops_the_processor)
def superseded_processors_run_on(patch: pytest.MonkeyPatch) -> None:
    """Go on although the token is not current any more."""
    patch.setattr(Leases, "_superseded", lambda *_: None)


@noticed_by(test_leasing.test_renewals_do_not_stop_for_one_that_failed)
def one_failed_renewal_ends_the_attempt(patch: pytest.MonkeyPatch) -> None:
    """Do not try a failed renewal again before the next round."""
    renew_all = Leases._renew_all  # noqa: SLF001 - a planted bug changes what is inside

    async def content(self: Leases, wanted: Iterable[Attempt]) -> bool:
        await renew_all(self, wanted)
        return True

    patch.setattr(Leases, "_renew_all", content)


# Reports


@noticed_by(test_reporting.test_every_report_carries_the_token_of_its_attempt)
def reports_without_token(patch: pytest.MonkeyPatch) -> None:
    """Report without a token."""
    report = Reporter.report

    def anonymous(self: Reporter, attempt: Attempt, command: Command) -> None:
        report(self, attempt, command._replace(token=None))

    patch.setattr(Reporter, "report", anonymous)


@noticed_by(test_leasing.test_a_paused_attempt_cannot_complete_what_another_is_working_on)
def reports_under_the_token_of_the_day(patch: pytest.MonkeyPatch) -> None:
    """Report under whichever token the order has by now."""
    commit = Reporter._commit  # noqa: SLF001 - a planted bug changes what is inside

    async def presumptuous(self: Reporter, reports: Sequence[Report]) -> Sequence[Applied | OrderEngineError]:
        orders: dict[str, Order] = {}
        while not orders:
            try:
                orders = dict(await self._context.repository.get([each.command.order_id for each in reports]))
            except Unavailable:
                await self._context.clock.sleep(0.5)
        for report in reports:
            report.command = report.command._replace(token=orders[report.command.order_id].token)
        return await commit(self, reports)

    patch.setattr(Reporter, "_commit", presumptuous)


@noticed_by(test_reporting.test_a_report_is_repeated_until_it_is_accepted)
def reports_once_only(patch: pytest.MonkeyPatch) -> None:
    """Do not repeat a report that could not be made."""

    async def once_only(self: Reporter, reports: Sequence[Report]) -> Sequence[Applied]:
        commands = [report.command for report in reports]
        call = self._context.repository.apply(commands)
        return await self._context.calls.once("apply", len(commands), call)

    patch.setattr(Reporter, "_commit", once_only)


@noticed_by(test_reporting.test_an_engine_that_ends_between_two_halves_ends_in_order)
def answers_reports_twice(patch: pytest.MonkeyPatch) -> None:
    """Answer a report once more when the engine ends."""
    patch.setattr("order_engine.application.worker.reporter.Report.done", lambda _: False)


# Calls


@noticed_by(test_engine.test_a_question_has_a_time_limit)
def calls_without_time_limit(patch: pytest.MonkeyPatch) -> None:
    """Wait for an answer of the repository for ever."""
    patch.setattr(TimeLimit, "expire_after", lambda *_: None)


@noticed_by(test_engine.test_nobody_who_asked_is_left_without_an_answer_when_the_engine_ends)
def calls_outlive_the_engine(patch: pytest.MonkeyPatch) -> None:
    """Leave calls under way without a time limit when the engine ends."""
    expire = TimeLimits._expire  # noqa: SLF001 - a planted bug changes what is inside
    patch.setattr(TimeLimits, "_expire", lambda self, now: None if now == inf else expire(self, now))


@noticed_by(test_placing.test_the_engine_becomes_ready_again_although_nobody_asks)
def stays_away(patch: pytest.MonkeyPatch) -> None:
    """Do not look whether the repository is back where nobody asks."""
    patch.setattr(Runtime, "_probe", lambda self: self._context.clock.sleep(1e9))


# Waiting


@noticed_by(test_waiting.test_an_order_that_ends_in_another_process_is_found_by_the_poll)
def waiters_do_not_poll(patch: pytest.MonkeyPatch) -> None:
    """Never notice an end in another process."""
    patch.setattr(Waiters, "poll", lambda self: self._context.clock.sleep(1e9))


@noticed_by(test_waiting.test_an_order_that_ends_later_is_returned_then)
def waiters_only_poll(patch: pytest.MonkeyPatch) -> None:
    """Notice an end in the same process by the poll only."""
    check_soon = Waiters.check_soon

    def look_once(self: Waiters, order_id: str) -> None:
        if not any(future.done() for future in self._waiting.get(order_id, ())) and order_id not in seen:
            seen.add(order_id)
            check_soon(self, order_id)

    seen: set[str] = set()
    patch.setattr(Waiters, "check_soon", look_once)


@noticed_by(test_waiting.test_all_who_wait_share_one_question)
def one_question_for_each_waiter(patch: pytest.MonkeyPatch) -> None:
    """Ask about each order that is waited for by itself."""
    patch.setattr(waiters, "ORDERS_PER_CHECK", 1)


@noticed_by(test_draining.test_who_waits_for_an_order_is_told_when_the_engine_ends)
def waiters_are_left_behind(patch: pytest.MonkeyPatch) -> None:
    """End the engine without telling those who wait for an order."""
    patch.setattr(Waiters, "_close", lambda *_: None)


# Draining


@noticed_by(test_draining.test_no_new_claims_while_draining)
def claims_while_draining(patch: pytest.MonkeyPatch) -> None:
    """Go on claiming while draining."""
    patch.setattr(Worker, "stop_claiming", lambda *_: None)


@noticed_by(test_draining.test_what_is_left_after_the_grace_time_is_released_at_once)
def leaves_leases_to_lapse(patch: pytest.MonkeyPatch) -> None:
    """Leave what is left after the grace time to its leases."""

    async def lazy(self: Worker, grace_seconds: float) -> None:
        await self._within(grace_seconds, self._attempts.none())

    patch.setattr(Worker, "drain", lazy)


@noticed_by(test_draining.test_running_work_gets_its_grace_time)
def no_grace(patch: pytest.MonkeyPatch) -> None:
    """Stop running work at once when draining."""
    drain = Worker.drain
    patch.setattr(Worker, "drain", lambda self, _: drain(self, 0))


@noticed_by(test_draining.test_a_stubborn_processor_is_given_up_at_the_end_of_a_drain)
def waits_for_stubborn_processors(patch: pytest.MonkeyPatch) -> None:
    """Wait at a drain for a processor that ignores its cancellation."""
    patch.setattr(worker, "LONGEST_STOP_AT_DRAIN", 1e9)
    drain = Worker.drain

    async def patient(self: Worker, grace_seconds: float) -> None:
        patch.setattr(self._context.options.__class__, "stop_seconds", 1e9)
        await drain(self, grace_seconds)

    patch.setattr(Worker, "drain", patient)


@noticed_by(test_draining.test_a_killed_engine_leaves_no_task_either)
def swallows_the_engines_cancellation(patch: pytest.MonkeyPatch) -> None:
    """Swallow the engine's own cancellation of an attempt, and report it."""
    patch.setattr(Worker, "_is_abandoned", property(lambda _: False, lambda *_: None), raising=False)


@noticed_by(test_draining.test_placings_under_way_are_finished)
def drain_forgets_placings(patch: pytest.MonkeyPatch) -> None:
    """Do not wait at a drain for placings under way."""

    async def at_once(_: GroupCommit[Any, Any]) -> None:
        await asyncio.sleep(0)

    patch.setattr(GroupCommit, "idle", at_once)


@noticed_by(test_draining.test_an_order_that_arrives_after_the_drain_is_released_not_run)
def late_claims_run_in_a_drained_engine(patch: pytest.MonkeyPatch) -> None:
    """Start orders of a claim that is answered after the drain."""
    patch.setattr(Worker, "_grace_is_over", property(lambda _: False, lambda *_: None), raising=False)


# Starting, and blocks of the event loop


@noticed_by(test_leasing.test_leases_that_ended_while_the_loop_was_blocked_are_renewed_before_anybody_is_stopped)
def stops_before_it_asks(patch: pytest.MonkeyPatch) -> None:
    """Stop attempts after a block without asking whose their orders are."""

    async def go_on(_self: Leases, _seconds: float) -> None:
        await asyncio.sleep(0)

    patch.setattr(Leases, "_resume_after_block", go_on)


@noticed_by(test_starting.test_a_cancel_reaches_an_attempt_that_has_not_begun)
def cancels_only_what_has_begun(patch: pytest.MonkeyPatch) -> None:
    """Let a cancel pass by an attempt that waits for its turn."""
    stop = Attempt.stop

    def late(self: Attempt, reason: StopReason, now: float) -> None:
        if self.begun:
            stop(self, reason, now)

    patch.setattr(Attempt, "stop", late)


@noticed_by(test_starting.test_few_attempts_begin_in_a_turn_that_takes_long)
def begins_all_at_once(patch: pytest.MonkeyPatch) -> None:
    """Begin whatever was claimed in one turn of the event loop."""
    patch.setattr(Starter, "_take_turn", lambda _: None)
