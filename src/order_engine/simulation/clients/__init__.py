"""Simulated clients and operators."""
