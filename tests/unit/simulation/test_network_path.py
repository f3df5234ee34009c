"""The way to the store: each fault of a call, whether it takes effect, and what its caller gets."""

from __future__ import annotations

import asyncio
from random import Random
from typing import NamedTuple

import pytest

from order_engine.domain.errors import OutcomeUnknown, Unavailable
from order_engine.simulation import Fault, Sizes
from order_engine.simulation.checks.record import Claimant
from order_engine.simulation.faults.kinds import OF_CALLS, Likelihood
from order_engine.simulation.loop.event_loop import SimulatedLoop
from order_engine.simulation.network.network_path import NetworkPath, drive
from order_engine.simulation.network.outages import ALL_INSTANCES, OutageKind, Outages
from order_engine.simulation.plan import draw_plan
from order_engine.simulation.processes.clocks import SimulatedClock
from order_engine.simulation.world import World
from order_engine_adapters.memory import MemoryRepository

LONG = 100.0


class Crashed(Exception):
    """The caller died."""


class Caller:
    """An instance that calls."""

    name = "instance-1"
    draining = False

    def __init__(self) -> None:
        """Begin alive."""
        self.claimant = Claimant("instance-1/1")
        self.died = False

    def crash(self, fault: Fault, why: str) -> None:  # noqa: ARG002 - the protocol's
        """Die."""
        self.died = True


class KnownOrder(NamedTuple):
    """What became of a call: how often it took effect, what its caller got (None: nothing), and whether that died."""

    effects: int
    answer: object
    died: bool


def call(operation: str, fault: Fault | None = None, away: OutageKind | None = None, *, seed: int = 0) -> KnownOrder:
    """Make one call that meets `fault`, or a store that is away."""
    loop = SimulatedLoop(Random(seed))  # type: ignore[abstract]  # noqa: S311 - no network, no secret
    clock = SimulatedClock(loop)
    plan = draw_plan(seed, Sizes(), frozenset())
    object.__setattr__(plan, "likelihood", Likelihood({} if fault is None else {fault: 1.0}))
    world, caller, outages = World(plan, loop, clock, MemoryRepository(clock)), Caller(), Outages()
    if away is not None:
        outages.begin(ALL_INSTANCES, away)
    effects: list[float] = []

    async def effect() -> str:
        effects.append(loop.time())
        return "done"

    async def course() -> object:
        path = NetworkPath(world, caller, outages, Random(seed))  # noqa: S311 - likewise
        asking = asyncio.ensure_future(path.carry(operation, ["order1"], effect))
        await asyncio.wait([asking, asyncio.ensure_future(asyncio.sleep(LONG))], return_when=asyncio.FIRST_COMPLETED)
        answer: object = None
        if asking.done():
            answer = asking.exception() or asking.result()
        asking.cancel()
        await asyncio.sleep(LONG)
        return answer

    answer = loop.run_until_complete(course())
    assert sum(world.fault_counts.values()) == (fault is not None)
    return KnownOrder(len(effects), answer, caller.died)


def test_a_call_that_nothing_strikes_is_answered() -> None:
    """It takes effect once."""
    assert call("add") == KnownOrder(1, "done", died=False)


@pytest.mark.parametrize(
    ("fault", "effects", "error"),
    [
        (Fault.CALL_FAILS, 0, Unavailable),
        (Fault.CALL_FORGOTTEN, 0, OutcomeUnknown),
        (Fault.ANSWER_LOST, 1, OutcomeUnknown),
        (Fault.CALL_LATE, 1, OutcomeUnknown),
    ],
)
def test_a_write_that_fails(fault: Fault, effects: int, error: type[Exception]) -> None:
    """Whether it took effect or not, the caller knows no more than the error says."""
    known = call("apply", fault)
    assert (known.effects, type(known.answer), known.died) == (effects, error, False)


@pytest.mark.parametrize("fault", [Fault.CALL_FORGOTTEN, Fault.ANSWER_LOST, Fault.CALL_LATE])
def test_a_question_that_fails_is_only_unavailable(fault: Fault) -> None:
    """It changes nothing, so nothing is unknown."""
    assert isinstance(call("get", fault).answer, Unavailable)


def test_a_silent_call_is_never_answered_and_takes_effect_or_not() -> None:
    """By chance: both happen."""
    known = [call("claim", Fault.CALL_SILENT, seed=seed) for seed in range(20)]
    assert {each.answer for each in known} == {None}
    assert {each.effects for each in known} == {0, 1}


def test_a_slow_call_is_answered_in_the_end() -> None:
    """Nothing is wrong with it but its time."""
    assert call("claim", Fault.CALL_SLOW) == KnownOrder(1, "done", died=False)


def test_a_crash_in_a_call_comes_before_its_answer_or_after_and_the_call_takes_effect_all_the_same() -> None:
    """What is on its way arrives, whoever sent it."""
    known = [call("apply", Fault.CRASH_IN_CALL, seed=seed) for seed in range(20)]
    assert {(each.effects, each.died) for each in known} == {(1, True)}


@pytest.mark.parametrize(
    ("away", "operation", "expected"),
    [
        (OutageKind.REFUSES, "add", Unavailable),
        (OutageKind.REFUSES, "get", Unavailable),
        (OutageKind.BREAKS_OFF, "add", OutcomeUnknown),
        (OutageKind.BREAKS_OFF, "get", Unavailable),
        (OutageKind.SWALLOWS, "add", None),
        (OutageKind.TAKES_NO_CHANGES, "add", Unavailable),
        (OutageKind.TAKES_NO_CHANGES, "get", str),
    ],
)
def test_a_store_that_is_away(away: OutageKind, operation: str, expected: type | None) -> None:
    """It refuses, breaks off or swallows; a full disk still answers questions. Nothing takes effect in it."""
    known = call(operation, away=away)
    assert type(known.answer) is (expected or type(None))
    assert known.effects == (expected is str)


def test_every_fault_of_calls_is_tried_here() -> None:
    """A new one needs a test of its own."""
    assert set(OF_CALLS) == {
        Fault.CALL_FAILS,
        Fault.CALL_FORGOTTEN,
        Fault.ANSWER_LOST,
        Fault.CALL_SILENT,
        Fault.CALL_LATE,
        Fault.CALL_SLOW,
        Fault.CRASH_IN_CALL,
    }


def test_a_store_that_waits_is_refused() -> None:
    """Its transaction would not be one moment; the error says what to do."""

    async def waits() -> None:
        await asyncio.sleep(0)

    with pytest.raises(TypeError, match="use `blocking`"):
        drive(waits())
