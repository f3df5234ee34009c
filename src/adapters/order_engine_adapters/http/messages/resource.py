"""Resources: one path with an endpoint per method, and the handling of errors."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TypeAlias, TypeVar

from starlette.types import Message, Receive, Scope, Send

from order_engine.domain.errors import OrderEngineError, OutcomeUnknown
from order_engine.wire import Problem
from order_engine_adapters.http.errors import (
    INTERNAL,
    MethodNotAllowed,
    RequestRefused,
    RouteNotFound,
    problem_for,
)
from order_engine_adapters.http.messages.request_id import request_id, trace_id
from order_engine_adapters.http.messages.requests import ClientGone, client_address, path_is_as_sent
from order_engine_adapters.http.messages.responses import (
    NEVER_STORED,
    NO_CONTENT,
    Response,
    problem_response,
    send_response,
)
from order_engine_adapters.http.messages.time_limits import RequestTimeLimits

Endpoint: TypeAlias = Callable[[Scope, Receive], Awaitable[Response]]
StreamingEndpoint: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

Outcome = TypeVar("Outcome")

PATH_NOT_FOUND = "The path does not exist. Order paths begin with /orders."

_logger = logging.getLogger("order_engine.http")


class Resource:
    """An ASGI application for one path.

    Requests are handled without Starlette's Request and Response objects, which take about as long as everything else
    for an order. HEAD is GET without the body; OPTIONS lists the methods.
    """

    def __init__(
        self, endpoints: Mapping[str, Endpoint], streaming: Mapping[str, StreamingEndpoint] | None = None
    ) -> None:
        """Register endpoints that return a whole response and endpoints that stream."""
        self._endpoints = dict(endpoints)
        self._streaming = dict(streaming or {})
        self.methods: frozenset[str] = frozenset({*self._endpoints, *self._streaming} - {"HEAD"})
        """The methods that have an endpoint of their own; HEAD and OPTIONS are answered besides."""
        if "GET" in self._endpoints:
            self._endpoints["HEAD"] = self._endpoints["GET"]
        self._allow = ", ".join([*self._endpoints, *self._streaming, "OPTIONS"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        method = scope["method"]
        response = _ResponseState(send)
        try:
            if not path_is_as_sent(scope):
                raise RouteNotFound(PATH_NOT_FOUND)  # noqa: TRY301 - answered as every other refusal is
            if method in self._streaming:
                await self._streaming[method](scope, receive, response.send)
                return
            answer = await self._answer(method, scope, receive)
        except OrderEngineError as error:
            answer = refusal(error, scope)
        except ClientGone:
            return
        except Exception:
            names = (request_id(scope) or "-", trace_id(scope) or "-")
            fields = {"request_id": request_id(scope), "trace_id": trace_id(scope), "client": client_address(scope)}
            _logger.exception("%s %s failed (request %s, trace %s)", method, scope["path"], *names, extra=fields)
            answer = problem_response(_with_request_id(INTERNAL, scope))
        # A response that has begun cannot be replaced: the server closes the connection.
        if not response.begun:
            await send_response(send, answer, with_body=method != "HEAD")

    async def _answer(self, method: str, scope: Scope, receive: Receive) -> Response:
        endpoint = self._endpoints.get(method)
        if endpoint is not None:
            return await endpoint(scope, receive)
        if method == "OPTIONS":
            return Response(NO_CONTENT, ((b"allow", self._allow.encode()), *NEVER_STORED), b"")
        raise MethodNotAllowed(method, self._allow)


class _ResponseState:
    """Records whether a streamed response has begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False

    async def send(self, message: Message) -> None:
        self.begun = True
        await self._send(message)


async def within(seconds: float, work: Awaitable[Outcome], time_limits: RequestTimeLimits) -> Outcome:
    """Wait for `work` for at most `seconds`. Raises OutcomeUnknown."""
    try:
        with time_limits.within(seconds):
            return await work
    except TimeoutError:
        message = f"No result within {seconds:g} s. The request may have taken effect. Retry the same request."
        raise OutcomeUnknown(message) from None


def refusal(error: OrderEngineError, scope: Scope) -> Response:
    """Return the response for an error, with the request id."""
    headers = error.headers if isinstance(error, RequestRefused) else ()
    return problem_response(_with_request_id(problem_for(error), scope), *headers)


def with_request_id(problem: Problem, name: str) -> Problem:
    """Return the problem with the request id added."""
    return replace(problem, extensions={**problem.extensions, "request_id": name})


def _with_request_id(problem: Problem, scope: Scope) -> Problem:
    name = request_id(scope)
    return problem if name is None else with_request_id(problem, name)


async def path_not_found(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - the signature of ASGI
    """Handle unknown paths; WebSocket connections are closed."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1000})
        return
    if scope["path"] == "*":
        # The target of OPTIONS for the server as a whole (RFC 9110, section 9.3.7).
        await send_response(send, Response(NO_CONTENT, ((b"allow", b"GET, HEAD, POST, OPTIONS"), *NEVER_STORED), b""))
        return
    await send_response(send, refusal(RouteNotFound(PATH_NOT_FOUND), scope), with_body=scope["method"] != "HEAD")
