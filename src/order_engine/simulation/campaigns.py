"""Campaigns: simulation of many seeds, with a summary of violations and faults."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from order_engine.domain.errors import OrderEngineError
from order_engine.simulation.checks.record import Violation
from order_engine.simulation.faults.kinds import Fault, FaultCounts
from order_engine.simulation.report import report_lines
from order_engine.simulation.simulation import Outcome, Scenario, run_seed


class PromiseBroken(OrderEngineError):
    """A simulation broke a promise; the message contains the report."""

    code = "promise_broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """Violation, and the seed that reproduces it."""

    seed: int
    violation: Violation


@dataclass(slots=True)
class Summary:
    """Summary of many seeds."""

    seeds: int = 0
    orders: int = 0
    faults: FaultCounts = field(default_factory=FaultCounts)
    findings: list[Finding] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Add the outcome of one seed."""
        self.seeds += 1
        self.orders += outcome.orders
        self.faults.update(outcome.faults)
        self.findings.extend(Finding(outcome.plan.seed, violation) for violation in outcome.violations)

    @property
    def missing(self) -> list[Fault]:
        """Classes of faults that never occurred."""
        return [fault for fault in Fault if not self.faults[fault]]


def run_seeds(scenario: Scenario, seeds: Iterable[int]) -> Iterator[Outcome]:
    """Simulate seeds one after the other."""
    for seed in seeds:
        yield run_seed(scenario, seed)


def expect_promises_kept(scenario: Scenario, seeds: Iterable[int]) -> Summary:
    """Simulate `seeds` and return the summary. Raises PromiseBroken with a report at the first violation."""
    summary = Summary()
    for outcome in run_seeds(scenario, seeds):
        summary.add(outcome)
        if outcome.violations:
            raise PromiseBroken("\n".join(report_lines(run_seed(scenario, outcome.plan.seed, trace=True))))
    return summary
