"""Simulations of the engine, with or without a user's processor, on the in-memory repository."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from order_engine import Order
from order_engine.ports.clock import Clock
from order_engine.ports.repository import OrderRepository
from order_engine.simulation import Scenario, Sizes, Summary, expect_promises_kept
from order_engine.simulation.orders import some_order
from order_engine.simulation.processes.processors import Work
from order_engine.simulation.simulation import Orders
from order_engine_adapters.clocks import SteadyClock, SystemClock
from order_engine_adapters.memory import MemoryRepository
from order_engine_adapters.wiring.processors import load_processor

DEFAULT_SEEDS = 100


class Simulate(Protocol):
    """Signature of `simulate`."""

    def __call__(
        self,
        make_processor: Callable[[], Work],
        *,
        seeds: int | Iterable[int] = DEFAULT_SEEDS,
        orders: Orders = some_order,
        check: Callable[[Sequence[Order]], object] | None = None,
        sizes: Sizes | None = None,
    ) -> Summary:
        """See `simulate`."""
        ...


def in_memory(clock: Clock) -> AbstractContextManager[OrderRepository]:
    """Open an empty in-memory repository on a simulated clock."""
    return nullcontext(MemoryRepository(SteadyClock(clock)))


def named_scenario(processor: str | None, sizes: Sizes) -> Scenario:
    """Return the simulation for a processor by name; None simulates only the engine. Raises InvalidSetting."""
    if processor is None:
        return Scenario(store=in_memory, sizes=sizes)
    work = load_processor(processor, SystemClock())
    return Scenario(store=in_memory, sizes=sizes, make_work=None if work is None else lambda: work)


def simulate(
    make_processor: Callable[[], Work],
    *,
    seeds: int | Iterable[int] = DEFAULT_SEEDS,
    orders: Orders = some_order,
    check: Callable[[Sequence[Order]], object] | None = None,
    sizes: Sizes | None = None,
) -> Summary:
    """Test a processor under simulated crashes, pauses, outages and other faults.

    `make_processor` creates the processor for each seed. A coroutine function may sleep, wait and take any number of
    steps in virtual time. It must not use a real network, thread or clock, so give it fakes. `orders` creates the order
    with a given number, with a unique id. `check` gets all orders at the end of a seed, to compare them with what the
    fakes recorded. Raises PromiseBroken with the full trace at the first violation.
    """
    scenario = Scenario(
        store=in_memory, make_work=make_processor, orders=orders, check=check, sizes=sizes or Sizes(orders=200)
    )
    return expect_promises_kept(scenario, range(seeds) if isinstance(seeds, int) else seeds)
