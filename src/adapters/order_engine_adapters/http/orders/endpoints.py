"""Endpoints that place, read, list, cancel and redrive orders."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from urllib.parse import quote

from starlette.types import Receive, Scope, Send

from order_engine.application.engine import OrderEngine
from order_engine.application.placer import Placed
from order_engine.domain.events import Event
from order_engine.domain.order import Order
from order_engine.wire import event_json, history_json, order_json, page_json
from order_engine_adapters.http.limits import HttpLimits
from order_engine_adapters.http.messages.accept import check_json_accepted
from order_engine_adapters.http.messages.conditional_requests import act, entity_tag, is_unchanged
from order_engine_adapters.http.messages.media_type import JSON_TYPE
from order_engine_adapters.http.messages.pace import Pace
from order_engine_adapters.http.messages.query import refuse_parameters
from order_engine_adapters.http.messages.request_id import trace_parent
from order_engine_adapters.http.messages.requests import (
    check_media_type,
    idempotency_key,
    path_order_id,
    read_body,
)
from order_engine_adapters.http.messages.resource import Outcome, within
from order_engine_adapters.http.messages.responses import (
    JSON,
    NEVER_STORED,
    NOT_MODIFIED,
    Response,
    json_response,
    send_response,
)
from order_engine_adapters.http.messages.time_limits import RequestTimeLimits
from order_engine_adapters.http.orders.list_query import list_link, list_query
from order_engine_adapters.http.orders.order_parser import OrderParser

CREATED = '{"message":"Order created successfully"}'
CREATED_WITH_ID = '{"message":"Order created successfully","order_id":"%s"}'
UNQUOTED = re.compile("[A-Za-z0-9_.~-]+")
"""Characters that need no percent-encoding in URLs (RFC 3986, section 2.3)."""
REPLAYED = (b"idempotent-replayed", b"true")
ACCEPTED = 202


class OrderEndpoints:
    """Endpoints of orders."""

    def __init__(
        self, engine: OrderEngine, limits: HttpLimits, time_limits: RequestTimeLimits, texts: OrderParser
    ) -> None:
        """Handle requests with `engine`."""
        self._texts = texts
        self._engine = engine
        self._limits = limits
        self._time_limits = time_limits
        self._seconds = engine.options.request_seconds

    async def place(self, scope: Scope, receive: Receive) -> Response:
        """Place one order."""
        check_json_accepted(scope)
        refuse_parameters(scope)
        check_media_type(scope, (JSON_TYPE,))
        key = idempotency_key(scope)
        body = await read_body(scope, receive, self._limits, self._time_limits)
        order = self._texts.read_small(body, trace_parent(scope))
        if order is None:
            order = await self._texts.read_large(body, trace_parent(scope), self._seconds)
        placed = await self._within(self._engine.place(order, idempotency_key=key))
        return _created(scope, placed, with_id=order.order_id is None)

    async def get(self, scope: Scope, _: Receive) -> Response:
        """Return an order."""
        check_json_accepted(scope)
        refuse_parameters(scope)
        order = await self._within(self._engine.get(path_order_id(scope)))
        tag = (b"etag", entity_tag(order))
        if is_unchanged(scope, order):
            return Response(NOT_MODIFIED, (tag, *NEVER_STORED), b"")
        return json_response(order_json(order), tag)

    async def status(self, scope: Scope, _: Receive) -> Response:
        """Return the status of an order."""
        check_json_accepted(scope)
        refuse_parameters(scope)
        status = await self._within(self._engine.status(path_order_id(scope)))
        return json_response(f'{{"status":"{status}"}}')

    async def history(self, scope: Scope, _: Receive, send: Send) -> None:
        """Send the history of an order page by page: the number of attempts is unlimited."""
        check_json_accepted(scope)
        refuse_parameters(scope)
        order_id, with_body = path_order_id(scope), scope["method"] != "HEAD"
        events = await self._page_of_history(order_id, 0)
        if len(events) < self._engine.options.page_limit:
            await send_response(send, json_response(history_json(events)), with_body=with_body)
            return
        await send({"type": "http.response.start", "status": 200, "headers": [JSON, *NEVER_STORED]})
        begin = b'{"events":['
        while with_body and events:
            text = ",".join(map(event_json, events)).encode()
            await send({"type": "http.response.body", "body": begin + text, "more_body": True})
            begin = b","
            events = await self._page_of_history(order_id, events[-1].version)
        await send({"type": "http.response.body", "body": b"]}" if with_body else b""})

    async def page(self, scope: Scope, _: Receive) -> Response:
        """Return a page of orders, newest first."""
        check_json_accepted(scope)
        query = list_query(scope)
        page = await self._within(
            self._engine.list(status=query.status, user_id=query.user_id, limit=query.limit, cursor=query.cursor),
        )
        links = () if page.next is None else ((b"link", list_link(scope, query, page.next)),)
        return json_response(page_json(await _texts(page), page.next), *links)

    async def cancel(self, scope: Scope, _: Receive) -> Response:
        """Cancel an order, or request its cancellation from the running processor."""
        order = await self._within(self._act(scope, self._engine.cancel))
        return _changed(order, 200 if order.status.ended else ACCEPTED)

    async def redrive(self, scope: Scope, _: Receive) -> Response:
        """Start a new round for a Failed order."""
        return _changed(await self._within(self._act(scope, self._engine.redrive)), 200)

    async def _within(self, work: Awaitable[Outcome]) -> Outcome:
        return await within(self._seconds, work, self._time_limits)

    async def _act(self, scope: Scope, action: Callable[..., Awaitable[Order]]) -> Order:
        check_json_accepted(scope)
        refuse_parameters(scope)
        return await act(scope, self._engine, action, path_order_id(scope))

    async def _page_of_history(self, order_id: str, after: int) -> Sequence[Event]:
        return await self._within(self._engine.history(order_id, after=after))


async def _texts(orders: Iterable[Order]) -> list[str]:
    """Return the orders as JSON, with pauses between large ones."""
    pace, texts = Pace(), []
    for order in orders:
        texts.append(order_json(order))
        if pace.is_due(len(texts[-1])):
            await pace.pause()
    return texts


def _created(scope: Scope, placed: Placed, *, with_id: bool) -> Response:
    order_id = placed.order.order_id
    # Generated ids consist of hexadecimal digits and need no JSON escaping. Other ids appear only in Location.
    text = CREATED_WITH_ID % order_id if with_id else CREATED
    # If nothing needs quoting, this costs a tenth of `quote`, which is a hundredth of placing an order.
    root_path: str = scope.get("root_path", "")
    location = f"{quote(root_path) if root_path else ''}/orders/"
    location += order_id if UNQUOTED.fullmatch(order_id) else quote(order_id, safe="")
    headers = [(b"location", location.encode()), (b"etag", entity_tag(placed.order))]
    if placed.replayed:
        headers.append(REPLAYED)
    return json_response(text, *headers, status=201)


def _changed(order: Order, status: int) -> Response:
    return json_response(order_json(order), (b"etag", entity_tag(order)), status=status)
