"""Scheduled faults: crashes, pauses, shutdowns, outages, locks, and clock jumps."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from random import Random
from typing import Final, TypeAlias

from order_engine.simulation.faults.kinds import SCHEDULED_FAULTS, Fault
from order_engine.simulation.network.outages import ALL_INSTANCES, OutageKind, Outages
from order_engine.simulation.processes.instances import Fleet
from order_engine.simulation.world import World

MOST_STRIKES: Final = 4
MOST_TURNS: Final = 40
"""Iterations of the loop between the scheduled time and the fault, so that crashes occur at every await."""
LOCKED_AT_MOST: Final = 5
"""At most one of this many orders is locked at once."""
LARGEST_JUMP: Final = 3600.0
FARTHEST_BACK: Final = 5 * 3600.0
"""Maximum step of a clock that is set back by hours. In total below a day, after which a repository may follow."""

StrikeHandler: TypeAlias = Callable[[Fault], Awaitable[None]]


class FaultSchedule:
    """Injects the scheduled faults of a plan."""

    def __init__(self, world: World, fleet: Fleet, outages: Outages) -> None:
        """Inject faults into `fleet` and its connection to the repository."""
        self._world = world
        self._fleet = fleet
        self._outages = outages
        self._random = world.plan.chance("misfortunes")
        self._handlers: Mapping[Fault, StrikeHandler] = {
            Fault.CRASH: self._crash,
            Fault.PAUSE: self._pause,
            Fault.LONG_PAUSE: self._pause,
            Fault.SHUTDOWN: self._shut_down,
            Fault.OUTAGE: self._part,
            Fault.PARTITION: self._part,
            Fault.DISK_FULL: self._part,
            Fault.CLOCK_JUMP: self._jump,
            Fault.STORE_CLOCK_JUMP: self._jump_store,
            Fault.STORE_CLOCK_BACK: self._set_store_back,
            Fault.ORDERS_LOCKED: self._lock,
        }

    async def run(self) -> None:
        """Inject all faults, and return when the last one is over."""
        strikes = []
        for fault in SCHEDULED_FAULTS:
            if self._world.plan.likelihood[fault]:
                for _ in range(self._random.randint(1, MOST_STRIKES)):
                    moment = self._random.uniform(0, self._world.plan.trouble_seconds)
                    strikes.append(self._strike(fault, moment, self._random.randint(0, MOST_TURNS)))
        await asyncio.gather(asyncio.sleep(self._world.plan.trouble_seconds), *strikes)

    async def _strike(self, fault: Fault, moment: float, turns: int) -> None:
        await asyncio.sleep(moment)
        for _ in range(turns):
            await asyncio.sleep(0)
        await self._handlers[fault](fault)

    async def _crash(self, fault: Fault) -> None:
        if (process := self._fleet.pick_process(self._random)) is not None:
            process.crash(fault, "it just does")

    async def _pause(self, fault: Fault) -> None:
        lease = self._world.plan.options.lease_seconds
        shortest, longest = (1.05, 2.0) if fault is Fault.LONG_PAUSE else (0.0, 0.8)
        seconds = lease * self._random.uniform(shortest, longest)
        if (process := self._fleet.pick_process(self._random)) is not None:
            process.pause(fault, seconds)
            await asyncio.sleep(seconds)

    async def _shut_down(self, fault: Fault) -> None:
        if (process := self._fleet.pick_process(self._random)) is not None:
            process.shut_down(fault)

    async def _part(self, fault: Fault) -> None:
        random = self._random
        whom = random.choice(self._fleet.instances).name if fault is Fault.PARTITION else ALL_INSTANCES
        ways = [OutageKind.REFUSES, OutageKind.SWALLOWS, OutageKind.BREAKS_OFF]
        away = OutageKind.TAKES_NO_CHANGES if fault is Fault.DISK_FULL else random.choice(ways)
        seconds = self._world.plan.options.lease_seconds * random.uniform(0.05, 2)
        self._world.struck(fault, "store", f"{away.value} for {seconds:.3f} s, to {whom or 'everybody'}")
        self._outages.begin(whom, away)
        await asyncio.sleep(seconds)
        self._outages.end(whom)
        self._world.log("store", f"is back for {whom or 'everybody'}")
        self._world.fault_ended()

    async def _lock(self, fault: Fault) -> None:
        """Lock some orders, placed or not, as an open transaction would."""
        random, world = self._random, self._world
        order_ids = list(world.record.known)
        some = random.sample(order_ids, min(len(order_ids), random.randint(1, 1 + len(order_ids) // LOCKED_AT_MOST)))
        seconds = world.plan.options.lease_seconds * random.uniform(0.02, 1.5)
        world.struck(fault, "store", f"{len(some)} orders are locked for {seconds:.3f} s", *some)
        world.locks.begin(some, world.loop.time())
        await asyncio.sleep(seconds)
        world.locks.end(some, world.loop.time())
        world.log("store", "the lock is gone", *some)
        world.fault_ended()

    async def _jump(self, fault: Fault) -> None:
        if (process := self._fleet.pick_process(self._random)) is not None:
            seconds = _some_jump(self._random, LARGEST_JUMP)
            process.clock.jump(seconds)
            self._world.struck(fault, process.claimant.name, f"its clock jumps by {seconds:.3f} s")

    async def _set_store_back(self, fault: Fault) -> None:
        self._jump_store_by(fault, -self._random.uniform(FARTHEST_BACK / 5, FARTHEST_BACK))

    async def _jump_store(self, fault: Fault) -> None:
        self._jump_store_by(fault, _some_jump(self._random, self._world.plan.options.lease_seconds))

    def _jump_store_by(self, fault: Fault, seconds: float) -> None:
        self._world.struck(fault, "store", f"its clock jumps by {seconds:.3f} s")
        self._world.store_clock.jump(seconds)
        self._world.jumped = True
        self._world.retries.followed_back += min(max(-seconds, 0.0), self._world.plan.options.lease_seconds)
        if seconds > 0:
            self._world.jumps_ahead.append(self._world.loop.time())
        self._world.fault_ended()


def _some_jump(random: Random, largest: float) -> float:
    return random.uniform(-largest, largest)
