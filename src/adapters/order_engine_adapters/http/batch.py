"""Placing many orders in one request, which is streamed both ways."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import aclosing
from itertools import islice
from typing import Final, NamedTuple

from starlette.types import Receive, Scope, Send

from order_engine.application.engine import OrderEngine
from order_engine.application.placing import Placed
from order_engine.domain.errors import OrderEngineError
from order_engine.domain.order import NewOrder
from order_engine.wire import new_order, order_id_in, read_json
from order_engine_adapters.http.deadlines import Deadlines
from order_engine_adapters.http.errors import BodyTooLarge, InvalidHeader, RequestTimedOut, problem_for
from order_engine_adapters.http.limits import HttpLimits
from order_engine_adapters.http.queries import refuse_parameters
from order_engine_adapters.http.requests import (
    JSON_TYPE,
    LINES_TYPES,
    body_parts,
    check_accepted,
    check_media_type,
    declared_length,
    header_values,
)
from order_engine_adapters.http.splitting import ArraySplitter, Element, LineSplitter, Splitter
from order_engine_adapters.http.streams import AnswerStream, Form
from order_engine_adapters.http.tracing import trace_parent

FORMS: Final = {
    **{each: Form(each, opening=b"", separator=b"", ending=b"\n", closing=b"", empty=b"") for each in LINES_TYPES},
    JSON_TYPE: Form(JSON_TYPE, opening=b"[", separator=b",\n", ending=b"", closing=b"]\n", empty=b"[]\n"),
}
CREATED: Final = 201
ELEMENTS_AT_ONCE: Final = 500


class _Read(NamedTuple):
    """One element as it was read: the id that it names, and the order or what is wrong with it."""

    order_id: str | None
    order: NewOrder | OrderEngineError


class BatchEndpoint:
    """`POST /orders/batch`: a bad element fails alone, and the answers come in the order of the elements."""

    def __init__(self, engine: OrderEngine, limits: HttpLimits, deadlines: Deadlines) -> None:
        """Place into `engine`."""
        self._engine = engine
        self._limits = limits
        self._deadlines = deadlines
        self._content_limits = engine.options.content

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Place orders while they come in, and answer while they are placed."""
        refuse_parameters(scope)
        media_type = check_media_type(scope, FORMS)
        check_accepted(scope, media_type)
        if header_values(scope, b"idempotency-key"):
            message = "Idempotency-Key is not for batches: give every order an order_id, and send the batch again."
            raise InvalidHeader(message)
        if declared_length(scope) > self._limits.batch_bytes:
            raise BodyTooLarge(self._limits.batch_bytes)
        splitting = ArraySplitter if media_type == JSON_TYPE else LineSplitter
        traced = trace_parent(scope)
        elements = self._elements(receive, splitting(self._limits.body_bytes))
        async with aclosing(elements), AnswerStream(send, FORMS[media_type], self._limits) as answers:
            async for some in elements:
                await answers.put(await self._place(some, traced))

    async def _elements(self, receive: Receive, splitter: Splitter) -> AsyncGenerator[Sequence[Element], None]:
        """Yield the elements as far as they have come in, not too many at once."""
        room = self._limits.batch_bytes
        try:
            async for part in body_parts(receive, self._limits.body_seconds, self._deadlines):
                for some in _chunks(splitter.feed(part[:room])):
                    yield some
                if len(part) > room:
                    raise BodyTooLarge(self._limits.batch_bytes)  # noqa: TRY301 - as a silence is: both end the batch
                room -= len(part)
        except (BodyTooLarge, RequestTimedOut) as error:
            yield [error]
            return
        for some in _chunks(splitter.end()):
            yield some

    async def _place(self, elements: Sequence[Element], traced: str | None) -> list[bytes]:
        read = [self._read(element, traced) for element in elements]
        orders = [each.order for each in read if isinstance(each.order, NewOrder)]
        outcomes = iter(await self._outcomes(orders))
        return [
            _answer(each, next(outcomes) if isinstance(each.order, NewOrder) else each.order).encode() for each in read
        ]

    async def _outcomes(self, orders: Sequence[NewOrder]) -> Sequence[Placed | OrderEngineError]:
        try:
            return await self._engine.place_many(orders)
        except OrderEngineError as error:
            return [error] * len(orders)

    def _read(self, element: Element, traced: str | None) -> _Read:
        if isinstance(element, OrderEngineError):
            return _Read(None, element)
        order_id = None
        try:
            value = read_json(element, self._content_limits)
            order_id = order_id_in(value)
            return _Read(order_id, new_order(value, self._content_limits, traced))
        except OrderEngineError as error:
            return _Read(order_id, error)


def _chunks(elements: Iterable[Element]) -> Iterator[list[Element]]:
    remaining = iter(elements)
    while some := list(islice(remaining, ELEMENTS_AT_ONCE)):
        yield some


def _answer(read: _Read, outcome: Placed | OrderEngineError) -> str:
    if isinstance(outcome, Placed):
        members = {
            "order_id": outcome.order.order_id,
            "code": CREATED,
            "replayed": outcome.replayed,
            "problem": None,
        }
    else:
        problem = problem_for(outcome)
        members = {
            "order_id": read.order_id,
            "code": problem.status,
            "replayed": False,
            "problem": problem.document(),
        }
    return json.dumps(members, separators=(",", ":"))
