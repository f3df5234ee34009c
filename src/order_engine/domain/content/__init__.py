"""Content of an order: validation, and exact representation of values."""
