"""Services under load while their primary dies and its standby takes its place: a run, and what became of it.

`python -m tests.integration.postgres.failover --minutes 10 --asynchronous`
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from order_engine.contracts.expectations import expect, expect_equal
from tests.integration.crash_rounds import fresh_seed
from tests.integration.event_client import event_stream
from tests.integration.inspection import Findings, body_of, inspect, listed_ids, wait_completed
from tests.integration.postgres.clients import Clients
from tests.integration.postgres.followed import Follower, Part, check_nothing_undone, check_parts, check_tokens
from tests.integration.postgres.pair import Pair, running_pair
from tests.integration.service import Service, ask
from tests.integration.wire_orders import wire_orders
from tests.postgres_server import versions_to_test

LAST: Final = "the-last-order"
LOOK_SECONDS: Final = 0.05
READY_SECONDS: Final = 60.0
SETTLE_SECONDS: Final = 60.0
LEASE_SECONDS: Final = 3.0
FLAGS: Final = (
    *("--lease-seconds", str(LEASE_SECONDS), "--poll-seconds", "0.1", "--processor", "demo:0.1"),
    *("--max-deliveries", "1000"),
)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How many orders come in, and how often their primary dies meanwhile."""

    orders: int
    orders_per_second: float
    fail_overs: int
    is_synchronous: bool
    synchronous_commit: str = "on"
    is_oldest: bool = False
    """Whether the servers are of the oldest version that is there, instead of the newest."""
    hosts: bool = False
    missing_seconds: float = 0.0
    clock_behind_seconds: float = 0.0
    freezes: bool = False
    seed: int = 0
    clients: int = 8
    services: int = 2
    longest_seconds: float = 150.0


class Drill:
    """The services on a pair of servers, their clients, and one that follows all events."""

    def __init__(self, folder: Path, pair: Pair, plan: Plan) -> None:
        """Give the clients their orders."""
        self._folder = folder
        self._pair = pair
        self._plan = plan
        self._random = Random(plan.seed)  # noqa: S311 - to be repeated, not to be secret
        self._members: list[Service] = []
        self.placed_again = 0
        """Orders that were acknowledged, and lost with a primary."""
        self._follower = Follower(lambda: self._addresses()[0])
        self.clients = Clients(wire_orders(plan.orders), self._addresses, self._random, plan.orders_per_second)

    @property
    def beginnings(self) -> int:
        """How often the one that follows has begun."""
        return len(self._follower.parts)

    async def run(self) -> Findings:
        """Place all orders during the fail-overs, then check what is there. Raises AssertionError."""
        try:
            async with asyncio.timeout(self._plan.longest_seconds):
                self._members += [
                    Service(self._folder, "--database-url", self._pair.url, *FLAGS) for _ in range(self._plan.services)
                ]
                await self._all_ready()
                following = asyncio.create_task(self._follower.follow())
                try:
                    async with asyncio.TaskGroup() as group:
                        group.create_task(self._fail_over())
                        group.create_task(self.clients.place_all(self._plan.clients))
                    return await self._judge()
                finally:
                    following.cancel()
                    await asyncio.gather(following, return_exceptions=True)
        except BaseException as error:
            error.add_note(f"the seed was {self._plan.seed}; files: {self._folder}")
            raise
        finally:
            for member in self._members:
                member.kill()

    async def _fail_over(self) -> None:
        whole = self._plan.orders / self._plan.orders_per_second
        for number in range(self._plan.fail_overs):
            await asyncio.sleep(whole / (self._plan.fail_overs + 1) * self._random.uniform(0.5, 1))
            port = self._pair.primary.port
            await self._pair.fail_over(
                missing_seconds=self._plan.missing_seconds,
                clock_behind_seconds=self._plan.clock_behind_seconds,
                freezes=self._plan.freezes,
            )
            await self._all_ready()
            if number + 1 < self._plan.fail_overs:
                await self._pair.add_standby(port)

    async def _judge(self) -> Findings:
        await self._all_ready()
        address = self._addresses()[0]
        posted = {**self.clients.orders, LAST: body_of(LAST)}
        await self._place_what_is_lost(address)
        await self._place(address, posted[LAST])
        await asyncio.to_thread(wait_completed, address, SETTLE_SECONDS)
        async with asyncio.timeout(SETTLE_SECONDS):
            while not self._follower.has_seen(LAST, "completed"):  # noqa: ASYNC110 - a stream tells its reader only
                await asyncio.sleep(LOOK_SECONDS)
        findings = await asyncio.to_thread(asyncio.run, inspect(address, posted))
        parts, by_time = self._follower.parts, not self._plan.clock_behind_seconds
        check_parts(parts, findings.histories, self._pair.lost, by_time=by_time)
        check_tokens(parts, findings.histories)
        if self._plan.is_synchronous:
            check_nothing_undone(parts, findings.histories)
        await self._check_left(address, parts)
        for errors in self._folder.glob("*.errors"):
            expect("Traceback" not in errors.read_text(encoding="utf-8"), f"no traceback in {errors}")
        return findings

    async def _place_what_is_lost(self, address: str) -> None:
        """Check that only that is lost which PostgreSQL has lost, and place it again, as its senders would."""
        missing = set(self.clients.orders) - set(await asyncio.to_thread(listed_ids, address))
        strange = missing - self._pair.lost
        expect(not strange, f"nothing is lost but what the standby had not: {sorted(strange)[:5]}")
        expect(
            not (self._plan.is_synchronous and missing), f"no acknowledged order is lost (P1): {sorted(missing)[:5]}"
        )
        self.placed_again = len(missing)
        for order_id in missing:
            await self._place(address, self.clients.orders[order_id])

    async def _place(self, address: str, body: bytes) -> None:
        placed = await asyncio.to_thread(ask, address, "POST", "/orders", body)
        expect(placed.status == 201, f"an order can be placed at the end: {placed}")

    async def _check_left(self, address: str, parts: Sequence[Part]) -> None:
        """Check that ids from before a fail-over are refused also now that as much has happened as they had seen."""
        for part in parts[:-1]:
            async with event_stream(address, last_event_id=part.last_id) as stream:
                expect_equal(stream.status, 400, f"the answer to {part.last_id!r}, of before a fail-over")

    async def _all_ready(self) -> None:
        await asyncio.gather(*(asyncio.to_thread(member.wait_ready, READY_SECONDS) for member in self._members))

    def _addresses(self) -> Sequence[str]:
        return [member.address for member in self._members if member.address]


def pair_for(plan: Plan) -> AbstractAsyncContextManager[Pair]:
    """Run the two servers that a plan is for."""
    return running_pair(
        is_synchronous=plan.is_synchronous,
        synchronous_commit=plan.synchronous_commit,
        hosts=plan.hosts,
        chosen=next(iter(versions_to_test()), None) if plan.is_oldest else None,
    )


async def main() -> None:
    """Run for the requested time and print the outcome of the orders."""
    plan, begun = _plan(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="failover-") as folder:
        async with pair_for(plan) as pair:
            drill = Drill(Path(folder), pair, plan)
            findings = await drill.run()
    sys.stdout.write(
        f"seed {plan.seed}: {plan.fail_overs} fail-overs, {findings.orders} orders Completed, {len(pair.lost)} lost "
        f"with a primary, {drill.placed_again} of them acknowledged; {findings.claims - findings.orders} attempts "
        f"begun again; the reader began {drill.beginnings} times; {drill.clients.replays} placings replayed, "
        f"{drill.clients.refusals} refused for a time; {time.monotonic() - begun:.0f} s\n"
    )


def _plan() -> Plan:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--orders-per-second", type=float, default=50.0)
    parser.add_argument("--seconds-between-fail-overs", type=float, default=20.0)
    parser.add_argument("--asynchronous", action="store_true", help="default: commits wait for the standby")
    parser.add_argument("--synchronous-commit", choices=("on", "remote_write", "remote_apply"), default="on")
    parser.add_argument("--oldest", action="store_true", help="the oldest PostgreSQL that is here, not the newest")
    parser.add_argument(
        "--missing-seconds", type=float, default=0.0, help="what the standby has not when it is promoted"
    )
    parser.add_argument("--clock-behind-seconds", type=float, default=0.0, help="of every new primary's clock")
    parser.add_argument("--hosts", action="store_true", help="a list of hosts instead of one address")
    parser.add_argument("--freezes", action="store_true", help="a primary stops answering instead of crashing")
    parser.add_argument("--seed", type=int, default=fresh_seed())
    given = parser.parse_args()
    seconds = given.minutes * 60
    return Plan(
        orders=round(seconds * given.orders_per_second),
        orders_per_second=given.orders_per_second,
        fail_overs=max(1, round(seconds / given.seconds_between_fail_overs)),
        is_synchronous=not given.asynchronous,
        synchronous_commit=given.synchronous_commit,
        is_oldest=given.oldest,
        hosts=given.hosts,
        missing_seconds=given.missing_seconds,
        clock_behind_seconds=given.clock_behind_seconds,
        freezes=given.freezes,
        seed=given.seed,
        longest_seconds=300 + 10 * seconds,
    )


if __name__ == "__main__":
    asyncio.run(main())
