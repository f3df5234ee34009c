"""Plan of a simulation, drawn from its seed: numbers of processes and orders, faults, and engine settings."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

from order_engine.application.options import EngineOptions
from order_engine.simulation.faults.kinds import ALL, Fault, Likelihood, draw_likelihood

SLOTS: Final = (1, 4, 20, 100, 500, 1000, 1000, 1000)
BATCHES: Final = (1, 10, 100, 500, 500, 500)
DISORDERS: Final = (2, 4, 16, 64)
AMPLE: Final = 10_000
FOR_EACH: Final = 25
"""Orders per order that can be processed at once."""
PART_THAT_WORKS_LONG: Final = 0.15
"""Part of the seeds in which processing takes about as long as a lease, so that leases are renewed and lost."""
MOST_LONG_ORDERS: Final = 300
LONG_FOR_EACH: Final = 5
RENEWED_IN_TIME: Final = (10, 100)
PART_SLOW_TO_RENEW: Final = 1 / 3
"""Part of the seeds with slow renewals, in all of which processing takes long, which is to be the case in few."""
MOST_KILLERS: Final = 3
"""Maximum number of orders that crash their process. If no other fault loses attempts, no other order may fail."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Maximum numbers of orders and instances; each seed draws numbers up to these."""

    orders: int = 5000
    instances: int = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Parameters of one simulation."""

    seed: int
    instances: int
    orders: int
    options: EngineOptions
    likelihood: Likelihood
    disorder: int
    """Number of ready callbacks among which the loop chooses; 1: first in, first out."""
    latency: float
    """Maximum latency of the connection to the repository, without faults, in seconds."""
    work_seconds: float
    """Maximum processing time of an order, without faults, in seconds."""
    trouble_seconds: float
    """Duration of the period in which faults occur."""
    broadcast: bool
    """Whether the queue delivers each id to every instance, or only to one."""
    renewed_in_time: int | None
    """Number of leases per process that the repository can renew in a third of a lease; None: unlimited."""

    def chance(self, name: str) -> Random:
        """Return a separate random generator for one part, so that the draws of one part do not affect another's."""
        return Random(f"{self.seed}:{name}")  # noqa: S311 - must be reproducible, not secret


def draw_plan(seed: int, sizes: Sizes, wanted: frozenset[Fault] = ALL) -> Plan:
    """Draw the plan of a simulation."""
    random = Random(f"{seed}:plan")  # noqa: S311 - must be reproducible
    likelihood = draw_likelihood(random, seed, wanted)
    lease = random.uniform(1, 6)
    renewed_in_time = _draw_renewed_in_time(seed) if likelihood[Fault.RENEWALS_SLOW] else None
    works_long = random.random() < PART_THAT_WORKS_LONG or renewed_in_time is not None
    options = _draw_options(random, lease, likelihood, works_long=works_long)
    return Plan(
        seed=seed,
        instances=random.randint(1, sizes.instances),
        orders=max(1, int(min(sizes.orders * random.random(), _most_orders(options, works_long=works_long)))),
        options=options,
        likelihood=likelihood,
        disorder=random.choice(DISORDERS) if likelihood[Fault.DISORDER] else 1,
        latency=lease / 100 * random.uniform(0.02, 1),
        work_seconds=lease * random.uniform(0.5, 2.5) if works_long else lease / 4 * random.random() ** 3,
        trouble_seconds=lease * random.uniform(2, 4),
        broadcast=random.random() < 0.5,  # noqa: PLR2004 - an even chance
        renewed_in_time=renewed_in_time,
    )


def _draw_renewed_in_time(seed: int) -> int | None:
    """Return how many leases can be renewed in time in this seed; None in most seeds."""
    random = Random(f"{seed}:renewed in time")  # noqa: S311 - must be reproducible
    return random.randint(*RENEWED_IN_TIME) if random.random() < PART_SLOW_TO_RENEW else None


def _most_orders(options: EngineOptions, *, works_long: bool) -> int:
    """Return the useful number of orders: with low concurrency, many orders take long and show nothing new."""
    most = 1 + FOR_EACH * min(options.concurrency, options.batch_orders, options.max_waiting)
    return min(most, MOST_LONG_ORDERS, LONG_FOR_EACH * options.concurrency) if works_long else most


def _draw_options(random: Random, lease: float, likelihood: Likelihood, *, works_long: bool) -> EngineOptions:
    shortest, longest = (1.0, 3.0) if works_long else (0.3, 1.2)
    kills = likelihood[Fault.PROCESSOR_KILLS] > 0
    return EngineOptions(
        concurrency=random.choice(SLOTS),
        lease_seconds=lease,
        max_attempts=random.randint(1, 4),
        max_deliveries=8 if kills else random.randint(3, 8),
        attempt_seconds=0 if random.random() < 0.1 else lease * random.uniform(shortest, longest),  # noqa: PLR2004
        backoff_seconds=random.uniform(0, 0.5),
        backoff_cap_seconds=random.uniform(0.2, 2),
        poll_seconds=random.uniform(0.1, 1),
        request_seconds=lease * random.uniform(0.2, 1),
        grace_seconds=lease * random.random(),
        stop_seconds=random.uniform(0.05, 1),
        max_waiting=random.randint(1, 20) if likelihood[Fault.OVERLOAD] else AMPLE,
        batch_orders=random.choice(BATCHES),
    )
