"""The engine: the one object that a program talks to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from random import Random, SystemRandom
from types import TracebackType
from typing import Self

from order_engine.application.actions import Actions
from order_engine.application.context import build_context
from order_engine.application.doorbell import Doorbell
from order_engine.application.internals import EngineInternals
from order_engine.application.list_cursor import OrderList
from order_engine.application.log.observer import LogObserver
from order_engine.application.options import EngineOptions
from order_engine.application.placer import Placed, Placer, placed
from order_engine.application.queries import Queries, check_order_id
from order_engine.application.runtime import Readiness, Runtime
from order_engine.application.waiters import Waiters
from order_engine.application.worker.processor_kinds import check_processor
from order_engine.application.worker.renewal_capacity import InFlight
from order_engine.application.worker.worker import Worker
from order_engine.domain.commands import Action, Command
from order_engine.domain.errors import OrderEngineError
from order_engine.domain.events import Event
from order_engine.domain.metrics import Statistics
from order_engine.domain.order import NewOrder, Order, Status
from order_engine.ports.clock import Clock
from order_engine.ports.observer import Observer
from order_engine.ports.processor import OrderProcessor, PlainProcessor
from order_engine.ports.queue import OrderQueue
from order_engine.ports.repository import EventPage, OrderRepository

DEFAULT_PAGE = 100


class OrderEngine:
    """Takes orders, keeps each exactly once, and drives every one of them to an end.

    `async with` runs the worker and drains on the way out; an engine is started once. Without a `processor` it takes
    orders and answers questions, and leaves the work to other processes on the same repository. All methods raise
    NotRunning outside `async with`, Unavailable where the repository is away, and OutcomeUnknown where it did not say
    whether a change took effect; the same call may be made again after either.
    """

    def __init__(  # noqa: PLR0913 - the ports and the settings, by name: there is nothing to bundle them for
        self,
        *,
        repository: OrderRepository,
        queue: OrderQueue,
        clock: Clock,
        processor: OrderProcessor | PlainProcessor | None,
        observer: Observer | None = None,
        random: Random | None = None,
        options: EngineOptions | None = None,
    ) -> None:
        """Put an engine together from its adapters; nothing runs yet.

        Raises InvalidSetting for a processor that could not do the work: a class, a generator function, a function
        that takes no order.
        """
        if processor is not None:
            check_processor(processor)
        self._options = options or EngineOptions()
        self._context = build_context(
            repository=repository,
            queue=queue,
            clock=clock,
            observer=observer or LogObserver(clock),
            random=random or SystemRandom(),
            options=self._options,
        )
        self._doorbell = Doorbell(self._context)
        self._waiters = Waiters(self._context)
        self._worker: Worker | None = None
        if processor is not None:
            self._worker = Worker(self._context, self._waiters, self._doorbell, processor)
        self._placer = Placer(self._context, self._worker, self._doorbell)
        self._actions = Actions(self._context)
        self._runtime = Runtime(self._context, self._placer, self._doorbell, self._waiters, self._worker)
        self._queries = Queries(self._context, self._runtime)
        self._internals = EngineInternals(self._queries, self._runtime)

    # Lifetime

    async def __aenter__(self) -> Self:
        """Start the worker and everything around it."""
        self._runtime.start()
        return self

    async def __aexit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Drain, then end every task of the engine. Raises what a task of its own died of."""
        try:
            await self.drain()
        finally:
            await self._runtime.stop()

    @property
    def options(self) -> EngineOptions:
        """The settings of this engine."""
        return self._options

    @property
    def ready(self) -> bool:
        """Whether to send orders here.

        The engine runs, will not drain soon, its repository answered last time, and attempts can be started.
        """
        return self._runtime.readiness is Readiness.READY

    @property
    def readiness(self) -> Readiness:
        """Whether to send orders here, and if not, why."""
        return self._runtime.readiness

    @property
    def in_flight(self) -> InFlight | None:
        """How many orders this process works on, how many it may, and whether renewals are what limits it.

        None without a processor.
        """
        return None if self._worker is None else self._worker.in_flight

    async def drain(self) -> None:
        """Shut down in order: no new orders, no new claims; running work gets its grace time; the rest is released.

        May be called any number of times, also at once; each call returns when the engine is drained. Reading,
        cancelling and redriving go on until the end of `async with`.
        """
        await self._runtime.drain()

    async def ended(self) -> None:
        """Return when the engine has stopped. Raises what it died of, where that was an error of its own."""
        await self._runtime.ended()

    # Placing and acting

    async def place(self, order: NewOrder, *, idempotency_key: str | None = None) -> Placed:
        """Place one order; on return it is kept, on a durable repository across any crash (P1).

        The same order id with the same content again gives the order as it is now, `replayed` (P4). Raises
        InvalidOrder, OrderConflict, IdempotencyKeyReused, Overloaded, StoreRefused.
        """
        self._runtime.require_running()
        placement, outcome = self._placer.begin(order, idempotency_key)
        return placed(placement, await outcome)

    async def place_many(self, orders: Iterable[NewOrder]) -> list[Placed | OrderEngineError]:
        """Place orders in turn, and return each one's outcome in the same order: placed, or the error it met.

        More orders than may wait are taken more slowly, not refused.
        """
        self._runtime.require_running()
        return await self._placer.place_many(orders)

    async def cancel(self, order_id: str, *, expected_version: int | None = None) -> Order:
        """Cancel an order and return it: Cancelled, or Processing with `cancel_requested` while a processor runs.

        A running processor is cancelled at once in this process, else at its next renewal; if it ends first, its
        outcome wins. Cancelling a Cancelled order again changes nothing. Raises OrderNotFound, ActionRefused after
        another end, VersionMismatch where `expected_version` is given and not the order's.
        """
        self._runtime.require_started()
        check_order_id(order_id)
        self._context.availability.require_writable()
        order = await self._actions.act(Command(order_id, Action.CANCEL, expected_version=expected_version))
        if order.status.ended:
            self._waiters.check_soon(order_id)
        elif self._worker is not None:
            self._worker.cancel_requested(order)
        return order

    async def redrive(self, order_id: str, *, expected_version: int | None = None) -> Order:
        """Give a Failed order a new round of attempts, and return it. Raises as `cancel` does."""
        self._runtime.require_started()
        check_order_id(order_id)
        self._context.availability.require_writable()
        order = await self._actions.act(Command(order_id, Action.REDRIVE, expected_version=expected_version))
        self._doorbell.ring([order_id])
        if self._worker is not None:
            self._worker.note_backlog()
        return order

    # Asking

    async def get(self, order_id: str) -> Order:
        """Return the order as it is now. Raises OrderNotFound."""
        return await self._queries.get(order_id)

    async def get_many(self, order_ids: Sequence[str]) -> Mapping[str, Order]:
        """Return the orders that exist among the ids: `page_limit` ids at most. Large ones take several questions."""
        return await self._queries.get_many(order_ids)

    async def status(self, order_id: str) -> Status:
        """Return the order's status. Raises OrderNotFound."""
        return (await self._queries.state(order_id)).status

    async def list(
        self,
        *,
        status: Status | None = None,
        user_id: str | None = None,
        limit: int = DEFAULT_PAGE,
        cursor: str | None = None,
    ) -> OrderList:
        """Return one page of orders, newest first. `cursor` is `next` of the page before, with the same filters.

        A page of large orders may hold fewer than `limit`, one at least: only the last page has no `next`.
        Raises InvalidQuery for a limit out of 1 to `page_limit` and for a user id that cannot be one, InvalidCursor for
        a cursor of another list.
        """
        return await self._queries.page(status, user_id, limit, cursor)

    async def history(self, order_id: str, *, after: int = 0, limit: int | None = None) -> Sequence[Event]:
        """Return the order's events with a version over `after`, oldest first. Raises OrderNotFound."""
        return await self._queries.history(order_id, after, limit)

    async def events(self, *, after: str | None = None, limit: int = DEFAULT_PAGE) -> EventPage:
        """Return events of all orders from the first, or after the cursor of a page before or of an event in it.

        With `limit` 0 and no cursor the page is empty and its cursor is the present end. Raises InvalidCursor.
        """
        return await self._queries.events(after, limit)

    async def changed(self, since: int) -> int:
        """Return the number of the latest moment at which orders may have changed, once it is not `since` any more.

        It rises with every change made in this process, once in every poll interval, and when the engine begins to
        drain, has drained, and stops. A reader who begins with 0, which is never the latest, and looks after every
        number misses nothing. Raises NotRunning.
        """
        self._runtime.require_started()
        number = await self._context.changes.since(since)
        self._runtime.require_started()
        return number

    async def metrics(self) -> Statistics:
        """Return exact counts, at a cost that does not grow with the orders (P8)."""
        return await self._queries.metrics()

    async def wait_for(self, order_id: str, *, seconds: float | None = None) -> Order:
        """Return the order once it has ended, in whichever way and process.

        Raises OrderNotFound, and WaitTimedOut after `seconds` (None: no limit).
        """
        self._runtime.require_started()
        check_order_id(order_id)
        return await self._waiters.wait(order_id, seconds)


def internals_of(engine: OrderEngine) -> EngineInternals:
    """Return what only the packages of this project use of an engine."""
    return engine._internals  # noqa: SLF001 - the one place that hands it out
