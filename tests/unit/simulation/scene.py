"""A scene for the oracles: one order in one process, led by hand, and everything that judges it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

from order_engine import NewOrder
from order_engine.domain.commands import Action, ClaimTerms, Command
from order_engine.domain.content.validation import validate
from order_engine.domain.order import Order
from order_engine.domain.suspects import SuspectRoom
from order_engine.ports.repository import Claimed
from order_engine.simulation import Fault, Sizes
from order_engine.simulation.checks.ledger import Ledger
from order_engine.simulation.checks.record import Claimant, RunEnd
from order_engine.simulation.checks.run_monitor import RunMonitor
from order_engine.simulation.checks.verdicts import Verdicts
from order_engine.simulation.loop.event_loop import SimulatedLoop
from order_engine.simulation.loop.owners import Owner
from order_engine.simulation.network.network_path import drive
from order_engine.simulation.plan import draw_plan
from order_engine.simulation.processes.behaviors import OrderBehavior
from order_engine.simulation.processes.clocks import SimulatedClock
from order_engine.simulation.world import LeaseRecord, World
from order_engine_adapters.memory import MemoryRepository

ORDER = NewOrder(order_id="order1", user_id="user1", item_ids=["item1", "item1"], total_amount="50.00")
PLACEMENT = validate(ORDER, "")


class Scene:
    """One order in one process, and everything that judges it."""

    def __init__(self, *faults: Fault) -> None:
        """Begin with an empty store."""
        loop = SimulatedLoop(Random(0))  # type: ignore[abstract]  # noqa: S311 - no network, no secret
        clock = SimulatedClock(loop)
        plan = draw_plan(1, Sizes(), frozenset(faults))
        self.world = World(plan, loop, clock, MemoryRepository(clock))
        self.claimant = Claimant("instance-1/1")
        self.run_monitor = RunMonitor(self.world, Owner("instance-1/1"), self.claimant)
        self.ledger = Ledger(self.world)

    def place(self) -> None:
        """Place the order and tell its client."""
        known = self.world.record.of("order1")
        known.placements.append(PLACEMENT)
        known.acknowledged = PLACEMENT
        drive(self.world.store.add([PLACEMENT]))

    def claim(self, claim_id: str = "claim1") -> Order:
        """Claim the order for the process."""
        claimed: Claimed = drive(self.world.store.claim(self.terms(claim_id)))
        [order] = claimed.orders
        self.world.leases[order.order_id, order.token] = LeaseRecord(self.claimant, self.world.loop.time(), claim_id)
        return order

    def terms(self, claim_id: str) -> ClaimTerms:
        """Return the terms on which the process claims."""
        options = self.world.plan.options
        return ClaimTerms(
            claim_id=claim_id,
            limit=10,
            lease_seconds=options.lease_seconds,
            max_deliveries=options.max_deliveries,
            suspects=SuspectRoom(options.concurrency),
        )

    def report(self, order: Order, action: Action, **more: Any) -> None:  # noqa: ANN401 - a command's fields
        """Report an attempt."""
        drive(self.world.store.apply([Command(order.order_id, action, token=order.token, **more)]))

    def run(self, order: Order, ending: RunEnd) -> None:
        """Run the processor on it."""
        run, _ = self.run_monitor.began(order)
        self.run_monitor.ended(run, ending)

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.world.loop.run_until_complete(self.world.clock.sleep(seconds))

    def judge(self, read: int | None = None) -> list[str]:
        """Return the promises that are broken, where a reader of all events got the first `read` of them."""
        self.ledger.check()
        events = [event for history in self.ledger.histories.values() for event in history]
        behaviors = {order_id: OrderBehavior(0.0) for order_id in self.world.record.known}
        Verdicts(self.world, self.ledger, behaviors, events[:read]).judge()
        return self.broken

    @property
    def broken(self) -> list[str]:
        """The promises that are broken, each with what was said."""
        return [str(violation) for violation in self.world.record.violations]


@contextmanager
def completed(scene: Scene) -> Iterator[Order]:
    """Place the order, run it, and complete it at the end."""
    scene.place()
    order = scene.claim()
    yield order
    scene.run(order, RunEnd.RETURNED)
    scene.report(order, Action.COMPLETE)
