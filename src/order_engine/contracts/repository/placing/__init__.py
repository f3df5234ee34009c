"""Suites about placing orders."""
