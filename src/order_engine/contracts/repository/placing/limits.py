"""Suite: placements that the repository has no room for, or cannot store."""

from __future__ import annotations

from order_engine.contracts.expectations import expect, expect_equal
from order_engine.contracts.fault_hooks import carry_out, needed
from order_engine.contracts.samples import placement
from order_engine.contracts.scenario import RepositorySuite, scenario
from order_engine.contracts.trial import Trial, ids
from order_engine.domain.commands import Placement
from order_engine.ports.repository import AddOutcome


class RepositoryLimits(RepositorySuite):
    """What `add` answers to items that it does not store: FULL and REFUSED."""

    @scenario
    async def test_full_stores_nothing(self, trial: Trial) -> None:
        """Past the limit new orders are FULL and leave no trace; replays and conflicts are answered as ever."""
        await trial.place("order-1")
        await _full_after(trial, 1)
        await _expect_outcomes(
            trial,
            [placement("order-2"), placement("order-3"), placement("order-1"), placement("order-1", user_id="other")],
            [AddOutcome.ADDED, AddOutcome.FULL, AddOutcome.REPLAYED, AddOutcome.CONFLICT],
        )
        await _expect_only(trial, "order-1", "order-2", absent="order-3")

    @scenario
    async def test_full_binds_no_key(self, trial: Trial) -> None:
        """A placement that was FULL leaves its key free: for itself later on, or for another order."""
        await _full_after(trial, 0)
        first = placement("order-1", idempotency_key="key-1")
        await _expect_outcomes(trial, [first], [AddOutcome.FULL])
        await _full_after(trial, 10)
        await _expect_outcomes(trial, [placement("order-2", idempotency_key="key-1")], [AddOutcome.ADDED])
        await _expect_outcomes(trial, [first], [AddOutcome.KEY_REUSED])

    @scenario
    async def test_full_holds_nothing(self, trial: Trial) -> None:
        """Only what was stored is born claimed, and a claim under that id knows of nothing else."""
        await _full_after(trial, 1)
        hold = trial.terms(limit=2)
        outcomes = await trial.add(placement("order-1"), placement("order-2"), hold=hold)
        expect_equal([added.outcome for added in outcomes], [AddOutcome.ADDED, AddOutcome.FULL], "the outcomes")
        leased = (await trial.repository.claim(hold)).orders
        expect_equal(ids(leased), ["order-1"], "the orders that are held by the claim of the placing")
        await _full_after(trial, 1)
        await _expect_outcomes(trial, [placement("order-2")], [AddOutcome.ADDED])

    @scenario
    async def test_refused_item_fails_alone(self, trial: Trial) -> None:
        """An item that the repository cannot store is REFUSED with a reason, and its neighbours are stored."""
        refused = _unstorable(trial, "order-2")
        outcomes = await trial.add(placement("order-1"), refused, placement("order-3"))
        expected = [AddOutcome.ADDED, AddOutcome.REFUSED, AddOutcome.ADDED]
        expect_equal([added.outcome for added in outcomes], expected, "the outcomes of a batch with a refused item")
        expect(outcomes[1].reason, "a refused item comes with the reason")
        expect_equal(outcomes[1].order, None, "the order of a refused item")
        await _expect_only(trial, "order-1", "order-3", absent="order-2")
        await _expect_outcomes(trial, [refused], [AddOutcome.REFUSED])
        await _expect_only(trial, "order-1", "order-3", absent="order-2")

    @scenario
    async def test_refused_item_binds_no_key(self, trial: Trial) -> None:
        """Neither the key nor the id of a refused item is used up."""
        await _expect_outcomes(trial, [_unstorable(trial, "order-1", key="key-1")], [AddOutcome.REFUSED])
        await _expect_outcomes(trial, [placement("order-2", idempotency_key="key-1")], [AddOutcome.ADDED])
        await _expect_outcomes(trial, [placement("order-1")], [AddOutcome.ADDED])

    @scenario
    async def test_refused_item_takes_no_slot(self, trial: Trial) -> None:
        """A slot that is offered goes to the first item that is stored, not to one that is refused."""
        hold = trial.terms(limit=1)
        outcomes = await trial.add(_unstorable(trial, "order-1"), placement("order-2"), placement("order-3"), hold=hold)
        leased = [added.order.order_id for added in outcomes if added.order is not None and added.order.leased]
        expect_equal(leased, ["order-2"], "the orders that are born claimed, with a slot for one")


async def _full_after(trial: Trial, orders: int) -> None:
    await carry_out(needed(trial.faults.full_after, "full_after")(orders))


def _unstorable(trial: Trial, order_id: str, key: str | None = None) -> Placement:
    user_id = needed(trial.faults.unstorable_user_id, "unstorable_user_id")
    return placement(order_id, user_id=user_id, idempotency_key=key)


async def _expect_outcomes(trial: Trial, wanted: list[Placement], expected: list[AddOutcome]) -> None:
    outcomes = await trial.add(*wanted)
    names = [each.order_id for each in wanted]
    expect_equal([added.outcome for added in outcomes], expected, f"the outcomes of placing {names}")


async def _expect_only(trial: Trial, *present: str, absent: str) -> None:
    """Check that an order left no trace: none by its id, in the counts and in the stream."""
    found = await trial.repository.get([*present, absent])
    expect_equal(sorted(found), sorted(present), "the orders that are stored")
    expect(not await trial.history(absent), f"{absent!r} was not stored and has no history")
    expect_equal((await trial.repository.statistics()).total_orders, len(present), "the number of orders counted")
    told = sorted(event.order_id for event in await trial.stream())
    expect_equal(told, sorted(present), "the orders in the event stream")
