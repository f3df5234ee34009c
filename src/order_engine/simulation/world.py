"""What all parts of one simulation share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from order_engine.ports.repository import OrderRepository
from order_engine.simulation.checks.record import Claimant, Record
from order_engine.simulation.checks.retries import Retries
from order_engine.simulation.faults.kinds import Fault, FaultCounts
from order_engine.simulation.faults.locks import Locks
from order_engine.simulation.loop.event_loop import SimulatedLoop
from order_engine.simulation.plan import Plan
from order_engine.simulation.processes.clocks import SimulatedClock
from order_engine.simulation.trace import Trace


class LeaseRecord(NamedTuple):
    """Who holds an order under one token, and since when."""

    claimant: Claimant
    since: float
    claim_id: str | None


@dataclass
class World:
    """The loop, the plan, the store behind everything, and what was seen of it from outside."""

    plan: Plan
    loop: SimulatedLoop
    store_clock: SimulatedClock
    store: OrderRepository
    trace: Trace | None = None
    record: Record = field(default_factory=Record)
    fault_counts: FaultCounts = field(default_factory=FaultCounts)
    faults_over: bool = False
    """Whether the last fault is over."""
    last_fault: float = 0.0
    """When a process died last, or trouble ended."""
    locks: Locks = field(default_factory=Locks)
    """The orders that strangers have locked in the store."""
    jumped: bool = False
    """Whether the store's clock was set at all."""
    jumps_ahead: list[float] = field(default_factory=list)
    """When the store's clock was set forward, so that leases ended before their time."""
    leases: dict[tuple[str, int], LeaseRecord] = field(default_factory=dict)
    """Who held each order, by its id and token."""
    claim_troubles: dict[str | None, float] = field(default_factory=dict)
    """For how many seconds each claim was kept from its answer, by its id; infinite where it may take effect late."""
    retries: Retries = field(init=False)
    """What was put off, and until when."""
    claimants: dict[str, Claimant] = field(default_factory=dict)
    """Who made each claim, by its id."""

    @property
    def clock(self) -> SimulatedClock:
        """The clock of everybody outside of the processes."""
        return self._clock

    def __post_init__(self) -> None:
        """Give the world its clock."""
        self._clock = SimulatedClock(self.loop)
        self.retries = Retries(self.plan, self.loop, self.store_clock, self.record)

    def struck(self, fault: Fault, who: str, what: str, *order_ids: str) -> None:
        """Count a fault, and tell it."""
        self.fault_counts[fault] += 1
        if self.trace is not None:
            self.trace.record(self.loop.time(), who, f"FAULT: {what}", *order_ids)

    def log(self, who: str, what: str, *order_ids: str) -> None:
        """Tell what happened, where anybody listens."""
        if self.trace is not None:
            self.trace.record(self.loop.time(), who, what, *order_ids)

    def jumped_ahead(self, begin: float, end: float) -> bool:
        """Whether the store's clock was set forward between these moments."""
        return any(begin <= moment <= end for moment in self.jumps_ahead)

    def fault_ended(self, seconds: float = 0.0) -> None:
        """Note that a fault ends now, or in `seconds`."""
        self.last_fault = max(self.last_fault, self.loop.time() + seconds)

    def later(self, seconds: float, of_run: Callable[[], object]) -> None:
        """Do `of_run` after `seconds`, whatever becomes of any process."""
        self.loop.call_as_world(of_run, delay=seconds)
