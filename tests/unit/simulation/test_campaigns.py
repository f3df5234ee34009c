"""A campaign that CI can afford: every class of fault strikes, and no promise is broken."""

from __future__ import annotations

import pytest

from order_engine.simulation import Fault, PromiseBroken, Scenario, Sizes, Summary, expect_promises_kept, run_seeds
from order_engine_adapters.wiring.simulation import in_memory
from tests.unit.simulation.planted import EVERYTHING, scenario
from tests.unit.simulation.planted_stores import LosesWhatItAcknowledged

SEEDS = 120
LONG = 1000


@pytest.mark.parametrize("seeds", [SEEDS, pytest.param(LONG, marks=pytest.mark.long)])
def test_no_seed_breaks_a_promise_while_every_class_of_fault_strikes(seeds: int) -> None:
    """The same seeds in each run: others are tried by `order-engine simulate`, for as long as somebody wants."""
    summary = expect_promises_kept(Scenario(store=in_memory, sizes=Sizes(orders=800, instances=4)), range(seeds))
    assert summary.missing == []
    assert summary.seeds == seeds
    assert summary.orders > 10_000


def test_a_broken_promise_is_told_with_its_story() -> None:
    """Which promise, in which world, and who did what when to the order that it is about."""
    with pytest.raises(PromiseBroken) as broken:
        expect_promises_kept(scenario(EVERYTHING, LosesWhatItAcknowledged), range(20))
    head, violation, *rest = str(broken.value).splitlines()
    assert head.startswith("Seed ")
    assert violation.startswith(("  P1: order-", "  P4: "))
    # Other promises may be broken by the same loss: their lines come first.
    world = next(place for place, line in enumerate(rest) if line.startswith("Parameters: "))
    faults, *trace = rest[world + 1 :]
    assert faults.startswith("Faults: ")
    order_id = next(word for word in violation.split() if word.startswith("order-"))
    assert any("add" in line and order_id in line for line in trace)


def test_a_summary_adds_up() -> None:
    """Seeds, orders, faults and findings of all outcomes; what never struck is named."""
    outcomes = list(run_seeds(scenario(EVERYTHING), range(3)))
    summary = Summary()
    for outcome in outcomes:
        summary.add(outcome)
    assert summary.seeds == 3
    assert summary.orders == sum(outcome.orders for outcome in outcomes)
    assert summary.findings == []
    assert summary.missing == [fault for fault in Fault if not any(outcome.faults[fault] for outcome in outcomes)]
