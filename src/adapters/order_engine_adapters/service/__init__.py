"""Long-running processes: the service and the worker, with signals, log, address, API keys and supervisor."""
