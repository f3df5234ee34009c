"""The endpoints of single orders and of the order list."""
