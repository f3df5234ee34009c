"""The content of an order: what a client may place, checked and kept exactly."""
