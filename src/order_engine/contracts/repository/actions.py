"""Suite: actions of clients and operators (cancel, redrive), with and without an expected version."""

from __future__ import annotations

from dataclasses import replace

from order_engine.contracts.expectations import expect_equal
from order_engine.contracts.model.laws import check_history
from order_engine.contracts.samples import AFTER_THE_LEASE, placement
from order_engine.contracts.scenario import RepositorySuite, scenario
from order_engine.contracts.trial import Trial, ids
from order_engine.domain.commands import Action, Command
from order_engine.domain.decisions import RefusalReason
from order_engine.domain.events import Event, EventType
from order_engine.domain.order import Order, Status


class RepositoryActions(RepositorySuite):
    """Tests of `apply` with cancel and redrive."""

    @scenario
    async def test_cancel_before_the_first_claim(self, trial: Trial) -> None:
        """A Pending order is Cancelled at once, with the reason, and cannot be claimed any more."""
        placed = await trial.place("order-1")
        await trial.advance(3)
        applied = await trial.ask("order-1", Action.CANCEL, reason="changed my mind")
        now = trial.now
        expected = replace(placed, status=Status.CANCELLED, version=2, updated_at=now, ended_at=now)
        expect_equal(await trial.order("order-1"), expected, "the cancelled order")
        expect_equal(applied.order, expected, "the order that the cancel answers with")
        event = Event("order-1", 2, EventType.CANCELLED, Status.CANCELLED, now, reason="changed my mind")
        expect_equal((await trial.history("order-1"))[-1], event, "the event of the cancellation")
        expect_equal(ids((await trial.claim()).orders), [], "the orders claimed after it")

    @scenario
    async def test_cancel_of_a_running_order_is_a_request(self, trial: Trial) -> None:
        """The token stays current: an event records the cancel request, and repeating it changes nothing."""
        leased = await trial.place_and_claim("order-1")
        await trial.advance(3)
        await trial.ask("order-1", Action.CANCEL)
        expected = replace(leased, version=3, cancel_requested=True, updated_at=trial.now)
        expect_equal(await trial.order("order-1"), expected, "the marked order")
        before = await trial.snapshot("order-1")
        again = await trial.ask("order-1", Action.CANCEL)
        expect_equal((again.refusal, again.order), (None, expected), "the answer to asking again")
        expect_equal(await trial.snapshot("order-1"), before, "what is stored after asking again")

    @scenario
    async def test_cancel_between_attempts(self, trial: Trial) -> None:
        """An order that waits for its next attempt is Cancelled immediately, and never retried."""
        await trial.report(await trial.place_and_claim("order-1"), Action.RETRY, delay=5)
        await trial.ask("order-1", Action.CANCEL)
        order = await trial.order("order-1")
        expect_equal((order.status, order.due), (Status.CANCELLED, None), "status and due time after the cancel")
        await trial.advance(10)
        expect_equal(ids((await trial.claim()).orders), [], "the orders claimed when the retry would be due")

    @scenario
    async def test_redrive_begins_a_new_round(self, trial: Trial) -> None:
        """A redriven order is Pending with reset counts and can be claimed; its token keeps increasing."""
        failed = await trial.vanish_order("order-1", times=1)
        failed = await trial.take("order-1")
        await trial.report(failed, Action.FAIL, reason="no")
        failed = await trial.order("order-1")
        await trial.advance(3)
        applied = await trial.ask("order-1", Action.REDRIVE)
        expected = replace(
            failed,
            status=Status.PENDING,
            version=failed.version + 1,
            round=2,
            attempts=0,
            failures=0,
            vanished=0,
            updated_at=trial.now,
            processing_started_at=None,
            ended_at=None,
            failure=None,
        )
        expect_equal(await trial.order("order-1"), expected, "the redriven order")
        expect_equal(applied.order, expected, "the order that the redrive answers with")
        taken = await trial.take("order-1")
        expect_equal((taken.token, taken.attempts, taken.round), (3, 1, 2), "token, attempts and round after that")
        check_history(await trial.history("order-1"))

    @scenario
    async def test_spent_token_stays_spent_over_rounds(self, trial: Trial) -> None:
        """A report with a token of an earlier round is lost, even if the order is claimed again."""
        first = await trial.place_and_claim("order-1")
        await trial.report(first, Action.FAIL)
        await trial.ask("order-1", Action.REDRIVE)
        await trial.take("order-1")
        applied = await trial.report(first, Action.COMPLETE)
        expect_equal(applied.refusal, RefusalReason.LOST, "the answer to a report under a token of the last round")

    @scenario
    async def test_expected_version_is_compared(self, trial: Trial) -> None:
        """A client's action with a version other than the order's is stale and changes nothing."""
        leased = await trial.place_and_claim("order-1")
        await trial.report(leased, Action.FAIL)
        order = await trial.order("order-1")
        for action in (Action.REDRIVE, Action.CANCEL):
            for version in (order.version - 1, order.version + 1):
                applied = await trial.ask("order-1", action, expected_version=version)
                expect_equal(
                    applied.refusal, RefusalReason.STALE, f"the answer to {action} expecting version {version}"
                )
                expect_equal(applied.order, order, "the order that a stale action answers with")
        expect_equal(await trial.order("order-1"), order, "the order after stale actions")
        applied = await trial.ask("order-1", Action.REDRIVE, expected_version=order.version)
        expect_equal(applied.refusal, None, "the answer to a redrive expecting the order's own version")
        applied = await trial.ask("order-1", Action.CANCEL, expected_version=order.version)
        expect_equal(applied.refusal, RefusalReason.STALE, "the answer to a cancel expecting the version before that")

    @scenario
    async def test_clients_get_the_order_in_every_answer(self, trial: Trial) -> None:
        """The answer to a client's action contains the order, refused or not; none for an unknown id."""
        await trial.add(placement("order-1"), placement("order-2"))
        applied = await trial.apply(
            Command("order-1", Action.REDRIVE),
            Command("nobody", Action.CANCEL),
            Command("order-2", Action.CANCEL),
            Command("order-2", Action.CANCEL),
        )
        illegal, unknown = RefusalReason.ILLEGAL, RefusalReason.UNKNOWN
        refusals = [each.refusal for each in applied]
        expect_equal(refusals, [illegal, unknown, None, None], "the answers to four clients' actions")
        orders: list[Order | None] = [await trial.order("order-1"), None]
        orders += [await trial.order("order-2")] * 2
        expect_equal([each.order for each in applied], orders, "the orders answered")

    @scenario
    async def test_processing_time_is_that_of_the_last_round(self, trial: Trial) -> None:
        """The processing time starts at the first claim of the current round, not of an earlier one."""
        await trial.report(await trial.place_and_claim("order-1"), Action.FAIL)
        await trial.advance(AFTER_THE_LEASE)
        await trial.ask("order-1", Action.REDRIVE)
        leased = await trial.take("order-1")
        expect_equal(leased.processing_started_at, trial.now, "the first claim of the second round")
        await trial.advance(2)
        await trial.report(leased, Action.COMPLETE)
        expect_equal((await trial.repository.statistics()).processing_microseconds, 2_000_000, "the time counted")
