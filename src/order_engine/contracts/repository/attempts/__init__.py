"""Suites about attempts: claims, renewals, reports, and leases that ended without a report."""
