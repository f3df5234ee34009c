"""Shared state of one simulation."""

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
    """Lease of an order: its process, start and claim id."""

    claimant: Claimant
    since: float
    claim_id: str | None


@dataclass
class World:
    """The event loop, the plan, the repository, and everything observed from outside."""

    plan: Plan
    loop: SimulatedLoop
    store_clock: SimulatedClock
    store: OrderRepository
    trace: Trace | None = None
    record: Record = field(default_factory=Record)
    fault_counts: FaultCounts = field(default_factory=FaultCounts)
    faults_over: bool = False
    """Whether no further faults are injected."""
    last_fault: float = 0.0
    """Time at which a process last crashed, or a fault last ended."""
    locks: Locks = field(default_factory=Locks)
    """Orders locked by other transactions in the repository."""
    jumped: bool = False
    """Whether the repository's clock was ever set."""
    jumps_ahead: list[float] = field(default_factory=list)
    """Times at which the repository's clock was set forward, so that leases expired early."""
    leases: dict[tuple[str, int], LeaseRecord] = field(default_factory=dict)
    """Leases by order id and token."""
    claim_troubles: dict[str | None, float] = field(default_factory=dict)
    """Seconds by which the answer of each claim was delayed, by claim id; infinite if it may take effect late."""
    retries: Retries = field(init=False)
    """Scheduled retries."""
    claimants: dict[str, Claimant] = field(default_factory=dict)
    """Process of each claim, by claim id."""

    @property
    def clock(self) -> SimulatedClock:
        """Clock of clients and checks, outside of the processes."""
        return self._clock

    def __post_init__(self) -> None:
        """Create the clock and the retry check."""
        self._clock = SimulatedClock(self.loop)
        self.retries = Retries(self.plan, self.loop, self.store_clock, self.record)

    def struck(self, fault: Fault, who: str, what: str, *order_ids: str) -> None:
        """Count a fault and add it to the trace."""
        self.fault_counts[fault] += 1
        if self.trace is not None:
            self.trace.record(self.loop.time(), who, f"FAULT: {what}", *order_ids)

    def log(self, who: str, what: str, *order_ids: str) -> None:
        """Add a line to the trace, if there is one."""
        if self.trace is not None:
            self.trace.record(self.loop.time(), who, what, *order_ids)

    def jumped_ahead(self, begin: float, end: float) -> bool:
        """Return whether the repository's clock was set forward between `begin` and `end`."""
        return any(begin <= moment <= end for moment in self.jumps_ahead)

    def fault_ended(self, seconds: float = 0.0) -> None:
        """Record that a fault ends now, or in `seconds`."""
        self.last_fault = max(self.last_fault, self.loop.time() + seconds)

    def later(self, seconds: float, of_run: Callable[[], object]) -> None:
        """Do `of_run` after `seconds`, whatever becomes of any process."""
        self.loop.call_as_world(of_run, delay=seconds)
