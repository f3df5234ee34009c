"""Endpoints for monitoring: metrics, liveness and readiness."""

from __future__ import annotations

from collections.abc import Mapping, Sized
from dataclasses import replace
from typing import Final, Protocol

from starlette.types import Receive, Scope

from order_engine.application.options import EngineOptions
from order_engine.application.runtime import Readiness
from order_engine.application.worker.renewal_capacity import InFlight
from order_engine.domain.errors import NotRunning, OutcomeUnknown, Unavailable
from order_engine.domain.metrics import Statistics
from order_engine.wire import metrics_json, problem_of
from order_engine_adapters.http.messages.accept import Form, check_json_accepted, preferred_form
from order_engine_adapters.http.messages.media_type import JSON_TYPE
from order_engine_adapters.http.messages.request_id import request_id
from order_engine_adapters.http.messages.resource import within
from order_engine_adapters.http.messages.responses import NEVER_STORED, Response, json_response, problem_response
from order_engine_adapters.http.messages.time_limits import RequestTimeLimits
from order_engine_adapters.http.service.metrics_text import (
    OPEN_METRICS,
    PROMETHEUS,
    PROMETHEUS_1,
    MetricsSnapshot,
    content_type,
    metrics_text,
)

VARY: Final = (b"vary", b"Accept")
FORMS: Final = (Form(JSON_TYPE), OPEN_METRICS, PROMETHEUS, PROMETHEUS_1)
"""Media types of the metrics. The first one is the default."""
PART_OF_LIMIT: Final = 0.5
"""Share of the request timeout for scrapes: Prometheus waits 10 s by default."""
NOT_READY_MESSAGES: Final[Mapping[Readiness, str]] = {
    Readiness.STARTING: "The service is starting and does not accept orders yet.",
    Readiness.DRAINING: "The service is shutting down and does not accept new orders.",
    Readiness.STOPPED: "The service has stopped and does not accept orders.",
    Readiness.EXHAUSTED: "The service cannot process orders because threads or memory are exhausted.",
}


class MonitoredEngine(Protocol):
    """What the monitoring endpoints need of an engine."""

    @property
    def options(self) -> EngineOptions:
        """Options of the engine."""
        ...

    @property
    def readiness(self) -> Readiness:
        """Whether orders can be placed, or why not."""
        ...

    @property
    def ready(self) -> bool:
        """Whether orders can be placed."""
        ...

    @property
    def in_flight(self) -> InFlight | None:
        """Orders in flight, or None without a processor."""
        ...

    async def metrics(self) -> Statistics:
        """Return the exact counts of all orders. Raises OrderEngineError if they are unavailable."""
        ...


class HealthEndpoints:
    """Endpoints for monitoring."""

    def __init__(self, engine: MonitoredEngine, time_limits: RequestTimeLimits, streams: Sized | None = None) -> None:
        """Report on `engine`, and on the open event streams, if any."""
        self._engine = engine
        self._time_limits = time_limits
        self._streams = streams

    async def metrics(self, scope: Scope, _: Receive) -> Response:
        """Return the metrics in the media type that the client prefers.

        JSON contains only the counts, so it fails without the repository. The text formats always contain the metrics
        of this process, since monitoring would otherwise report it as down.
        """
        form = preferred_form(scope, FORMS)
        if form is None:
            check_json_accepted(scope)
        seconds = self._engine.options.request_seconds
        if form is None or form.media_type == JSON_TYPE:
            return json_response(metrics_json(await within(seconds, self._engine.metrics(), self._time_limits)), VARY)
        try:
            statistics = await within(seconds * PART_OF_LIMIT, self._engine.metrics(), self._time_limits)
        except (Unavailable, OutcomeUnknown, NotRunning):
            statistics = None
        streams = None if self._streams is None else len(self._streams)
        figures = MetricsSnapshot(statistics, self._engine.ready, streams, self._engine.in_flight)
        return Response(200, ((b"content-type", content_type(form)), *NEVER_STORED, VARY), metrics_text(figures, form))

    async def alive(self, _: Scope, __: Receive) -> Response:
        """Report that the process is running, even if the repository is unavailable."""
        return json_response('{"status":"alive"}')

    async def ready(self, scope: Scope, _: Receive) -> Response:
        """Report whether orders can be placed; `state` of the problem has the reason if not."""
        state = self._engine.readiness
        if state is Readiness.READY:
            return json_response(_ready(self._engine.in_flight))
        problem = problem_of(Unavailable() if state is Readiness.UNAVAILABLE else NotRunning(NOT_READY_MESSAGES[state]))
        name = request_id(scope)
        named = {} if name is None else {"request_id": name}
        return problem_response(replace(problem, extensions={"state": state, **named}))


def _ready(in_flight: InFlight | None) -> str:
    if in_flight is None or not in_flight.limited:
        return '{"status":"ready"}'
    return f'{{"status":"ready","limited_by":"renewals","orders_at_once":{in_flight.limit}}}'
