"""Many processes on one database: services and workers that are killed at random moments, and started again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.integration.conversation import BROKEN, connected, post_order
from tests.integration.crash_rounds import FLAGS, fresh_seed
from tests.integration.inspection import inspect, wait_completed
from tests.integration.postgres.support import new_schema, server_url
from tests.integration.service import Service, run_command
from tests.integration.wire_orders import wire_orders

ORDERS = 600
CLIENTS = 12
COMMANDS = ("serve", "serve", "worker", "worker", "worker")
SERVICES = COMMANDS.count("serve")
SECONDS_BETWEEN_DEATHS = 0.5
PATIENCE_SECONDS = 120


@dataclass
class Fleet:
    """The processes on one schema, and the orders that clients have yet to hear of."""

    folder: Path
    url: str
    random: Random
    unacknowledged: dict[str, bytes]
    processes: list[Service] = field(default_factory=list)
    deaths: int = 0

    async def start(self) -> None:
        """Start every process, and wait until all are ready."""
        self.processes = [self._begin(command) for command in COMMANDS]
        await asyncio.gather(*(asyncio.to_thread(process.wait_ready) for process in self.processes))

    async def kill_at_random(self) -> None:
        """Kill one process after the other, and start another in its place, until nothing is left to be placed."""
        while self.unacknowledged:
            await asyncio.sleep(SECONDS_BETWEEN_DEATHS)
            number = self.random.randrange(len(COMMANDS))
            await asyncio.to_thread(self.processes[number].kill)
            self.deaths += 1
            self.processes[number] = self._begin(COMMANDS[number])
            await asyncio.to_thread(self.processes[number].wait_ready)

    async def place(self, feed: Iterator[str]) -> None:
        """Place orders, each until it is acknowledged by whichever service is there."""
        for order_id in feed:
            while order_id in self.unacknowledged:
                service = self.processes[self.random.randrange(SERVICES)]
                try:
                    async with connected(service.address) as connection:
                        answer = await connection.ask(post_order(self.unacknowledged[order_id]))
                except (*BROKEN, ValueError):
                    await asyncio.sleep(0.01)
                    continue
                if answer.status == 201:
                    del self.unacknowledged[order_id]

    def stop(self) -> None:
        """Kill what still runs."""
        for process in self.processes:
            process.kill()

    def _begin(self, command: str) -> Service:
        flags = ("--database-url", self.url, *FLAGS, "--processor", "demo:0.05")
        return Service(self.folder, *flags, command=command)


async def test_no_order_is_lost_while_processes_die(tmp_path: Path) -> None:
    """Every acknowledged order is Completed once, by a legal history; the metrics are the fold; nobody lends a hand."""
    seed = fresh_seed()
    target = await new_schema()
    posted: Mapping[str, bytes] = wire_orders(ORDERS)
    url = f"{server_url()}?schema={target.schema}"
    fleet = Fleet(tmp_path, url, Random(seed), dict(posted))  # noqa: S311 - to be repeated
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await fleet.start()
            feed = iter(posted)
            async with asyncio.TaskGroup() as group:
                group.create_task(fleet.kill_at_random())
                for _ in range(CLIENTS):
                    group.create_task(fleet.place(feed))
            service = fleet.processes[0]
            await asyncio.to_thread(wait_completed, service.address, PATIENCE_SECONDS)
            findings = await inspect(service.address, posted)
        assert findings.orders == ORDERS
        assert fleet.deaths > 0
    except BaseException as error:
        error.add_note(f"the seed was {seed}")
        raise
    finally:
        fleet.stop()


async def test_the_command_tells_what_a_schema_lacks_and_brings_it_up_to_date(tmp_path: Path) -> None:
    """First what would be applied, then that it was, then that there is nothing left to do."""
    flags = ("--database-url", f"{server_url()}?schema=test_command_{fresh_seed()}")
    words = [run_command(tmp_path, "migrate", *flags, *more).stdout for more in (["--dry-run"], [], ["--dry-run"])]
    assert words[0].startswith("would apply 0001 ")
    assert words[1] == words[0].replace("would apply", "applied")
    assert words[2] == "up to date\n"
