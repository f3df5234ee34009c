"""A processor that only takes its time: what works on orders until there is one of one's own."""

from order_engine_adapters.demonstration.processor import LONGEST_SECONDS, Demonstration

__all__ = ["LONGEST_SECONDS", "Demonstration"]
