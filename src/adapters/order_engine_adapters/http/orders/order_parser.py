"""Parsing of orders. Large ones are parsed in a thread to keep the event loop responsive."""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple

from order_engine.domain.content.limits import ContentLimits
from order_engine.domain.errors import OrderEngineError, Overloaded
from order_engine.domain.order import NewOrder
from order_engine.wire import checked_order, new_order, order_id_in, read_json, read_order
from order_engine_adapters.http.messages.time_limits import RequestTimeLimits

LARGE_BYTES: Final = 32 * 1024
"""Minimum size of a text that is parsed in a thread. Below, the worst case blocks the event loop for 15 ms (CPython
3.11)."""
CHECKED_BYTES: Final = 1024
"""Minimum size of an order in a batch whose attributes are validated while it is parsed, with pauses."""


class ParsedOrder(NamedTuple):
    """A parsed element: its order id, and the order or the error."""

    order_id: str | None
    order: NewOrder | OrderEngineError


class OrderParser:
    """Parser of an application. It uses one thread: several would only compete for the interpreter lock."""

    def __init__(self, limits: ContentLimits, time_limits: RequestTimeLimits) -> None:
        """Parse orders within `limits`."""
        self._limits = limits
        self._time_limits = time_limits
        self._thread = asyncio.Lock()

    def read_small(self, text: bytes, traced: str | None) -> NewOrder | None:
        """Return the order of a request, or None if the text is large. Raises MalformedJson and InvalidOrder."""
        return read_order(text, self._limits, traced) if len(text) <= LARGE_BYTES else None

    async def read_large(self, text: bytes, traced: str | None, seconds: float) -> NewOrder:
        """Return the order of a request. Raises MalformedJson, InvalidOrder, and Overloaded after `seconds`."""
        try:
            with self._time_limits.within(seconds):
                read = await self._read_elsewhere(text, traced)
        except TimeoutError:
            message = f"Too many large orders are waiting to be parsed. This one was not parsed within {seconds:g} s."
            raise Overloaded(message) from None
        if isinstance(read.order, OrderEngineError):
            raise read.order
        return read.order

    async def read_element(self, text: bytes, traced: str | None) -> ParsedOrder:
        """Return the parsed element of a batch. Large elements wait for the thread."""
        if len(text) <= LARGE_BYTES:
            return _read(text, self._limits, traced)
        return await self._read_elsewhere(text, traced)

    async def _read_elsewhere(self, text: bytes, traced: str | None) -> ParsedOrder:
        async with self._thread:
            return await asyncio.to_thread(_read, text, self._limits, traced)


def _read(text: bytes, limits: ContentLimits, traced: str | None) -> ParsedOrder:
    order_id = None
    try:
        value = read_json(text, limits)
        order_id = order_id_in(value)
        order = new_order(value, limits, traced)
        if order.attributes is not None and len(text) > CHECKED_BYTES:
            order = checked_order(order, limits)
    except OrderEngineError as error:
        return ParsedOrder(order_id, error)
    return ParsedOrder(order_id, order)
