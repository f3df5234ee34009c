"""Suites about reading: lists, histories, the event stream, metrics."""
