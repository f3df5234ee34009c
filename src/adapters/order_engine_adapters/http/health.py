"""The endpoints for those who watch the service: metrics, alive, ready."""

from __future__ import annotations

from starlette.types import Receive, Scope

from order_engine.application.engine import OrderEngine
from order_engine.domain.errors import NotRunning
from order_engine.wire import statistics_json
from order_engine_adapters.http.answers import Answer, json_answer
from order_engine_adapters.http.deadlines import Deadlines
from order_engine_adapters.http.requests import check_json_accepted
from order_engine_adapters.http.resources import within

VARY = (b"vary", b"Accept")


class HealthEndpoints:
    """What the service tells about itself."""

    def __init__(self, engine: OrderEngine, deadlines: Deadlines) -> None:
        """Answer for `engine`."""
        self._engine = engine
        self._deadlines = deadlines

    async def metrics(self, scope: Scope, _: Receive) -> Answer:
        """Answer with the exact counts of all orders."""
        check_json_accepted(scope)
        statistics = await within(self._engine.options.request_seconds, self._engine.metrics(), self._deadlines)
        return json_answer(statistics_json(statistics), VARY)

    async def alive(self, _: Scope, __: Receive) -> Answer:
        """Answer that the process is alive, also while its repository is away."""
        return json_answer('{"status":"alive"}')

    async def ready(self, _: Scope, __: Receive) -> Answer:
        """Answer whether orders can be placed. Raises NotRunning."""
        if not self._engine.ready:
            message = "The service takes no orders now: it is starting or draining, or its repository is away."
            raise NotRunning(message)
        return json_answer('{"status":"ready"}')
