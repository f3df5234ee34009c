"""A demonstration processor that only waits, for use until there is a real one."""

from order_engine_adapters.demonstration.processor import LONGEST_SECONDS, Demonstration

__all__ = ["LONGEST_SECONDS", "Demonstration"]
