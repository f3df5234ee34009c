"""The adapters of order_engine, and how to open an engine by URL."""
