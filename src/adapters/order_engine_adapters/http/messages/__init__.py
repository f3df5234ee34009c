"""Requests and responses in general: header fields, bodies, conditions, errors, time limits."""
