"""No question of the hot path reads a whole table, however large it grows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise, product
from pathlib import Path

import pytest

from order_engine.contracts.samples import placement, terms
from order_engine.domain.commands import Action, Command
from order_engine.domain.order import Status
from order_engine.domain.suspects import SuspectRoom
from order_engine.ports.repository import OrderQuery, PageKey
from order_engine_adapters.clocks import ManualClock
from order_engine_adapters.sqlite import SqliteRepository
from order_engine_adapters.sqlite.connection.connection import Database
from order_engine_adapters.sqlite.driver import open_file

KEY = PageKey(datetime(2026, 1, 1, tzinfo=UTC), "order-1")
USERS = (None, "user-1")


class Planner:
    """Notes the plan of everything that a database is asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Listen to every database."""
        self.plans: dict[str, list[str]] = {}
        ask = Database.ask

        def noting(database: Database, sql: str, parameters: Sequence[object] | Mapping[str, object] = ()) -> object:
            rows = database._connected().execute(f"EXPLAIN QUERY PLAN {sql}", parameters)  # noqa: SLF001
            self.plans[sql] = [row[3] for row in rows]
            return ask(database, sql, parameters)

        monkeypatch.setattr(Database, "ask", noting)

    def check(self) -> None:
        """Fail for a plan that goes through a whole table, or sorts more than a page or the orders of one time."""
        assert self.plans
        for sql, plan in self.plans.items():
            for before, step in pairwise(["", *plan]):
                assert not step.startswith("SCAN") or _is_bounded(step), (sql, plan)
                # A page, which was cut off before, may be sorted.
                small = before.startswith("SCAN (subquery") or "LAST TERM" in step or "RIGHT PART" in step
                assert "TEMP B-TREE" not in step or small, (sql, plan)


def _is_bounded(scan: str) -> bool:
    """Whether what is gone through is a page, a parameter or one row; or orders by age, until the page is full."""
    page = scan.endswith(("candidate", "SCAN events")) or "(subquery" in scan
    return page or "json_each" in scan or scan.endswith("statistics") or "orders_by_age" in scan


async def test_reading_and_claiming_use_indexes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Getting, claiming, and reading histories and events find their rows by indexes."""
    async with open_file(tmp_path / "orders.db", clock=ManualClock()) as repository:
        planner = Planner(monkeypatch)
        await repository.add([placement("order-1", idempotency_key="key-1"), placement("order-2")])
        await repository.claim(terms("claim-1", limit=1))
        await repository.get(["order-1", "order-2", "unknown"])
        await repository.history("order-1", 0, 10)
        await repository.events((await repository.events(None, 1)).next, 10)
        planner.check()


@pytest.mark.parametrize(("status", "user_id", "after"), list(product((None, *Status), USERS, (None, KEY))))
async def test_lists_use_indexes(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    status: Status | None,
    user_id: str | None,
    after: PageKey | None,
) -> None:
    """Every list, whatever its filters and its place, walks along an index and sorts orders of one time at most."""
    async with open_file(tmp_path / "orders.db", clock=ManualClock(), synchronous="OFF") as repository:
        planner = Planner(monkeypatch)
        await repository.list(OrderQuery(limit=10, status=status, user_id=user_id, after=after))
        planner.check()


async def test_suspects_without_room_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many suspects wait without room, a claim reads no more orders than it takes, and misses none."""
    clock = ManualClock()
    async with open_file(tmp_path / "orders.db", clock=clock) as repository:
        await _vanish(repository, clock, [f"suspect-{number}" for number in range(300)])
        await repository.add([placement("order-1"), placement("order-2")])
        read: list[int] = []
        ask = Database.ask

        def noting(database: Database, sql: str, parameters: Sequence[object] | Mapping[str, object] = ()) -> object:
            answer = ask(database, sql, parameters)
            read.append(len(str(answer)))
            return answer

        monkeypatch.setattr(Database, "ask", noting)
        no_room = SuspectRoom(concurrency=8, running=1, most_vanished=1)
        claimed = await repository.claim(terms("claim-2", limit=10, suspects=no_room))
        assert [order.order_id for order in claimed.orders] == ["order-1", "order-2"]
        assert sum(read) < 3_000
        some_room = await repository.claim(terms("claim-3", limit=10, suspects=SuspectRoom(concurrency=24)))
        assert len(some_room.orders) == 3


async def test_orders_behind_passed_over_suspects_are_found(tmp_path: Path) -> None:
    """A claim whose room is used up by the first page continues with later orders."""
    clock = ManualClock()
    async with open_file(tmp_path / "orders.db", clock=clock) as repository:
        await _vanish(repository, clock, [f"suspect-{number:02}" for number in range(40)])
        released = (await repository.claim(terms("claim-2"))).orders
        commands = [Command(each.order_id, Action.RELEASE, token=each.token) for each in released]
        await repository.apply(commands)
        await repository.add([placement(f"order-{number:02}") for number in range(20)])
        claimed = (await repository.claim(terms("claim-3", limit=10, suspects=SuspectRoom(concurrency=16)))).orders
        names = [order.order_id for order in claimed]
        assert names == ["suspect-00", "suspect-01", *(f"order-{number:02}" for number in range(8))]


async def _vanish(repository: SqliteRepository, clock: ManualClock, order_ids: Sequence[str]) -> None:
    """Place orders, and let the first attempt of each vanish."""
    await repository.add([placement(order_id) for order_id in order_ids])
    claimed = await repository.claim(terms("claim-1", limit=len(order_ids), lease_seconds=1))
    assert len(claimed.orders) == len(order_ids)
    clock.jump(2)
