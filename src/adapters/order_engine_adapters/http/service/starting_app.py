"""What is answered at an address before there is an engine to answer for."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from order_engine.application.options import EngineOptions
from order_engine.application.runtime import Readiness
from order_engine.domain.errors import NotRunning
from order_engine.domain.metrics import Statistics
from order_engine_adapters.http.messages.resource import refusal
from order_engine_adapters.http.messages.responses import send_response
from order_engine_adapters.http.service.health import NOT_READY_MESSAGES

STARTING: Final = NOT_READY_MESSAGES[Readiness.STARTING]


class StartingEngine:
    """Stands for the engine in what is told of a service while its repository is waited for, or brought up to date."""

    options = EngineOptions()
    readiness = Readiness.STARTING
    ready = False
    in_flight = None

    async def metrics(self) -> Statistics:
        """Raise NotRunning: nobody has counted."""
        raise NotRunning(STARTING)


class SwitchableApp:
    """An application that hands every request to another, which may be replaced while it answers."""

    def __init__(self, app: ASGIApp) -> None:
        """Hand requests to `app`."""
        self.app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one request."""
        return self.app(scope, receive, send)


async def service_starting(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - the signature of ASGI
    """Answer any path with 503; a WebSocket is closed."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1013})
        return
    await send_response(send, refusal(NotRunning(STARTING), scope), with_body=scope["method"] != "HEAD")
