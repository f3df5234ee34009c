"""Targets of the commands: a running service over HTTP, or the repository."""
