"""The checks: whether what was seen keeps every promise."""
