"""The whole contract of a repository. Subclass `RepositoryContract`, say how to open one, and run your test runner."""

from __future__ import annotations

from typing import ClassVar

import hypothesis

from order_engine.contracts.model.state_machine import STATEFUL_SETTINGS, drive
from order_engine.contracts.repository.actions import RepositoryActions
from order_engine.contracts.repository.attempts.claiming import RepositoryClaiming
from order_engine.contracts.repository.attempts.renewing import RepositoryRenewing
from order_engine.contracts.repository.attempts.reporting import RepositoryReporting
from order_engine.contracts.repository.attempts.vanishing import RepositoryVanishing
from order_engine.contracts.repository.concurrency import RepositoryConcurrency
from order_engine.contracts.repository.lifecycle import RepositoryLifecycle
from order_engine.contracts.repository.placing.born_claimed import RepositoryBornClaimed
from order_engine.contracts.repository.placing.content import RepositoryContent
from order_engine.contracts.repository.placing.keys import RepositoryKeys
from order_engine.contracts.repository.placing.placing import RepositoryPlacing
from order_engine.contracts.repository.placing.tracing import RepositoryTracing
from order_engine.contracts.repository.reading.events import RepositoryEvents
from order_engine.contracts.repository.reading.history import RepositoryHistory
from order_engine.contracts.repository.reading.listing import RepositoryListing
from order_engine.contracts.repository.reading.metrics import RepositoryStatistics
from order_engine.contracts.repository.reading.restoring import RepositoryRestoring
from order_engine.contracts.repository.times import RepositoryTimes


class RepositoryContract(
    RepositoryLifecycle,
    RepositoryPlacing,
    RepositoryKeys,
    RepositoryBornClaimed,
    RepositoryClaiming,
    RepositoryVanishing,
    RepositoryRenewing,
    RepositoryReporting,
    RepositoryActions,
    RepositoryTimes,
    RepositoryHistory,
    RepositoryEvents,
    RepositoryRestoring,
    RepositoryListing,
    RepositoryStatistics,
    RepositoryContent,
    RepositoryTracing,
    RepositoryConcurrency,
):
    """Everything that a repository promises: suites of examples, and a state machine that invents more.

    class TestMyRepository(RepositoryContract):
        @asynccontextmanager
        async def open(self):
            async with my_repository(clock := MyTestClock()) as repository:
                yield Harness(repository, clock.turn)

    `stateful_settings` may be overridden: more examples find more, fewer are faster.
    """

    stateful_settings: ClassVar[hypothesis.settings] = STATEFUL_SETTINGS

    def test_stateful(self) -> None:
        """Any sequence of commands does what the domain's reference function says; the promises hold after each."""
        drive(self.open, self.stateful_settings)
