"""What one seed draws: how many processes, orders and faults, and every setting of the engines."""

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
"""Orders for each that may pass at once."""
PART_THAT_WORKS_LONG: Final = 0.15
"""Of the seeds, those in which work takes about as long as a lease: leases are renewed then, and lost in the middle."""
MOST_LONG_ORDERS: Final = 300
LONG_FOR_EACH: Final = 5
RENEWED_IN_TIME: Final = (10, 100)
PART_SLOW_TO_RENEW: Final = 1 / 3
"""Of the seeds in which renewals may be slow: in all of them work takes long, which is to be in few."""
MOST_KILLERS: Final = 3
"""Of a seed in which nothing else takes an attempt away: then no neighbour of a killer may fail, and it is checked."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large simulations are: of each seed a number of orders, drawn up to the most, and of instances likewise."""

    orders: int = 5000
    instances: int = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One simulation, before it begins."""

    seed: int
    instances: int
    orders: int
    options: EngineOptions
    likelihood: Likelihood
    disorder: int
    """Among how many ready callbacks the loop chooses; 1: none."""
    latency: float
    """Seconds that the way to the store takes, as a rule."""
    work_seconds: float
    """Seconds that an ordinary order takes, at most."""
    trouble_seconds: float
    """How long faults happen; then the world is calm."""
    broadcast: bool
    """Whether every instance hears each bell, or only one."""
    renewed_in_time: int | None
    """How many leases of one process the repository renews in a third of a lease; None: it is quick."""

    def chance(self, name: str) -> Random:
        """Return a source of chance of its own for one part: one part's draws do not shift another's."""
        return Random(f"{self.seed}:{name}")  # noqa: S311 - to be repeated, nothing secret is made of it


def draw_plan(seed: int, sizes: Sizes, wanted: frozenset[Fault] = ALL) -> Plan:
    """Draw everything that is fixed before a simulation begins."""
    random = Random(f"{seed}:plan")  # noqa: S311 - to be repeated
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
    """Return how many leases are renewed in time in this seed, in which work takes long then; None in most seeds."""
    random = Random(f"{seed}:renewed in time")  # noqa: S311 - to be repeated
    return random.randint(*RENEWED_IN_TIME) if random.random() < PART_SLOW_TO_RENEW else None


def _most_orders(options: EngineOptions, *, works_long: bool) -> int:
    """Return how many orders make sense: where few pass at once, many show nothing that few do not, and take long."""
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
