"""Checks of all promises against what was observed."""
