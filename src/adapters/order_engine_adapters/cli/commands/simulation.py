"""`order-engine simulate`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, takewhile
from typing import TYPE_CHECKING, TextIO

import click

from order_engine.simulation import Fault, Scenario, Sizes, Summary, report_lines, run_seed, run_seeds
from order_engine_adapters.cli.formatting import Column, table
from order_engine_adapters.cli.output import print_json, print_lines
from order_engine_adapters.process.interrupts import Interrupts
from order_engine_adapters.wiring.simulation import DEFAULT_SEEDS, named_scenario

if TYPE_CHECKING:
    from collections.abc import Callable

    from order_engine.simulation import Outcome

VIOLATION_EXIT_CODE = 1
"""Exit code if a promise was broken."""
SECONDS_PER_MINUTE = 60
COLUMNS = (Column("TIMES", right=True), Column("FAULT"))


@dataclass(frozen=True, kw_only=True)
class SimulationOptions:
    """Options of the command."""

    seeds: int | None
    minutes: float | None
    seed: int | None
    first_seed: int
    trace: bool
    orders: int
    processor: str | None
    as_json: bool


def simulate(wanted: SimulationOptions) -> None:
    """Run simulations and print the results. Exits with 1 if a promise was broken."""
    if wanted.trace and wanted.seed is None:
        message = "--trace requires --seed."
        raise click.UsageError(message)
    if wanted.seed is not None and (wanted.seeds is not None or wanted.minutes is not None):
        message = "--seed cannot be combined with --seeds or --minutes."
        raise click.UsageError(message)
    scenario = named_scenario(wanted.processor, Sizes(orders=wanted.orders))
    if wanted.trace and wanted.seed is not None:
        _trace(scenario, wanted.seed)
        return
    summary, cpu_seconds = _run(scenario, wanted)
    if wanted.as_json:
        print_json(json.dumps(_document(summary, cpu_seconds)))
    else:
        print_lines(_report(summary, cpu_seconds))
        if summary.findings:
            print_lines(["", *report_lines(run_seed(scenario, summary.findings[0].seed, trace=True))])
            again = f"order-engine simulate --seed {summary.findings[0].seed} --orders {wanted.orders} --trace"
            click.echo(f"\nReproduce with a full trace: {again}")
    if summary.findings:
        sys.exit(VIOLATION_EXIT_CODE)


def _trace(scenario: Scenario, seed: int) -> None:
    outcome = run_seed(scenario, seed, trace=True)
    print_lines(str(line) for line in (outcome.trace.lines if outcome.trace is not None else ()))
    print_lines(["", *(f"VIOLATION  {violation}" for violation in outcome.violations)])
    if outcome.violations:
        sys.exit(VIOLATION_EXIT_CODE)
    click.echo(f"Seed {seed}: {outcome.orders:,} orders, no violations.")


def _run(scenario: Scenario, wanted: SimulationOptions) -> tuple[Summary, float]:
    """Simulate all seeds. Return the summary and the CPU seconds."""
    summary = Summary()
    began, began_cpu = time.monotonic(), time.process_time()
    seeds: Iterable[int] = range(wanted.first_seed, wanted.first_seed + (wanted.seeds or DEFAULT_SEEDS))
    if wanted.seed is not None:
        seeds = [wanted.seed]
    elif wanted.minutes is not None:
        until = began + wanted.minutes * SECONDS_PER_MINUTE
        endless = count(wanted.first_seed) if wanted.seeds is None else seeds
        seeds = takewhile(lambda _: time.monotonic() < until, endless)
    # A KeyboardInterrupt within a seed could be mistaken for a failure of the simulated processor.
    with _progress(sys.stderr, wanted, summary, began) as advance, Interrupts() as interrupts:
        for outcome in run_seeds(scenario, seeds):
            summary.add(outcome)
            advance(outcome)
            interrupts.check()
    return summary, time.process_time() - began_cpu


@contextmanager
def _progress(
    stream: TextIO, wanted: SimulationOptions, summary: Summary, began: float
) -> Iterator[Callable[[Outcome], None]]:
    """Show a progress bar on `stream` if it is a terminal."""
    if not stream.isatty():
        yield lambda _: None
        return
    by_time = wanted.minutes is not None and wanted.seeds is None
    length = int((wanted.minutes or 0) * SECONDS_PER_MINUTE) if by_time else wanted.seeds or DEFAULT_SEEDS

    def so_far(_: object) -> str:
        rate = summary.orders / max(time.monotonic() - began, 1e-9)
        return f"{summary.orders:,} orders, {rate:,.0f}/s, {len(summary.findings)} violations"

    with click.progressbar(length=length, file=stream, show_eta=True, item_show_func=so_far) as bar:
        yield lambda _: bar.update((int(time.monotonic() - began) if by_time else summary.seeds) - bar.pos)


def _document(summary: Summary, cpu_seconds: float) -> object:
    return {
        "seeds": summary.seeds,
        "orders": summary.orders,
        "violations": [
            {
                "seed": finding.seed,
                "promise": finding.violation.promise,
                "what": finding.violation.what,
                "order_ids": list(finding.violation.order_ids),
            }
            for finding in summary.findings
        ],
        "faults": {fault.name.lower(): summary.faults[fault] for fault in Fault},
        "cpu_seconds": round(cpu_seconds, 3),
    }


def _report(summary: Summary, cpu_seconds: float) -> Iterator[str]:
    yield from table(COLUMNS, [(f"{summary.faults[fault]:,}", str(fault)) for fault in Fault])
    yield ""
    if summary.missing:
        yield f"Faults not injected in these seeds: {', '.join(summary.missing)}."
    rate = summary.orders / max(cpu_seconds, 1e-9)
    yield (
        f"{summary.seeds:,} seeds, {summary.orders:,} orders, {len(summary.findings) or 'no'} violations; "
        f"{cpu_seconds:.1f} s of CPU, {rate:,.0f} orders/s, {rate * SECONDS_PER_MINUTE:,.0f} orders per CPU minute"
    )
