"""The endpoint that places many orders in one request."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from typing import Final

from starlette.types import Receive, Scope, Send

from order_engine.application.engine import OrderEngine
from order_engine.application.placer import Placed
from order_engine.domain.errors import OrderEngineError
from order_engine.domain.order import NewOrder
from order_engine_adapters.http.batch.buffered_results import BufferedResults
from order_engine_adapters.http.batch.formats import BATCH_FORMATS, BatchFormat, BatchResponse
from order_engine_adapters.http.batch.reader import BatchReader
from order_engine_adapters.http.batch.results import BatchSummary, problem_text
from order_engine_adapters.http.batch.splitter import Element
from order_engine_adapters.http.batch.streamed_results import StreamedResults
from order_engine_adapters.http.errors import AnswersTooLarge, BodyTooLarge, InvalidHeader, RequestRefused
from order_engine_adapters.http.limits import HttpLimits
from order_engine_adapters.http.messages.accept import check_accepted
from order_engine_adapters.http.messages.pace import Pace
from order_engine_adapters.http.messages.prefer import prefers
from order_engine_adapters.http.messages.query import refuse_parameters
from order_engine_adapters.http.messages.request_id import trace_parent
from order_engine_adapters.http.messages.requests import check_media_type, declared_length, header_values
from order_engine_adapters.http.messages.time_limits import RequestTimeLimits
from order_engine_adapters.http.orders.order_parser import OrderParser, ParsedOrder

STREAM: Final = b"stream"
"""Preference (RFC 7240) for results while the request is still being sent."""


class BatchEndpoint:
    """`POST /orders/batch`. Invalid elements fail alone, and results are in the order of the elements."""

    def __init__(
        self, engine: OrderEngine, limits: HttpLimits, time_limits: RequestTimeLimits, texts: OrderParser
    ) -> None:
        """Place orders with `engine`."""
        self._engine = engine
        self._limits = limits
        self._time_limits = time_limits
        self._texts = texts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Place orders as they arrive. Respond when the body is complete, or at once if the client prefers it."""
        form = self._checked(scope)
        elements = BatchReader(receive, form.split(self._limits.body_bytes), self._limits, self._time_limits)
        summary = BatchSummary()
        async with aclosing(elements), self._answers(scope, send, form) as answers:
            error = await self._answer_all(elements, answers, summary, trace_parent(scope))
            if error is not None:
                answers.headers += error.headers if isinstance(error, RequestRefused) else ()
                await answers.put([problem_text(None, error)])
            await answers.put([summary.text()])

    def _checked(self, scope: Scope) -> BatchFormat:
        """Return the format of the body. Raises the error of an invalid request head."""
        refuse_parameters(scope)
        media_type = check_media_type(scope, BATCH_FORMATS)
        check_accepted(scope, media_type)
        if header_values(scope, b"idempotency-key"):
            message = "Idempotency-Key is not supported for batches. Give every order an order_id and retry the batch."
            raise InvalidHeader(message)
        if declared_length(scope) > self._limits.batch_bytes:
            raise BodyTooLarge(self._limits.batch_bytes)
        return BATCH_FORMATS[media_type]

    def _answers(self, scope: Scope, send: Send, form: BatchFormat) -> BatchResponse:
        if prefers(scope, STREAM):
            return StreamedResults(send, form, self._limits)
        return BufferedResults(send, form, self._limits, self._time_limits)

    async def _answer_all(
        self, elements: BatchReader, answers: BatchResponse, summary: BatchSummary, traced: str | None
    ) -> OrderEngineError | None:
        """Process all elements. Return the error that ended the batch early, else None."""
        pace = Pace()
        async with aclosing(elements.groups()) as groups:
            async for some in groups:
                await answers.put(await self._placed(some, summary, traced, pace))
                if answers.are_too_many:
                    await elements.pass_over()
                    return AnswersTooLarge(self._limits.kept_answer_bytes)
        return elements.broken_off

    async def _placed(
        self, elements: Sequence[Element], summary: BatchSummary, traced: str | None, pace: Pace
    ) -> list[bytes]:
        read: list[ParsedOrder] = []
        for element in elements:
            if isinstance(element, OrderEngineError):
                read.append(ParsedOrder(None, element))
                continue
            read.append(await self._texts.read_element(element, traced))
            if pace.is_due(len(element)):
                await pace.pause()
        outcomes = iter(await self._outcomes([each.order for each in read if isinstance(each.order, NewOrder)]))
        answers: list[bytes] = []
        for each in read:
            outcome = next(outcomes) if isinstance(each.order, NewOrder) else each.order
            answers.append(summary.answer(each, outcome))
            if pace.is_due(len(answers[-1])):
                await pace.pause()
        return answers

    async def _outcomes(self, orders: Sequence[NewOrder]) -> Sequence[Placed | OrderEngineError]:
        try:
            return await self._engine.place_many(orders)
        except OrderEngineError as error:
            return [error] * len(orders)
