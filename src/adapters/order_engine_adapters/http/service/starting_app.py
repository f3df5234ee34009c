"""Responses while the engine is not open yet."""

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
    """Stands in for the engine while the repository is unavailable or is being migrated."""

    options: EngineOptions = EngineOptions()
    readiness = Readiness.STARTING
    ready = False
    in_flight = None

    async def metrics(self) -> Statistics:
        """Raise NotRunning: there are no counts yet."""
        raise NotRunning(STARTING)


class SwitchableApp:
    """An ASGI application that delegates to another one, which can be replaced at any time."""

    def __init__(self, app: ASGIApp) -> None:
        """Delegate to `app`."""
        self.app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Handle one request."""
        return self.app(scope, receive, send)


async def service_starting(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - the signature of ASGI
    """Return 503 for any path; WebSocket connections are closed."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1013})
        return
    await send_response(send, refusal(NotRunning(STARTING), scope), with_body=scope["method"] != "HEAD")
