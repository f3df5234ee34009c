"""Reading: orders, lists, histories, events."""
