"""Simulated queue between instances, whose messages are lost, repeated, delayed or reordered."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from random import Random
from typing import Final

from order_engine.simulation.faults.kinds import Fault
from order_engine.simulation.world import World

MAX_HINTS: Final = 10_000
"""Maximum number of ids waiting at one instance; further ids are lost."""


class QueueFailure(Exception):
    """Failure of the queue, as a client library might raise it."""


class HintReceiver:
    """Ids delivered to one process."""

    def __init__(self, world: World) -> None:
        """Start empty."""
        self._world = world
        self._heard: deque[str] = deque()
        self._waiter: asyncio.Future[None] | None = None

    def ring(self, order_id: str) -> None:
        """Deliver an id."""
        if len(self._heard) < MAX_HINTS:
            self._heard.append(order_id)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def get(self, limit: int) -> Sequence[str]:
        """Wait for at least one id."""
        while not self._heard:
            self._waiter = self._world.loop.create_future()
            await self._waiter
        return [self._heard.popleft() for _ in range(min(limit, len(self._heard)))]


class QueueBroker:
    """Delivers ids to the processes that run."""

    def __init__(self, world: World) -> None:
        """Start without receivers."""
        self._world = world
        self._random = world.plan.chance("queue")
        self._receivers: dict[str, HintReceiver] = {}

    def listen(self, instance: str) -> SimulatedQueue:
        """Return the queue for a new process of an instance; its previous process receives nothing more."""
        receiver = self._receivers[instance] = HintReceiver(self._world)
        return SimulatedQueue(self._world, self, receiver, self._random)

    def send(self, order_ids: Sequence[str]) -> None:
        """Send ids, each with its own faults."""
        self._world.loop.call_as_world(self._ring, self._fated(order_ids), delay=self._world.plan.latency)

    def _fated(self, order_ids: Sequence[str]) -> Sequence[str]:
        """Return the ids that arrive together; delayed ids are scheduled separately."""
        if self._world.faults_over:
            return order_ids
        arriving: list[str] = []
        for order_id in order_ids:
            if self._strikes(Fault.QUEUE_LOSES, order_id):
                continue
            if self._strikes(Fault.QUEUE_REPEATS, order_id):
                arriving.append(order_id)
            if self._strikes(Fault.QUEUE_DELAYS, order_id):
                delay = self._random.uniform(0, self._world.plan.options.lease_seconds)
                self._world.loop.call_as_world(self._ring, [order_id], delay=delay)
            elif self._strikes(Fault.QUEUE_REORDERS, order_id):
                arriving.insert(self._random.randint(0, len(arriving)), order_id)
            else:
                arriving.append(order_id)
        return arriving

    def _strikes(self, fault: Fault, order_id: str) -> bool:
        likelihood = self._world.plan.likelihood[fault]
        if not likelihood or self._random.random() >= likelihood:
            return False
        self._world.struck(fault, "queue", f"{fault}: {order_id}", order_id)
        return True

    def _ring(self, order_ids: Sequence[str]) -> None:
        receivers = list(self._receivers.values())
        for order_id in order_ids:
            hearing = (
                receivers if self._world.plan.broadcast else [receivers[int(self._random.random() * len(receivers))]]
            )
            for receiver in hearing:
                receiver.ring(order_id)


class SimulatedQueue:
    """Queue as seen by one process."""

    def __init__(self, world: World, broker: QueueBroker, receiver: HintReceiver, random: Random) -> None:
        """Send through `broker`, and receive with `receiver`."""
        self._world = world
        self._broker = broker
        self._receiver = receiver
        self._random = random

    async def put(self, order_ids: Sequence[str]) -> None:
        """Send ids."""
        await self._may_fail()
        self._broker.send(order_ids)

    async def get(self, limit: int) -> Sequence[str]:
        """Receive ids."""
        await self._may_fail()
        return await self._receiver.get(limit)

    async def _may_fail(self) -> None:
        likelihood = self._world.plan.likelihood[Fault.QUEUE_FAILS]
        if self._world.faults_over or not likelihood or self._random.random() >= likelihood:
            return
        hangs = self._random.random() < 0.5  # noqa: PLR2004 - an even chance
        self._world.struck(Fault.QUEUE_FAILS, "queue", "hangs" if hangs else "fails")
        if hangs:
            await asyncio.sleep(self._world.plan.options.request_seconds)
        raise QueueFailure
