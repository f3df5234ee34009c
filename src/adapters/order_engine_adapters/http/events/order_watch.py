"""Polling of orders that are streamed individually, many per query."""

from __future__ import annotations

from itertools import islice
from typing import Final

from order_engine.application.engine import OrderEngine, internals_of
from order_engine.ports.repository import OrderState
from order_engine_adapters.http.events.stream import OrderStream

ORDERS_PER_QUESTION: Final = 200


class OrderWatch:
    """Notifies streams when their order has changed."""

    def __init__(self, engine: OrderEngine) -> None:
        """Poll `engine`."""
        self._queries = internals_of(engine).queries
        self._page = min(ORDERS_PER_QUESTION, engine.options.page_limit)
        self._streams: dict[str, set[OrderStream]] = {}

    def join(self, stream: OrderStream) -> None:
        """Watch the order of a stream, starting with the next poll."""
        self._streams.setdefault(stream.order_id, set()).add(stream)

    def leave(self, stream: OrderStream) -> None:
        """Stop watching."""
        streams = self._streams[stream.order_id]
        streams.discard(stream)
        if not streams:
            del self._streams[stream.order_id]

    async def look(self) -> None:
        """Poll every watched order. Raises the errors of polling."""
        remaining = iter(list(self._streams))
        while order_ids := list(islice(remaining, self._page)):
            states = await self._queries.states(order_ids)
            for order_id in order_ids:
                self._tell(order_id, states.get(order_id))

    def _tell(self, order_id: str, state: OrderState | None) -> None:
        for stream in self._streams.get(order_id, ()):
            if state is None or _has_more(stream, state):
                stream.has_more = True
                stream.wake.set()


def _has_more(stream: OrderStream, state: OrderState) -> bool:
    """Return whether an order has changed, or is not at the stream's position because of a restore."""
    return state.version != stream.position.version or state.status.ended != stream.has_ended
