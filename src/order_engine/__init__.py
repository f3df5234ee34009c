"""order_engine keeps each order exactly once and drives every one of them to an end."""
