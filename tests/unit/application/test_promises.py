"""The promises in small: two processes, random work, random faults, and at the end every order has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from order_engine import Order, OrderEngine, OrderEngineError, Rejected, RetryLater, Status
from order_engine.domain.order import ENDED
from tests.unit.application.bench import Bench, Deed, Options, Work, hangs, new_order, raises, takes
from tests.unit.application.faults import (
    AnswersShort,
    Fails,
    Fault,
    FaultyRepository,
    Forgets,
    IsSlow,
    LosesAnswer,
    NeverAnswers,
    Raises,
)

SLOTS = 3
PROCESSES = 2
OPTIONS: Options = {
    "concurrency": SLOTS,
    "lease_seconds": 9,
    "attempt_seconds": 20,
    "stop_seconds": 2,
    "request_seconds": 4,
    "grace_seconds": 3,
    "max_attempts": 4,
    "max_deliveries": 50,
    "backoff_cap_seconds": 3,
}
LONGEST_RECOVERY = 600
"""Seconds of the clock after the last fault by which everything has ended."""


@dataclass(frozen=True)
class Place:
    """A client places orders, or the same ones again, in one of the processes."""

    process: int
    first: int
    count: int


@dataclass(frozen=True)
class Cancel:
    """A client cancels an order, which there may be or not."""

    process: int
    number: int


@dataclass(frozen=True)
class Redrive:
    """An operator redrives an order, which may be Failed or not."""

    process: int
    number: int


@dataclass(frozen=True)
class Break:
    """The next call of an operation meets a fault."""

    process: int
    operation: str
    fault: Fault


@dataclass(frozen=True)
class CutOff:
    """A process loses its repository, or has it back."""

    process: int
    away: bool


@dataclass(frozen=True)
class Die:
    """A process dies and is started again; or it is shut down in order."""

    process: int
    in_order: bool


@dataclass(frozen=True)
class Pass:
    """Time passes."""

    seconds: float


Step = Place | Cancel | Redrive | Break | CutOff | Die | Pass

processes = st.integers(0, PROCESSES - 1)
numbers = st.integers(0, 19)
faults = st.sampled_from(
    [
        Fails(),
        LosesAnswer(),
        Forgets(),
        NeverAnswers(),
        NeverAnswers(takes_effect=True),
        IsSlow(2),
        Raises(OSError("foreign")),
        Raises(OSError("foreign"), takes_effect=True),
        AnswersShort(),
    ]
)
steps = st.one_of(
    st.builds(Place, processes, numbers, st.integers(1, 8)),
    st.builds(Place, processes, numbers, st.integers(1, 8)),
    st.builds(Cancel, processes, numbers),
    st.builds(Redrive, processes, numbers),
    st.builds(Break, processes, st.sampled_from(["add", "claim", "renew", "apply", "get"]), faults),
    st.builds(CutOff, processes, st.booleans()),
    st.builds(Die, processes, st.booleans()),
    st.builds(Pass, st.sampled_from([0.1, 1.0, 5.0, 15.0])),
)


class World:
    """The processes, the clients, and what was promised to them."""

    def __init__(self) -> None:
        """Start with nothing running."""
        self.bench = Bench()
        self.freed = asyncio.Event()
        stubborn = self.bench.stubborn(self.freed)
        self._kinds: list[Deed | None] = [
            None,
            takes(self.bench, 1),
            takes(self.bench, 12),
            raises(partial(ValueError, "boom")),
            raises(partial(Rejected, "no")),
            raises(partial(RetryLater, 2)),
            _first_attempt(raises(KeyboardInterrupt)),
            _first_attempt(raises(asyncio.CancelledError)),
            _first_attempt(hangs),
            _first_attempt(stubborn),
        ]
        self.ways: list[FaultyRepository] = []
        self.engines: list[OrderEngine] = []
        self.works: list[Work] = []
        self.acknowledged: set[str] = set()
        self._clients: list[asyncio.Task[None]] = []

    async def start(self, process: int) -> None:
        """Start a process, anew where it was there before."""
        way, work = self.bench.connect(), Work(self._work)
        engine = self.bench.build(work, repository=way, **OPTIONS)
        await engine.__aenter__()
        self.ways[process : process + 1] = [way]
        self.engines[process : process + 1] = [engine]
        self.works.append(work)

    async def _work(self, order: Order) -> None:
        deed = self._kinds[int(order.order_id.removeprefix("order")) % len(self._kinds)]
        if deed is not None:
            await deed(order)

    async def take(self, step: Step) -> None:
        """Let one thing happen."""
        match step:
            case Place(process, first, count):
                for number in range(first, min(first + count, 20)):
                    self._ask(partial(self._place, self.engines[process], f"order{number}"))
            case Cancel(process, number):
                self._ask(partial(self.engines[process].cancel, f"order{number}"))
            case Redrive(process, number):
                self._ask(partial(self.engines[process].redrive, f"order{number}"))
            case Break(process, operation, fault):
                self.ways[process].plan(fault, operation, 1)
            case CutOff(process, away):
                self.ways[process].unavailable = away
            case Die(process, in_order):
                await (self.bench.end if in_order else self.bench.kill)(self.engines[process])
                await self.start(process)
            case Pass(seconds):
                await self.bench.advance(seconds)
        await self.bench.settle()

    def _ask(self, call: Callable[[], Awaitable[object]]) -> None:
        async def client() -> None:
            with suppress(OrderEngineError):
                await call()

        self._clients.append(asyncio.ensure_future(client()))

    async def _place(self, engine: OrderEngine, order_id: str) -> None:
        placed = await engine.place(new_order(order_id))
        self.acknowledged.add(placed.order.order_id)

    async def recover(self) -> None:
        """Let the faults end, and wait until every order has ended."""
        for way in self.ways:
            way.heal()
        until = self.bench.clock.monotonic() + LONGEST_RECOVERY
        while not await self._all_is_quiet() and self.bench.clock.monotonic() < until:
            await self.bench.advance(2)
        await self.bench.advance(20)
        self.freed.set()
        for engine in self.engines:
            await self.bench.end(engine)
        await self.bench.advance(20)

    async def _all_is_quiet(self) -> bool:
        """Whether every client is answered and every order has ended: a placing may still be on its way."""
        return all(client.done() for client in self._clients) and await self.bench.statuses() <= ENDED

    async def check(self) -> None:
        """Check what was promised."""
        assert await self.bench.statuses() <= ENDED
        statistics = await self.bench.check_books()
        for order_id in self.acknowledged:
            assert order_id in await self.bench.store.get([order_id]), "acknowledged and lost"
        assert statistics.total_orders >= len(self.acknowledged)
        for work in self.works:
            assert work.most_at_once <= SLOTS
        for client in self._clients:
            assert client.done(), "a client was never answered"
            await client
        for number in range(20):
            await self._check_end(f"order{number}")

    async def _check_end(self, order_id: str) -> None:
        orders = await self.bench.store.get([order_id])
        if order_id not in orders or orders[order_id].status is Status.CANCELLED:
            return
        kind = int(order_id.removeprefix("order")) % len(self._kinds)
        expected = Status.FAILED if kind in {3, 4, 5} else Status.COMPLETED
        assert orders[order_id].status is expected, order_id


def _first_attempt(deed: Deed) -> Deed:
    """Return a deed that is done in an order's first claim only."""

    async def first(order: Order) -> None:
        if order.token == 1:
            await deed(order)

    return first


@settings(
    deadline=None,
    max_examples=40,
    # Explaining a failure runs under a tracer, which takes minutes here; the shrunk program tells enough.
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(st.lists(steps, min_size=3, max_size=20))
def test_every_order_ends_whatever_happens(program: list[Step]) -> None:
    """P1 to P4 and P7: acknowledged orders are there, histories are legal, counters are exact, everything ends."""

    async def life() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        world = World()
        for process in range(PROCESSES):
            await world.start(process)
        for step in program:
            await world.take(step)
        await world.recover()
        await world.check()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(life())
