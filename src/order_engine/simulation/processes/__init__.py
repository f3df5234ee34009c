"""Simulated processes: each runs a real engine, and crashes, pauses and starts again."""
