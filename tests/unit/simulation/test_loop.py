"""The loop of simulations: virtual time, chosen order, processes that pause and die, nothing of the world outside."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from random import Random

import pytest

from order_engine.simulation.loop import event_loop
from order_engine.simulation.loop.event_loop import SimulatedLoop, Stalled
from order_engine.simulation.loop.owners import Owner

NO_THREADS = "Threads are not supported in a simulation: call the function directly, or simulate its duration."


def new_loop(seed: int = 0, *, disorder: int = 1) -> SimulatedLoop:
    """Return a loop with chance of its own."""
    return SimulatedLoop(Random(seed), disorder)  # type: ignore[abstract]  # noqa: S311 - no network, no secret


def order_of_callbacks(seed: int, disorder: int) -> list[int]:
    """Return the order in which twenty callbacks run that were all ready at once."""
    loop, ran = new_loop(seed, disorder=disorder), list[int]()

    async def course() -> None:
        for number in range(20):
            loop.call_soon(ran.append, number)
        await asyncio.sleep(1)

    loop.run_until_complete(course())
    return ran


def test_time_passes_only_when_nothing_is_ready() -> None:
    """An hour takes no time, and whatever is ready at one moment runs at that moment."""
    loop, seen = new_loop(), list[tuple[str, float]]()

    async def work(name: str, seconds: float) -> None:
        for _ in range(3):
            await asyncio.sleep(0)
        seen.append((name, loop.time()))
        await asyncio.sleep(seconds)
        seen.append((name, loop.time()))

    async def course() -> None:
        await asyncio.gather(work("long", 3600), work("short", 0.5))

    loop.run_until_complete(course())
    assert seen == [("long", 0.0), ("short", 0.0), ("short", 0.5), ("long", 3600.0)]


def test_without_disorder_callbacks_run_in_the_order_in_which_they_came() -> None:
    """As in asyncio's own event_loop, so that the order of a plain run can be had."""
    assert order_of_callbacks(seed=1, disorder=1) == list(range(20))


def test_with_disorder_the_seed_chooses_among_the_first_that_are_ready() -> None:
    """The same seed the same way, another seed another way, and nobody waits longer than the disorder allows."""
    assert order_of_callbacks(1, 4) == order_of_callbacks(1, 4) != order_of_callbacks(2, 4)
    assert sorted(order_of_callbacks(1, 4)) == list(range(20))
    assert all(number - place < 4 for place, number in enumerate(order_of_callbacks(1, 4)))


def test_a_paused_owner_does_nothing_and_then_everything_that_came_up() -> None:
    """Its timers are late by the pause; nothing of it is lost."""
    loop, owner, seen = new_loop(), Owner("process"), list[float]()

    async def work() -> None:
        while True:
            await asyncio.sleep(1)
            seen.append(loop.time())

    async def course() -> None:
        task = loop.create_task(work(), context=owner.context.copy())
        await asyncio.sleep(1.5)
        owner.pause()
        await asyncio.sleep(5)
        assert seen == [1.0]
        loop.resume(owner)
        await asyncio.sleep(1.75)
        task.cancel()

    loop.run_until_complete(course())
    assert seen == [1.0, 6.5, 7.5]


def test_a_dead_owner_does_nothing_any_more() -> None:
    """Not even its `finally`: nothing cleans up after a crash. Resuming it does not wake it."""
    loop, owner, seen = new_loop(), Owner("process"), list[str]()

    async def work() -> None:
        try:
            await asyncio.sleep(1)
            seen.append("went on")
        finally:
            seen.append("cleaned up")

    async def course() -> None:
        task = loop.create_task(work(), context=owner.context.copy())
        await asyncio.sleep(0.5)
        owner.die()
        task.cancel()
        loop.resume(owner)
        await asyncio.sleep(5)
        assert seen == []
        assert not task.done()
        loop.unwind([task])
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001 - as the simulation itself does

    loop.run_until_complete(course())
    assert seen == ["cleaned up"]


def test_what_the_world_does_is_not_held_up_by_whoever_asked_for_it() -> None:
    """A call that is under way arrives although its caller has died."""
    loop, owner, seen = new_loop(), Owner("process"), list[float]()

    async def work() -> None:
        loop.call_as_world(lambda: seen.append(loop.time()), delay=2)
        await asyncio.sleep(100)

    async def course() -> None:
        task = loop.create_task(work(), context=owner.context.copy())
        await asyncio.sleep(1)
        owner.die()
        await asyncio.sleep(3)
        loop.unwind([task])
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001 - likewise

    loop.run_until_complete(course())
    assert seen == [2.0]


def test_a_wait_that_nothing_can_end_is_told() -> None:
    """With nothing ready and no timer, no time can pass."""
    loop = new_loop()

    async def course() -> None:
        await loop.create_future()

    with pytest.raises(Stalled, match=r"nothing is scheduled after 0\.000000 s"):
        loop.run_until_complete(course())


def test_going_round_in_circles_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """What never lets time pass would keep a simulation for ever."""
    monkeypatch.setattr(event_loop, "MOST_STEPS_AT_ONCE", 1000)
    loop = new_loop()

    async def course() -> None:
        while True:  # noqa: ASYNC110 - a circle, which is the point
            await asyncio.sleep(0)

    with pytest.raises(Stalled, match="1000 callbacks ran"):
        loop.run_until_complete(course())


def test_a_simulation_that_takes_too_long_is_told() -> None:
    """Virtual time has a bound too."""
    loop = SimulatedLoop(Random(0), longest=10)  # type: ignore[abstract]  # noqa: S311 - likewise

    async def course() -> None:
        while True:  # noqa: ASYNC110 - likewise
            await asyncio.sleep(1)

    with pytest.raises(Stalled, match="not finished after 10 s"):
        loop.run_until_complete(course())


@pytest.mark.parametrize(
    "ask",
    [
        lambda: asyncio.to_thread(print),
        lambda: asyncio.get_running_loop().run_in_executor(None, print),
        lambda: asyncio.get_running_loop().call_soon_threadsafe(print),
    ],
)
def test_there_are_no_threads(ask: Callable[[], object]) -> None:
    """A second thread would make chance of what the seed decides: the error says what to do instead."""

    async def course() -> None:
        asked = ask()
        if asyncio.iscoroutine(asked):
            await asked

    with pytest.raises(NotImplementedError) as refused:
        new_loop().run_until_complete(course())
    assert str(refused.value) == NO_THREADS


def test_there_is_no_network() -> None:
    """No socket is opened, and nothing is looked up."""

    async def course() -> None:
        await asyncio.open_connection("localhost", 80)

    with pytest.raises(NotImplementedError):
        new_loop().run_until_complete(course())


def test_tasks_keep_to_their_contexts() -> None:
    """What a task sets is seen by those that it starts, and by nobody else."""
    name: ContextVar[str] = ContextVar("name", default="nobody")
    loop, seen = new_loop(), list[str]()

    async def inner() -> None:
        await asyncio.sleep(1)
        seen.append(name.get())

    async def outer(mine: str) -> None:
        name.set(mine)
        await asyncio.gather(inner(), inner())

    async def course() -> None:
        await asyncio.gather(outer("one"), outer("two"))
        seen.append(name.get())

    loop.run_until_complete(course())
    assert seen == ["one", "one", "two", "two", "nobody"]


def test_a_set_of_tasks_has_the_same_order_in_every_loop() -> None:
    """Whatever ran before: by their addresses it would be another one in each run."""

    def orders() -> list[str]:
        loop, seen = new_loop(), list[str]()

        async def work(mine: str) -> None:
            try:
                await asyncio.sleep(10)
            finally:
                seen.append(mine)

        async def course() -> None:
            tasks = {asyncio.ensure_future(work(f"{number}")) for number in range(13)}
            await asyncio.sleep(1)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

        loop.run_until_complete(course())
        return seen

    assert len({tuple(orders()) for _ in range(5)}) == 1


def test_errors_that_nobody_caught_are_kept() -> None:
    """A callback that raises does not end the simulation, and is not lost either."""
    loop = new_loop()

    async def course() -> None:
        loop.call_soon(lambda: 1 / 0)
        await asyncio.sleep(1)

    loop.run_until_complete(course())
    [failure] = loop.failures
    assert isinstance(failure["exception"], ZeroDivisionError)


def test_the_loop_that_ran_before_is_back_afterwards() -> None:
    """A simulation may run inside of a program that has a loop of its own."""

    async def outer() -> None:
        mine = asyncio.get_running_loop()
        new_loop().run_until_complete(asyncio.sleep(5))
        assert asyncio.get_running_loop() is mine

    asyncio.run(outer())
