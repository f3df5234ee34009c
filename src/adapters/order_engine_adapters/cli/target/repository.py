"""The repository as the target of commands."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from order_engine import (
    Event,
    InvalidOrder,
    MalformedJson,
    NewOrder,
    OrderEngine,
    OrderEngineError,
    OutcomeUnknown,
    Overloaded,
    Placed,
    Status,
    Unavailable,
)
from order_engine.wire import history_json, metrics_json, order_json, orders_json, problem_of, read_order
from order_engine_adapters.cli.target import outcomes
from order_engine_adapters.cli.target.outcomes import (
    PERMANENT_STATUSES,
    DeferredLine,
    InputLine,
    KeyedLine,
    LineOutcome,
    RefusedLine,
    TargetUnavailable,
)
from order_engine_adapters.settings import Settings


class RepositoryTarget:
    """Uses an engine in this process, without a processor."""

    def __init__(self, engine: OrderEngine, settings: Settings) -> None:
        """Use `engine`, which is running."""
        self._engine = engine
        self._content = settings.content
        self._page = settings.page_limit

    async def list(self, *, status: str | None, user_id: str | None, limit: int, cursor: str | None) -> str:
        """Return one page of orders."""
        wanted = None if status is None else Status(status)
        return orders_json(await self._engine.list(status=wanted, user_id=user_id, limit=limit, cursor=cursor))

    async def order(self, order_id: str) -> str:
        """Return one order."""
        return order_json(await self._engine.get(order_id))

    async def history(self, order_id: str) -> str:
        """Return all events of an order, page by page."""
        events: list[Event] = []
        more = True
        while more:
            after = events[-1].version if events else 0
            page = await self._engine.history(order_id, after=after, limit=self._page)
            events.extend(page)
            more = len(page) == self._page
        return history_json(events)

    async def cancel(self, order_id: str) -> str:
        """Cancel an order and return it."""
        return order_json(await self._engine.cancel(order_id))

    async def redrive(self, order_id: str) -> str:
        """Redrive an order and return it."""
        return order_json(await self._engine.redrive(order_id))

    async def metrics(self) -> str:
        """Return the counts."""
        return metrics_json(await self._engine.metrics())

    async def place(self, lines: Sequence[InputLine]) -> Sequence[LineOutcome]:
        """Place the orders of lines with an order id."""
        read = [self._read(line) for line in lines]
        placed = iter(await self._engine.place_many([order for order in read if isinstance(order, NewOrder)]))
        return [_outcome(next(placed) if isinstance(order, NewOrder) else order) for order in read]

    async def place_under_keys(self, lines: Sequence[KeyedLine]) -> Sequence[LineOutcome]:
        """Place the orders of lines without an id, each with its idempotency key, in one transaction."""
        return await asyncio.gather(*(self._place_under_key(*keyed) for keyed in lines))

    async def sleep(self, seconds: float) -> None:
        """Wait on the event loop."""
        await asyncio.sleep(seconds)

    async def _place_under_key(self, line: InputLine, key: str) -> LineOutcome:
        order = self._read(line)
        if not isinstance(order, NewOrder):
            return _outcome(order)
        try:
            return _outcome(await self._engine.place(order, idempotency_key=key))
        except OrderEngineError as error:
            return _outcome(error)

    def _read(self, line: InputLine) -> NewOrder | OrderEngineError:
        try:
            return read_order(line.text, self._content)
        except (MalformedJson, InvalidOrder) as error:
            return error


def _outcome(answer: Placed | OrderEngineError) -> LineOutcome:
    if isinstance(answer, Placed):
        return outcomes.PlacedLine(answer.replayed)
    problem = problem_of(answer)
    if problem.status in PERMANENT_STATUSES:
        return RefusedLine(problem.document())
    if isinstance(answer, Unavailable | OutcomeUnknown | Overloaded):
        return DeferredLine(TargetUnavailable(str(answer), problem.retry_after or 0))
    raise answer
