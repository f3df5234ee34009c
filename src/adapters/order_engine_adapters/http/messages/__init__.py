"""Requests and responses: headers, bodies, conditional requests, errors and timeouts."""
