"""Planted bugs in placer, in the batcher, and in what clients are told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from order_engine import NewOrder, Order, OrderEngine, OutcomeUnknown, Overloaded
from order_engine.application import engine, placer
from order_engine.application.actions import Actions
from order_engine.application.calls.calls import RepositoryCalls
from order_engine.application.calls.group_commit import GroupCommit
from order_engine.application.placer import Placed, Placer
from order_engine.application.waiters import Waiters
from order_engine.application.worker.reporter import Report
from order_engine.domain.commands import Command, Placement
from order_engine.domain.decisions import Transition, place
from order_engine.ports.repository import Added, AddOutcome, Applied
from tests.unit.application import planted as others
from tests.unit.simulation.planted import CALLS, CLIENTS, ENDS, ENDS_IN_TROUBLE, OVERLOADED, REFUSALS, found

found("P6", within=60, where=OVERLOADED)(others.never_overloaded)
found("every call is answered", within=60, where=ENDS_IN_TROUBLE)(others.leaves_callers_waiting)
found("P7", within=60, where=REFUSALS)(others.promised_slots_are_lost)


@found("P1", "P4", within=10, where=CALLS)
def answers_before_the_commit(patch: pytest.MonkeyPatch) -> None:
    """Answer placings when their batch is taken, before its commit."""
    commit = Placer._commit  # noqa: SLF001 - a planted bug changes what is inside

    async def early(self: Placer, placements: Sequence[Placement]) -> Sequence[Added]:
        committing = asyncio.ensure_future(commit(self, placements))
        committing.add_done_callback(lambda done: done.cancelled() or done.exception())
        now = self._context.clock.now()
        made = [place(None, placement, now) for placement in placements]
        return [Added(AddOutcome.ADDED, each.order) for each in made if isinstance(each, Transition)]

    patch.setattr(Placer, "_commit", early)


@found("P6", within=80, where=CALLS)
def calls_the_unknown_a_failure(patch: pytest.MonkeyPatch) -> None:
    """Say that nothing was stored where a placing is not answered."""

    async def sure(self: RepositoryCalls, operation: str, orders: int, call: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401
        return await self.ask(operation, orders, call())

    patch.setattr(RepositoryCalls, "until_known", sure)


@found("P6", within=60, where=OVERLOADED)
def refuses_what_it_took(patch: pytest.MonkeyPatch) -> None:
    """Say Overloaded of an order that travels all the same."""
    submit = GroupCommit.submit

    def after_the_fact(self: GroupCommit[Any, Any], item: Any, size: int) -> Any:  # noqa: ANN401 - whatever they are
        outcome = submit(self, item, size)
        if len(self._waiting) > 1 and not self.has_room:
            message = "too much waits"
            raise Overloaded(message)
        return outcome

    patch.setattr(GroupCommit, "submit", after_the_fact)


@found("P4", within=10, where=CALLS)
def answers_in_another_order(patch: pytest.MonkeyPatch) -> None:
    """Give the callers of a batch each other's answers."""
    answer = GroupCommit._answer  # noqa: SLF001 - a planted bug changes what is inside

    def crosswise(self: GroupCommit[Any, Any], batch: Sequence[Any], outcomes: Sequence[Any]) -> None:
        answer(self, batch, outcomes if isinstance(batch[0][0], Report) else outcomes[::-1])

    patch.setattr(GroupCommit, "_answer", crosswise)


@found("P4", within=20, where=CLIENTS)
def every_answer_is_the_first(patch: pytest.MonkeyPatch) -> None:
    """Answer a placing that was made before as if it were the first."""

    def fresh(placement: Placement, added: Added) -> Placed:
        known = placed(placement, added)
        return Placed(known.order, replayed=False)

    placed = placer.placed
    patch.setattr(placer, "placed", fresh)
    patch.setattr(engine, "placed", fresh)


@found("P4", within=20, where=CLIENTS)
def conflicts_are_replays(patch: pytest.MonkeyPatch) -> None:
    """Answer other content under a known id as if it were the same."""

    def forgiving(placement: Placement, added: Added) -> Placed:
        if added.outcome is AddOutcome.CONFLICT:
            made = place(None, placement, added.order.created_at if added.order is not None else BEGINNING)
            assert isinstance(made, Transition)
            return Placed(made.order, replayed=True)
        return placed(placement, added)

    from order_engine.simulation.processes.clocks import BEGINNING  # noqa: PLC0415 - any time will do

    placed = placer.placed
    patch.setattr(placer, "placed", forgiving)
    patch.setattr(engine, "placed", forgiving)


@found("every call is answered", within=60, where=ENDS)
def forgets_one_of_a_full_batch(patch: pytest.MonkeyPatch) -> None:
    """Drop the last item of a batch that has as many as it may."""
    take = GroupCommit._take  # noqa: SLF001 - a planted bug changes what is inside

    def clumsy(self: GroupCommit[Any, Any]) -> list[Any]:
        batch = take(self)
        return batch[:-1] if len(batch) == self._most_orders and len(batch) > 1 else batch

    patch.setattr(GroupCommit, "_take", clumsy)


# What clients are told of orders


@found("reads see what was answered before", within=40, where=CLIENTS)
def answers_from_a_cache(patch: pytest.MonkeyPatch) -> None:
    """Answer questions about an order with what was told at its placer."""
    place_in, get = OrderEngine.place, OrderEngine.get

    async def remembered(self: OrderEngine, order: NewOrder, *, idempotency_key: str | None = None) -> Placed:
        known = await place_in(self, order, idempotency_key=idempotency_key)
        cache[self, known.order.order_id] = known.order
        return known

    async def cached(self: OrderEngine, order_id: str) -> Order:
        return cache.get((self, order_id)) or await get(self, order_id)

    cache: dict[tuple[OrderEngine, str], Order] = {}
    patch.setattr(OrderEngine, "place", remembered)
    patch.setattr(OrderEngine, "get", cached)


@found("waiting", within=10, where=CLIENTS)
def waiters_do_not_wait(patch: pytest.MonkeyPatch) -> None:
    """Return from `wait_for` at the first look."""

    async def hasty(self: Waiters, order_ids: Sequence[str]) -> None:
        for order_id, order in (await self._context.repository.get(order_ids)).items():
            self._answer(order_id, order)

    patch.setattr(Waiters, "_check", hasty)


@found("cancel", within=40, where=CALLS)
def takes_an_unknown_cancellation_for_made(patch: pytest.MonkeyPatch) -> None:
    """Answer a cancellation whose outcome is unknown with the order as it is, and do not ask again."""

    async def content(self: Actions, command: Command, _: int | None) -> Applied:
        calls, repository = self._context.calls, self._context.repository
        try:
            (applied,) = await calls.once("apply", 1, repository.apply([command]))
        except OutcomeUnknown:
            return Applied(None, await self._get(command.order_id))
        return applied

    patch.setattr(Actions, "_apply_until_known", content)
