"""Endpoints of orders and of the order list."""
