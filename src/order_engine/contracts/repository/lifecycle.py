"""Suite: every cell of the state x action table, against the literal table and against the domain."""

from __future__ import annotations

from dataclasses import replace

from order_engine.contracts.expectations import expect_equal
from order_engine.contracts.model.laws import check_history
from order_engine.contracts.model.lifecycle_table import LOST, TABLE, WORKER_ACTIONS, TableAction, TableCell
from order_engine.contracts.model.situations import Situation, arrange
from order_engine.contracts.model.table_actions import answer, decided, request
from order_engine.contracts.scenario import RepositorySuite, scenario
from order_engine.contracts.trial import Trial
from order_engine.domain.order import Order

COUNTED = ("token", "attempts", "failures", "vanished", "round")
STARTED_ANEW = ("attempts", "failures", "vanished")


class RepositoryLifecycle(RepositorySuite):
    """One test for each row of the table; each goes through all situations."""

    @scenario
    async def test_table_add_same_content(self, trial: Trial) -> None:
        """Adding the same content again is a replay that changes nothing, wherever the order stands."""
        await check_row(trial, TableAction.ADD_SAME)

    @scenario
    async def test_table_add_other_content(self, trial: Trial) -> None:
        """Adding other content under a taken id is a conflict that changes nothing, wherever the order stands."""
        await check_row(trial, TableAction.ADD_OTHER)

    @scenario
    async def test_table_claim(self, trial: Trial) -> None:
        """A claim returns due orders, ends those without deliveries left, and skips the rest."""
        await check_row(trial, TableAction.CLAIM)

    @scenario
    async def test_table_renew(self, trial: Trial) -> None:
        """A renewal succeeds while the token is current, reports a cancel request, and is lost otherwise."""
        await check_row(trial, TableAction.RENEW)

    @scenario
    async def test_table_complete(self, trial: Trial) -> None:
        """Completing ends a leased order, with or without a cancel request; repeated it is applied, otherwise lost."""
        await check_row(trial, TableAction.COMPLETE)

    @scenario
    async def test_table_retry(self, trial: Trial) -> None:
        """A retry delays a leased order, or cancels it on request; repeated it is applied, otherwise lost."""
        await check_row(trial, TableAction.RETRY)

    @scenario
    async def test_table_fail(self, trial: Trial) -> None:
        """A failure ends a leased order as Failed, or Cancelled on request; repeated it is applied, otherwise lost."""
        await check_row(trial, TableAction.FAIL)

    @scenario
    async def test_table_release(self, trial: Trial) -> None:
        """A release ends the lease, or cancels the order on request; repeated it is applied, otherwise lost."""
        await check_row(trial, TableAction.RELEASE)

    @scenario
    async def test_table_cancel(self, trial: Trial) -> None:
        """Cancelling ends an order without a lease, is a request for a leased one, and is refused after other ends."""
        await check_row(trial, TableAction.CANCEL)

    @scenario
    async def test_table_redrive(self, trial: Trial) -> None:
        """A redrive begins a new round of a Failed order with new counts, and is refused for every other."""
        await check_row(trial, TableAction.REDRIVE)

    @scenario
    async def test_table_under_an_older_token(self, trial: Trial) -> None:
        """What a superseded attempt reports or renews is lost and changes nothing, wherever the order stands (P2)."""
        await check_foreign_token(trial, offset=-1)

    @scenario
    async def test_table_under_a_future_token(self, trial: Trial) -> None:
        """A token that was not handed out yet opens nothing."""
        await check_foreign_token(trial, offset=1)


async def check_row(trial: Trial, row: TableAction) -> None:
    """Apply one action to a new order in each situation and compare with the row of the table."""
    for situation, outcome in TABLE[row].items():
        await _check_cell(trial, row, situation, outcome)


async def check_foreign_token(trial: Trial, offset: int) -> None:
    """Apply every worker's action in each situation under a token that is not the order's last: all are lost."""
    for row in WORKER_ACTIONS:
        for situation in Situation:
            await _check_cell(trial, row, situation, LOST, offset)


async def _check_cell(
    trial: Trial, row: TableAction, situation: Situation, outcome: TableCell, offset: int = 0
) -> None:
    cell = f"{row.value} of an order that is {situation.value}" + (f", token {offset:+}" if offset else "")
    order_id = f"{row.name}-{situation.name}-{offset}"
    before = await arrange(trial, situation, order_id)
    asked = request(trial, row, before, before.token + offset)
    expect_equal(await answer(trial, asked), outcome.answer, f"the answer to {cell}")
    after = await trial.order(order_id)
    domain_answer, domain_after = decided(before, asked, trial.now)
    expect_equal(domain_answer, outcome.answer, f"the domain's answer to {cell}")
    expect_equal(after, domain_after, f"the order after {cell}, compared with the domain's")
    _check_change(before, after, outcome, cell)
    history = await trial.history(order_id)
    expect_equal(history[-1].version, after.version, f"the version of the last event after {cell}")
    if outcome.event is not None:
        expect_equal(history[-1].type, outcome.event, f"the event after {cell}")
    check_history(history)


def _check_change(before: Order, after: Order, outcome: TableCell, cell: str) -> None:
    if outcome.becomes is None:
        renewed = (
            replace(before, lease_ends=after.lease_ends) if outcome.answer in {"held", "cancel requested"} else before
        )
        expect_equal(after, renewed, f"the order after {cell}, which changes nothing")
        return
    expect_equal(after.state, outcome.becomes, f"where the order stands after {cell}")
    expect_equal(after.version, before.version + 1, f"the version after {cell}")
    for name in COUNTED:
        begun = 0 if outcome.begins_a_round and name in STARTED_ANEW else getattr(before, name)
        expect_equal(getattr(after, name), begun + outcome.counts.get(name, 0), f"the {name} after {cell}")
