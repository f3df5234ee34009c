"""The contract of a repository under faults: beside `RepositoryContract`, for a harness that can inject some."""

from __future__ import annotations

from order_engine.contracts.repository.outages import RepositoryOutages
from order_engine.contracts.repository.placing.limits import RepositoryLimits


class FaultContract(RepositoryLimits, RepositoryOutages):
    """What a repository answers if it is full, if it cannot store an item, and if its database fails.

    class TestMyRepository(RepositoryContract, FaultContract): ...

    The harness says by its `faults` what it can inject. A test whose hook is missing is skipped, by a reason that names
    the hook, so that a test run shows what was not tried.
    """
