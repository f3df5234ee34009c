"""Conformance kit: tests that every adapter must pass, including those of third parties.

Subclass `RepositoryContract`, `QueueContract` or `ClockContract`, override `open`, and run any test runner. A
repository that keeps trace parents subclasses `TraceParentContract` as well, one whose harness can inject faults
`FaultContract`, one that keeps to bounds in bytes `BoundsContract`, one that leaves a claimant's own leases alone
`OwnLeasesContract`. The kit needs hypothesis, and no plug-in: every test is a plain method that runs its own event
loop.
"""

from order_engine.contracts.clock import ClockContract
from order_engine.contracts.expectations import ContractBroken
from order_engine.contracts.fault_hooks import FaultHooks
from order_engine.contracts.harness import ClockHarness, Harness, RepositoryHarness, RestorableHarness
from order_engine.contracts.model.state_machine import STATEFUL_SETTINGS, RepositoryMachine
from order_engine.contracts.queue import QueueContract
from order_engine.contracts.repository.bounds import BoundsContract, OwnLeasesContract
from order_engine.contracts.repository.contract import RepositoryContract
from order_engine.contracts.repository.faults import FaultContract
from order_engine.contracts.repository.trace_parents import TraceParentContract

__all__ = [
    "STATEFUL_SETTINGS",
    "BoundsContract",
    "ClockContract",
    "ClockHarness",
    "ContractBroken",
    "FaultContract",
    "FaultHooks",
    "Harness",
    "OwnLeasesContract",
    "QueueContract",
    "RepositoryContract",
    "RepositoryHarness",
    "RepositoryMachine",
    "RestorableHarness",
    "TraceParentContract",
]
