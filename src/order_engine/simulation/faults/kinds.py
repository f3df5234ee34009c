"""Classes of faults, and their selection by seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final


class Fault(StrEnum):
    """Class of faults."""

    CRASH = "crash of an instance"
    CRASH_IN_CALL = "crash of an instance while a call is under way"
    PAUSE = "pause of an instance"
    LONG_PAUSE = "pause longer than a lease"
    SHUTDOWN = "shutdown of an instance"
    CALL_FAILS = "call that fails before it takes effect"
    CALL_FORGOTTEN = "call without effect and of unknown outcome"
    ANSWER_LOST = "call that takes effect and whose answer is lost"
    CALL_SILENT = "call that is never answered"
    CALL_LATE = "call that takes effect after its caller has given up"
    CALL_SLOW = "slow call"
    OUTAGE = "repository unavailable to all instances"
    PARTITION = "repository unavailable to one instance"
    DISK_FULL = "repository that refuses writes"
    QUEUE_LOSES = "lost queue message"
    QUEUE_REPEATS = "repeated queue message"
    QUEUE_DELAYS = "delayed queue message"
    QUEUE_REORDERS = "queue messages out of order"
    QUEUE_FAILS = "queue unavailable"
    CLOCK_OFFSET = "clock that is off"
    CLOCK_JUMP = "clock that jumps"
    CLOCK_DRIFT = "clock that runs fast or slow"
    STORE_CLOCK_JUMP = "repository's clock that jumps"
    PROCESSOR_SLOW = "slow processor"
    PROCESSOR_FAILS = "processor that raises"
    PROCESSOR_REJECTS = "processor that rejects"
    PROCESSOR_PUTS_OFF = "processor that asks for a later retry"
    PROCESSOR_HANGS = "processor that hangs"
    PROCESSOR_STUBBORN = "processor that ignores cancellation"
    PROCESSOR_KILLS = "processor that crashes its instance"
    CLIENT_CANCELS = "client that cancels its order"
    CLIENT_REPEATS = "client that places its order again"
    CLIENT_CONTRADICTS = "client that places different content under the same id"
    CLIENT_LEAVES = "client that disconnects during a call"
    OPERATOR_REDRIVES = "operator that redrives a failed order"
    OVERLOAD = "more placements at once than may wait"
    DISORDER = "callbacks out of order"
    ORDERS_LOCKED = "orders locked by another transaction"
    STORE_CLOCK_BACK = "repository's clock that is set back by hours"
    RENEWALS_SLOW = "repository that is slow to renew leases"


OF_CALLS: Final = (
    Fault.CALL_FAILS,
    Fault.CALL_FORGOTTEN,
    Fault.ANSWER_LOST,
    Fault.CALL_SILENT,
    Fault.CALL_LATE,
    Fault.CALL_SLOW,
    Fault.CRASH_IN_CALL,
)
OF_THE_QUEUE: Final = (
    Fault.QUEUE_LOSES,
    Fault.QUEUE_REPEATS,
    Fault.QUEUE_DELAYS,
    Fault.QUEUE_REORDERS,
    Fault.QUEUE_FAILS,
)
OF_PROCESSORS: Final = (
    Fault.PROCESSOR_SLOW,
    Fault.PROCESSOR_FAILS,
    Fault.PROCESSOR_REJECTS,
    Fault.PROCESSOR_PUTS_OFF,
    Fault.PROCESSOR_HANGS,
    Fault.PROCESSOR_STUBBORN,
)
OF_CLIENTS: Final = (Fault.CLIENT_CANCELS, Fault.CLIENT_REPEATS, Fault.CLIENT_CONTRADICTS, Fault.CLIENT_LEAVES)
SCHEDULED_FAULTS: Final = (
    Fault.CRASH,
    Fault.PAUSE,
    Fault.LONG_PAUSE,
    Fault.SHUTDOWN,
    Fault.OUTAGE,
    Fault.PARTITION,
    Fault.DISK_FULL,
    Fault.CLOCK_JUMP,
    Fault.STORE_CLOCK_JUMP,
    Fault.ORDERS_LOCKED,
    Fault.STORE_CLOCK_BACK,
)
"""Faults that occur at scheduled times, independent of calls."""
LOSING: Final = frozenset(Fault) - frozenset(OF_CLIENTS) - frozenset(OF_THE_QUEUE) - frozenset({
    Fault.SHUTDOWN, Fault.CLOCK_OFFSET, Fault.CLOCK_DRIFT, Fault.CLOCK_JUMP, Fault.OPERATOR_REDRIVES, Fault.OVERLOAD,
    Fault.STORE_CLOCK_BACK, Fault.DISORDER, Fault.PROCESSOR_FAILS, Fault.PROCESSOR_REJECTS, Fault.PROCESSOR_PUTS_OFF,
})  # fmt: skip

ALL: Final = frozenset(Fault)
ADDED: Final = frozenset({Fault.STORE_CLOCK_BACK, Fault.RENEWALS_SLOW})
"""Classes that were added later. They use separate random generators, so that other faults of a seed do not change."""
PART_OF_SEEDS: Final = 0.5
"""Each class is left out of half of the seeds, since bugs can be hidden by other faults ("swarm testing", A. Groce et
al., ISSTA 2012)."""


@dataclass(frozen=True, slots=True)
class Likelihood:
    """Probability of each class of faults per opportunity; 0 for classes that the seed leaves out."""

    of: Mapping[Fault, float]

    def __getitem__(self, fault: Fault) -> float:
        """Return the probability of `fault` per opportunity."""
        return self.of.get(fault, 0.0)


def draw_likelihood(random: Random, seed: int, wanted: frozenset[Fault] = ALL) -> Likelihood:
    """Select classes among `wanted`, with probabilities from 1 in 500 to 1 in 10."""
    chosen = {}
    for fault in Fault:
        # Must be reproducible, not secret.
        chance = Random(f"{seed}:{fault.name}") if fault in ADDED else random  # noqa: S311
        is_in, strength = chance.random() < PART_OF_SEEDS, 0.1 * 0.02 ** chance.random()
        if is_in and fault in wanted:
            chosen[fault] = strength
    return Likelihood(chosen)


class FaultCounts(Counter[Fault]):
    """Number of occurrences of each class of faults."""
