"""Wiring: settings, the discovery of adapters, and the composition root. Nothing else knows all the adapters."""

from order_engine_adapters.wiring.container import Container
from order_engine_adapters.wiring.opening import open_engine
from order_engine_adapters.wiring.settings import Settings

__all__ = ["Container", "Settings", "open_engine"]
