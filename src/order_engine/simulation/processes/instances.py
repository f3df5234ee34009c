"""Instances: processes that are restarted whenever they end."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Final

from order_engine.simulation.processes.simulated_process import Parts, SimulatedProcess
from order_engine.simulation.world import World

LONGEST_RESTART: Final = 1.0
"""Maximum seconds until an ended process is restarted."""


class Instance:
    """Instance that runs one process at a time."""

    def __init__(self, world: World, parts: Parts, number: int) -> None:
        """Create an instance without a process; `run` starts it."""
        self.name: str = f"instance-{number}"
        self.process: SimulatedProcess | None = None
        self._world = world
        self._parts = parts
        self._random = world.plan.chance(self.name)
        self._starts = 0
        self._closing = False

    async def run(self) -> None:
        """Keep a process running until the instance is closed."""
        while not self._closing:
            self._starts += 1
            self.process = SimulatedProcess(self._world, self._parts, self.name, self._starts)
            await self.process.over
            self.process = None
            if not self._closing:
                await asyncio.sleep(LONGEST_RESTART * self._random.random())

    def close(self) -> None:
        """Shut the process down, and do not restart it."""
        self._closing = True
        if self.process is not None:
            self.process.shut_down(None)


class Fleet:
    """All instances."""

    def __init__(self, world: World, parts: Parts) -> None:
        """Create the instances of the plan."""
        self.instances: list[Instance] = [Instance(world, parts, number + 1) for number in range(world.plan.instances)]

    def pick_process(self, random: Random) -> SimulatedProcess | None:
        """Return the process of a random instance; None if it is not running."""
        return self.instances[int(random.random() * len(self.instances))].process

    @property
    def processes(self) -> list[SimulatedProcess]:
        """Running processes."""
        return [instance.process for instance in self.instances if instance.process is not None]
