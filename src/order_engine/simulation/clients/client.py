"""Client with one order, which it places until it is acknowledged."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import Random
from typing import Any, Final, Protocol

from order_engine.application.engine import OrderEngine
from order_engine.application.placer import Placed
from order_engine.domain.content.validation import validate
from order_engine.domain.errors import NotRunning, OrderConflict, OutcomeUnknown, Overloaded, Unavailable
from order_engine.domain.order import NewOrder, Order
from order_engine.domain.placement import same_content
from order_engine.simulation.checks.record import KnownOrder
from order_engine.simulation.faults.kinds import Fault
from order_engine.simulation.orders import key_of
from order_engine.simulation.processes.simulated_process import Disconnected
from order_engine.simulation.world import World

NOTHING_STORED: Final = (Overloaded, NotRunning, Unavailable)
"""Errors that guarantee that the placement had no effect."""
MAYBE_STORED: Final = (OutcomeUnknown, Disconnected)
"""Errors after which the placement may have taken effect."""
PART_WITH_KEY: Final = 0.1
PART_THAT_GIVES_UP: Final = 0.03
BATCHES_UNDER_WAY: Final = 2
STEPS_OF_PAUSE: Final = 4
"""Number of different pauses, so that some clients return at the same time, as after an outage."""
LONGEST_PAUSE: Final = 8.0
"""Longest pause between two tries, in quarters of a lease."""


class ClientGroup(Protocol):
    """Group of all clients, as used by one of them."""

    world: World
    random: Random
    waiting: dict[OrderEngine, int]

    async def outcome(self, make: Callable[[OrderEngine], Awaitable[Any]], order_id: str, seconds: float = 0.0) -> Any:  # noqa: ANN401 - whatever it is
        """Make a call in some process; return its answer or its error."""

    def to_the_end(self, make: Callable[[OrderEngine], Awaitable[Order]]) -> Callable[[OrderEngine], Awaitable[Order]]:
        """Return a call that reads, cancels or redrives: no process may refuse it before it has drained (P9)."""
        ...

    def strikes(self, fault: Fault, times: int = 1) -> bool:
        """Whether `fault` happens now."""
        ...


class Client:
    """Client with one order."""

    def __init__(self, group: ClientGroup, order: NewOrder) -> None:
        """Prepare to place `order`."""
        self.group = group
        self.world: World = group.world
        self.random: Random = group.random
        self.order = order
        self.order_id: str = order.order_id or ""
        self.known: KnownOrder = self.world.record.of(self.order_id)
        self.key: str | None = key_of(self.order_id) if self.random.random() < PART_WITH_KEY else None
        self._placement = validate(order, "")
        self._sleep = self.world.clock.sleep

    async def place(self) -> bool:
        """Place the order until it is acknowledged; return False if the client gives up or the order conflicts."""
        growth = 1.0
        known = self.known
        while True:
            self._try()
            version_before = known.version
            outcome = await self.outcome(self._place)
            if self._take(outcome, version_before):
                return True
            if isinstance(outcome, OrderConflict):
                return False
            if not self.world.faults_over and self.random.random() < PART_THAT_GIVES_UP:
                return False
            await self.pause(growth := min(growth * 2, LONGEST_PAUSE))

    def answered(self, outcome: Placed | Exception) -> bool:
        """Process the outcome of a placement made for this client; return whether it was acknowledged."""
        self._try()
        return self._take(outcome, 0)

    def outcome(self, make: Callable[[OrderEngine], Awaitable[Any]], seconds: float = 0.0) -> Awaitable[Any]:
        """Make a call in some process; return its answer or its error."""
        return self.group.outcome(make, self.order_id, seconds)

    async def pause(self, leases: float = 1.0) -> None:
        """Pause for up to a quarter of the given number of lease durations."""
        steps = 1 + int(self.random.random() * STEPS_OF_PAUSE)
        await self._sleep(leases / 4 * self.world.plan.options.lease_seconds * steps / STEPS_OF_PAUSE)

    def violate(self, promise: str, what: str) -> None:
        """Record a broken promise about this order."""
        self.world.record.violate(promise, what, self.order_id)

    async def _place(self, engine: OrderEngine) -> Placed:
        """Place the order in one process; check that no more than allowed are waiting there (P6)."""
        waiting = self.group.waiting[engine] = self.group.waiting.get(engine, 0) + 1
        try:
            options = engine.options
            locked = max(1, options.max_waiting // 10) + options.batch_orders
            if waiting > options.max_waiting + (BATCHES_UNDER_WAY * options.batch_orders) + locked + 1:
                self.violate("P6", f"{waiting} placements wait in one process; the limit is {options.max_waiting}")
            return await engine.place(self.order, idempotency_key=self.key)
        finally:
            self.group.waiting[engine] -= 1

    def _try(self) -> None:
        self.known.placements.append(self._placement)

    def _take(self, outcome: Placed | BaseException, version_before: int) -> bool:
        """Record the outcome of a placement."""
        if isinstance(outcome, Placed):
            self._acknowledged(outcome, version_before)
            return True
        if isinstance(outcome, MAYBE_STORED):
            self.known.unknown = True
        elif isinstance(outcome, OrderConflict) and self._is_contested:
            self.known.refused += (self._placement,)
        elif not isinstance(outcome, NOTHING_STORED):
            self.violate("P4", f"placing {self.order_id} raised {outcome!r}")
        elif isinstance(outcome, Overloaded):
            self.world.struck(Fault.OVERLOAD, self.order_id, "is refused: overloaded", self.order_id)
        return False

    def _acknowledged(self, placed: Placed, version_before: int) -> None:
        known, placement = self.known, self._placement
        if not same_content(placed.order, placement):
            self.violate("P4", f"{self.order_id} was acknowledged with different content")
        if known.acknowledged is not None and not same_content(placed.order, known.acknowledged):
            self.violate("P4", f"{self.order_id} was acknowledged with two different contents")
        known.acknowledged = placement
        known.fresh_answers += not placed.replayed
        if known.fresh_answers > 1:
            self.violate("P4", f"{self.order_id} was placed as new twice")
        self.world.record.answered(placed.order, version_before, self.world.loop.time())

    @property
    def _is_contested(self) -> bool:
        """Whether different content was placed under the same id."""
        return any(other != self._placement for other in self.known.placements)
