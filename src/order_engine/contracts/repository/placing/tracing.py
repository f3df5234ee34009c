"""Suite: the trace parent that comes with an order. A repository keeps it, or knows nothing of it."""

from __future__ import annotations

from order_engine.contracts.expectations import expect, expect_equal
from order_engine.contracts.samples import OTHER_TRACE_PARENT, TRACE_PARENT, placement
from order_engine.contracts.scenario import RepositorySuite, scenario
from order_engine.contracts.trial import Trial
from order_engine.domain.order import Order
from order_engine.ports.repository import AddOutcome


class RepositoryTracing(RepositorySuite):
    """What holds also where trace parents are not kept; `TraceParentContract` says what holds where they are."""

    @scenario
    async def test_trace_parent_is_no_content(self, trial: Trial) -> None:
        """The same order again from another trace is a replay; it keeps the first trace parent, or none."""
        first = {"order-1": TRACE_PARENT, "order-2": None}
        for order_id, trace_parent in first.items():
            await trial.place(order_id, trace_parent=trace_parent, idempotency_key=f"key of {order_id}")
        for again in (OTHER_TRACE_PARENT, TRACE_PARENT, None):
            outcomes = await trial.add(
                *(placement(order_id, trace_parent=again) for order_id in first),
                *(placement(order_id, trace_parent=again, idempotency_key=f"key of {order_id}") for order_id in first),
            )
            told = [added.outcome for added in outcomes]
            expect_equal(told, [AddOutcome.REPLAYED] * 4, f"the outcomes of placing again with {again!r}")
            for order in [added.order for added in outcomes if added.order is not None]:
                _expect_kept_or_left_out(order, first[order.order_id])
            for order_id, trace_parent in first.items():
                _expect_kept_or_left_out(await trial.order(order_id), trace_parent)


def _expect_kept_or_left_out(order: Order, trace_parent: str | None) -> None:
    told = order.trace_parent
    promise = f"the trace parent of {order.order_id!r}, placed with {trace_parent!r}, is that or None; it is {told!r}"
    expect(told in {trace_parent, None}, promise)
