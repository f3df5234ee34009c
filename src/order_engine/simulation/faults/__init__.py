"""Faults and their schedule."""
