"""`order-engine import FILE`: import of orders into a repository or a running service."""
