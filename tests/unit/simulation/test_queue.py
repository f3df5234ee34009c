"""The bells: lost, repeated, late, out of order, and none of it once the world is calm."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random

import pytest

from order_engine.simulation import Fault, Sizes
from order_engine.simulation.faults.kinds import Likelihood
from order_engine.simulation.loop.event_loop import SimulatedLoop
from order_engine.simulation.network.doorbell_queue import QueueBroker, QueueFailure
from order_engine.simulation.plan import draw_plan
from order_engine.simulation.processes.clocks import SimulatedClock
from order_engine.simulation.world import World
from order_engine_adapters.memory import MemoryRepository

RUNG = [f"order{number}" for number in range(10)]


def new_world(*faults: Fault, broadcast: bool = True) -> World:
    """Return a world in which these faults always strike."""
    loop = SimulatedLoop(Random(0))  # type: ignore[abstract]  # noqa: S311 - no network, no secret
    clock = SimulatedClock(loop)
    plan = draw_plan(1, Sizes(), frozenset())
    object.__setattr__(plan, "likelihood", Likelihood(dict.fromkeys(faults, 1.0)))
    object.__setattr__(plan, "broadcast", broadcast)
    return World(plan, loop, clock, MemoryRepository(clock))


def heard(world: World, seconds: float = 100.0) -> list[list[str]]:
    """Ring for ten orders and return what each of two instances has heard after so many seconds."""
    broker = QueueBroker(world)
    receivers: list[list[str]] = [[], []]

    async def listen(number: int) -> None:
        queue = broker.listen(f"instance-{number}")
        while True:
            receivers[number].extend(await queue.get(100))

    async def course() -> None:
        listeners = [asyncio.ensure_future(listen(number)) for number in (0, 1)]
        await asyncio.sleep(0)
        await broker.listen("instance-2").put(RUNG)
        await asyncio.sleep(seconds)
        for listener in listeners:
            listener.cancel()
        await asyncio.wait(listeners)

    world.loop.run_until_complete(course())
    return receivers


def test_every_bell_is_heard_by_all_or_by_one() -> None:
    """As the plan says: some queues tell everybody, others one."""
    assert heard(new_world()) == [RUNG, RUNG]
    by_one: Sequence[str] = [order_id for receiver in heard(new_world(broadcast=False)) for order_id in receiver]
    assert len(by_one) == len(set(by_one)) < 10


def test_lost_bells_are_not_heard() -> None:
    """And are counted."""
    world = new_world(Fault.QUEUE_LOSES)
    assert heard(world) == [[], []]
    assert world.fault_counts[Fault.QUEUE_LOSES] == 10


def test_repeated_bells_are_heard_twice() -> None:
    """Each of them."""
    assert heard(new_world(Fault.QUEUE_REPEATS))[0] == [order_id for order_id in RUNG for _ in range(2)]


def test_delayed_bells_are_heard_later() -> None:
    """Not one is there at once, and all are within a lease."""
    world = new_world(Fault.QUEUE_DELAYS)
    assert len(heard(world, seconds=world.plan.latency)[0]) < 10
    assert sorted(heard(new_world(Fault.QUEUE_DELAYS))[0]) == RUNG


def test_bells_out_of_order_are_all_heard() -> None:
    """In another order."""
    [first, _] = heard(new_world(Fault.QUEUE_REORDERS))
    assert first != RUNG
    assert sorted(first) == RUNG


def test_a_queue_that_is_away_raises() -> None:
    """Both ways, at once or after a while."""
    world = new_world(Fault.QUEUE_FAILS)
    queue = QueueBroker(world).listen("instance-0")
    with pytest.raises(QueueFailure):
        world.loop.run_until_complete(queue.put(RUNG))
    with pytest.raises(QueueFailure):
        world.loop.run_until_complete(queue.get(1))


def test_in_a_calm_world_nothing_happens_to_bells() -> None:
    """The last fault is over."""
    world = new_world(*(fault for fault in Fault if fault.name.startswith("QUEUE_")))
    world.faults_over = True
    assert heard(world) == [RUNG, RUNG]
    assert not world.fault_counts
