"""The clients: each places its order until it is acknowledged, and some ask for more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final

from order_engine.application.engine import OrderEngine
from order_engine.application.placing import Placed
from order_engine.domain.errors import (
    ActionRefused,
    NotRunning,
    OrderConflict,
    OrderNotFound,
    OutcomeUnknown,
    Overloaded,
    Unavailable,
    WaitTimedOut,
)
from order_engine.domain.order import NewOrder, Order
from order_engine.domain.placement import same_content
from order_engine.domain.validation import validate
from order_engine.simulation.faults import Fault
from order_engine.simulation.instances import Fleet
from order_engine.simulation.lives import Disconnected
from order_engine.simulation.orders import contradiction
from order_engine.simulation.world import World

NOTHING_STORED: Final = (Overloaded, NotRunning, Unavailable)
"""Errors that promise that the placing took no effect."""
DOUBTFUL: Final = (OutcomeUnknown, Disconnected)
"""Errors after which it may have taken effect."""
PART_WITH_KEY: Final = 0.1
PART_THAT_ASKS: Final = 0.1
PART_THAT_WAITS: Final = 0.05
PART_THAT_GIVES_UP: Final = 0.03
BATCHES_UNDER_WAY: Final = 2
STEPS_OF_PAUSE: Final = 4
"""In steps, so that clients come back together, as they do after an outage."""
MORE_LIKELY: Final = 10
"""How many times as likely a client cancels an order that takes long: most others end before they could."""
LONGEST_PAUSE: Final = 8.0
"""Between two tries, in quarters of a lease."""


class Client:
    """Somebody with one order."""

    def __init__(self, clients: Clients, order: NewOrder) -> None:
        """Be about to place `order`."""
        self._clients = clients
        self._world = clients.world
        self._random = clients.random
        self._order = order
        self._order_id = order.order_id or ""
        self._placement = validate(order, "")
        self._told = self._world.record.of(self._order_id)
        self._key = f"key-of-{self._order_id}" if self._random.random() < PART_WITH_KEY else None

    async def come(self) -> None:
        """Place the order, and do whatever else this client is after."""
        if await self._place_until_acknowledged():
            await self._follow_up()

    def answered(self, outcome: Placed | Exception) -> bool:
        """Take the outcome of a placing that was made for this client; return whether it was acknowledged."""
        self._try()
        return self._take(outcome, 0)

    # Placing

    async def _place_until_acknowledged(self) -> bool:
        growth = 1.0
        while True:
            self._try()
            version_before = self._told.version
            outcome = await self._outcome(self._place)
            if self._take(outcome, version_before):
                return True
            if not self._world.calm and self._random.random() < PART_THAT_GIVES_UP:
                return False
            await self._pause(growth := min(growth * 2, LONGEST_PAUSE))

    async def _place(self, engine: OrderEngine) -> Placed:
        """Place the order in one process; see that not more are waiting there than may (P6)."""
        waiting = self._clients.waiting[engine] = self._clients.waiting.get(engine, 0) + 1
        try:
            options = engine.options
            if waiting > options.max_waiting + (BATCHES_UNDER_WAY * options.batch_orders) + 1:
                self._violate("P6", f"{waiting} placings wait in one process, {options.max_waiting} being its limit")
            return await engine.place(self._order, idempotency_key=self._key)
        finally:
            self._clients.waiting[engine] -= 1

    def _try(self) -> None:
        self._told.placements.append(self._placement)

    def _take(self, outcome: Placed | BaseException, version_before: int) -> bool:
        """Note what a placing was answered."""
        told, record = self._told, self._world.record
        if isinstance(outcome, Placed):
            placement = told.placements[-1]
            if not same_content(outcome.order, placement):
                self._violate("P4", f"{self._order_id} was acknowledged with other content")
            told.acknowledged = placement
            told.fresh_answers += not outcome.replayed
            if told.fresh_answers > 1:
                self._violate("P4", f"{self._order_id} was placed twice, each time as if for the first time")
            record.answered(outcome.order, version_before, self._world.loop.time())
            return True
        if isinstance(outcome, DOUBTFUL):
            told.unknown = True
        elif not isinstance(outcome, NOTHING_STORED):
            self._violate("P4", f"placing {self._order_id} raised {outcome!r}")
        elif isinstance(outcome, Overloaded):
            self._world.struck(Fault.OVERLOAD, self._order_id, "is told that too much waits", self._order_id)
        return False

    # What some do then

    async def _follow_up(self) -> None:
        if self._clients.strikes(Fault.CLIENT_REPEATS):
            self._world.struck(Fault.CLIENT_REPEATS, self._order_id, "is placed again", self._order_id)
            await self._pause()
            await self._place_until_acknowledged()
        if self._clients.strikes(Fault.CLIENT_CONTRADICTS):
            await self._contradict()
        if self._clients.strikes(Fault.CLIENT_CANCELS, MORE_LIKELY if self._order_id in self._clients.long_ones else 1):
            await self._pause()
            await self._cancel()
        if self._random.random() < PART_THAT_ASKS:
            await self._pause()
            await self._look(lambda engine: engine.get(self._order_id))
        if self._random.random() < PART_THAT_WAITS:
            seconds = self._world.plan.options.lease_seconds
            order = await self._look(lambda engine: engine.wait_for(self._order_id, seconds=seconds))
            if order is not None and not order.status.ended:
                self._violate("waiting", f"wait_for returned {self._order_id} while it is {order.status}")

    async def _contradict(self) -> None:
        """Place other content under the same id, which has to be refused and to change nothing (P4)."""
        self._world.struck(Fault.CLIENT_CONTRADICTS, self._order_id, "is contradicted", self._order_id)
        other = contradiction(self._order)
        outcome = await self._outcome(lambda engine: engine.place(other))
        if not isinstance(outcome, (OrderConflict, *NOTHING_STORED, *DOUBTFUL)):
            self._violate("P4", f"other content under {self._order_id} was answered with {outcome!r}")

    async def _cancel(self) -> None:
        self._world.struck(Fault.CLIENT_CANCELS, self._order_id, "is to be cancelled", self._order_id)
        order = await self._look(lambda engine: engine.cancel(self._order_id))
        if order is not None and not order.status.ended and not order.cancel_requested:
            self._violate("cancel", f"cancelling {self._order_id} was answered with {order.status}")

    async def _look(self, make: Callable[[OrderEngine], Awaitable[Order]]) -> Order | None:
        """Make a call that tells the order; None where it was refused, or not answered."""
        version_before = self._told.version
        outcome = await self._outcome(make)
        if isinstance(outcome, Order):
            self._world.record.answered(outcome, version_before, self._world.loop.time())
            return outcome
        if isinstance(outcome, OrderNotFound):
            self._violate("P1", f"{self._order_id} was acknowledged and is not found")
        elif not isinstance(outcome, (ActionRefused, WaitTimedOut, *NOTHING_STORED, *DOUBTFUL)):
            self._violate("errors", f"a call about {self._order_id} raised {outcome!r}")
        return None

    # Inside

    async def _outcome(self, make: Callable[[OrderEngine], Awaitable[Any]]) -> Any:  # noqa: ANN401 - an answer or an error
        return await self._clients.outcome(make, self._order_id)

    async def _pause(self, leases: float = 1.0) -> None:
        steps = 1 + int(self._random.random() * STEPS_OF_PAUSE)
        await self._world.clock.sleep(leases / 4 * self._world.plan.options.lease_seconds * steps / STEPS_OF_PAUSE)

    def _violate(self, promise: str, what: str) -> None:
        self._world.record.violate(promise, what, self._order_id)


class Clients:
    """Everybody who has an order to place."""

    def __init__(self, world: World, fleet: Fleet, orders: Sequence[NewOrder], long_ones: AbstractSet[str]) -> None:
        """Bring `orders`. Those that take long, by their ids, are cancelled more often."""
        self.long_ones = long_ones
        self.world = world
        self.random = world.plan.chance("clients")
        self.waiting: dict[OrderEngine, int] = {}
        """How many placings each engine has been asked for and has not answered."""
        self._fleet = fleet
        self._orders = orders

    async def come(self) -> None:
        """Come in bursts; return when everybody has got what they wanted, or given up."""
        bursts = []
        start = 0
        while start < len(self._orders):
            size = 1 + int(self.random.random() ** 2 * len(self._orders) / 2)
            moment = self.random.random() * self.world.plan.trouble_seconds
            bursts.append(self._burst(self._orders[start : start + size], moment))
            start += size
        await asyncio.gather(*bursts)

    async def outcome(self, make: Callable[[OrderEngine], Awaitable[Any]], order_id: str) -> Any:  # noqa: ANN401
        """Make a call in some process; return its answer, or the error that it raised."""
        life = self._fleet.some_life(self.random)
        if life is None:
            return Disconnected()
        patience = None
        if self.strikes(Fault.CLIENT_LEAVES):
            self.world.struck(Fault.CLIENT_LEAVES, order_id, "its client disconnects", order_id)
            patience = self.world.plan.latency * 3 * self.random.random()
        try:
            return await life.ask(make, patience)
        except Exception as error:  # noqa: BLE001 - the answer, whatever it is
            # Its frames would hold everything in a circle, for the garbage collector to find: a tenth of the time.
            return error.with_traceback(None)

    def strikes(self, fault: Fault, times: int = 1) -> bool:
        """Whether `fault` happens now, so many times as likely as usual."""
        likelihood = self.world.plan.likelihood[fault]
        return bool(likelihood) and not self.world.calm and self.random.random() < likelihood * times

    async def _burst(self, orders: Sequence[NewOrder], moment: float) -> None:
        await asyncio.sleep(moment)
        clients = [Client(self, order) for order in orders]
        if self.random.random() < 0.5:  # noqa: PLR2004 - an even chance
            clients = await self._place_many(clients, orders)
        await asyncio.gather(*[client.come() for client in clients])

    async def _place_many(self, clients: Sequence[Client], orders: Sequence[NewOrder]) -> list[Client]:
        """Place a whole burst in one call; return the clients that have to place their orders by themselves."""
        outcomes = await self.outcome(lambda engine: engine.place_many(orders), orders[0].order_id or "")
        if isinstance(outcomes, Exception):
            outcomes = [outcomes] * len(clients)
        answers = zip(clients, outcomes, strict=True)
        return [client for client, outcome in answers if not client.answered(outcome)]
