"""Simulations of the whole engine, and of a user's processor in it, on the memory repository."""

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
    """The signature of `simulate`."""

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
    """Open an empty memory repository on a simulation's clock, as the memory repository of a service is opened."""
    return nullcontext(MemoryRepository(SteadyClock(clock)))


def named_scenario(processor: str | None, sizes: Sizes) -> Scenario:
    """Return the simulation of a processor by its name; None: of the engine alone. Raises InvalidSetting."""
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
    """Try a processor against crashes, pauses, outages and everything else that a simulation has in store.

    `make_processor` makes it anew for each seed. A coroutine function may sleep, wait and take as many steps as it
    likes, in virtual time; it must not touch a real network, thread or clock, so give it fakes. `orders` makes order
    number so-and-so, with an id of its own. `check` gets all orders at the end of a seed, to hold them against what
    the fakes saw. Raises PromiseBroken with the whole story at the first violation.
    """
    scenario = Scenario(
        store=in_memory, make_work=make_processor, orders=orders, check=check, sizes=sizes or Sizes(orders=200)
    )
    return expect_promises_kept(scenario, range(seeds) if isinstance(seeds, int) else seeds)
