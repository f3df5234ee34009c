"""Group of clients: they arrive in bursts, some place orders twice, and some make further calls."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from random import Random
from typing import Any, Final, TypeVar

from order_engine.application.engine import OrderEngine, internals_of
from order_engine.domain.errors import NotRunning
from order_engine.domain.order import NewOrder
from order_engine.simulation.clients.client import Client
from order_engine.simulation.clients.follow_ups import follow_up
from order_engine.simulation.faults.kinds import Fault
from order_engine.simulation.orders import contradiction
from order_engine.simulation.processes.instances import Fleet
from order_engine.simulation.processes.simulated_process import Disconnected, without_frames
from order_engine.simulation.world import World

Answer = TypeVar("Answer")

TURNS_OF_BATCH: Final = 20
"""Maximum round trips to the repository of one batch."""


class Clients:
    """All clients of a simulation."""

    def __init__(self, world: World, fleet: Fleet, orders: Sequence[NewOrder], long_ones: AbstractSet[str]) -> None:
        """Create clients for `orders`. Orders with ids in `long_ones` are cancelled more often."""
        self.world = world
        self.random: Random = world.plan.chance("clients")
        self.waiting: dict[OrderEngine, int] = {}
        """Number of unanswered placements of each engine."""
        self._long_ones = long_ones
        self._fleet = fleet
        self._orders = orders

    async def run(self) -> None:
        """Run all clients, in bursts; return when all have finished or given up."""
        bursts = []
        start = 0
        while start < len(self._orders):
            size = 1 + int(self.random.random() ** 2 * len(self._orders) / 2)
            moment = self.random.random() * self.world.plan.trouble_seconds
            bursts.append(self._burst(self._orders[start : start + size], moment))
            start += size
        await asyncio.gather(*bursts)

    async def outcome(self, make: Callable[[OrderEngine], Awaitable[Any]], order_id: str, seconds: float = 0.0) -> Any:  # noqa: ANN401 - whatever it is
        """Make a call in some process, which may take `seconds` by its nature; return its answer or its error."""
        process = self._fleet.pick_process(self.random)
        if process is None:
            return Disconnected()
        patience = None
        if self.strikes(Fault.CLIENT_LEAVES):
            self.world.struck(Fault.CLIENT_LEAVES, order_id, "its client disconnects", order_id)
            patience = self.world.plan.latency * 3 * self.random.random()
        try:
            return await process.ask(make, patience, seconds)
        except Exception as error:  # noqa: BLE001 - the answer, whatever it is
            return without_frames(error)

    def to_the_end(
        self, make: Callable[[OrderEngine], Awaitable[Answer]]
    ) -> Callable[[OrderEngine], Awaitable[Answer]]:
        """Return a call that reads, cancels or redrives: no process may refuse it before it has drained (P9)."""

        async def call(engine: OrderEngine) -> Answer:
            try:
                return await make(engine)
            except NotRunning as refused:
                if not internals_of(engine).runtime.is_drained:
                    self.world.record.violate("P9", f"a process that has not drained refuses: {refused}")
                raise

        return call

    def strikes(self, fault: Fault, times: int = 1) -> bool:
        """Return whether `fault` occurs now, with `times` its usual probability."""
        likelihood = self.world.plan.likelihood[fault]
        return bool(likelihood) and not self.world.faults_over and self.random.random() < likelihood * times

    async def _burst(self, orders: Sequence[NewOrder], moment: float) -> None:
        await asyncio.sleep(moment)
        clients = [Client(self, order) for order in orders]
        if self.random.random() < 0.5:  # noqa: PLR2004 - an even chance
            clients = await self._place_many(clients, orders)
        create_task = self.world.loop.create_task
        coming = [create_task(self._serve(each)) for client in clients for each in self._with_twins(client)]
        for each in coming:
            # Avoid `gather`, which adds a callback for each of them.
            await each

    def _with_twins(self, client: Client) -> Iterator[Client]:
        """Yield the client, and with some faults another client with the same id and the same or different content."""
        yield client
        for fault in (Fault.CLIENT_REPEATS, Fault.CLIENT_CONTRADICTS):
            if self.strikes(fault):
                self.world.struck(fault, client.order_id, "is placed twice at once", client.order_id)
                order = client.order
                yield Client(self, order if fault is Fault.CLIENT_REPEATS else contradiction(order, self.random))

    async def _serve(self, client: Client) -> None:
        if await client.place():
            await follow_up(client, takes_long=client.order_id in self._long_ones)

    async def _place_many(self, clients: Sequence[Client], orders: Sequence[NewOrder]) -> list[Client]:
        """Place a whole burst in one call; return the clients whose orders were not acknowledged."""
        order_id, seconds = orders[0].order_id or "", self._seconds_for(len(orders))
        outcomes = await self.outcome(lambda engine: engine.place_many(orders), order_id, seconds)
        if isinstance(outcomes, Exception):
            outcomes = [outcomes] * len(clients)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                without_frames(outcome)
        answers = zip(clients, outcomes, strict=True)
        return [client for client, outcome in answers if not client.answered(outcome)]

    def _seconds_for(self, orders: int) -> float:
        """Return the maximum duration of one call with this many orders, including one unanswered batch."""
        options = self.world.plan.options
        batches = orders / min(options.batch_orders, options.max_waiting)
        return options.request_seconds * 2 + TURNS_OF_BATCH * self.world.plan.latency * batches
