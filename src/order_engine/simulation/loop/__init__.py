"""The deterministic event loop, and who its callbacks belong to."""
