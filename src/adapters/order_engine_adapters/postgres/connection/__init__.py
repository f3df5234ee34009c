"""Connections to a server: targets, preconditions, pooling and errors."""
