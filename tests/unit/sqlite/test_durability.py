"""What is stored stays, across closing, kill -9 and a caller that goes away."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import replace
from pathlib import Path

from order_engine.contracts.samples import placement, terms
from order_engine.domain.commands import Action, Command
from order_engine.domain.order import Order, evolve
from order_engine.ports.repository import AddOutcome, OrderQuery
from order_engine_adapters.clocks import ManualClock
from order_engine_adapters.sqlite import SqliteRepository
from order_engine_adapters.sqlite.driver import open_file
from order_engine_adapters.sqlite.order_tables import DEAD_HOLDER_LEASE_END
from order_engine_adapters.sqlite.rows import moment
from tests.unit.sqlite.support import report, snapshot, start, take

HOLDER = """
async def main():
    async with open_file(path, clock=clock) as repository:
        for number in range(20):
            await repository.add([placement(f"order-{number}")], terms(f"claim-{number}", limit=1))
            print(f"order-{number}", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_everything_is_the_same_after_reopening(tmp_path: Path) -> None:
    """Orders in every state, histories, the stream and the counts are unchanged after reopening.

    Except the leases: their holders are gone.
    """
    clock = ManualClock()
    path = tmp_path / "orders.db"
    async with open_file(path, clock=clock) as repository:
        await _live(repository)
        before = await snapshot(repository)
    async with open_file(path, clock=clock) as repository:
        after = await snapshot(repository)
    assert after == replace(before, orders={key: _orphaned(order) for key, order in before.orders.items()})
    assert len(before.orders) == 7


def _orphaned(order: Order) -> Order:
    return evolve(order, {"lease_ends": moment(DEAD_HOLDER_LEASE_END)}) if order.leased else order


async def test_cursors_survive(tmp_path: Path) -> None:
    """A reader can resume from its cursor after the database was reopened."""
    clock = ManualClock()
    path = tmp_path / "orders.db"
    async with open_file(path, clock=clock) as repository:
        await repository.add([placement("order-1"), placement("order-2")])
        first = await repository.events(None, 1)
    async with open_file(path, clock=clock) as repository:
        await repository.add([placement("order-3")])
        rest = await repository.events(first.next, 10)
    assert [event.order_id for event in (*first.events, *rest.events)] == ["order-1", "order-2", "order-3"]


async def test_keys_survive(tmp_path: Path) -> None:
    """An idempotency key still stands for its order after the database was closed and opened again."""
    clock = ManualClock()
    path = tmp_path / "orders.db"
    wanted = placement("order-1", idempotency_key="key-1")
    async with open_file(path, clock=clock) as repository:
        await repository.add([wanted])
    async with open_file(path, clock=clock) as repository:
        again, other = await repository.add([wanted, placement("order-2", idempotency_key="key-1")])
    assert (again.outcome, other.outcome) == (AddOutcome.REPLAYED, AddOutcome.KEY_REUSED)


async def test_claims_survive(tmp_path: Path) -> None:
    """A claim asked again under its id after a restart names what it holds, until somebody else takes it.

    Its lease is over by then, and nobody has to wait whether its holder is heard again: who holds the file knows that
    no former holder is alive.
    """
    clock = ManualClock()
    path = tmp_path / "orders.db"
    async with open_file(path, clock=clock) as repository:
        await repository.add([placement("order-1")])
        claimed = await repository.claim(terms("claim-1"))
    async with open_file(path, clock=clock) as repository:
        assert (await repository.claim(terms("claim-1"))).orders == [_orphaned(each) for each in claimed.orders]
        taken = await repository.claim(terms("claim-2", take_ended_leases=False))
        assert [(order.order_id, order.token) for order in taken.orders] == [("order-1", 2)]


async def test_nothing_acknowledged_is_lost_by_kill_9(tmp_path: Path) -> None:
    """Every acknowledged order exists after its process was killed, with its lease."""
    path = tmp_path / "orders.db"
    with start(HOLDER, path) as process:
        output, _ = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    acknowledged = output.split()
    assert len(acknowledged) == 20
    async with open_file(path, clock=ManualClock()) as repository:
        assert set(await repository.get(acknowledged)) == set(acknowledged)
        for number, order_id in enumerate(acknowledged):
            (held,) = (await repository.claim(terms(f"claim-{number}"))).orders
            assert held.order_id == order_id


async def test_cancelled_caller_leaves_whole_transactions(tmp_path: Path) -> None:
    """A cancelled call takes effect as a whole or not at all, and does not affect others."""
    async with open_file(tmp_path / "orders.db", clock=ManualClock()) as repository:
        calls = [
            asyncio.ensure_future(repository.add([placement(f"order-{number}-{part}") for part in "ab"]))
            for number in range(50)
        ]
        await asyncio.sleep(0.005)
        for call in calls[::2]:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        stored = (await repository.list(OrderQuery(limit=200))).orders
        assert [len(call.result()) for call in calls[1::2]] == [2] * 25
        names = {order.order_id for order in stored}
        for number in range(50):
            parts = {f"order-{number}-a", f"order-{number}-b"} & names
            assert len(parts) in ({0, 2} if number % 2 == 0 else {2})
        assert (await repository.statistics()).total_orders == len(names)


async def _live(repository: SqliteRepository) -> None:
    """Bring orders into every standing, one of them with a name and attributes beyond ASCII."""
    names = ["waiting", "done", "failed", "cancelled", "held", "put off", "\U0001f600"]
    await repository.add([placement(name) for name in names])
    done, failed, _, put_off = await take(repository, "done", "failed", "held", "put off", claim_id="claim-1")
    await report(repository, done, Action.COMPLETE)
    await report(repository, failed, Action.FAIL)
    await repository.apply([Command("put off", Action.RETRY, token=put_off.token, delay=10, reason="sp\u00e4ter")])
    await repository.apply([Command("cancelled", Action.CANCEL), Command("held", Action.CANCEL)])
