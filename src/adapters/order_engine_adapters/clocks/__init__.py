"""Clocks: the system's, and one that tests turn by hand."""

from order_engine_adapters.clocks.manual import ManualClock
from order_engine_adapters.clocks.system import SystemClock

__all__ = ["ManualClock", "SystemClock"]
