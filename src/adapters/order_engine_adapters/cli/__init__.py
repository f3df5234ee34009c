"""The command line: `order-engine`, or `python -m order_engine_adapters.cli`.

Only click and the standard library are imported until a command runs, so that help is there at once.
"""

from order_engine_adapters.cli.program import main

__all__ = ["main"]
