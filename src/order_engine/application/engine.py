"""The engine: the entry point for applications."""

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
    """Accepts orders, stores each exactly once, and processes every order to completion.

    Use it with `async with`, which starts the worker and drains on exit. An engine can be started only once. Without a
    `processor`, it accepts and reads orders, and leaves processing to other processes on the same repository. All
    methods raise NotRunning outside `async with`, Unavailable if the repository is unavailable, and OutcomeUnknown if a
    change may or may not have taken effect. These are TransientErrors: the same call may be retried. Errors that the
    caller has to correct are CallerErrors.
    """

    def __init__(  # noqa: PLR0913 - the ports and the settings, all by keyword
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
        """Create an engine from its adapters, without starting it.

        Raises InvalidSetting for an unusable processor: a class, a generator function, or a function that does not
        accept an order.
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
        """Start the engine and its worker."""
        self._runtime.start()
        return self

    async def __aexit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Drain, then stop all tasks of the engine. Raises the error of a task that failed."""
        try:
            await self.drain()
        finally:
            await self._runtime.stop()

    @property
    def options(self) -> EngineOptions:
        """Settings of this engine."""
        return self._options

    @property
    def ready(self) -> bool:
        """Whether to send orders to this engine.

        True if the engine runs and is not about to drain, its repository is available, and attempts can start.
        """
        return self._runtime.readiness is Readiness.READY

    @property
    def readiness(self) -> Readiness:
        """Whether to send orders to this engine, or the reason not to."""
        return self._runtime.readiness

    @property
    def in_flight(self) -> InFlight | None:
        """Number of orders in progress in this process, its limit, and whether renewals determine the limit.

        None without a processor.
        """
        return None if self._worker is None else self._worker.in_flight

    async def drain(self) -> None:
        """Stop accepting and claiming orders, let attempts finish within the grace time, and release the rest.

        May be called repeatedly and concurrently; each call returns when the engine is drained. Reading, cancelling and
        redriving remain possible until the end of `async with`.
        """
        await self._runtime.drain()

    async def ended(self) -> None:
        """Return when the engine has stopped. Raises the internal error that stopped it, if any."""
        await self._runtime.ended()

    # Placing and acting

    async def place(self, order: NewOrder, *, idempotency_key: str | None = None) -> Placed:
        """Place one order. When this returns, the order is stored; in a durable repository, it survives any crash (P1).

        Placing the same order id and content again returns the current order, with `replayed` set (P4). So does the
        same `idempotency_key` (1 to 255 visible ASCII characters) with the same content, even without an order id.
        Raises InvalidOrder; OrderConflict if the id has other content; IdempotencyKeyReused if the key has;
        Overloaded if too many orders wait, with the seconds until the next try; StoreRefused if the repository cannot
        store this order.
        """
        self._runtime.require_running()
        placement, outcome = self._placer.begin(order, idempotency_key)
        return placed(placement, await outcome)

    async def place_many(self, orders: Iterable[NewOrder]) -> list[Placed | OrderEngineError]:
        """Place orders one after the other; return the outcome of each, in order: placed, or an error.

        If more orders are given than may wait, this slows down instead of raising Overloaded. An order that cannot be
        placed does not affect the others: its outcome is the error that `place` would have raised.
        """
        self._runtime.require_running()
        return await self._placer.place_many(orders)

    async def cancel(self, order_id: str, *, expected_version: int | None = None) -> Order:
        """Cancel an order and return it: Cancelled, or Processing with `cancel_requested` while a processor runs.

        A processor running in this process is cancelled immediately, in another process at its next renewal. If it ends
        first, its outcome is kept. Cancelling a Cancelled order changes nothing. Raises OrderNotFound; ActionRefused if
        the order is Completed or Failed; VersionMismatch if `expected_version` is not the order's version.
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
        """Start a new round of attempts for a Failed order, and return it: Pending, with its counts of attempts at 0.

        Raises OrderNotFound; ActionRefused if the order is not Failed; VersionMismatch if `expected_version` is not the
        order's version.
        """
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
        """Return the current version of the order. Raises OrderNotFound."""
        return await self._queries.get(order_id)

    async def get_many(self, order_ids: Sequence[str]) -> Mapping[str, Order]:
        """Return the existing orders among the ids, by id. Large orders take several reads.

        Raises InvalidQuery for more ids than `page_limit`.
        """
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
        """Return one page of orders, newest first. `cursor` is `next` of the previous page with the same filters.

        A page of large orders may contain fewer than `limit`; only the last page has no `next`. Raises InvalidQuery if
        `limit` is not between 1 and `page_limit` or the user id is invalid, InvalidCursor for a cursor of another list.
        """
        return await self._queries.page(status, user_id, limit, cursor)

    async def history(self, order_id: str, *, after: int = 0, limit: int | None = None) -> Sequence[Event]:
        """Return the order's events with a version above `after`, oldest first, at most `limit`.

        `limit` is 1 to `page_limit`, which is the default. Raises OrderNotFound, and InvalidQuery for another limit.
        """
        return await self._queries.history(order_id, after, limit)

    async def events(self, *, after: str | None = None, limit: int = DEFAULT_PAGE) -> EventPage:
        """Return events of all orders from the first one, or after the cursor of a page or of an event in it.

        `limit` is 0 to `page_limit`. With 0 and no cursor, the page is empty and its cursor is the current end. Raises
        InvalidQuery for another limit, InvalidCursor for a cursor that is not of this history of this repository.
        """
        return await self._queries.events(after, limit)

    async def changed(self, since: int) -> int:
        """Wait until orders may have changed since the number `since`, and return the latest number.

        The number increases with every change made in this process, once per poll interval, and when the engine starts
        to drain, is drained, and stops. A reader that starts with 0 and reads after every number misses no change.
        Raises NotRunning.
        """
        self._runtime.require_started()
        number = await self._context.changes.since(since)
        self._runtime.require_started()
        return number

    async def metrics(self) -> Statistics:
        """Return exact metrics, at a cost independent of the number of orders (P8)."""
        return await self._queries.metrics()

    async def wait_for(self, order_id: str, *, seconds: float | None = None) -> Order:
        """Return the order once it has ended, in any status and any process.

        Raises OrderNotFound, WaitTimedOut after `seconds` (None: no limit), and NotRunning if the engine stops first.
        """
        self._runtime.require_started()
        check_order_id(order_id)
        return await self._waiters.wait(order_id, seconds)


def internals_of(engine: OrderEngine) -> EngineInternals:
    """Return the internal interface of an engine, for the packages of this project only."""
    return engine._internals  # noqa: SLF001 - the only access
