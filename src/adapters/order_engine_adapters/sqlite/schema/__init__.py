"""The schema: its migrations, and recomputing its counters."""
