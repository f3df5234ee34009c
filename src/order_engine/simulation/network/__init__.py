"""Simulated connections of processes to their repository and queue."""
