"""Behavior of the processor for each order and run, planned by the seed."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Final, NamedTuple

from order_engine.simulation.faults.kinds import OF_PROCESSORS, Fault
from order_engine.simulation.plan import MOST_KILLERS, Plan

MOST_REPEATS: Final = 3
"""Maximum number of runs of one order with the same fault, unless the fault is permanent."""
ALWAYS: Final = 1_000_000
TAKING_LONG: Final = frozenset({Fault.PROCESSOR_SLOW, Fault.PROCESSOR_HANGS, Fault.PROCESSOR_STUBBORN})
STEPS_OF_WORK: Final = (0.0, 0.0, 0.0, 0.25, 0.5, 1.0)
"""In steps, so that many orders end at the same time and are reported in one batch, as under load."""
PART_ALWAYS: Final = 0.25
"""Part of the faults that are permanent, if they may be."""


class RunBehavior(NamedTuple):
    """Behavior of one run: it takes `seconds`, followed by `fault`, if any."""

    seconds: float
    fault: Fault | None = None


class OrderBehavior(NamedTuple):
    """Behavior of the processor for an order: `fault` in the first `runs` runs, then regular processing."""

    seconds: float
    fault: Fault | None = None
    runs: int = 0
    fault_seconds: float = 0.0

    def of_run(self, run: int) -> RunBehavior:
        """Return the behavior of a run, numbered from 1."""
        if self.fault is not None and run <= self.runs:
            return RunBehavior(self.fault_seconds, self.fault)
        return RunBehavior(self.seconds)

    def takes_long(self, lease_seconds: float) -> bool:
        """Return whether it takes a large part of a lease."""
        return self.fault in TAKING_LONG or self.seconds > lease_seconds / 2

    @property
    def kills(self) -> bool:
        """Whether it crashes its process."""
        return self.fault is Fault.PROCESSOR_KILLS


def draw_behaviors(plan: Plan, random: Random) -> Sequence[OrderBehavior]:
    """Draw a behavior for each order of the plan."""
    behaviors = [_draw_behavior(plan, random) for _ in range(plan.orders)]
    if plan.likelihood[Fault.PROCESSOR_KILLS]:
        for _ in range(random.randint(1, MOST_KILLERS)):
            runs = ALWAYS if random.random() < PART_ALWAYS else random.randint(1, MOST_REPEATS)
            killer = OrderBehavior(plan.work_seconds, Fault.PROCESSOR_KILLS, runs, plan.work_seconds * random.random())
            behaviors[random.randrange(len(behaviors))] = killer
    return behaviors


def _draw_behavior(plan: Plan, random: Random) -> OrderBehavior:
    ordinary = plan.work_seconds * random.choice(STEPS_OF_WORK)
    for fault in OF_PROCESSORS:
        likelihood = plan.likelihood[fault]
        if likelihood and random.random() < likelihood:
            if fault is Fault.PROCESSOR_HANGS and not plan.options.attempt_seconds:
                # Without a time limit, it would never end.
                return OrderBehavior(ordinary)
            return OrderBehavior(ordinary, fault, _runs(fault, random), _fault_seconds(fault, plan, random))
    return OrderBehavior(ordinary)


def _runs(fault: Fault, random: Random) -> int:
    # Permanent failures and hangs end when the attempts are exhausted.
    if fault in {Fault.PROCESSOR_FAILS, Fault.PROCESSOR_HANGS, Fault.PROCESSOR_SLOW} and random.random() < PART_ALWAYS:
        return ALWAYS
    return random.randint(1, MOST_REPEATS)


def _fault_seconds(fault: Fault, plan: Plan, random: Random) -> float:
    lease = plan.options.lease_seconds
    if fault is Fault.PROCESSOR_SLOW:
        return lease * random.uniform(0.3, 2)
    if fault is Fault.PROCESSOR_STUBBORN:
        return lease * random.uniform(0.5, 2)
    return plan.work_seconds * random.random()
