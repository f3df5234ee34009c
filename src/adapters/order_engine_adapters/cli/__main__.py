"""`python -m order_engine_adapters.cli`, equivalent to `order-engine`."""

from order_engine_adapters.cli import main

main()
