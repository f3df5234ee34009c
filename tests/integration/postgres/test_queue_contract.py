"""The PostgreSQL queue keeps its contract."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from order_engine.contracts import QueueContract
from order_engine.ports.queue import OrderQueue
from tests.integration.postgres.bells import new_channel, opened
from tests.integration.postgres.support import server_url


class TestPostgresQueue(QueueContract):
    """The PostgreSQL queue keeps the whole contract of a queue."""

    patience_seconds = 30.0

    def open(self) -> AbstractAsyncContextManager[OrderQueue]:
        """Open a queue on a channel of its own."""
        return opened(new_channel(server_url()))
