"""Operator that redrives Failed orders, and reader of all events."""

from __future__ import annotations

import asyncio
from typing import Final

from order_engine.application.list_cursor import OrderList
from order_engine.domain.events import Event
from order_engine.domain.order import Order, Status
from order_engine.ports.repository import EventPage
from order_engine.simulation.clients.client import MAYBE_STORED
from order_engine.simulation.clients.clients import Clients
from order_engine.simulation.clients.follow_ups import PART_OUT_OF_DATE, PART_WITH_VERSION, UNREACHED_VERSIONS
from order_engine.simulation.faults.kinds import Fault
from order_engine.simulation.world import World

ROUNDS_AT_MOST: Final = 3
PART_REDRIVEN: Final = 0.7
"""Part of the Failed orders on a page that the operator redrives."""
PAGE: Final = 500


async def redrive_failed_orders(world: World, clients: Clients) -> None:
    """Redrive some Failed orders at random intervals while faults occur."""
    if not world.plan.likelihood[Fault.OPERATOR_REDRIVES]:
        return
    while not world.faults_over:
        await asyncio.sleep(world.plan.options.lease_seconds * clients.random.random())
        page = await clients.outcome(lambda engine: engine.list(status=Status.FAILED, limit=20), "")
        if not isinstance(page, OrderList):
            continue
        for order in page:
            if order.round < ROUNDS_AT_MOST and clients.random.random() < PART_REDRIVEN:
                await _redrive(world, clients, order)


async def _redrive(world: World, clients: Clients, order: Order) -> None:
    world.struck(Fault.OPERATOR_REDRIVES, "operator", f"redrives {order.order_id}", order.order_id)
    known = world.record.of(order.order_id)
    version_before = known.version
    known.redriven += 1
    version = order.version if clients.random.random() < PART_WITH_VERSION else None
    if version is not None and clients.random.random() < PART_OUT_OF_DATE:
        version += UNREACHED_VERSIONS
    outcome = await clients.outcome(
        clients.to_the_end(lambda engine: engine.redrive(order.order_id, expected_version=version)), order.order_id
    )
    if isinstance(outcome, Order):
        if version is not None:
            known.redriven_at += (version,)
        world.record.answered(outcome, version_before, world.loop.time())


class Reader:
    """Follows all events by cursor, through any process, as an outbox reader does."""

    def __init__(self, world: World, clients: Clients) -> None:
        """Start before the first event."""
        self._world = world
        self._clients = clients
        self._cursor: str | None = None
        self.events: list[Event] = []

    async def follow(self) -> None:
        """Read events while faults occur."""
        while not self._world.faults_over:
            await asyncio.sleep(self._world.plan.options.lease_seconds * self._clients.random.random())
            await self.read_page()

    async def read_page(self) -> bool:
        """Read a page; return whether there may be more."""
        cursor = self._cursor
        read = self._clients.to_the_end(lambda engine: engine.events(after=cursor, limit=PAGE))
        page = await self._clients.outcome(read, "")
        if not isinstance(page, EventPage):
            if not isinstance(page, MAYBE_STORED):
                self._world.log("reader", f"is refused: {page!r}")
            return True
        self.events.extend(page.events)
        self._cursor = str(page.next)
        return bool(page.events)
