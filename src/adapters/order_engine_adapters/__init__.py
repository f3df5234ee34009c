"""The adapters of order_engine, and how to open an engine by URL."""

from order_engine_adapters.wiring import Container, Settings, open_engine

__all__ = ["Container", "Settings", "open_engine"]
