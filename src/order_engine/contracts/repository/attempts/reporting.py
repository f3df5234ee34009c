"""Suite: reports of workers, fencing by token, and repetition."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from order_engine.contracts.expectations import expect, expect_equal
from order_engine.contracts.model.laws import check_history
from order_engine.contracts.samples import AFTER_THE_LEASE, RETRY_DELAY, placement
from order_engine.contracts.scenario import RepositorySuite, scenario
from order_engine.contracts.trial import Trial, ids
from order_engine.domain.commands import Action, Command
from order_engine.domain.decisions import RefusalReason
from order_engine.domain.events import Event, EventType
from order_engine.domain.order import Order, Status

REPORTS = (Action.COMPLETE, Action.RETRY, Action.FAIL, Action.RELEASE)
REPORTED = {
    Action.COMPLETE: EventType.COMPLETED,
    Action.RETRY: EventType.RETRIED,
    Action.FAIL: EventType.FAILED,
    Action.RELEASE: EventType.RELEASED,
}


class RepositoryReporting(RepositorySuite):
    """Tests of `apply` with complete, retry, fail and release."""

    @scenario
    async def test_completion(self, trial: Trial) -> None:
        """Completing ends the order, clears its failure, and records the attempt in the event."""
        leased = await trial.place_and_claim("order-1")
        await trial.report(leased, Action.RETRY, reason="a hiccup")
        leased = await trial.take("order-1")
        await trial.advance(3)
        await trial.report(leased, Action.COMPLETE)
        expected = _ended(leased, trial, Status.COMPLETED)
        expect_equal(await trial.order("order-1"), replace(expected, failure=None), "the completed order")
        event = Event("order-1", 5, EventType.COMPLETED, Status.COMPLETED, trial.now, token=2, attempt=2)
        expect_equal((await trial.history("order-1"))[-1], event, "the event of the completion")

    @scenario
    async def test_no_report(self, trial: Trial) -> None:
        """Without commands nothing changes and nothing is answered: the engine tries so whether writes work."""
        await trial.place_and_claim("order-1")
        before = await trial.snapshot("order-1")
        expect_equal(list(await trial.repository.apply([])), [], "the answers to no commands")
        expect_equal(await trial.snapshot("order-1"), before, "everything after no commands")

    @scenario
    async def test_failure(self, trial: Trial) -> None:
        """Failing ends the order, counts the failure and keeps the reason."""
        leased = await trial.place_and_claim("order-1")
        await trial.advance(3)
        await trial.report(leased, Action.FAIL, reason="no such article \u2013 \U0001f937")
        expected = _ended(leased, trial, Status.FAILED)
        reason = "no such article \u2013 \U0001f937"
        expect_equal(await trial.order("order-1"), replace(expected, failures=1, failure=reason), "the failed order")
        event = Event("order-1", 3, EventType.FAILED, Status.FAILED, trial.now, token=1, attempt=1, reason=reason)
        expect_equal((await trial.history("order-1"))[-1], event, "the event of the failure")

    @scenario
    async def test_retry(self, trial: Trial) -> None:
        """A retry gives the order back until its delay has passed, counts the failure and keeps the reason."""
        leased = await trial.place_and_claim("order-1")
        await trial.advance(3)
        await trial.report(leased, Action.RETRY, delay=RETRY_DELAY, reason="busy")
        expected = replace(
            leased,
            version=3,
            lease_ends=None,
            due=trial.now + timedelta(seconds=RETRY_DELAY),
            failures=1,
            failure="busy",
            updated_at=trial.now,
        )
        expect_equal(await trial.order("order-1"), expected, "the order that was put off")
        event = Event("order-1", 3, EventType.RETRIED, Status.PROCESSING, trial.now, token=1, attempt=1, reason="busy")
        expect_equal((await trial.history("order-1"))[-1], event, "the event of the retry")

    @scenario
    async def test_release(self, trial: Trial) -> None:
        """A release gives the order back at once and takes the attempt back; the token is spent all the same."""
        leased = await trial.place_and_claim("order-1")
        await trial.advance(3)
        await trial.report(leased, Action.RELEASE, reason="draining")
        expected = replace(leased, version=3, lease_ends=None, attempts=0, updated_at=trial.now)
        expect_equal(await trial.order("order-1"), expected, "the released order")
        event = Event(
            "order-1", 3, EventType.RELEASED, Status.PROCESSING, trial.now, token=1, attempt=1, reason="draining"
        )
        expect_equal((await trial.history("order-1"))[-1], event, "the event of the release")
        taken = await trial.take("order-1")
        expect_equal((taken.token, taken.attempts, taken.failures), (2, 1, 0), "token, attempts and failures after it")

    @scenario
    async def test_superseded_reports_are_refused(self, trial: Trial) -> None:
        """The report of a superseded attempt is lost and changes nothing (P2)."""
        for action in REPORTS:
            order_id = f"order-{action}"
            superseded = await trial.place_and_claim(order_id)
            await trial.advance(AFTER_THE_LEASE)
            taken = await trial.take(order_id)
            before = await trial.snapshot(order_id)
            applied = await trial.report(superseded, action, reason="too late")
            expect_equal(applied.refusal, RefusalReason.LOST, f"the answer to a superseded {action}")
            expect_equal(await trial.snapshot(order_id), before, f"what is stored after a superseded {action}")
            applied = await trial.report(taken, action, reason="in time")
            expect_equal(applied.refusal, None, f"the answer to the current attempt's {action}")

    @scenario
    async def test_late_reports_hold_if_nobody_took_the_order(self, trial: Trial) -> None:
        """The end of the lease alone does not end the token: a late report is applied."""
        for action in REPORTS:
            leased = await trial.place_and_claim(f"order-{action}")
            await trial.advance(10 * AFTER_THE_LEASE)
            applied = await trial.report(leased, action)
            expect_equal(applied.refusal, None, f"the answer to a late {action}")
            await trial.ask(leased.order_id, Action.CANCEL)

    @scenario
    async def test_repeated_reports_are_applied_once(self, trial: Trial) -> None:
        """A report that was applied under its token answers so again, and writes nothing a second time."""
        for action in REPORTS:
            leased = await trial.place_and_claim(f"order-{action}")
            await trial.report(leased, action, delay=RETRY_DELAY, reason="once")
            before = await trial.snapshot(leased.order_id)
            await trial.advance(1)
            applied = await trial.report(leased, action, delay=RETRY_DELAY, reason="once")
            expect_equal(applied.refusal, None, f"the answer to a repeated {action}")
            expect_equal(await trial.snapshot(leased.order_id), before, f"what is stored after a repeated {action}")

    @scenario
    async def test_reports_on_a_marked_order(self, trial: Trial) -> None:
        """Whichever ends first wins: complete ends as Completed, any other report as Cancelled, its reason kept."""
        for action in REPORTS:
            leased = await trial.place_and_claim(f"order-{action}")
            await trial.ask(leased.order_id, Action.CANCEL)
            await trial.report(leased, action, delay=RETRY_DELAY, reason="stopped")
            order = await trial.order(leased.order_id)
            expected = Status.COMPLETED if action is Action.COMPLETE else Status.CANCELLED
            expect_equal(order.status, expected, f"the status after {action} of a marked order")
            expect_equal((order.attempts, order.failures, order.failure), (1, 0, None), "its counts, which stay")
            last = (await trial.history(leased.order_id))[-1]
            expect_equal((last.token, last.attempt, last.reason), (1, 1, "stopped"), "token, attempt and reason")
        expect(not (await trial.claim()).orders, "a marked order that was reported on is not handed out again")

    @scenario
    async def test_reports_with_mixed_fates(self, trial: Trial) -> None:
        """Each report of a batch has its own outcome, in the order given; one that is refused fails alone."""
        names = [f"order-{number}" for number in range(4)]
        await trial.add(*map(placement, names))
        await trial.claim()
        applied = await trial.apply(
            Command("order-0", Action.COMPLETE, token=1),
            Command("order-1", Action.COMPLETE, token=9),
            Command("nobody", Action.COMPLETE, token=1),
            Command("order-2", Action.FAIL, token=1, reason="no"),
            Command("order-0", Action.COMPLETE, token=1),
            Command("order-2", Action.COMPLETE, token=1),
            Command("order-3", Action.RELEASE, token=1),
        )
        lost, unknown = RefusalReason.LOST, RefusalReason.UNKNOWN
        expected = [None, lost, unknown, None, None, lost, None]
        expect_equal([each.refusal for each in applied], expected, "the outcomes of a mixed batch of reports")
        orders = await trial.repository.get(names)
        statuses = [orders[name].status for name in names]
        expected_statuses = [Status.COMPLETED, Status.PROCESSING, Status.FAILED, Status.PROCESSING]
        expect_equal(statuses, expected_statuses, "the statuses after a mixed batch of reports")
        for name in names:
            check_history(await trial.history(name))

    @scenario
    async def test_batch_is_applied_in_order(self, trial: Trial) -> None:
        """Commands on one order in one batch take effect one after the other, each seeing the one before."""
        await trial.place_and_claim("order-1")
        applied = await trial.apply(
            Command("order-1", Action.FAIL, token=1, reason="no"),
            Command("order-1", Action.REDRIVE, expected_version=3),
            Command("order-1", Action.FAIL, token=1, reason="no"),
            Command("order-1", Action.CANCEL),
            Command("order-1", Action.REDRIVE),
        )
        expected = [None, None, RefusalReason.LOST, None, RefusalReason.ILLEGAL]
        expect_equal([each.refusal for each in applied], expected, "the outcomes of five commands on one order")
        versions = [each.order.version for each in applied if each.order is not None and each.refusal is None]
        expect_equal(versions[-1], 5, "the version answered for the last command that was applied")
        types = [event.type for event in await trial.history("order-1")]
        steps = [EventType.PLACED, EventType.CLAIMED, EventType.FAILED, EventType.REDRIVEN, EventType.CANCELLED]
        expect_equal(types, steps, "the history of five commands on one order")

    @scenario
    async def test_ended_orders_are_not_claimed(self, trial: Trial) -> None:
        """However an order ended, no claim finds it again, whatever time passes."""
        for action in (Action.COMPLETE, Action.FAIL):
            await trial.report(await trial.place_and_claim(f"order-{action}"), action)
        await trial.place("order-cancelled")
        await trial.ask("order-cancelled", Action.CANCEL)
        await trial.advance(10 * AFTER_THE_LEASE)
        for names in (None, ["order-complete", "order-fail", "order-cancelled"]):
            claimed = await trial.claim(order_ids=names)
            expect_equal((ids(claimed.orders), ids(claimed.ended)), ([], []), "what is claimed and ended of them")


def _ended(leased: Order, trial: Trial, status: Status) -> Order:
    return replace(
        leased,
        status=status,
        version=leased.version + 1,
        lease_ends=None,
        updated_at=trial.now,
        ended_at=trial.now,
    )
