"""One seed gives one story, byte for byte: in every process, whatever ran before it, and nothing is left behind."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys

import pytest

from order_engine.simulation import Scenario, Sizes, run_seed
from order_engine_adapters.wiring.simulation import in_memory

SEEDS = range(12)
SCENARIO = Scenario(store=in_memory, sizes=Sizes(orders=100, instances=3))
PROGRAM = f"""
from tests.unit.simulation.test_determinism import digest
print(*map(digest, range({len(SEEDS)})))
"""


def digest(seed: int) -> str:
    """Return the fingerprint of a seed's story."""
    trace = run_seed(SCENARIO, seed, trace=True).trace
    assert trace is not None
    return trace.digest


def digests_elsewhere(hash_seed: int) -> list[str]:
    """Return all fingerprints as another process finds them that hashes texts in another way."""
    command = [sys.executable, "-W", "error", "-c", PROGRAM]
    environment = {**os.environ, "PYTHONHASHSEED": f"{hash_seed}"}
    printed = subprocess.run(command, capture_output=True, check=True, env=environment, timeout=120).stdout  # noqa: S603
    return printed.decode().split()


def test_a_seed_tells_the_same_story_in_every_process() -> None:
    """Whatever the hash seed, which decides on the order of sets, and whatever the addresses of objects."""
    assert digests_elsewhere(1) == digests_elsewhere(2) == [digest(seed) for seed in SEEDS]


def test_a_seed_tells_the_same_story_whatever_ran_before() -> None:
    """Forwards and backwards in one process: no counter goes on from one simulation into the next."""
    assert [digest(seed) for seed in SEEDS] == [digest(seed) for seed in reversed(SEEDS)][::-1]


def test_the_story_does_not_change_what_happens() -> None:
    """Traced or not, the same faults strike, in as many steps and as much virtual time."""
    for seed in SEEDS:
        plain, traced = run_seed(SCENARIO, seed), run_seed(SCENARIO, seed, trace=True)
        assert plain.trace is None
        assert (plain.steps, plain.virtual_seconds, plain.faults) == (
            traced.steps,
            traced.virtual_seconds,
            traced.faults,
        )


@pytest.mark.parametrize("collects", [True, False])
def test_garbage_is_collected_afterwards_as_before(*, collects: bool) -> None:
    """A simulation goes without collections, and leaves the collector as it found it."""
    before = gc.isenabled()
    try:
        (gc.enable if collects else gc.disable)()
        run_seed(SCENARIO, 1)
        assert gc.isenabled() is collects
    finally:
        (gc.enable if before else gc.disable)()


async def test_no_task_is_left_behind() -> None:
    """Dead processes are unwound at the end: a program with a loop of its own sees nothing of them, not even later."""
    before = asyncio.all_tasks()
    for seed in SEEDS:
        run_seed(SCENARIO, seed)
    gc.collect()
    assert asyncio.all_tasks() == before
