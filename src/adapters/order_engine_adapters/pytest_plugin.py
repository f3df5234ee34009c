"""A pytest fixture for tests of processors.

Enable it with `pytest_plugins = ["order_engine_adapters.pytest_plugin"]` in conftest.py.
"""

from __future__ import annotations

import pytest

from order_engine_adapters.wiring.simulation import Simulate, simulate


@pytest.fixture
def simulate_orders() -> Simulate:
    """Simulate a processor under faults: `simulate_orders(lambda: Shop().fulfil, seeds=100, check=...)`."""
    return simulate
