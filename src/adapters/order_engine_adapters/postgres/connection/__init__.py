"""Connections to a server: where it is, what it has to be like, and what becomes of errors."""
