"""Simulated processes: each runs a real engine, and may crash, pause and restart."""
