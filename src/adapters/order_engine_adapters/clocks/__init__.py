"""Clocks: the system's, one over it that is never set back, and one that tests turn by hand."""

from order_engine_adapters.clocks.manual import ManualClock
from order_engine_adapters.clocks.steady import SteadyClock
from order_engine_adapters.clocks.system import SystemClock

__all__ = ["ManualClock", "SteadyClock", "SystemClock"]
