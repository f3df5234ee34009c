"""Final checks: answers to clients and runs of processors against the repository (P1 to P5, P7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from order_engine.domain.commands import Placement
from order_engine.domain.events import VANISHED, Event, EventType
from order_engine.domain.order import Order, Status
from order_engine.domain.placement import same_content
from order_engine.domain.replay import recorded_state, replay
from order_engine.simulation.checks.ledger import Ledger
from order_engine.simulation.checks.record import KnownOrder
from order_engine.simulation.checks.rounds import Rounds
from order_engine.simulation.faults.kinds import LOSING, Fault
from order_engine.simulation.network.network_path import drive
from order_engine.simulation.processes.behaviors import OrderBehavior
from order_engine.simulation.world import World

CANCELLING: Final = frozenset({EventType.CANCEL_REQUESTED, EventType.CANCELLED})


class Verdicts:
    """Checks a finished simulation."""

    def __init__(
        self, world: World, ledger: Ledger, behaviors: Mapping[str, OrderBehavior], read: Sequence[Event]
    ) -> None:
        """Judge by `ledger`, and by what a reader of all events `read`."""
        self._world = world
        self._ledger = ledger
        self._behaviors = behaviors
        self._read = read
        self._rounds = Rounds(world, ledger.seen)
        lethal = [fault for fault in LOSING if world.plan.likelihood[fault]]
        self._only_processors_kill = lethal == [Fault.PROCESSOR_KILLS]

    def judge(self) -> None:
        """Check all orders, and the events that the reader received."""
        stored: Mapping[str, Order] = drive(self._world.store.get(list(self._world.record.known)))
        for order_id in self._ledger.histories:
            if order_id not in self._world.record.known:
                self._violate("P1", order_id, "is stored, but was never placed")
        for order_id, known in self._world.record.known.items():
            order = stored.get(order_id)
            if order is not None:
                if known.was_only_refused:
                    self._violate("P6", order_id, "is stored although its placement was refused")
                self._judge_order(order)
            elif known.acknowledged is not None:
                self._violate("P1", order_id, "was acknowledged and is lost")
        self._judge_reader()

    def _judge_order(self, order: Order) -> None:
        known = self._world.record.of(order.order_id)
        history = self._ledger.histories[order.order_id]
        placement = known.acknowledged or _content_of(order, known)
        if not same_content(order, placement):
            self._violate("P4", order.order_id, "has different content than was placed")
            return
        if any(same_content(order, refused) for refused in known.refused):
            self._violate("P4", order.order_id, "was refused for a conflict with its own content")
        try:
            rebuilt = replay(placement, history)
        except ValueError as error:
            self._violate("P3", order.order_id, f"has a history that does not replay: {error}")
            return
        # The dictionaries are compared, which is quicker than two tuples of all fields.
        if vars(rebuilt) != vars(recorded_state(order)):
            self._violate("P3", order.order_id, f"is {order}, and its history says {rebuilt}")
        if known.version > order.version:
            self._violate("P1", order.order_id, f"was read at version {known.version} and is at {order.version}")
        self._judge_status(order)
        self._judge_conditions(order.order_id, history)
        self._rounds.judge(history)

    def _judge_status(self, order: Order) -> None:
        known = self._world.record.of(order.order_id)
        if not order.status.ended:
            self._violate("P7", order.order_id, f"has not ended: {order}")
        if known.cancelled and order.status is not Status.CANCELLED:
            self._violate("cancel", order.order_id, f"was read as Cancelled and is {order.status}")
        if known.cancel_requested and order.status is Status.FAILED:
            self._violate("cancel", order.order_id, "is Failed after a cancel request")
        if order.failure == VANISHED and self._only_processors_kill and not self._behaviors[order.order_id].kills:
            self._violate("P7", order.order_id, "is Failed because of crashes caused by other orders")

    def _judge_conditions(self, order_id: str, history: Sequence[Event]) -> None:
        """Check that actions with an expected version took effect at that version only (If-Match)."""
        known = self._world.record.of(order_id)
        for version in known.matched:
            # Cancelling a Cancelled order changes nothing, but succeeds.
            if not any(event.type in CANCELLING for event in history[: version + 1]):
                self._violate("If-Match", order_id, f"was cancelled at another version than {version}")
            if version > len(history):
                self._violate("If-Match", order_id, f"was cancelled at version {version}, which it never had")
        for version in known.redriven_at:
            if version >= len(history) or history[version].type is not EventType.REDRIVEN:
                self._violate("If-Match", order_id, f"was redriven at another version than {version}")

    def _judge_reader(self) -> None:
        """Check that the reader received every event once, each order's in version order (P5)."""
        versions: dict[str, int] = {}
        for event in self._read:
            if event.version != versions.get(event.order_id, 0) + 1:
                before = versions.get(event.order_id, 0)
                self._violate("P5", event.order_id, f"was read at version {event.version} after {before}")
            versions[event.order_id] = event.version
        whole = {order_id: len(history) for order_id, history in self._ledger.histories.items()}
        if versions != whole:
            missing = [order_id for order_id, version in whole.items() if versions.get(order_id) != version]
            self._world.record.violate("P5", f"the reader of all events missed some of {missing[:5]}", *missing[:5])

    def _violate(self, promise: str, order_id: str, what: str) -> None:
        self._world.record.violate(promise, f"{order_id} {what}", order_id)


def _content_of(order: Order, known: KnownOrder) -> Placement:
    """Return the placed content that matches the order; the first one if none does."""
    return next((each for each in known.placements if same_content(order, each)), known.placements[0])
