"""Suites on attempts: claims, renewals, reports, and vanished attempts."""
