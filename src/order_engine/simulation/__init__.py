"""Deterministic simulation of the whole engine in virtual time under seeded faults.

One seed gives one simulation: several engines in simulated processes, clients, an operator and a reader share one
repository and one queue, while faults of up to 38 classes occur. The answers to clients, the runs of processors and the
final state of the repository are checked against the promises. Use it to test processors, too.
"""

from order_engine.simulation.campaigns import Finding, PromiseBroken, Summary, expect_promises_kept, run_seeds
from order_engine.simulation.checks.record import Violation
from order_engine.simulation.faults.kinds import Fault, FaultCounts, Likelihood
from order_engine.simulation.network.blocking import blocking
from order_engine.simulation.plan import Plan, Sizes
from order_engine.simulation.report import report_lines
from order_engine.simulation.simulation import Outcome, Scenario, run_seed
from order_engine.simulation.trace import Trace, TraceLine

__all__ = [
    "Fault",
    "FaultCounts",
    "Finding",
    "Likelihood",
    "Outcome",
    "Plan",
    "PromiseBroken",
    "Scenario",
    "Sizes",
    "Summary",
    "Trace",
    "TraceLine",
    "Violation",
    "blocking",
    "expect_promises_kept",
    "report_lines",
    "run_seed",
    "run_seeds",
]
