"""Contract of repositories that store trace parents, in addition to `RepositoryContract`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from order_engine.contracts.expectations import expect_equal
from order_engine.contracts.samples import AFTER_THE_LEASE, OTHER_TRACE_PARENT, TRACE_PARENT, placement
from order_engine.contracts.scenario import RepositorySuite, scenario
from order_engine.contracts.trial import Trial
from order_engine.domain.commands import Action
from order_engine.domain.order import Order
from order_engine.ports.repository import OrderQuery

GIVEN: Final[Mapping[str, str | None]] = {"order-1": TRACE_PARENT, "order-2": None, "order-3": OTHER_TRACE_PARENT}


class TraceParentContract(RepositorySuite):
    """Every order has the trace parent that it was placed with first.

    class TestMyRepository(RepositoryContract, TraceParentContract): ...
    """

    @scenario
    async def test_trace_parents_are_kept(self, trial: Trial) -> None:
        """Each order of a batch has its own, in the answer, when it is read and when it is listed."""
        outcomes = await trial.add(*(placement(order_id, trace_parent=one) for order_id, one in GIVEN.items()))
        _expect_kept([added.order for added in outcomes if added.order is not None], "added")
        _expect_kept((await trial.repository.get(list(GIVEN))).values(), "read")
        _expect_kept((await trial.repository.list(OrderQuery(limit=10))).orders, "listed")

    @scenario
    async def test_trace_parents_of_orders_born_claimed(self, trial: Trial) -> None:
        """An order that is born claimed has it as well."""
        placements = [placement(order_id, trace_parent=one) for order_id, one in GIVEN.items()]
        outcomes = await trial.add(*placements, hold=trial.terms(limit=2))
        _expect_kept([added.order for added in outcomes if added.order is not None], "born claimed or not")
        _expect_kept((await trial.repository.get(list(GIVEN))).values(), "read")

    @scenario
    async def test_trace_parents_reach_every_attempt(self, trial: Trial) -> None:
        """Whoever claims an order gets it: the first time, asking again, after a lost lease, in another round."""
        await trial.add(*(placement(order_id, trace_parent=one) for order_id, one in GIVEN.items()))
        terms = trial.terms()
        for how in ("claimed", "claimed, asked for again"):
            _expect_kept((await trial.repository.claim(terms)).orders, how)
        await trial.advance(AFTER_THE_LEASE)
        leased = (await trial.claim()).orders
        _expect_kept(leased, "claimed after a lost lease")
        for order in leased:
            await trial.report(order, Action.FAIL, reason="no")
            await trial.ask(order.order_id, Action.REDRIVE)
        _expect_kept([await trial.take(order_id) for order_id in GIVEN], "claimed by their ids, in another round")

    @scenario
    async def test_trace_parent_of_the_first_placement_stays(self, trial: Trial) -> None:
        """A replay answers with the first one, be it none, also within one batch and under a key alone."""
        first, again = await trial.add(
            placement("made-1", trace_parent=TRACE_PARENT, order_id_made=True, idempotency_key="key-1"),
            placement("made-2", trace_parent=OTHER_TRACE_PARENT, order_id_made=True, idempotency_key="key-1"),
        )
        expect_equal(again.order, first.order, "the order that a replay within the batch answers with")
        untraced = await trial.place("order-1")
        for wanted in (
            placement("made-3", trace_parent=OTHER_TRACE_PARENT, order_id_made=True, idempotency_key="key-1"),
            placement("order-1", trace_parent=OTHER_TRACE_PARENT),
        ):
            (added,) = await trial.add(wanted)
            expected = first.order if wanted.order_id_made else untraced
            expect_equal(added.order, expected, "the order that a replay answers with")
        expect_equal((await trial.order("made-1")).trace_parent, TRACE_PARENT, "what is kept after replays")
        expect_equal((await trial.order("order-1")).trace_parent, None, "what is kept of an order placed without one")


def _expect_kept(orders: Iterable[Order], how: str) -> None:
    told = {order.order_id: order.trace_parent for order in orders}
    expect_equal(told, GIVEN, f"the trace parents of the orders as they are {how}")
