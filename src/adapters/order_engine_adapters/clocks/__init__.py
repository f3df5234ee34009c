"""Clocks: the system clock, a clock that never goes back, and a manual clock for tests."""

from order_engine_adapters.clocks.manual import ManualClock
from order_engine_adapters.clocks.steady import SteadyClock
from order_engine_adapters.clocks.system import SystemClock

__all__ = ["ManualClock", "SteadyClock", "SystemClock"]
