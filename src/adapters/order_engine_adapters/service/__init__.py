"""A process that runs for long: the service and the worker, their signals, log, address, keys and supervisor."""
