"""Wiring: settings, discovery of adapters, and the composition root. No other package depends on all adapters."""

from order_engine_adapters.settings import Settings
from order_engine_adapters.wiring.container import Container
from order_engine_adapters.wiring.engine_settings import EngineSettings
from order_engine_adapters.wiring.opening import Opened, open_engine, open_with
from order_engine_adapters.wiring.repository_url import Schema
from order_engine_adapters.wiring.simulation import Simulate, simulate

__all__ = [
    "Container",
    "EngineSettings",
    "Opened",
    "Schema",
    "Settings",
    "Simulate",
    "open_engine",
    "open_with",
    "simulate",
]
