"""The endpoints for those who watch the service: metrics, alive, ready."""

from __future__ import annotations

from collections.abc import Sized
from typing import Final

from starlette.types import Receive, Scope

from order_engine.application.engine import OrderEngine
from order_engine.domain.errors import NotRunning
from order_engine.wire import statistics_json
from order_engine_adapters.http.answers import NEVER_STORED, Answer, json_answer
from order_engine_adapters.http.deadlines import Deadlines
from order_engine_adapters.http.negotiation import Form, preferred_form
from order_engine_adapters.http.openmetrics import OPEN_METRICS, PROMETHEUS, Figures, content_type, metrics_text
from order_engine_adapters.http.requests import JSON_TYPE, check_json_accepted
from order_engine_adapters.http.resources import within

VARY: Final = (b"vary", b"Accept")
FORMS: Final = (Form(JSON_TYPE), OPEN_METRICS, PROMETHEUS)
"""Of the metrics; the first is for whoever has no preference."""


class HealthEndpoints:
    """What the service tells about itself."""

    def __init__(self, engine: OrderEngine, deadlines: Deadlines, streams: Sized | None = None) -> None:
        """Answer for `engine`, and for the event streams that are open, where there can be any."""
        self._engine = engine
        self._deadlines = deadlines
        self._streams = streams

    async def metrics(self, scope: Scope, _: Receive) -> Answer:
        """Answer with the exact counts of all orders, in the form that the client likes best."""
        form = preferred_form(scope, FORMS)
        if form is None:
            check_json_accepted(scope)
        statistics = await within(self._engine.options.request_seconds, self._engine.metrics(), self._deadlines)
        if form is None or form.media_type == JSON_TYPE:
            return json_answer(statistics_json(statistics), VARY)
        figures = Figures(statistics, self._engine.ready, None if self._streams is None else len(self._streams))
        return Answer(200, ((b"content-type", content_type(form)), *NEVER_STORED, VARY), metrics_text(figures, form))

    async def alive(self, _: Scope, __: Receive) -> Answer:
        """Answer that the process is alive, also while its repository is away."""
        return json_answer('{"status":"alive"}')

    async def ready(self, _: Scope, __: Receive) -> Answer:
        """Answer whether orders can be placed. Raises NotRunning."""
        if not self._engine.ready:
            message = "The service takes no orders now: it is starting or draining, or its repository is away."
            raise NotRunning(message)
        return json_answer('{"status":"ready"}')
