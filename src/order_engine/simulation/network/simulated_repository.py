"""Repository as seen by one process: every call uses its network path."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, cast

from order_engine.domain.commands import Action, ClaimTerms, Command, Lease, Placement
from order_engine.domain.events import Event
from order_engine.domain.metrics import Statistics
from order_engine.domain.order import Order
from order_engine.ports.portions import get_some, get_states
from order_engine.ports.repository import (
    Added,
    Applied,
    Claimed,
    Cursor,
    EventPage,
    OrderPage,
    OrderQuery,
    OrderState,
    Portion,
    Renewed,
)
from order_engine.simulation.network.network_path import Caller, NetworkPath
from order_engine.simulation.world import LeaseRecord, World


class SimulatedRepository:
    """Passes every call on to the shared repository, through one network path."""

    def __init__(self, world: World, caller: Caller, path: NetworkPath) -> None:
        """Carry the calls of `caller`."""
        self._world = world
        self._caller = caller
        self._carry = path.carry

    @property
    def _store(self) -> Any:  # noqa: ANN401 - partial() takes coroutine functions, and a port promises awaitables
        return self._world.store

    async def add(self, placements: Sequence[Placement], hold: ClaimTerms | None = None) -> Sequence[Added]:
        """Carry an `add`."""
        if hold is not None:
            self._world.claimants[hold.claim_id] = self._caller.claimant
        order_ids = [placement.order_id for placement in placements]
        call = partial(self._add, placements, hold)
        claim_id = None if hold is None else hold.claim_id
        return cast("Sequence[Added]", await self._carry("add", order_ids, call, claim_id))

    async def claim(self, terms: ClaimTerms) -> Claimed:
        """Carry a `claim`."""
        if terms.limit > 0:
            self._world.claimants[terms.claim_id] = self._caller.claimant
            if self._caller.draining:
                self._world.record.violate("P9", f"{self._caller.name} claims although it drains")
        call = partial(self._claim, terms)
        return cast("Claimed", await self._carry("claim", terms.order_ids or (), call, terms.claim_id))

    async def renew(self, leases: Sequence[Lease], seconds: float) -> Sequence[Renewed]:
        """Carry a `renew`."""
        order_ids = [lease.order_id for lease in leases]
        call = partial(self._world.locks.renew, self._store, leases, seconds)
        return cast("Sequence[Renewed]", await self._carry("renew", order_ids, call))

    async def apply(self, commands: Sequence[Command]) -> Sequence[Applied]:
        """Carry an `apply`."""
        order_ids = [command.order_id for command in commands]
        answers = await self._carry("apply", order_ids, partial(self._apply, commands))
        self._caller.claimant.last_progress = self._world.loop.time()
        return cast("Sequence[Applied]", answers)

    async def get(self, order_ids: Sequence[str]) -> Mapping[str, Order]:
        """Carry a `get`."""
        return cast("Mapping[str, Order]", await self._carry("get", order_ids, partial(self._store.get, order_ids)))

    async def get_some(self, order_ids: Sequence[str], max_bytes: int) -> Portion:
        """Carry a `get_some`."""
        call = partial(get_some, self._store, order_ids, max_bytes)
        return cast("Portion", await self._carry("get", order_ids, call))

    async def get_states(self, order_ids: Sequence[str]) -> Mapping[str, OrderState]:
        """Carry a `get_states`."""
        call = partial(get_states, self._store, order_ids)
        return cast("Mapping[str, OrderState]", await self._carry("get", order_ids, call))

    async def list(self, query: OrderQuery) -> OrderPage:
        """Carry a `list`."""
        return cast("OrderPage", await self._carry("list", (), partial(self._store.list, query)))

    async def history(self, order_id: str, after: int, limit: int) -> Sequence[Event]:
        """Carry a `history`."""
        call = partial(self._store.history, order_id, after, limit)
        return cast("Sequence[Event]", await self._carry("history", (order_id,), call))

    async def events(self, after: Cursor | None, limit: int) -> EventPage:
        """Carry an `events`."""
        return cast("EventPage", await self._carry("events", (), partial(self._store.events, after, limit)))

    async def statistics(self) -> Statistics:
        """Carry a `statistics`."""
        return cast("Statistics", await self._carry("statistics", (), self._store.statistics))

    # At the moment of their effect

    async def _add(self, placements: Sequence[Placement], hold: ClaimTerms | None) -> Sequence[Added]:
        added: Sequence[Added] = await self._world.locks.add(self._store, placements, hold)
        if hold is not None:
            self._note_leases(each.order for each in added if each.order is not None and each.order.leased)
        return added

    async def _claim(self, terms: ClaimTerms) -> Claimed:
        claimed: Claimed = await self._world.locks.claim(self._store, terms)
        self._world.retries.check_claimed(claimed.orders)
        self._note_leases(claimed.orders)
        return claimed

    async def _apply(self, commands: Sequence[Command]) -> Sequence[Applied]:
        answers: Sequence[Applied] = await self._world.locks.apply(self._store, commands)
        for command, answer in zip(commands, answers, strict=True):
            if command.action is Action.RETRY and answer.refusal is None:
                self._world.retries.applied(command)
        return answers

    def _note_leases(self, orders: Iterable[Order]) -> None:
        now = self._world.loop.time()
        for order in orders:
            hold = LeaseRecord(self._caller.claimant, now, order.claim_id)
            self._world.leases.setdefault((order.order_id, order.token), hold)
