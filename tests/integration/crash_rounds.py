"""Rounds of load and kill -9: `python -m tests.integration.crash_rounds --rounds 20 --orders 2000`."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random, SystemRandom

from tests.integration.conversation import BROKEN, connected, post_order
from tests.integration.inspection import Findings, inspect, wait_completed
from tests.integration.service import PROGRAM, Service, serving
from tests.integration.wire_orders import wire_orders

FLAGS = ("--lease-seconds", "1", "--poll-seconds", "0.1", "--max-deliveries", "1000")
SETTLE_SECONDS = 60.0
ROUND_SECONDS = 60.0
STILLBORN = 0.25
"""How often a process is killed while it starts, before the round's proper one."""
LONGEST_START = 0.6
LONGEST_MOMENT = 0.02
"""Seconds from the answer that a process shall not outlive to its death."""
NEVER = -1
LONGEST_REST = 0.3
"""Seconds that a round goes on without load before the process is killed: then it is busy with orders alone."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How many rounds, of how many new orders each, on what kind of service."""

    rounds: int
    orders: int
    seed: int
    clients: int = 16
    processor: str = "demo:0.05"
    program: Sequence[str] = PROGRAM


@dataclass
class Crashes:
    """The rounds on one database file, and what the clients know."""

    folder: Path
    plan: Plan
    say: Callable[[str], None]
    posted: dict[str, bytes] = field(default_factory=dict)
    unacknowledged: dict[str, bytes] = field(default_factory=dict)
    replays: int = 0

    async def run(self) -> Findings:
        """Crash in every round, then let everything end, and check it. Raises AssertionError, with the seed."""
        random = Random(self.plan.seed)  # noqa: S311 - to be repeated, not to be secret
        orders = iter(wire_orders(self.plan.rounds * self.plan.orders).items())
        try:
            for number in range(self.plan.rounds):
                new = dict(islice(orders, self.plan.orders))
                await self._crash(number, new, random)
            return await self._end()
        except BaseException as error:
            error.add_note(f"the seed was {self.plan.seed}; files are in {self.folder}")
            raise

    async def _crash(self, number: int, new: Mapping[str, bytes], random: Random) -> None:
        if random.random() < STILLBORN:
            await self._kill_while_starting(random.uniform(0, LONGEST_START))
        self.posted |= new
        self.unacknowledged |= new
        waiting = list(self.unacknowledged)
        random.shuffle(waiting)
        # One time in five the process has answered all of its clients when it dies.
        deadly = random.randrange(1, len(waiting) * 5 // 4)
        with self._serving() as service:
            async with asyncio.timeout(ROUND_SECONDS):
                await self._load_and_kill(service, waiting, deadly, random)
            service.kill()
            assert service.process.returncode == -signal.SIGKILL, "it dies of nothing else"
            assert "Traceback" not in service.errors
        answered = len(waiting) - len(self.unacknowledged)
        self.say(f"round {number}: {answered} of {len(waiting)} placings answered before kill -9")

    async def _load_and_kill(self, service: Service, waiting: Sequence[str], deadly: int, random: Random) -> None:
        """Post orders, kill the process a moment after `deadly` are answered, and see every client off."""
        feed = iter(waiting)
        # Not at the answer itself: the process may just as well be at work on the next ones.
        moment = random.uniform(0, LONGEST_MOMENT)
        kill_later = partial(asyncio.get_running_loop().call_later, moment, service.process.kill)
        async with asyncio.TaskGroup() as group:
            for _ in range(self.plan.clients):
                group.create_task(self._client(service, feed, len(waiting) - deadly, kill_later))
        await asyncio.sleep(random.uniform(0, LONGEST_REST))

    async def _client(
        self, service: Service, feed: Iterator[str], left_at_death: int, kill: Callable[[], object]
    ) -> None:
        try:
            async with connected(service.address) as connection:
                for order_id in feed:
                    answer = await connection.ask(post_order(self.unacknowledged[order_id]))
                    assert answer.status == 201, f"{order_id}: {answer}"
                    self.replays += "idempotent-replayed" in answer.headers
                    del self.unacknowledged[order_id]
                    if len(self.unacknowledged) == left_at_death:
                        kill()
        except BROKEN:
            return

    async def _kill_while_starting(self, seconds: float) -> None:
        with Service(self.folder, "--database-url", "sqlite:///orders.db", *FLAGS) as service:
            await asyncio.sleep(seconds)
            service.kill()

    async def _end(self) -> Findings:
        with self._serving() as service:
            await self._load_quietly(service)
            wait_completed(service.address, SETTLE_SECONDS)
            return await inspect(service.address, self.posted)

    async def _load_quietly(self, service: Service) -> None:
        feed = iter(list(self.unacknowledged))
        async with asyncio.timeout(ROUND_SECONDS), asyncio.TaskGroup() as group:
            for _ in range(self.plan.clients):
                group.create_task(self._client(service, feed, NEVER, lambda: None))
        assert not self.unacknowledged, "a service that nobody kills answers every placing"

    def _serving(self) -> AbstractContextManager[Service]:
        return serving(self.folder, *FLAGS, "--processor", self.plan.processor, program=self.plan.program)


def fresh_seed() -> int:
    """Return a seed that no run had before: each run looks at other moments."""
    return SystemRandom().getrandbits(32)


async def main() -> None:
    """Run the requested number of rounds and print the outcome of the orders."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--orders", type=int, default=2000)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seed", type=int, default=fresh_seed())
    given = parser.parse_args()
    plan = Plan(rounds=given.rounds, orders=given.orders, clients=given.clients, seed=given.seed)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="crash-rounds-") as folder:
        crashes = Crashes(Path(folder), plan, _say)
        findings = await crashes.run()
    _say(
        f"seed {plan.seed}: {findings.orders} orders after {plan.rounds} times kill -9, none lost, none twice, all "
        f"Completed; {findings.claims - findings.orders} taken over from the dead, {crashes.replays} placings "
        f"replayed; {time.monotonic() - begun:.0f} s"
    )


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
