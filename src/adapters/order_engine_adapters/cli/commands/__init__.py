"""Implementations of the commands, imported on use to keep help fast."""
