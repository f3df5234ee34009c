"""Deterministic event loop, and the owners of its callbacks."""
