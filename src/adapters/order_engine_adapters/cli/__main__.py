"""`python -m order_engine_adapters.cli`: the same as `order-engine`."""

from order_engine_adapters.cli import main

main()
