"""Event streams (server-sent events) of all orders and of single orders."""
