"""Report on a seed that broke a promise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from order_engine.application.options import EngineOptions
from order_engine.simulation.simulation import Outcome

MOST_VIOLATIONS = 5
LONGEST_LINE = 180


def report_lines(outcome: Outcome) -> Iterator[str]:
    """Yield the lines of a report: violations, parameters, faults, and the trace if there is one.

    The trace is limited to lines about the orders of the first violation, and lines about no particular order.
    """
    plan = outcome.plan
    yield f"Seed {plan.seed}: {len(outcome.violations)} violations"
    for violation in outcome.violations[:MOST_VIOLATIONS]:
        yield f"  {violation}"
    yield f"Parameters: {plan.instances} instances, {outcome.orders} orders, {_unusual(plan.options)}"
    yield f"Faults: {', '.join(f'{fault} ({count} times)' for fault, count in outcome.faults.most_common())}"
    if outcome.trace is None:
        return
    order_ids = frozenset(outcome.violations[0].order_ids) if outcome.violations else frozenset()
    for line in outcome.trace.of(order_ids) if order_ids else outcome.trace.lines:
        text = str(line)
        yield text if len(text) <= LONGEST_LINE else f"{text[:LONGEST_LINE]}…"


def _unusual(options: EngineOptions) -> str:
    """Return the settings that differ from the defaults."""
    default = EngineOptions()
    values = [(option.name, getattr(options, option.name)) for option in fields(options)]
    return ", ".join(f"{name} {_short(value)}" for name, value in values if value != getattr(default, name))


def _short(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
