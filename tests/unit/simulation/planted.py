"""Planted bugs: what the simulation has to find, and within how many seeds.

`all_planted` has all of them, and prints the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Final

import pytest

from order_engine.ports.clock import Clock
from order_engine.ports.repository import OrderRepository
from order_engine.simulation import Fault, Outcome, Scenario, Sizes, plan, run_seed
from order_engine.simulation.faults.kinds import Likelihood
from order_engine_adapters.clocks import SteadyClock
from order_engine_adapters.memory import MemoryRepository

Plant = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True, eq=False)
class Circumstances:
    """Where a bug shows: which faults strike, and how often where they may; nothing said: as the seed draws them."""

    name: str
    faults: Mapping[Fault, float] | None = None
    sizes: Sizes = field(default_factory=lambda: Sizes(orders=200, instances=3))
    steady: bool = True
    """Whether the repository has a clock that is never set back; else it has what the simulation sets."""

    def __str__(self) -> str:
        """Return the name."""
        return self.name

    @contextmanager
    def prevail(self) -> Iterator[pytest.MonkeyPatch]:
        """Let every seed have these faults; undo at the end, and whatever else was patched."""
        with pytest.MonkeyPatch.context() as patch:
            if self.faults is not None:
                likelihood = Likelihood(self.faults)
                patch.setattr(plan, "draw_likelihood", lambda *_: likelihood)
            yield patch


EVERYTHING: Final = Circumstances("everything")
CALLS: Final = Circumstances(
    "calls",
    {
        Fault.CALL_FAILS: 0.02,
        Fault.CALL_FORGOTTEN: 0.05,
        Fault.ANSWER_LOST: 0.05,
        Fault.CALL_SILENT: 0.02,
        Fault.CALL_LATE: 0.02,
        Fault.CRASH_IN_CALL: 0.01,
        Fault.CLIENT_CANCELS: 0.1,
        Fault.PROCESSOR_SLOW: 0.1,
    },
)
"""A network that fails, and clients who cancel."""
LOST_ANSWERS: Final = Circumstances("lost answers", {Fault.ANSWER_LOST: 0.03, Fault.PROCESSOR_FAILS: 0.1})
"""Answers that get lost now and then, and nothing else that could excuse a lost attempt."""
FORGOTTEN: Final = Circumstances("forgotten calls", {Fault.CALL_FORGOTTEN: 0.03})
"""Calls that have no effect, of which nobody can know."""
MANY_INSTANCES: Final = Sizes(orders=300, instances=6)
PAUSES: Final = Circumstances(
    "pauses", {Fault.LONG_PAUSE: 1, Fault.PROCESSOR_STUBBORN: 0.5, Fault.PROCESSOR_FAILS: 0.2}, MANY_INSTANCES
)
"""Processes that stand still for longer than their leases last, with orders that take long in them."""
JUMPS: Final = Circumstances(
    "clock jumps",
    {Fault.STORE_CLOCK_JUMP: 1, Fault.PROCESSOR_SLOW: 0.5, Fault.PROCESSOR_FAILS: 0.3},
    MANY_INSTANCES,
)
"""Leases that end before their time, so that two processes work on the same order in good faith."""
FOLLOWED_JUMPS: Final = replace(JUMPS, name="followed clock jumps", steady=False)
"""The same for a repository that stamps what such a clock shows."""
OUTAGES: Final = Circumstances("outages", {Fault.OUTAGE: 1, Fault.PROCESSOR_SLOW: 0.5}, MANY_INSTANCES)
PARTITIONS: Final = Circumstances("partitions", {Fault.PARTITION: 1, Fault.PROCESSOR_SLOW: 0.5}, MANY_INSTANCES)
ENDS_IN_TROUBLE: Final = Circumstances(
    "ends in trouble",
    {Fault.SHUTDOWN: 1, Fault.OUTAGE: 1, Fault.CALL_SLOW: 0.2, Fault.CALL_SILENT: 0.1, Fault.PROCESSOR_SLOW: 0.2},
)
"""Processes that are shut down while the repository does not answer."""
CRASHES: Final = Circumstances(
    "crashes", {Fault.OUTAGE: 1, Fault.CRASH: 1, Fault.PROCESSOR_SLOW: 0.2, Fault.CLIENT_CANCELS: 0.3}
)
ENDS: Final = Circumstances(
    "ends", {Fault.SHUTDOWN: 1, Fault.PROCESSOR_SLOW: 0.3, Fault.PROCESSOR_STUBBORN: 0.1, Fault.OVERLOAD: 0.1}
)
"""Processes that are shut down while they work and while much waits."""
ENDS_AMONG_CANCELS: Final = Circumstances(
    "ends among cancels", {Fault.SHUTDOWN: 1, Fault.PROCESSOR_SLOW: 0.3, Fault.CLIENT_CANCELS: 0.5}
)
CLIENTS: Final = Circumstances(
    "clients",
    {
        Fault.CLIENT_CANCELS: 0.3,
        Fault.CLIENT_REPEATS: 0.2,
        Fault.CLIENT_CONTRADICTS: 0.2,
        Fault.PROCESSOR_SLOW: 0.2,
        Fault.PROCESSOR_FAILS: 0.2,
        Fault.OPERATOR_REDRIVES: 0.5,
        Fault.OVERLOAD: 0.1,
    },
)
"""Clients and operators who want much."""
PROCESSORS: Final = Circumstances(
    "processors",
    {
        Fault.PROCESSOR_FAILS: 0.1,
        Fault.PROCESSOR_REJECTS: 0.1,
        Fault.PROCESSOR_HANGS: 0.05,
        Fault.PROCESSOR_STUBBORN: 0.05,
        Fault.PROCESSOR_SLOW: 0.1,
        Fault.OPERATOR_REDRIVES: 0.5,
    },
)
"""Processors that do whatever they can, short of killing."""
LOST_REDRIVES: Final = Circumstances(
    "lost redrives", {Fault.ANSWER_LOST: 0.2, Fault.PROCESSOR_REJECTS: 0.3, Fault.OPERATOR_REDRIVES: 0.5}
)
"""Orders that fail again before an operator hears what became of the redrive."""
SLOW: Final = Circumstances("slow work", {Fault.PROCESSOR_SLOW: 0.5})
KILLERS: Final = Circumstances("killers", {Fault.PROCESSOR_KILLS: 1, Fault.PROCESSOR_FAILS: 0.1})
BELLS: Final = Circumstances("bells", {Fault.QUEUE_FAILS: 0.1, Fault.QUEUE_LOSES: 0.1, Fault.QUEUE_REPEATS: 0.1})
LOCKS: Final = Circumstances(
    "locks", {Fault.ORDERS_LOCKED: 1, Fault.PROCESSOR_SLOW: 0.3, Fault.CLIENT_CANCELS: 0.1}, MANY_INSTANCES
)
"""Orders that strangers lock while they are placed, worked on and cancelled."""
REFUSALS: Final = Circumstances("refused calls", {Fault.CALL_FAILS: 0.2})
OVERLOADED: Final = Circumstances("overload", {Fault.OVERLOAD: 1, Fault.CALL_SLOW: 0.2})
CROWDS: Final = Circumstances("many orders", {}, Sizes(orders=2000, instances=2))


@dataclass(frozen=True, kw_only=True)
class PlantedBug:
    """A bug, how it is planted, the promises that one of its violations names, and within how many seeds."""

    name: str
    breaks: frozenset[str]
    within: int
    where: Circumstances = EVERYTHING
    plant: Plant | None = None
    store: type[MemoryRepository] = MemoryRepository

    def seeds(self, most: int) -> Iterator[Outcome]:
        """Simulate seed after seed with the bug in place, from 0."""
        for seed in range(most):
            with self.where.prevail() as patch:
                if self.plant is not None:
                    self.plant(patch)
                yield run_seed(scenario(self.where, self.store), seed)

    def shows(self, outcome: Outcome) -> bool:
        """Whether the first violation is one that this bug brings about, and not that it does not fit the code."""
        first = outcome.violations[0] if outcome.violations else None
        return first is not None and first.promise in self.breaks and not any(each in first.what for each in MISFITS)


MISFITS: Final = ("AttributeError", "TypeError", "NameError", "UnboundLocalError", "ImportError")
"""What a plant raises that the code has outgrown: it says nothing about the bug."""
BUGS: Final[list[PlantedBug]] = []


def scenario(where: Circumstances, store: type[MemoryRepository] = MemoryRepository) -> Scenario:
    """Return the simulation of the engine alone, under these circumstances."""

    def opened(clock: Clock) -> AbstractContextManager[OrderRepository]:
        return nullcontext(store(SteadyClock(clock) if where.steady else clock))

    return Scenario(store=opened, sizes=where.sizes)


def found(*breaks: str, within: int, where: Circumstances = EVERYTHING) -> Callable[[Plant], Plant]:
    """Enter a bug of the engine, by its function's docstring."""

    def enter(plant: Plant) -> Plant:
        name = (plant.__doc__ or "").rstrip(".")
        BUGS.append(PlantedBug(name=name, breaks=frozenset(breaks), within=within, where=where, plant=plant))
        return plant

    return enter


def stores(store: type[MemoryRepository], *breaks: str, within: int, where: Circumstances = EVERYTHING) -> None:
    """Enter a bug of a repository, by its class's docstring."""
    name = f"{store.__name__}: {(store.__doc__ or '').splitlines()[0].rstrip('.')}"
    BUGS.append(PlantedBug(name=name, breaks=frozenset(breaks), within=within, where=where, store=store))
