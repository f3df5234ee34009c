"""The whole engine in virtual time under seeded faults: a proof by millions of orders, a test bench for processors.

One seed gives one simulation: several engines in simulated processes, clients, an operator and a reader, on one store
and one queue, while faults of up to 38 classes happen. What clients were told, what processors saw and what the store
holds in the end is held against the promises.
"""

from order_engine.simulation.campaigns import Finding, PromiseBroken, Summary, expect_promises_kept, run_seeds
from order_engine.simulation.checks.record import Violation
from order_engine.simulation.faults.kinds import Fault, Likelihood, Tally
from order_engine.simulation.network.blocking import blocking
from order_engine.simulation.plan import Plan, Sizes
from order_engine.simulation.report import tell
from order_engine.simulation.simulation import Outcome, Scenario, run_seed
from order_engine.simulation.story import Line, Story

__all__ = [
    "Fault",
    "Finding",
    "Likelihood",
    "Line",
    "Outcome",
    "Plan",
    "PromiseBroken",
    "Scenario",
    "Sizes",
    "Story",
    "Summary",
    "Tally",
    "Violation",
    "blocking",
    "expect_promises_kept",
    "run_seed",
    "run_seeds",
    "tell",
]
